//! A run as its journal keeps it: all it takes to begin it again, secrets excepted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use integration::Action;
use secops::{Entity, Parameters};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use virustotal::quota::KeyId;

/// What a command was asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) action: String,
    pub(crate) targets: Vec<Entity>,
    pub(crate) parameters: Parameters,
    /// Settings that the command line gave.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) instance: Option<String>,
    /// The environment that was named: rules may depend on it.
    #[serde(default)]
    pub(crate) environment: Option<String>,
    /// Where paths begin that are not absolute.
    pub(crate) folder: Option<PathBuf>,
}

impl Saved {
    pub(crate) fn new(action: Action, targets: &[Entity], parameters: &Parameters) -> Self {
        Self {
            action: action.definition().name.to_owned(),
            targets: targets.to_vec(),
            parameters: parameters.clone(),
            settings: BTreeMap::new(),
            key_file: None,
            instance: None,
            environment: None,
            folder: std::env::current_dir().ok(),
        }
    }

    /// The action; `None` for one of a later version.
    pub(crate) fn action(&self) -> Option<Action> {
        Action::named(&self.action)
    }

    /// Equal for the same question with the same key, however its answer is shown: 16 hexadecimal digits.
    pub(crate) fn id(&self, key: &KeyId) -> String {
        let targets: Vec<_> = self
            .targets
            .iter()
            .map(|target| (&target.identifier, target.entity_type.name()))
            .collect();
        // Paths mean the same only in the same folder.
        let folder = self
            .folder
            .as_ref()
            .filter(|_| self.action() == Some(Action::UploadAndScanFile));
        let question = (&self.action, targets, &self.parameters, folder, key);
        let text = serde_json::to_vec(&question).unwrap_or_default();
        let hash = Sha256::digest(&text);
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// `None` for the text of a later version.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use integration::Action;
    use secops::{Entity, EntityType, Parameters};
    use virustotal::ApiKey;
    use virustotal::quota::KeyId;

    use super::Saved;

    #[test]
    fn a_run_is_known_by_what_it_asks_and_with_which_key() {
        let key = |text: &str| {
            KeyId::of(
                &ApiKey::parse(text).unwrap(),
                "https://www.virustotal.com/vtapi/v2/",
            )
        };
        let saved = |identifier: &str, threshold: &str| {
            let targets = [Entity::new(identifier, EntityType::FileHash)];
            Saved::new(
                Action::ScanHash,
                &targets,
                &Parameters::new().with("Threshold", threshold),
            )
        };
        let id = saved("a", "3").id(&key("k"));
        let mut shown_otherwise = saved("a", "3");
        shown_otherwise
            .settings
            .insert("output".to_owned(), "json".to_owned());
        assert_eq!(shown_otherwise.id(&key("k")), id);
        for other in [
            saved("b", "3").id(&key("k")),
            saved("a", "4").id(&key("k")),
            saved("a", "3").id(&key("l")),
        ] {
            assert_ne!(other, id);
        }
        let again = Saved::from_text(&shown_otherwise.to_text()).unwrap();
        assert_eq!(
            (again.id(&key("k")), again.action()),
            (id, Some(Action::ScanHash))
        );
    }
}
