//! A bundle of STIX 2.1. Source: the OASIS standard.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Record;
use super::observable::Observable;
use crate::text::visible;
use crate::{Error, StoredEntity};

/// For ids of observables. Source: the standard, so that everybody gives the same thing the same id.
const OF_OBSERVABLES: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);
/// For ids of everything else: ours.
const OF_OURS: Uuid = Uuid::from_u128(0x5e62_64d2_4b50_4c55_9f1c_7d3a_90f1_6b2e);

pub(super) fn write(record: &Record) -> Result<Vec<u8>, Error> {
    let mut bundle = Bundle::new(record);
    for stored in &record.entities {
        bundle.entity(stored);
    }
    for insight in &record.insights {
        let about = insight.entity.and_then(|id| bundle.by_entity.get(&id).cloned());
        let abstract_ = visible(&insight.title);
        bundle.note(
            &format!("insight {}", insight.id),
            &abstract_,
            &insight.content,
            about,
            insight.at,
        );
    }
    if !bundle.left_out.is_empty() {
        let words = bundle.left_out.join("\n");
        let title = "Entities that are no observables of STIX";
        bundle.note("left out", title, &words, None, record.at);
    }
    let document = bundle.finish();
    serde_json::to_vec_pretty(&document).map_err(|error| Error::Damaged(error.to_string()))
}

struct Bundle<'a> {
    record: &'a Record,
    identity: String,
    objects: Vec<Value>,
    /// Ids of observables, by the entity's number.
    by_entity: BTreeMap<i64, String>,
    /// Those that are in it.
    observables: HashSet<String>,
    left_out: Vec<String>,
}

impl<'a> Bundle<'a> {
    fn new(record: &'a Record) -> Self {
        let identity = id("identity", &OF_OURS, "vtsecops workdesk");
        let created = time(record.case.created_at);
        let object = json!({
            "type": "identity", "spec_version": "2.1", "id": identity, "created": created, "modified": created,
            "name": "vtsecops workdesk", "identity_class": "system",
        });
        Self {
            record,
            identity,
            objects: vec![object],
            by_entity: BTreeMap::new(),
            observables: HashSet::new(),
            left_out: Vec::new(),
        }
    }

    /// A name that is the same for the same thing of the same case.
    fn ours(&self, kind: &str, name: &str) -> String {
        id(kind, &OF_OURS, &self.record.name_of(name))
    }

    fn entity(&mut self, stored: &StoredEntity) {
        let Some(observable) = Observable::of(stored) else {
            let entity = &stored.entity;
            let words = format!("{} ({})", entity.original_identifier(), entity.entity_type.name());
            self.left_out.push(visible(&words));
            return;
        };
        let (object, pattern) = of_observable(&observable);
        let own = object
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        // The same thing in two alerts is one object.
        let is_new = self.observables.insert(own.clone());
        self.by_entity.insert(stored.id, own.clone());
        if !is_new {
            return;
        }
        self.objects.push(object);
        if stored.entity.is_suspicious {
            self.indicator(stored, &own, &pattern);
        }
    }

    fn indicator(&mut self, stored: &StoredEntity, observable: &str, pattern: &str) {
        let name = format!("entity {}", stored.id);
        let (indicator, relation) = (self.ours("indicator", &name), self.ours("relationship", &name));
        let (created, modified) = (
            time(stored.created_at),
            time(stored.updated_at.max(stored.created_at)),
        );
        let found = stored
            .score()
            .map(|(positives, total)| format!("{positives} of {total} engines flag it"));
        self.objects.push(json!({
            "type": "indicator", "spec_version": "2.1", "id": indicator, "created_by_ref": self.identity,
            "created": created, "modified": modified, "name": visible(stored.entity.original_identifier()),
            "description": found.unwrap_or_else(|| "Marked as suspicious".to_owned()),
            "indicator_types": ["malicious-activity"], "pattern": pattern, "pattern_type": "stix", "valid_from": created,
        }));
        self.objects.push(json!({
            "type": "relationship", "spec_version": "2.1", "id": relation, "created_by_ref": self.identity,
            "created": created, "modified": created, "relationship_type": "based-on",
            "source_ref": indicator, "target_ref": observable,
        }));
    }

    fn note(&mut self, name: &str, title: &str, content: &str, about: Option<String>, at: Timestamp) {
        let at = time(at);
        let about = about.unwrap_or_else(|| self.identity.clone());
        // A note must have words.
        let content = if content.is_empty() { title } else { content };
        self.objects.push(json!({
            "type": "note", "spec_version": "2.1", "id": self.ours("note", name), "created_by_ref": self.identity,
            "created": at, "modified": at, "abstract": title, "content": visible(content), "object_refs": [about],
        }));
    }

    fn finish(mut self) -> Value {
        let case = &self.record.case;
        let ids = self.objects.iter().filter_map(|object| object.get("id").cloned());
        let refs: Vec<Value> = ids.collect();
        let report = self.ours("report", "report");
        let mut object = json!({
            "type": "report", "spec_version": "2.1", "id": report, "created_by_ref": self.identity,
            "created": time(case.created_at), "modified": time(case.updated_at.max(case.created_at)),
            "name": visible(&case.title), "report_types": ["threat-report"], "published": time(self.record.at),
            "object_refs": refs,
        });
        if let (Value::Object(object), false) = (&mut object, case.description.is_empty()) {
            object.insert("description".to_owned(), visible(&case.description).into());
        }
        self.objects.push(object);
        json!({"type": "bundle", "id": self.ours("bundle", "bundle"), "objects": self.objects})
    }
}

/// The object, and the pattern that finds it.
fn of_observable(observable: &Observable) -> (Value, String) {
    let file = |algorithm: &str, hash: &str| {
        let hashes = json!({algorithm: hash});
        let own = id("file", &OF_OBSERVABLES, &json!({"hashes": hashes}).to_string());
        let object = json!({"type": "file", "spec_version": "2.1", "id": own, "hashes": hashes});
        (object, format!("[file:hashes.'{algorithm}' = '{hash}']"))
    };
    let value = |kind: &str, value: &str| {
        let own = id(kind, &OF_OBSERVABLES, &json!({"value": value}).to_string());
        let object = json!({"type": kind, "spec_version": "2.1", "id": own, "value": value});
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        (object, format!("[{kind}:value = '{quoted}']"))
    };
    match observable {
        Observable::Md5(hash) => file("MD5", hash),
        Observable::Sha1(hash) => file("SHA-1", hash),
        Observable::Sha256(hash) => file("SHA-256", hash),
        Observable::Ipv4(text) => value("ipv4-addr", text),
        Observable::Ipv6(text) => value("ipv6-addr", text),
        Observable::Domain(text) => value("domain-name", text),
        Observable::Url(text) => value("url", text),
        Observable::Mail(text) => value("email-addr", text),
    }
}

fn id(kind: &str, namespace: &Uuid, name: &str) -> String {
    format!("{kind}--{}", Uuid::new_v5(namespace, name.as_bytes()))
}

/// With three digits of a second, as most tools write it.
fn time(at: Timestamp) -> String {
    let at = TimeZone::UTC.to_datetime(at);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
