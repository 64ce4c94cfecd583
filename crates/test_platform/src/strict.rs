//! Requests held against the protocol, field by field.

use serde_json::{Map, Value};

use crate::call::{Call, Form, Target};
use crate::world::{Memory, Request, key_of};

/// What the launch asked for and every request must therefore have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) form: Option<Form>,
}

const SNAKE: &str = "format";
const JSON: &str = "application/json";
const INSIGHT_KEYS: [&str; 13] = [
    "case_id",
    "alert_identifier",
    "triggered_by",
    "title",
    "content",
    "entity_identifier",
    "severity",
    "type",
    "entity_type",
    "additional_data",
    "additional_data_type",
    "additional_data_title",
    "original_requesting_user",
];
const ALERT_KEYS: [&str; 3] = ["case_id", "alert_id_str", "populate_original_file"];
/// Flag, and the property that says the same as text.
const FLAGS: [(&str, &str); 4] = [
    ("is_internal", "IsInternalAsset"),
    ("is_enriched", "IsEnriched"),
    ("is_suspicious", "IsSuspicious"),
    ("is_vulnerable", "IsVulnerable"),
];

/// What is wrong with a request to `target`.
pub(crate) fn check(
    request: &Request,
    target: &Target,
    body: &[u8],
    place: &[String; 3],
    memory: &Memory,
) -> Vec<String> {
    let mut wrong = Vec::new();
    check_line(request, target, place, memory.expected.form, &mut wrong);
    check_headers(request, &memory.expected.headers, &mut wrong);
    match (target.call.method(), body.is_empty()) {
        ("GET", false) => wrong.push("a GET has a body".to_owned()),
        ("POST", _) => match serde_json::from_slice::<Value>(body) {
            Ok(body) => check_body(target.call, &body, memory, &mut wrong),
            Err(error) => wrong.push(format!("the body is no JSON: {error}")),
        },
        _ => {}
    }
    wrong
        .into_iter()
        .map(|wrong| format!("{}: {wrong}", target.call))
        .collect()
}

fn check_line(
    request: &Request,
    target: &Target,
    place: &[String; 3],
    form: Option<Form>,
    wrong: &mut Vec<String>,
) {
    if request.method != target.call.method() {
        wrong.push(format!("the method is {}", request.method));
    }
    if form.is_some_and(|form| form != target.form) {
        wrong.push(format!("the address has the form {:?}", target.form));
    }
    if target.place.as_ref().is_some_and(|own| own != place) {
        wrong.push(format!("the address is in {:?}", target.place));
    }
    let formats: Vec<&str> = request
        .query
        .iter()
        .filter(|(name, _)| name == SNAKE)
        .map(|(_, value)| value.as_str())
        .collect();
    let last = request.query.last().is_some_and(|(name, _)| name == SNAKE);
    if target.call.is_formatted() && !(formats == ["snake"] && last) {
        wrong.push("the query does not end in format=snake".to_owned());
    }
    if !target.call.is_formatted() && !formats.is_empty() {
        wrong.push("the query has a format".to_owned());
    }
    let originals = matches!(target.call, Call::AlertsFullDetails | Call::CaseFullDetails);
    if originals && target.values.get(1).is_none_or(|value| value != "False") {
        wrong.push("original files are asked for in other words than False".to_owned());
    }
}

fn check_headers(request: &Request, expected: &[(String, String)], wrong: &mut Vec<String>) {
    for name in ["content-type", "accept"] {
        if request.header(name) != Some(JSON) {
            wrong.push(format!("header {name} is {:?}", request.header(name)));
        }
    }
    for (name, value) in expected {
        if request.header(name) != Some(value) {
            wrong.push(format!(
                "header {name} is {:?}, not {value:?}",
                request.header(name)
            ));
        }
    }
}

fn check_body(call: Call, body: &Value, memory: &Memory, wrong: &mut Vec<String>) {
    match call {
        Call::AlertFullDetails => check_alert(body, wrong),
        Call::CreateCaseInsight => check_insight(body, memory, wrong),
        Call::UpdateEntities => check_entities(body, memory, wrong),
        Call::GetContextProperty | Call::SetContextProperty | Call::TrySetContextProperty => {
            check_property(call, body, wrong);
        }
        _ if !body.is_object() => wrong.push("the body is no object".to_owned()),
        _ => {}
    }
}

/// The object, if it has these keys and no other.
fn exactly<'a>(body: &'a Value, keys: &[&str], wrong: &mut Vec<String>) -> Option<&'a Map<String, Value>> {
    let Some(object) = body.as_object() else {
        wrong.push("the body is no object".to_owned());
        return None;
    };
    for key in keys.iter().filter(|key| !object.contains_key(**key)) {
        wrong.push(format!("{key} is missing"));
    }
    for key in object.keys().filter(|key| !keys.contains(&key.as_str())) {
        wrong.push(format!("{key} is unknown"));
    }
    Some(object)
}

fn is_case_id(value: &Value) -> bool {
    value.is_null() || value.is_u64() || value.as_str().is_some_and(|text| !text.is_empty())
}

fn is_text_or_null(value: &Value) -> bool {
    value.is_null() || value.is_string()
}

fn is_0_or_1(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| number <= 1)
}

fn is_0_to_2(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| number <= 2)
}

fn check_alert(body: &Value, wrong: &mut Vec<String>) {
    let Some(object) = exactly(body, &ALERT_KEYS, wrong) else {
        return;
    };
    for (name, value) in object {
        let fits = match name.as_str() {
            "case_id" => is_case_id(value),
            "alert_id_str" => is_text_or_null(value),
            _ => *value == Value::Bool(false),
        };
        if !fits {
            wrong.push(format!("{name} is {value}"));
        }
    }
}

