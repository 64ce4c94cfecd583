//! What a remote agent keeps in files: the case that it brought, and the calls that it makes later.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::escape::write_json;
use super::input;

/// The case, brought along.
const CASE: &str = "case_data.json";
/// Calls for the agent to make.
const CALLS: &str = "rest_calls.json";

/// The alerts of the case in `folder`.
///
/// # Errors
/// There is no such file, or it holds no case.
pub(super) fn alerts(folder: &Path) -> Result<Vec<Value>, String> {
    let path = folder.join(CASE);
    let unusable = |problem: String| format!("{} can't be used: {problem}", path.display());
    let bytes = fs::read(&path).map_err(|error| unusable(error.to_string()))?;
    let case = input::parse(&bytes).map_err(unusable)?;
    match case.get("cyber_alerts") {
        Some(Value::Array(alerts)) => Ok(alerts.clone()),
        _ => Err(unusable("it holds no alerts".to_owned())),
    }
}

/// Writes calls down for the agent.
pub(super) struct Recorder {
    path: PathBuf,
}

impl Recorder {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join(CALLS),
        }
    }

    /// Adds a call to those that are there.
    pub(super) fn record(&self, address: &str, body: &Value) -> io::Result<()> {
        let mut calls = match fs::read(&self.path) {
            Ok(bytes) => match input::parse(&bytes).map_err(io::Error::other)? {
                Value::Array(calls) => calls,
                _ => return Err(io::Error::other("it is not a list")),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        calls.push(Value::Object(Map::from_iter([(
            address.to_owned(),
            body.clone(),
        )])));
        // A file that is half written would lose the calls of before.
        let partial = self.path.with_extension("json.part");
        let mut bytes = Vec::new();
        write_json(&mut bytes, &calls)?;
        fs::write(&partial, bytes)?;
        fs::rename(&partial, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Recorder, alerts};

    #[test]
    fn calls_gather_in_a_list_for_the_agent() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(folder.path());
        let body = |text: &str| serde_json::from_str(text).unwrap();
        recorder.record("https://h/a", &body("[1]")).unwrap();
        recorder.record("https://h/b", &body(r#"{"x": 1.50}"#)).unwrap();
        let text = std::fs::read_to_string(folder.path().join("rest_calls.json")).unwrap();
        assert_eq!(text, r#"[{"https://h/a":[1]},{"https://h/b":{"x":1.50}}]"#);
    }

    #[test]
    fn a_case_that_is_not_there_is_told_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            alerts(folder.path())
                .unwrap_err()
                .contains("case_data.json can't be used")
        );
        std::fs::write(
            folder.path().join("case_data.json"),
            json!({"cyber_alerts": [{"identifier": "a"}]}).to_string(),
        )
        .unwrap();
        assert_eq!(alerts(folder.path()).unwrap().len(), 1);
    }
}
