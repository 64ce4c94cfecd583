//! Cases, alerts and entities as the SDK builds them: it takes exactly these keys, and ends on any other.

use serde_json::{Map, Value, json};

use crate::{Attachment, Case, Priority, StoredAlert, StoredEntity};

/// The platform's numbers of a case's status.
const OPEN: i64 = 1;
const CLOSED: i64 = 2;

/// Keys of an alert that may come with it; the others are ours.
const FROM_OUTSIDE: [&str; 10] = [
    "alert_group_identifier",
    "reporting_vendor",
    "description",
    "external_id",
    "severity",
    "rule_generator",
    "tags",
    "detected_time",
    "additional_properties",
    "additional_data",
];

/// Keys of a security event; all are optional.
const OF_EVENTS: [&str; 69] = [
    "identifier",
    "creation_time",
    "modification_time",
    "case_identifier",
    "alert_identifier",
    "name",
    "description",
    "event_id",
    "device_severity",
    "device_product",
    "device_vendor",
    "device_version",
    "event_class_id",
    "severity",
    "start_time",
    "end_time",
    "event_type",
    "rule_generator",
    "is_correlation",
    "device_host_name",
    "device_address",
    "source_dns_domain",
    "source_nt_domain",
    "source_host_name",
    "source_address",
    "source_user_name",
    "source_user_id",
    "source_process_name",
    "destination_dns_domain",
    "destination_nt_domain",
    "destination_host_name",
    "destination_address",
    "destination_user_name",
    "destination_url",
    "destination_port",
    "destination_process_name",
    "file_name",
    "file_hash",
    "file_type",
    "email_subject",
    "usb",
    "application_protocol",
    "transport_protocol",
    "category_outcome",
    "signature",
    "deployment",
    "additional_properties",
    "threat_actor",
    "source_mac_address",
    "destination_mac_address",
    "credit_card",
    "phone_number",
    "cve",
    "threat_campaign",
    "generic_entity",
    "process",
    "parent_process",
    "parent_hash",
    "child_process",
    "child_hash",
    "source_domain",
    "destination_domain",
    "ipset",
    "cluster",
    "application",
    "database",
    "pod",
    "container",
    "service",
];

/// The platform's number of a priority.
pub(super) fn priority(priority: Priority) -> i64 {
    match priority {
        Priority::Informative => -1,
        Priority::Low => 40,
        Priority::Medium => 60,
        Priority::High => 80,
        Priority::Critical => 100,
    }
}

/// The priority of that number.
pub(super) fn priority_of(code: i64) -> Option<Priority> {
    Priority::ALL.into_iter().find(|own| priority(*own) == code)
}

/// A case without its alerts.
pub(super) fn case(case: &Case, alerts: usize) -> Value {
    json!({
        "identifier": case.id.to_string(),
        "creation_time": case.created_at.as_millisecond(),
        "modification_time": case.updated_at.as_millisecond(),
        "alert_count": alerts,
        "priority": priority(case.priority),
        "is_touched": false,
        "is_merged": false,
        "is_important": false,
        "environment": case.environment,
        "assigned_user": Some(&case.assignee).filter(|name| !name.is_empty()),
        "title": case.title,
        "description": case.description,
        "status": if case.is_open { OPEN } else { CLOSED },
        "is_incident": false,
        "stage": case.stage,
        "has_suspicious_entity": case.suspicious > 0,
        "high_risk_products": null,
        "is_locked": false,
        "has_workflow": false,
        "sla_expiration_unix_time": null,
        "additional_properties": {},
    })
}

/// What an alert's properties are kept by: what it is grouped by where it comes from, or itself.
pub(super) fn group(alert: &StoredAlert) -> &str {
    let group = alert.rest.get("alert_group_identifier").and_then(Value::as_str);
    group.unwrap_or(&alert.identifier)
}

/// An alert with those of the case's entities that are its own.
pub(super) fn alert(case: &Case, alert: &StoredAlert, entities: &[StoredEntity]) -> Value {
    let created_at = alert.created_at.as_millisecond();
    let own = entities.iter().filter(|entity| entity.alert == alert.id);
    let own: Vec<Value> = own.map(|own| entity(own, &alert.identifier)).collect();
    let mut object = json!({
        "identifier": alert.identifier,
        "alert_group_identifier": alert.identifier,
        "creation_time": created_at,
        "modification_time": created_at,
        "case_identifier": case.id.to_string(),
        "reporting_vendor": alert.product,
        "reporting_product": alert.product,
        "environment": case.environment,
        "name": alert.name,
        "description": null,
        "external_id": null,
        "severity": priority(case.priority),
        "rule_generator": alert.name,
        "tags": null,
        "detected_time": created_at,
        "security_events": events(alert),
        "domain_relations": [],
        "domain_entities": own,
        "additional_properties": {},
        "additional_data": null,
    });
    if let Value::Object(object) = &mut object {
        for name in FROM_OUTSIDE {
            if let Some(value) = alert.rest.get(name).filter(|value| !value.is_null()) {
                object.insert(name.to_owned(), value.clone());
            }
        }
    }
    object
}

/// Its events, without fields that the SDK does not know. One without a time gets the alert's.
fn events(alert: &StoredAlert) -> Vec<Value> {
    let Some(Value::Array(events)) = alert.rest.get("security_events") else {
        return Vec::new();
    };
    let known = |event: &Value| {
        let mut kept: Map<String, Value> = event.as_object()?.clone();
        kept.retain(|name, _| OF_EVENTS.contains(&name.as_str()));
        let has_time = kept.get("start_time").is_some_and(Value::is_number);
        if !has_time {
            kept.insert("start_time".to_owned(), alert.created_at.as_millisecond().into());
        }
        Some(Value::Object(kept))
    };
    events.iter().filter_map(known).collect()
}

fn entity(stored: &StoredEntity, alert: &str) -> Value {
    let entity = &stored.entity;
    let flag = |name: &str| entity.rest.get(name).and_then(Value::as_bool).unwrap_or(false);
    json!({
        "identifier": entity.identifier,
        "creation_time": stored.created_at.as_millisecond(),
        "modification_time": stored.updated_at.as_millisecond(),
        "additional_properties": entity.additional_properties,
        "case_identifier": stored.case.to_string(),
        "alert_identifier": alert,
        "entity_type": entity.entity_type.name(),
        "is_internal": entity.is_internal,
        "is_suspicious": entity.is_suspicious,
        "is_artifact": flag("is_artifact"),
        "is_enriched": entity.is_enriched,
        "is_vulnerable": flag("is_vulnerable"),
        "is_pivot": flag("is_pivot"),
    })
}

/// An attachment without what is in it.
pub(super) fn attachment(attachment: &Attachment) -> Value {
    json!({
        "id": attachment.id,
        "evidence_id": attachment.id,
        "case_identifier": attachment.case.to_string(),
        "alert_identifier": attachment.alert_identifier,
        "name": attachment.name,
        "type": attachment.kind,
        "description": attachment.description,
        "is_favorite": attachment.is_favorite,
        "size": attachment.size,
        "creation_time": attachment.created_at.as_millisecond(),
    })
}
