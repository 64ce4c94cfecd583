//! A case as the platform's objects: exactly the keys that its SDK takes, no more and no fewer.

use serde_json::{Map, Value, json};

/// An entity of an alert.
#[derive(Clone, Debug)]
pub struct Entity(Map<String, Value>);

/// An alert with its entities.
#[derive(Clone, Debug)]
pub struct Alert {
    identifier: String,
    entities: Vec<Entity>,
    fields: Map<String, Value>,
}

/// A case with its alerts.
#[derive(Clone, Debug)]
pub struct Case {
    identifier: u64,
    alerts: Vec<Alert>,
    fields: Map<String, Value>,
}

const CREATED_AT_MS: u64 = 1_760_000_000_000;

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Entity {
    /// An entity of that type. The identifier is kept as it is given, here and as the original one.
    #[must_use]
    pub fn new(identifier: &str, entity_type: &str) -> Self {
        Self(map(json!({
            "identifier": identifier,
            "creation_time": CREATED_AT_MS,
            "modification_time": CREATED_AT_MS,
            "additional_properties": {
                "OriginalIdentifier": identifier,
                "IsInternalAsset": "False",
                "IsEnriched": "False",
                "Alert_Count": 3,
                "Nothing": null,
            },
            "case_identifier": null,
            "alert_identifier": null,
            "entity_type": entity_type,
            "is_internal": false,
            "is_suspicious": false,
            "is_artifact": true,
            "is_enriched": false,
            "is_vulnerable": false,
            "is_pivot": false,
        })))
    }

    /// As the platform stores one: the identifier in upper case, the text as it came beside it.
    #[must_use]
    pub fn stored(original: &str, entity_type: &str) -> Self {
        let mut entity = Self::new(&original.to_uppercase(), entity_type);
        entity = entity.property("OriginalIdentifier", original);
        entity
    }

    /// An asset of the own network.
    #[must_use]
    pub fn internal(self) -> Self {
        self.field("is_internal", true)
    }

    /// Another value, or another key, in it.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Another property.
    #[must_use]
    pub fn property(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Some(Value::Object(properties)) = self.0.get_mut("additional_properties") {
            properties.insert(name.to_owned(), value.into());
        }
        self
    }

    fn to_value(&self, case: u64, alert: &str) -> Value {
        let mut fields = self.0.clone();
        for (name, value) in [
            ("case_identifier", case.to_string()),
            ("alert_identifier", alert.to_owned()),
        ] {
            if fields.get(name).is_none_or(Value::is_null) {
                fields.insert(name.to_owned(), value.into());
            }
        }
        Value::Object(fields)
    }
}

impl Alert {
    /// An alert without entities.
    #[must_use]
    pub fn new(identifier: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            entities: Vec::new(),
            fields: Map::new(),
        }
    }

    /// One more entity.
    #[must_use]
    pub fn entity(mut self, entity: Entity) -> Self {
        self.entities.push(entity);
        self
    }

    /// More entities.
    #[must_use]
    pub fn entities(mut self, entities: impl IntoIterator<Item = Entity>) -> Self {
        self.entities.extend(entities);
        self
    }

    /// Another value, or another key, in it.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    fn to_value(&self, case: u64) -> Value {
        let entities: Vec<Value> = self
            .entities
            .iter()
            .map(|entity| entity.to_value(case, &self.identifier))
            .collect();
        let mut alert = map(json!({
            "identifier": self.identifier,
            "alert_group_identifier": format!("{}_group", self.identifier),
            "creation_time": CREATED_AT_MS,
            "modification_time": CREATED_AT_MS,
            "case_identifier": case.to_string(),
            "reporting_vendor": "Vendor",
            "reporting_product": "Product",
            "environment": "Default Environment",
            "name": "An alert",
            "description": null,
            "external_id": null,
            "severity": 40,
            "rule_generator": "A rule",
            "tags": null,
            "detected_time": CREATED_AT_MS,
            "security_events": [{"identifier": "event-1", "name": "An event", "start_time": CREATED_AT_MS,
                "end_time": CREATED_AT_MS, "is_correlation": false, "additional_properties": {}}],
            "domain_relations": [],
            "domain_entities": entities,
            "additional_properties": {},
            "additional_data": null,
        }));
        alert.extend(self.fields.clone());
        Value::Object(alert)
    }
}

