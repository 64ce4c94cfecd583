//! The end of an action that gets no reports: what became of each entity, and lists of what VirusTotal showed.

use std::sync::Arc;

use secops::{
    ActionResult, EntityResult, EntityType, ExecutionState, JsonItem, JsonResult, OutcomeKind, Rows,
    ScriptResult, Table,
};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use virustotal::{Listed, Listing};

use super::{Action, Run};
use crate::lookup::Outcome;
use crate::plan::Plan;
use crate::render::message::{Tally, Words, with_reason};

/// What VirusTotal said to the question about one object.
#[derive(Default)]
pub(super) struct Told {
    /// What there is to say of it, a sentence part.
    pub(super) remark: Option<String>,
    pub(super) lists: Vec<List>,
    /// What the JSON result says of it, beside the lists.
    pub(super) report: Option<Value>,
}

/// A list that VirusTotal showed.
#[derive(Serialize)]
pub(super) struct List {
    /// The relationship, or the query.
    name: String,
    /// Whether VirusTotal has more than is listed.
    has_more: bool,
    objects: Vec<Item>,
}

/// One object of a list, as an entity of a case would be.
#[derive(Serialize)]
struct Item {
    entity: String,
    /// The platform's name of the type.
    entity_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    positives: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// As VirusTotal sent it.
    object: Box<RawValue>,
}

impl List {
    pub(super) fn of(name: &str, listing: Listing) -> Self {
        Self {
            name: name.to_owned(),
            has_more: listing.has_more,
            objects: listing.objects.into_iter().map(Item::of).collect(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.objects.len()
    }

    /// `contacted_domains: 20, and more`.
    pub(super) fn in_words(&self) -> String {
        let more = if self.has_more { ", and more" } else { "" };
        format!("{}: {}{more}", self.name, self.count())
    }
}

impl Item {
    fn of(listed: Listed) -> Self {
        let entity_type = match listed.kind.as_str() {
            "file" => EntityType::FileHash,
            "url" => EntityType::Url,
            "domain" => EntityType::Domain,
            "ip_address" => EntityType::Address,
            _ => EntityType::Generic,
        };
        let (positives, total) = listed.engines.unzip();
        Self {
            entity: listed.name,
            entity_type: entity_type.name().to_owned(),
            positives,
            total,
            object: listed.object,
        }
    }
}

/// The answer of an action about its entities.
pub(super) struct Ending<'a> {
    pub(super) action: Action,
    pub(super) words: &'static Words,
    pub(super) run: Run<'a>,
    pub(super) plan: &'a Plan,
    /// One for each group.
    pub(super) told: Vec<Result<Told, Outcome>>,
}

impl Ending<'_> {
    pub(super) fn conclude(self) -> ActionResult {
        let definition = self.action.definition();
        let (mut tally, mut entities) = (Tally::default(), Vec::new());
        let (mut tables, mut reports) = (Vec::new(), Vec::new());
        let targets = &self.run.context.targets;
        for (group, told) in self.plan.groups.iter().zip(self.told) {
            let told = told.map(|told| (told.remark, Arc::new(told.lists), told.report));
            for (place, entity) in group
                .members
                .iter()
                .filter_map(|place| Some((*place, targets.get(*place)?)))
            {
                let name = entity.original_identifier();
                match &told {
                    Ok((remark, lists, said)) => {
                        let named = remark.as_ref().map(|remark| with_reason(name, remark));
                        tally.found.push(named.unwrap_or_else(|| name.to_owned()));
                        if !lists.is_empty() {
                            tables.push((place, table(&entity.identifier, lists)));
                            reports.extend(report(&entity.identifier, lists).map(|item| (place, item)));
                        }
                        let said = said.as_ref().and_then(|said| item(&entity.identifier, said));
                        reports.extend(said.map(|item| (place, item)));
                        let (outcome, remark) = (OutcomeKind::Found, remark.clone());
                        entities.push((place, EntityResult::without_report(entity, outcome, remark)));
                    }
                    Err(outcome) => {
                        tally.count(name, outcome);
                        let (outcome, remark) = (outcome.kind(), outcome.remark());
                        entities.push((place, EntityResult::without_report(entity, outcome, remark)));
                    }
                }
            }
        }
        for skipped in &self.plan.skipped {
            let Some(entity) = targets.get(skipped.member) else {
                continue;
            };
            let name = with_reason(entity.original_identifier(), &skipped.reason);
            match skipped.internal {
                true => tally.internal.push(name),
                false => tally.malformed.push(name),
            }
            let remark = Some(skipped.reason.clone());
            let result = EntityResult::without_report(entity, OutcomeKind::Skipped, remark);
            entities.push((skipped.member, result));
        }
        tally.notices.extend(self.run.notices());
        ActionResult {
            state: tally.execution_state(ExecutionState::TimedOut),
            entities: in_order(entities),
            tables: in_order(tables),
            json_result: match self.action {
                Action::AddComment | Action::AddVote => JsonResult::None,
                _ => JsonResult::List(in_order(reports)),
            },
            ..ActionResult::new(
                definition.name,
                ScriptResult {
                    name: definition.script_result,
                    value: tally.success(),
                    form: definition.script_form,
                },
                tally.message(self.words),
            )
        }
    }
}

fn in_order<T>(mut items: Vec<(usize, T)>) -> Vec<T> {
    items.sort_by_key(|(place, _)| *place);
    items.into_iter().map(|(_, item)| item).collect()
}

/// One row an object.
pub(super) fn table(title: &str, lists: &Arc<Vec<List>>) -> Table {
    let lists = Arc::clone(lists);
    let columns = &["List", "Type", "Entity", "Positives", "Total"];
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let rows = Rows::new(columns, move || {
        let of_list = |list: &List| -> Vec<Vec<String>> {
            let row = |item: &Item| {
                let (positives, total) = (number(item.positives), number(item.total));
                vec![
                    list.name.clone(),
                    item.entity_type.clone(),
                    item.entity.clone(),
                    positives,
                    total,
                ]
            };
            list.objects.iter().map(row).collect()
        };
        lists.iter().flat_map(of_list).collect()
    });
    Table {
        title: title.to_owned(),
        rows,
        is_answer: true,
    }
}

/// `{"lists": […]}`.
pub(super) fn report(name: &str, lists: &Arc<Vec<List>>) -> Option<JsonItem> {
    #[derive(Serialize)]
    struct Lists<'a> {
        lists: &'a [List],
    }
    item(name, &Lists { lists })
}

/// What the JSON result says of an entity; `None` for what is no JSON, which does not occur.
fn item(name: &str, said: &impl Serialize) -> Option<JsonItem> {
    let raw = to_raw_value(said).ok()?;
    Some(JsonItem {
        name: name.to_owned(),
        report: Arc::from(raw),
        risky: false,
    })
}