fn check_insight(body: &Value, memory: &Memory, wrong: &mut Vec<String>) {
    let Some(object) = exactly(body, &INSIGHT_KEYS, wrong) else {
        return;
    };
    for (name, value) in object {
        let fits = match name.as_str() {
            "case_id" => is_case_id(value),
            "triggered_by" | "title" => value.as_str().is_some_and(|text| !text.is_empty()),
            "content" => value.is_string(),
            "severity" => is_0_to_2(value),
            "type" => is_0_or_1(value),
            _ => is_text_or_null(value),
        };
        if !fits {
            wrong.push(format!("{name} is {value}"));
        }
    }
    if let Some(alert) = object.get("alert_identifier").filter(|alert| alert.is_string())
        && !memory
            .alerts
            .iter()
            .any(|own| own.get("identifier") == Some(alert))
    {
        wrong.push(format!("alert_identifier {alert} is no alert of the case"));
    }
    if object.get("type").and_then(Value::as_u64) == Some(1) {
        let same = |own: &Value| {
            own.get("identifier") == object.get("entity_identifier")
                && own.get("entity_type") == object.get("entity_type")
        };
        if !memory.entities().any(same) {
            wrong.push(format!(
                "an insight on an entity that the case has not: {:?}",
                object.get("entity_identifier")
            ));
        }
    }
}

fn check_property(call: Call, body: &Value, wrong: &mut Vec<String>) {
    let with_value = ["ContextType", "Identifier", "PropertyKey", "PropertyValue"];
    let keys = if call == Call::GetContextProperty {
        &with_value[..3]
    } else {
        &with_value[..]
    };
    let Some(object) = exactly(body, keys, wrong) else {
        return;
    };
    if !object
        .get("ContextType")
        .and_then(Value::as_u64)
        .is_some_and(|number| (1..=2).contains(&number))
    {
        wrong.push("ContextType is neither 1 nor 2".to_owned());
    }
}

fn check_entities(body: &Value, memory: &Memory, wrong: &mut Vec<String>) {
    let Some(list) = body.as_array() else {
        wrong.push("the body is no list".to_owned());
        return;
    };
    if list.is_empty() {
        wrong.push("the list is empty".to_owned());
    }
    let own: std::collections::HashMap<[&str; 3], &Value> = memory
        .entities()
        .map(|entity| (key_of(entity), entity))
        .first_of_equal();
    let mut seen = std::collections::HashSet::new();
    for entity in list {
        let key = key_of(entity);
        if !seen.insert(key) {
            wrong.push(format!("{key:?} is written twice"));
        }
        match own.get(&key) {
            Some(sent) => check_entity(entity, sent, wrong),
            None => wrong.push(format!("{key:?} is no entity of the case")),
        }
    }
}

/// The first of equal keys wins.
trait FirstWins<K, V> {
    fn first_of_equal(self) -> std::collections::HashMap<K, V>;
}

impl<K: std::hash::Hash + Eq, V, I: Iterator<Item = (K, V)>> FirstWins<K, V> for I {
    fn first_of_equal(self) -> std::collections::HashMap<K, V> {
        let mut map = std::collections::HashMap::new();
        for (key, value) in self {
            map.entry(key).or_insert(value);
        }
        map
    }
}

fn check_entity(entity: &Value, sent: &Value, wrong: &mut Vec<String>) {
    let name = entity.get("identifier").map(Value::to_string).unwrap_or_default();
    let (Some(entity), Some(sent)) = (entity.as_object(), sent.as_object()) else {
        wrong.push("an element is no object".to_owned());
        return;
    };
    for (key, value) in sent {
        let may_change = matches!(
            key.as_str(),
            "is_enriched" | "is_suspicious" | "additional_properties"
        );
        match entity.get(key) {
            None => wrong.push(format!("{name}: {key} is missing")),
            Some(own) if !may_change && own != value => {
                wrong.push(format!("{name}: {key} was {value} and is {own}"));
            }
            Some(_) => {}
        }
    }
    for key in entity.keys().filter(|key| !sent.contains_key(*key)) {
        wrong.push(format!("{name}: {key} is new"));
    }
    let Some(properties) = entity.get("additional_properties").and_then(Value::as_object) else {
        wrong.push(format!("{name}: additional_properties is no object"));
        return;
    };
    if let Some(old) = sent.get("additional_properties").and_then(Value::as_object) {
        check_properties(&name, properties, old, wrong);
    }
    for (flag, property) in FLAGS {
        let text = match entity.get(flag) {
            Some(Value::Bool(true)) => "True",
            Some(Value::Bool(false)) => "False",
            other => {
                wrong.push(format!("{name}: {flag} is {other:?}"));
                continue;
            }
        };
        if properties.get(property).and_then(Value::as_str) != Some(text) {
            wrong.push(format!(
                "{name}: {property} is {:?}, not {text:?}",
                properties.get(property)
            ));
        }
    }
}

fn check_properties(name: &str, new: &Map<String, Value>, old: &Map<String, Value>, wrong: &mut Vec<String>) {
    for (property, value) in old {
        let ours = property.starts_with("VT_") || FLAGS.iter().any(|(_, flag)| flag == property);
        match new.get(property) {
            None => wrong.push(format!("{name}: property {property} is missing")),
            Some(own) if !ours && own != value => {
                wrong.push(format!("{name}: property {property} was {value} and is {own}"));
            }
            Some(_) => {}
        }
    }
}
