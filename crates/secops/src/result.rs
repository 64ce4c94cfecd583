//! What one run of an action leaves behind.

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::{Entity, Insight, Link, Table};

/// The whole of one run: data that a host stores and an output shows.
#[derive(Clone, Debug)]
pub struct ActionResult {
    /// The action's name.
    pub action: &'static str,
    /// How it ended.
    pub state: ExecutionState,
    /// The one value a playbook branches on.
    pub script_result: ScriptResult,
    /// What people read.
    pub output_message: String,
    /// What became of each target entity that the action is for, in the order of the case.
    pub entities: Vec<EntityResult>,
    /// Notes, in the order of the entities.
    pub insights: Vec<Insight>,
    /// Case wall tables, in the order of the entities.
    pub tables: Vec<Table>,
    /// Case wall links, in the order of the entities.
    pub links: Vec<Link>,
    /// The reports.
    pub json_result: JsonResult,
}

impl ActionResult {
    /// The same, but the run has failed.
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.state = ExecutionState::Failed;
        self
    }

    /// A completed run with nothing but its message.
    #[must_use]
    pub fn new(action: &'static str, script_result: ScriptResult, message: impl Into<String>) -> Self {
        Self {
            action,
            state: ExecutionState::Completed,
            script_result,
            output_message: message.into(),
            entities: Vec::new(),
            insights: Vec::new(),
            tables: Vec::new(),
            links: Vec::new(),
            json_result: JsonResult::None,
        }
    }
}

/// What became of one entity.
#[derive(Clone, Debug)]
pub struct EntityResult {
    /// The entity as it came, but suspicious if the action finds it so.
    pub entity: Entity,
    /// Whether it is one of the run's target entities. If not, it stands for a file that none of them is, and nothing is
    /// written back.
    pub is_target: bool,
    /// How the look-up ended.
    pub outcome: OutcomeKind,
    /// Why, or what else there is to know; a sentence part for people.
    pub remark: Option<String>,
    /// Another run may get further: an analysis is under way, or the quota or the time did not allow more.
    pub unfinished: bool,
    /// Positives reached the threshold.
    pub risky: bool,
    /// Engines that flag it, and engines that answered, where the report says so.
    pub positives: Option<u64>,
    /// See `positives`.
    pub total: Option<u64>,
    /// Why it is risky or not, in a line for people; where more than a threshold decides.
    pub verdict: Option<String>,
    /// There is a report and no verdict on it: it says too little, or is too old.
    pub undecided: bool,
    /// The fields this run added, prefix included.
    pub enrichment: Map<String, Value>,
}

impl EntityResult {
    /// One without a report, so without a verdict and enrichment.
    #[must_use]
    pub fn without_report(entity: &Entity, outcome: OutcomeKind, remark: Option<String>) -> Self {
        Self {
            entity: entity.clone(),
            is_target: true,
            outcome,
            remark,
            unfinished: false,
            risky: false,
            positives: None,
            total: None,
            verdict: None,
            undecided: false,
            enrichment: Map::new(),
        }
    }

    /// The entity as it is to be written back: with the new fields.
    #[must_use]
    pub fn updated(&self) -> Entity {
        let mut entity = self.entity.clone();
        if !self.enrichment.is_empty() {
            entity.enrich(&self.enrichment);
        }
        entity
    }
}

/// How the look-up of an entity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutcomeKind {
    /// There is a report.
    Found,
    /// The source has never seen it.
    Missing,
    /// An analysis is under way and was not waited for to its end.
    Queued,
    /// The quota did not allow it in time.
    Quota,
    /// Time ran out, or somebody stopped the run, before it was its turn.
    Stopped,
    /// It was asked for in vain.
    Failed,
    /// It was not asked for: malformed, or not to leave the network.
    Skipped,
}

