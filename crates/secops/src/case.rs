//! Cases and alerts, as far as an action looks at them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Entity;

/// A case: alerts with entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The platform's number for it.
    pub identifier: String,
    /// Headline.
    #[serde(default)]
    pub title: String,
    /// Whose case it is: each environment has its own instance of an integration.
    #[serde(default)]
    pub environment: String,
    /// What raised it.
    #[serde(default)]
    pub cyber_alerts: Vec<Alert>,
    /// Fields this version knows nothing of.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An alert of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The platform's id for it.
    pub identifier: String,
    /// Headline.
    #[serde(default)]
    pub name: String,
    /// What was seen.
    #[serde(default)]
    pub domain_entities: Vec<Entity>,
    /// Fields this version knows nothing of.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Alert {
    /// Whether a platform's answer is an alert: one without a name is none.
    pub(crate) fn is_in(value: &Value) -> bool {
        value
            .get("identifier")
            .and_then(Value::as_str)
            .is_some_and(|identifier| !identifier.is_empty())
    }
}
