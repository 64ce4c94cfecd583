//! What the platform says to a call, and what the call leaves.

use serde_json::{Value, json};

use crate::call::{Call, Target};
use crate::world::Memory;

/// An answer to a call.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Json(Value),
    /// 200 and nothing.
    Done,
    /// 204.
    Nothing,
    NotFound,
}

const SYSTEM_VERSION: &str = "6.3.50.0";
const INTEGRATION_VERSION: f64 = 45.0;

/// Carries a call out. `body` is null where there was none.
pub(crate) fn answer(memory: &mut Memory, target: &Target, body: Value) -> Answer {
    match target.call {
        Call::ProxySettings => Answer::Json(memory.proxy.to_value()),
        Call::CaseMetadata if is_case(memory, target) => Answer::Json(memory.metadata.clone()),
        Call::AlertsFullDetails if is_case(memory, target) => {
            Answer::Json(Value::Array(memory.alerts.clone()))
        }
        Call::CaseFullDetails if is_case(memory, target) => {
            let mut case = memory.metadata.clone();
            if let Value::Object(case) = &mut case {
                case.insert("cyber_alerts".to_owned(), memory.alerts.clone().into());
            }
            Answer::Json(case)
        }
        Call::CaseMetadata | Call::AlertsFullDetails | Call::CaseFullDetails => Answer::NotFound,
        Call::Configuration => {
            let named = target
                .values
                .first()
                .and_then(|name| memory.configurations.get(name));
            named.map_or(Answer::NotFound, |own| Answer::Json(Value::Object(own.clone())))
        }
        Call::AlertFullDetails => {
            let alert = memory
                .alerts
                .iter()
                .find(|alert| alert.get("identifier") == body.get("alert_id_str"));
            let of_case = body
                .get("case_id")
                .is_some_and(|case| text_of(case) == memory.case_identifier.to_string());
            Answer::Json(alert.filter(|_| of_case).cloned().unwrap_or_default())
        }
        Call::UpdateEntities => {
            if let Value::Array(entities) = body {
                for entity in entities {
                    memory.merge(entity);
                }
            }
            Answer::Done
        }
        Call::CreateCaseInsight => {
            memory.insights.push(body);
            Answer::Done
        }
        Call::SystemVersion => Answer::Json(SYSTEM_VERSION.into()),
        Call::IntegrationVersion => Answer::Json(json!(INTEGRATION_VERSION)),
        Call::GetContextProperty => memory
            .properties
            .get(&property(&body))
            .cloned()
            .map_or(Answer::Nothing, Answer::Json),
        Call::SetContextProperty => {
            memory.properties.insert(property(&body), value(&body));
            Answer::Done
        }
        Call::TrySetContextProperty => {
            let is_new = !memory.properties.contains_key(&property(&body));
            memory
                .properties
                .entry(property(&body))
                .or_insert_with(|| value(&body));
            Answer::Json(is_new.into())
        }
        Call::CreateEntity => {
            memory.create(&body);
            memory.others.push((target.call, body));
            Answer::Done
        }
        Call::AddAttachment | Call::AddTag | Call::Comment => {
            memory.others.push((target.call, body));
            Answer::Done
        }
    }
}

fn is_case(memory: &Memory, target: &Target) -> bool {
    target.values.first() == Some(&memory.case_identifier.to_string())
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn property(body: &Value) -> String {
    ["ContextType", "Identifier", "PropertyKey"]
        .map(|name| body.get(name).map(Value::to_string).unwrap_or_default())
        .join(" ")
}

fn value(body: &Value) -> Value {
    body.get("PropertyValue").cloned().unwrap_or_default()
}
