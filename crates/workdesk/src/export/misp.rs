//! An event of MISP. Source: its core format.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use secops::EntityType;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Record;
use super::observable::Observable;
use crate::text::visible;
use crate::{Error, Priority, StoredEntity};

/// For ids: ours.
const OURS: Uuid = Uuid::from_u128(0x9d0b_17f6_6c0d_4e7a_8f59_2b61_c0d4_e811);
/// The organisation of whoever imports it, only.
const OWN_ORGANISATION: &str = "0";
/// As the event is.
const INHERIT: &str = "5";

pub(super) fn write(record: &Record) -> Result<Vec<u8>, Error> {
    let case = &record.case;
    let mut seen = HashSet::new();
    let attributes = record.entities.iter().map(|stored| attribute(record, stored));
    let is_new = |attribute: &Value| {
        seen.insert(format!(
            "{} {}",
            attribute.get("type").unwrap_or(&Value::Null),
            attribute.get("value").unwrap_or(&Value::Null)
        ))
    };
    let attributes: Vec<Value> = attributes.filter(is_new).collect();
    let document = json!({"Event": {
        "uuid": id(record, "event"),
        "info": visible(&case.title),
        "date": TimeZone::UTC.to_datetime(case.created_at).date().to_string(),
        "timestamp": case.updated_at.as_second().to_string(),
        "threat_level_id": threat_level(case.priority),
        "analysis": if case.is_open { "1" } else { "2" },
        "distribution": OWN_ORGANISATION,
        "published": false,
        "Attribute": attributes,
    }});
    serde_json::to_vec_pretty(&document).map_err(|error| Error::Damaged(error.to_string()))
}

/// High, medium, low, undefined.
fn threat_level(priority: Priority) -> &'static str {
    match priority {
        Priority::Critical | Priority::High => "1",
        Priority::Medium => "2",
        Priority::Low => "3",
        Priority::Informative => "4",
    }
}

fn attribute(record: &Record, stored: &StoredEntity) -> Value {
    let (kind, category, value) = match Observable::of(stored) {
        Some(Observable::Md5(text)) => ("md5", "Payload delivery", text),
        Some(Observable::Sha1(text)) => ("sha1", "Payload delivery", text),
        Some(Observable::Sha256(text)) => ("sha256", "Payload delivery", text),
        Some(Observable::Ipv4(text) | Observable::Ipv6(text)) => ("ip-dst", "Network activity", text),
        Some(Observable::Domain(text)) => ("domain", "Network activity", text),
        Some(Observable::Url(text)) => ("url", "Network activity", text),
        Some(Observable::Mail(text)) => ("email", "Payload delivery", text),
        None => {
            let text = visible(stored.entity.original_identifier());
            match stored.entity.entity_type {
                EntityType::FileName => ("filename", "Payload delivery", text),
                _ => ("text", "Other", text),
            }
        }
    };
    let is_observable = kind != "text" && kind != "filename";
    let found = stored.score();
    let comment = found.map_or_else(String::new, |(positives, total)| {
        visible(&format!("VirusTotal: {positives} of {total} engines flag it"))
    });
    json!({
        "uuid": id(record, &format!("entity {}", stored.id)),
        "type": kind,
        "category": category,
        "value": value,
        "to_ids": is_observable && stored.entity.is_suspicious,
        "comment": comment,
        "distribution": INHERIT,
        "timestamp": stored.updated_at.as_second().to_string(),
    })
}

fn id(record: &Record, name: &str) -> String {
    Uuid::new_v5(&OURS, record.name_of(name).as_bytes()).to_string()
}