impl OutcomeKind {
    /// The word used in outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Missing => "missing",
            Self::Queued => "queued",
            Self::Quota => "quota",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionState {
    /// To its end.
    Completed,
    /// It waits for analyses and wants to be called again.
    InProgress,
    /// Without any result.
    Failed,
    /// With what there was when time ran out.
    TimedOut,
}

impl ExecutionState {
    /// The platform's number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Completed => 0,
            Self::InProgress => 1,
            Self::Failed => 2,
            Self::TimedOut => 3,
        }
    }

    /// The word used in outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::InProgress => "in_progress",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
        }
    }
}

/// The one value a playbook branches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptResult {
    /// `is_success` or `is_risky`.
    pub name: &'static str,
    /// The value.
    pub value: bool,
    /// How the platform gets it.
    pub form: ScriptForm,
}

/// How the platform gets a script result, so that conditions written for the original keep working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptForm {
    /// `"true"` or `"false"`.
    Text,
    /// A JSON boolean.
    Boolean,
}

impl ScriptResult {
    /// One that the platform gets as `"true"` or `"false"`.
    #[must_use]
    pub fn text(name: &'static str, value: bool) -> Self {
        Self {
            name,
            value,
            form: ScriptForm::Text,
        }
    }

    /// The value as the platform gets it.
    #[must_use]
    pub fn platform_value(&self) -> Value {
        match self.form {
            ScriptForm::Text => Value::from(self.value.to_string()),
            ScriptForm::Boolean => Value::from(self.value),
        }
    }
}

/// The reports an action returns, each to the byte as its source sent it.
#[derive(Clone, Debug)]
pub enum JsonResult {
    /// No JSON result: the action has none.
    None,
    /// `[{"EntityResult": …, "Entity": …}, …]`, in the order of the entities.
    List(Vec<JsonItem>),
    /// `{"<file path>": …, …}`.
    Object(Vec<JsonItem>),
}

/// One report of a JSON result.
#[derive(Clone, Debug)]
pub struct JsonItem {
    /// The entity's identifier, or the file's path.
    pub name: String,
    /// The report.
    pub report: Arc<RawValue>,
    /// It is about something risky: where not everything has room, it comes first.
    pub risky: bool,
}

/// One element of the list form.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListItem<'a> {
    entity_result: &'a RawValue,
    entity: &'a str,
}

impl JsonItem {
    /// As an element of the list form.
    pub(crate) fn in_list(&self) -> ListItem<'_> {
        ListItem {
            entity_result: &self.report,
            entity: &self.name,
        }
    }
}

impl Serialize for JsonResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::List(items) => serializer.collect_seq(items.iter().map(JsonItem::in_list)),
            Self::Object(items) => {
                let mut map = serializer.serialize_map(Some(items.len()))?;
                for item in items {
                    map.serialize_entry(&item.name, item.report.as_ref())?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::value::RawValue;

    use super::{JsonItem, JsonResult, ScriptForm, ScriptResult};

    #[test]
    fn the_json_result_has_the_seeds_two_forms_and_leaves_reports_alone() {
        let report: Arc<RawValue> =
            Arc::from(RawValue::from_string(r#"{"b":1.10,"a":12345678901234567890}"#.into()).unwrap());
        let items = vec![JsonItem {
            name: "x".to_owned(),
            report,
            risky: false,
        }];
        assert_eq!(
            serde_json::to_string(&JsonResult::List(items.clone())).unwrap(),
            r#"[{"EntityResult":{"b":1.10,"a":12345678901234567890},"Entity":"x"}]"#
        );
        assert_eq!(
            serde_json::to_string(&JsonResult::Object(items)).unwrap(),
            r#"{"x":{"b":1.10,"a":12345678901234567890}}"#
        );
    }

    #[test]
    fn the_platform_gets_the_form_of_the_original() {
        let result = |form| {
            ScriptResult {
                name: "is_risky",
                value: true,
                form,
            }
            .platform_value()
            .to_string()
        };
        assert_eq!(
            (result(ScriptForm::Text), result(ScriptForm::Boolean)),
            ("\"true\"".into(), "true".into())
        );
    }
}
