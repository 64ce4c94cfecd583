//! What kind of threat a file is. Source: API v3, section 2.

use std::cmp::Reverse;

use serde_json::Value;

use crate::v3::shape::attribute::{count, fields, list, text, texts};

/// A family of malware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, such as `emotet`.
    pub name: String,
    /// Engines that name it.
    pub count: Option<u64>,
}

/// What a sandbox thinks of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxVerdict {
    /// The sandbox.
    pub sandbox: String,
    /// Such as `malicious` or `harmless`.
    pub category: Option<String>,
    /// Families that it names.
    pub malware_names: Vec<String>,
    /// Kinds of malware, such as `TROJAN`.
    pub classification: Vec<String>,
}

pub(super) fn label(attributes: &Value) -> Option<String> {
    text(attributes.get(CLASSIFICATION)?, "suggested_threat_label").map(str::to_owned)
}

const CLASSIFICATION: &str = "popular_threat_classification";

pub(super) fn families(attributes: &Value) -> Option<Vec<Family>> {
    let names = list(attributes.get(CLASSIFICATION)?, "popular_threat_name")?;
    let mut families: Vec<Family> = names.iter().filter_map(family).collect();
    families.sort_by_key(|family| Reverse(family.count));
    Some(families)
}

fn family(entry: &Value) -> Option<Family> {
    Some(Family {
        name: text(entry, "value")?.to_owned(),
        count: count(entry, "count"),
    })
}

pub(super) fn sandbox_verdicts(attributes: &Value) -> Option<Vec<SandboxVerdict>> {
    let verdicts = fields(attributes, "sandbox_verdicts")?.iter();
    let verdicts = verdicts.filter(|(_, verdict)| verdict.is_object());
    Some(
        verdicts
            .map(|(name, verdict)| sandbox_verdict(name, verdict))
            .collect(),
    )
}

fn sandbox_verdict(name: &str, verdict: &Value) -> SandboxVerdict {
    SandboxVerdict {
        sandbox: text(verdict, "sandbox_name").unwrap_or(name).to_owned(),
        category: text(verdict, "category").map(str::to_owned),
        malware_names: texts(verdict, "malware_names").unwrap_or_default(),
        classification: texts(verdict, "malware_classification").unwrap_or_default(),
    }
}

/// Techniques that the object itself has, under either name.
pub(super) fn techniques_of(attributes: &Value) -> Option<Vec<String>> {
    ["behaviour_mitre_trees", "mitre_attack_techniques"]
        .iter()
        .filter_map(|name| attributes.get(name).filter(|value| !value.is_null()))
        .map(techniques)
        .next()
}

/// The ids of ATT&CK's techniques, such as `T1059.001`, anywhere in a value: each once, in its order.
///
/// For the answer of `files/{id}/behaviour_mitre_trees`, which is no object of its own: the trees of all sandboxes.
#[must_use]
pub(crate) fn techniques(trees: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(trees, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    if let Some(id) = text(value, "id").filter(|id| is_technique(id))
        && !found.iter().any(|known| known == id)
    {
        found.push(id.to_owned());
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
        _ => {}
    }
}

/// `T` and four digits, and for a part of a technique three more. Tactics begin with `TA`.
fn is_technique(id: &str) -> bool {
    let digits = |text: &str, many| text.len() == many && text.bytes().all(|byte| byte.is_ascii_digit());
    id.strip_prefix('T')
        .is_some_and(|rest| match rest.split_once('.') {
            Some((technique, part)) => digits(technique, 4) && digits(part, 3),
            None => digits(rest, 4),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{families, techniques};

    #[test]
    fn families_come_by_count() {
        let attributes = json!({"popular_threat_classification": {"popular_threat_name": [
            {"value": "rare", "count": 1}, {"value": "uncounted"}, {"count": 9}, {"value": "usual", "count": 7}, "x",
        ]}});
        let families = families(&attributes).unwrap();
        let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["usual", "rare", "uncounted"]);
    }

    #[test]
    fn techniques_are_found_in_every_sandboxs_tree() {
        let answer = json!({"data": {
            "Zenbox": {"tactics": [{"id": "TA0002", "techniques": [{"id": "T1059.001", "signatures": [{"id": "7"}]}, {"id": "T1059"}]}]},
            "CAPA": {"tactics": [{"techniques": [{"id": "T1059"}, {"id": "T12345"}, {"id": "T1027"}, {"id": null}]}]},
        }});
        assert_eq!(techniques(&answer), ["T1059.001", "T1059", "T1027"]);
        assert!(techniques(&json!(null)).is_empty());
    }
}
