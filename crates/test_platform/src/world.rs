//! What the platform remembers while it runs.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::call::{Call, Form};
use crate::case::Case;
use crate::fault::Fault;
use crate::platform::{Builder, ProxySettings};
use crate::relay::Relay;
use crate::strict::Expected;

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, not decoded.
    pub path: String,
    /// The query's pairs in order, decoded.
    pub query: Vec<(String, String)>,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
    /// Which call it was, where its address is one.
    pub call: Option<Call>,
    /// How it was addressed.
    pub form: Option<Form>,
    /// Status of the answer; 0 where none was given.
    pub status: u16,
}

impl Request {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let own = self
            .headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

pub(crate) struct World {
    pub(crate) key: String,
    /// Project, location, instance.
    pub(crate) place: [String; 3],
    /// A text in what is sent, and the JSON escape it stands for.
    pub(crate) spelled: Vec<(String, String)>,
    pub(crate) released: watch::Sender<bool>,
    /// The host that answers instead.
    pub(crate) relay: Option<Relay>,
    /// Told whenever a request has come in.
    pub(crate) arrived: Condvar,
    memory: Mutex<Memory>,
}

pub(crate) struct Memory {
    pub(crate) case_identifier: u64,
    pub(crate) metadata: Value,
    pub(crate) alerts: Vec<Value>,
    /// By instance or provider.
    pub(crate) configurations: HashMap<String, Map<String, Value>>,
    pub(crate) proxy: ProxySettings,
    pub(crate) faults: Vec<Fault>,
    pub(crate) requests: Vec<Request>,
    pub(crate) violations: Vec<String>,
    pub(crate) insights: Vec<Value>,
    pub(crate) written: Vec<Value>,
    pub(crate) others: Vec<(Call, Value)>,
    pub(crate) properties: HashMap<String, Value>,
    pub(crate) expected: Expected,
}

impl World {
    pub(crate) fn new(settings: Builder) -> Self {
        let mut memory = Memory {
            case_identifier: 0,
            metadata: Value::Null,
            alerts: Vec::new(),
            configurations: settings.configurations,
            proxy: settings.proxy,
            faults: settings.faults,
            requests: Vec::new(),
            violations: Vec::new(),
            insights: Vec::new(),
            written: Vec::new(),
            others: Vec::new(),
            properties: HashMap::new(),
            expected: Expected::default(),
        };
        memory.put_case(&settings.case);
        Self {
            key: settings.key,
            place: settings.place,
            spelled: settings.spelled,
            released: watch::Sender::new(false),
            relay: settings.relay,
            arrived: Condvar::new(),
            memory: Mutex::new(memory),
        }
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Text as it is sent: with escapes that no JSON writer gives.
    pub(crate) fn spell(&self, mut text: String) -> String {
        for (plain, escape) in &self.spelled {
            text = text.replace(plain, escape);
        }
        text
    }

    /// Undoes [`World::spell`] in what came back.
    pub(crate) fn unspell(&self, body: &[u8]) -> Vec<u8> {
        if self.spelled.is_empty() {
            return body.to_vec();
        }
        let mut text = String::from_utf8_lossy(body).into_owned();
        for (plain, escape) in &self.spelled {
            text = text
                .replace(escape, plain)
                .replace(&escape.to_uppercase().replace("\\U", "\\u"), plain);
        }
        text.into_bytes()
    }
}

/// What makes an entity one: alert, identifier, type.
pub(crate) fn key_of(entity: &Value) -> [&str; 3] {
    ["alert_identifier", "identifier", "entity_type"]
        .map(|name| entity.get(name).and_then(Value::as_str).unwrap_or_default())
}

impl Memory {
    pub(crate) fn put_case(&mut self, case: &Case) {
        self.case_identifier = case.identifier();
        self.metadata = case.metadata();
        self.alerts = case.alerts();
    }

    pub(crate) fn entities(&self) -> impl Iterator<Item = &Value> {
        self.alerts
            .iter()
            .filter_map(|alert| alert.get("domain_entities")?.as_array())
            .flatten()
    }

    /// Writes an entity over the one of the same alert, identifier and type.
    pub(crate) fn merge(&mut self, entity: Value) {
        let own = self
            .alerts
            .iter_mut()
            .filter_map(|alert| alert.get_mut("domain_entities")?.as_array_mut())
            .flatten()
            .find(|own| key_of(own) == key_of(&entity));
        if let (Some(Value::Object(own)), Value::Object(new)) = (own, &entity) {
            for (name, value) in new {
                own.insert(name.clone(), value.clone());
            }
        }
        self.written.push(entity);
    }

    /// A new entity from the call's body.
    pub(crate) fn create(&mut self, body: &Value) {
        let text = |name: &str| body.get(name).cloned().unwrap_or_default();
        let entity = json!({
            "identifier": text("entity_identifier"),
            "creation_time": null,
            "modification_time": null,
            "additional_properties": body.get("properties").cloned().unwrap_or_else(|| json!({})),
            "case_identifier": text("case_id"),
            "alert_identifier": text("alert_identifier"),
            "entity_type": text("entity_type"),
            "is_internal": text("is_internal"),
            "is_suspicious": text("is_suspicious"),
            "is_artifact": false,
            "is_enriched": text("is_enriched"),
            "is_vulnerable": text("is_vulnerable"),
            "is_pivot": false,
        });
        let alert = self
            .alerts
            .iter_mut()
            .find(|alert| alert.get("identifier") == body.get("alert_identifier"));
        if let Some(entities) = alert
            .and_then(|alert| alert.get_mut("domain_entities"))
            .and_then(Value::as_array_mut)
        {
            entities.push(entity);
        }
    }
}