impl Case {
    /// A case without alerts.
    #[must_use]
    pub fn new(identifier: u64) -> Self {
        Self {
            identifier,
            alerts: Vec::new(),
            fields: Map::new(),
        }
    }

    /// One more alert.
    #[must_use]
    pub fn alert(mut self, alert: Alert) -> Self {
        self.alerts.push(alert);
        self
    }

    /// Another value, or another key, in it.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Its number.
    #[must_use]
    pub fn identifier(&self) -> u64 {
        self.identifier
    }

    /// Case metadata.
    #[must_use]
    pub fn metadata(&self) -> Value {
        let mut case = map(json!({
            "identifier": self.identifier.to_string(),
            "creation_time": CREATED_AT_MS,
            "modification_time": CREATED_AT_MS,
            "alert_count": self.alerts.len(),
            "priority": 60,
            "is_touched": false,
            "is_merged": false,
            "is_important": false,
            "environment": "Default Environment",
            "assigned_user": "@Tier1",
            "title": "A case",
            "description": null,
            "status": 1,
            "is_incident": false,
            "stage": "Triage",
            "has_suspicious_entity": false,
            "high_risk_products": null,
            "is_locked": false,
            "has_workflow": false,
            "sla_expiration_unix_time": null,
            "additional_properties": {},
        }));
        case.extend(self.fields.clone());
        Value::Object(case)
    }

    /// Its alerts, whole.
    #[must_use]
    pub fn alerts(&self) -> Vec<Value> {
        self.alerts
            .iter()
            .map(|alert| alert.to_value(self.identifier))
            .collect()
    }

    /// The case with its alerts, as in a remote agent's file.
    #[must_use]
    pub fn full(&self) -> Value {
        let mut case = map(self.metadata());
        case.insert("cyber_alerts".to_owned(), self.alerts().into());
        Value::Object(case)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Alert, Case, Entity};

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn objects_have_exactly_the_keys_of_the_protocol() {
        let case = Case::new(3)
            .alert(Alert::new("A").entity(Entity::stored("http://x.example/Y", "DestinationURL")));
        assert_eq!(
            keys(&case.metadata()).join(" "),
            "identifier creation_time modification_time alert_count priority is_touched is_merged is_important \
             environment assigned_user title description status is_incident stage has_suspicious_entity \
             high_risk_products is_locked has_workflow sla_expiration_unix_time additional_properties"
        );
        let full = case.full();
        assert_eq!(keys(&full).len(), keys(&case.metadata()).len() + 1);
        let alert = &full["cyber_alerts"][0];
        assert_eq!(
            keys(alert).join(" "),
            "identifier alert_group_identifier creation_time modification_time case_identifier reporting_vendor \
             reporting_product environment name description external_id severity rule_generator tags detected_time \
             security_events domain_relations domain_entities additional_properties additional_data"
        );
        let entity = &alert["domain_entities"][0];
        assert_eq!(
            keys(entity).join(" "),
            "identifier creation_time modification_time additional_properties case_identifier alert_identifier \
             entity_type is_internal is_suspicious is_artifact is_enriched is_vulnerable is_pivot"
        );
        assert_eq!(entity["identifier"], "HTTP://X.EXAMPLE/Y");
        assert_eq!(
            entity["additional_properties"]["OriginalIdentifier"],
            "http://x.example/Y"
        );
        assert_eq!(
            (&entity["case_identifier"], &entity["alert_identifier"]),
            (&"3".into(), &"A".into())
        );
    }
}
