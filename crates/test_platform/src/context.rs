//! The context that an action reads from its standard input.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::document::Asked;

/// How target entities are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetFormat {
    /// Objects of identifier and type.
    New,
    /// Identifiers alone.
    Old,
}

/// A context with every key that the platform sends; values can be changed and keys left out.
#[derive(Clone, Debug)]
pub struct Context {
    fields: Map<String, Value>,
    deadline_in: Option<Duration>,
    byte_order_mark: bool,
    spelled: Vec<(String, String)>,
    raw: Option<Vec<u8>>,
}

const DEADLINE: &str = "execution_deadline_unix_time_ms";
/// Time that an action has where a test does not say.
const TIME: Duration = Duration::from_secs(60);

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// Case 17, alert `ALERT-1`, no target entities, no parameters, a minute's time.
    #[must_use]
    pub fn new() -> Self {
        let fields = json!({
            "target_entities": [],
            "case_id": "17",
            "alert_id": "ALERT-1",
            "environment": "Default Environment",
            "workflow_id": "workflow-1",
            "workflow_instance_id": null,
            "parent_workflow_instance_id": null,
            "parameters": {},
            "integration_identifier": "VirusTotal",
            "integration_instance": "instance-1",
            "action_definition_name": "VirusTotal_Action",
            "original_requesting_user": null,
            "default_result_value": "false",
            "execution_deadline_unix_time_ms": 0,
            "async_polling_interval_in_sec": 1,
            "async_total_duration_deadline": 0,
            "script_timeout_deadline": 0,
            "use_proxy_settings": false,
            "max_json_result_size": 15,
            "vault_settings": null,
            "type": 1,
            "description": "ignored",
            "script": "ignored",
            "integration": "VirusTotal",
            "creator": null,
            "isEnabled": true,
            "isCustom": false,
            "version": 45.0,
            "connectorRules": [],
            "documentationLink": null,
            "pythonVersion": 3,
        });
        let Value::Object(fields) = fields else {
            return Self::empty(Map::new());
        };
        Self::empty(fields)
    }

    fn empty(fields: Map<String, Value>) -> Self {
        Self {
            fields,
            deadline_in: Some(TIME),
            byte_order_mark: false,
            spelled: Vec::new(),
            raw: None,
        }
    }

    /// Another value.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        if name == DEADLINE {
            self.deadline_in = None;
        }
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a key out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        if name == DEADLINE {
            self.deadline_in = None;
        }
        self.fields.remove(name);
        self
    }

    /// One more parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Some(Value::Object(parameters)) = self.fields.get_mut("parameters") {
            parameters.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Target entities: identifiers and types. In the old format the types are left out.
    #[must_use]
    pub fn targets<'a>(
        self,
        format: TargetFormat,
        targets: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let target = |(identifier, entity_type): (&str, &str)| match format {
            TargetFormat::New => json!({"item1": identifier, "item2": entity_type}),
            TargetFormat::Old => json!(identifier),
        };
        let targets: Vec<Value> = targets.into_iter().map(target).collect();
        self.set("target_entities", targets)
    }

    /// When each process must be done, from its start on.
    #[must_use]
    pub fn deadline_in(mut self, time: Duration) -> Self {
        self.deadline_in = Some(time);
        self
    }

    /// Begins with a byte-order mark.
    #[must_use]
    pub fn byte_order_mark(mut self) -> Self {
        self.byte_order_mark = true;
        self
    }

    /// Writes `escape` wherever the JSON has `plain`.
    #[must_use]
    pub fn spell(mut self, plain: &str, escape: &str) -> Self {
        self.spelled.push((plain.to_owned(), escape.to_owned()));
        self
    }

    /// These bytes instead of any context.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.raw = Some(bytes.to_vec());
        self
    }

    /// What the result is held against.
    #[must_use]
    pub fn asked(&self) -> Asked {
        let targets = self
            .fields
            .get("target_entities")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let is_old = targets.first().is_some_and(Value::is_string);
        let identifier = |target: &Value| target.get("item1").unwrap_or(target).as_str().map(str::to_owned);
        Asked {
            format: if is_old {
                TargetFormat::Old
            } else {
                TargetFormat::New
            },
            targets: targets.iter().filter_map(identifier).collect(),
            max_json_result_size_mb: self
                .fields
                .get("max_json_result_size")
                .and_then(Value::as_u64)
                .unwrap_or(15),
        }
    }

    /// The bytes for a process that starts now; `additional_data` is the state of the run before it.
    #[must_use]
    pub fn to_bytes(&self, additional_data: Option<&str>) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut context = self.clone();
        if let Some(time) = self.deadline_in {
            let deadline: Value = ms_from_now(time).into();
            for name in [DEADLINE, "script_timeout_deadline"] {
                if context.fields.contains_key(name) {
                    context.fields.insert(name.to_owned(), deadline.clone());
                }
            }
        }
        if let Some(state) = additional_data {
            context = context.parameter("additional_data", state);
        }
        let mut text = Value::Object(context.fields).to_string();
        for (plain, escape) in &self.spelled {
            text = text.replace(plain, escape);
        }
        let mark: &[u8] = if self.byte_order_mark {
            b"\xef\xbb\xbf"
        } else {
            b""
        };
        [mark, text.as_bytes()].concat()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a deadline is a moment, and whoever starts a process sets it"
)]
fn ms_from_now(time: Duration) -> u64 {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + time;
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Context, TargetFormat};

    fn sent(context: &Context, state: Option<&str>) -> Value {
        serde_json::from_slice(&context.to_bytes(state)).unwrap()
    }

    #[test]
    fn a_follow_up_has_the_state_beside_the_parameters() {
        let context = Context::new().parameter("Threshold", "3");
        assert_eq!(
            sent(&context, None)["parameters"],
            serde_json::json!({"Threshold": "3"})
        );
        let parameters = sent(&context, Some("{}"))["parameters"].clone();
        assert_eq!(
            parameters,
            serde_json::json!({"Threshold": "3", "additional_data": "{}"})
        );
    }

    #[test]
    fn targets_decide_the_format() {
        let of = |format| Context::new().targets(format, [("8.8.8.8", "ADDRESS")]).asked();
        assert_eq!(of(TargetFormat::New).format, TargetFormat::New);
        assert_eq!(of(TargetFormat::Old).format, TargetFormat::Old);
        assert_eq!(of(TargetFormat::Old).targets, ["8.8.8.8"]);
        assert_eq!(Context::new().asked().format, TargetFormat::New);
    }

    #[test]
    fn keys_can_be_left_out_and_texts_spelled_otherwise() {
        let context = Context::new()
            .without("case_id")
            .set("alert_id", "a<S>")
            .spell("<S>", r"\ud800")
            .byte_order_mark();
        let bytes = context.to_bytes(None);
        assert!(bytes.starts_with(b"\xef\xbb\xbf{"));
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(r#""alert_id":"a\ud800""#));
        assert!(!text.contains("case_id"));
    }
}
