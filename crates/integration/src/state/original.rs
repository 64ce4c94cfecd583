//! The states of the original integration: whoever installs this one in the middle of a scan loses nothing.
//!
//! Hashes and URLs: an object *resource → `{"Report", "Task ID", "Status"}`*. Files: `[completed, not completed, failed, limit]`.
//! Source: the original, version 45.

use secops::Context;
use serde_json::Value;
use serde_json::value::RawValue;
use virustotal::Report;

use super::{Entry, Pending, State, StateError, Status};
use crate::Action;
use crate::lookup::{Origin, Outcome};
use crate::scan::key;

const LIMIT: &str = "the API request limitation was reached";
const FAILED: &str = "it failed before the integration was upgraded; run the action again";

/// Reads one of the original's states.
pub(super) fn read(value: &Value, action: Action, context: &Context) -> Result<State, StateError> {
    let entries = match (action, value) {
        (Action::UploadAndScanFile, Value::Array(lists)) => files(lists, context),
        (Action::ScanHash | Action::ScanUrl, Value::Object(resources)) => Some(
            action
                .plan(context)
                .groups
                .iter()
                .map(|group| Entry {
                    key: key(&group.object),
                    status: group
                        .members
                        .iter()
                        .filter_map(|member| context.targets.get(*member))
                        .find_map(|entity| {
                            let names = [entity.original_identifier(), &entity.identifier];
                            // Entries stand under one or the other, in any case.
                            resources.iter().find(|(resource, _)| {
                                names.iter().any(|name| name.eq_ignore_ascii_case(resource))
                            })
                        })
                        // The original forgets a hash that it failed on.
                        .map_or_else(|| failed(FAILED), |(_, handle)| status(handle, context)),
                })
                .collect(),
        ),
        _ => None,
    };
    Ok(State {
        action,
        entries: entries.ok_or_else(|| StateError::Unreadable("it has no version".to_owned()))?,
        notices: Vec::new(),
    })
}

fn status(handle: &Value, context: &Context) -> Status {
    let report = handle.get("Report").and_then(report);
    let task = handle
        .get("Task ID")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty());
    match (handle.get("Status").and_then(Value::as_str), report) {
        (Some("Queued"), older) => {
            Status::Pending(Pending::since(context.now, task.map(str::to_owned), older))
        }
        (Some("Done"), Some(report)) => Status::Done(Outcome::Found {
            report,
            origin: if task.is_some() {
                Origin::Fresh
            } else {
                Origin::Known
            },
        }),
        (Some("Missing"), _) => Status::Done(Outcome::Missing),
        (Some("Limit"), _) => Status::Done(Outcome::Quota(LIMIT.to_owned())),
        // The original has thrown the report away; it is asked for again.
        (Some("Forbidden"), None) => Status::Pending(Pending {
            by_others: true,
            ..Pending::since(context.now, None, None)
        }),
        (Some("Forbidden"), Some(report)) => Status::Done(Outcome::Found {
            report,
            origin: Origin::RescanRefused,
        }),
        _ => failed(FAILED),
    }
}

fn files(lists: &[Value], context: &Context) -> Option<Vec<Entry>> {
    let [completed, pending, failed_paths, limited] = lists else {
        return None;
    };
    let paths = |list: &Value| -> Option<Vec<String>> {
        let paths = list.as_array()?.iter();
        Some(
            paths
                .filter_map(|path| path.as_str().map(str::to_owned))
                .collect(),
        )
    };
    let rows = |list: &Value| -> Option<Vec<(String, String, Option<Report>)>> {
        let rows = list.as_array()?.iter().filter_map(Value::as_array);
        let row = |row: &Vec<Value>| {
            let text = |at: usize| row.get(at).and_then(Value::as_str).map(str::to_owned);
            Some((text(0)?, text(1)?, row.get(2).and_then(report)))
        };
        Some(rows.filter_map(row).collect())
    };
    let mut entries = Vec::new();
    for (path, scan_id, report) in rows(completed)?.into_iter().chain(rows(pending)?) {
        let status = match report {
            Some(report) => Status::Done(Outcome::Found {
                report,
                origin: Origin::Uploaded,
            }),
            None => Status::Pending(Pending::since(context.now, Some(scan_id), None)),
        };
        entries.push(Entry { key: path, status });
    }
    for path in paths(failed_paths)? {
        entries.push(Entry {
            key: path,
            status: failed(FAILED),
        });
    }
    for path in paths(limited)? {
        entries.push(Entry {
            key: path,
            status: Status::Done(Outcome::Quota(LIMIT.to_owned())),
        });
    }
    Some(entries)
}

fn failed(reason: &str) -> Status {
    Status::Done(Outcome::Failed(reason.to_owned()))
}

/// An empty object is no report.
fn report(value: &Value) -> Option<Report> {
    let is_full = value.as_object().is_some_and(|fields| !fields.is_empty());
    let raw = RawValue::from_string(value.to_string()).ok()?;
    is_full.then(|| Report::from(raw))
}

#[cfg(test)]
mod tests {
    use secops::{Context, Entity, EntityType, Parameters};
    use serde_json::json;

    use crate::Action;
    use crate::lookup::{Origin, Outcome};
    use crate::state::{State, Status};

    const HASHES: [&str; 8] = [
        "44D88612FEA8A8F36DE82E1278ABB02F",
        "00000000000000000000000000000001",
        "00000000000000000000000000000002",
        "00000000000000000000000000000003",
        "00000000000000000000000000000004",
        "00000000000000000000000000000005",
        "00000000000000000000000000000006",
        "00000000000000000000000000000007",
    ];

    fn context(targets: Vec<Entity>) -> Context {
        Context {
            targets,
            parameters: Parameters::new().with("Threshold", "3"),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    fn shown(state: &State) -> Vec<String> {
        let shown = state.entries.iter().map(|entry| match &entry.status {
            Status::Pending(pending) => format!("pending {:?} {}", pending.scan_id, pending.older.is_some()),
            Status::Done(Outcome::Found { origin, .. }) => format!("found {origin:?}"),
            Status::Done(Outcome::Quota(_)) => "quota".to_owned(),
            Status::Done(Outcome::Failed(_)) => "failed".to_owned(),
            Status::Done(other) => format!("{other:?}"),
        });
        shown.collect()
    }

    #[test]
    fn every_status_of_a_hash_is_understood() {
        let targets = HASHES.map(|hash| Entity::new(hash, EntityType::FileHash));
        let report = json!({"positives": 5, "n": 1.5});
        let handle = |status: &str, report: serde_json::Value, task: Option<&str>| json!({"Report": report, "Task ID": task, "Status": status});
        let value = json!({
            HASHES[0].to_lowercase(): handle("Done", report.clone(), None),
            HASHES[1]: handle("Done", report, Some("t-1")),
            HASHES[2]: handle("Missing", json!({}), None),
            HASHES[3]: handle("Queued", json!({}), Some("t-3")),
            HASHES[4]: handle("Failed", json!({}), None),
            HASHES[5]: handle("Forbidden", json!({}), None),
            HASHES[6]: handle("Limit", json!({}), None),
        });
        let state = State::from_text(&value.to_string(), Action::ScanHash, &context(targets.into())).unwrap();
        assert_eq!(
            shown(&state),
            [
                "found Known",
                "found Fresh",
                "Missing",
                "pending Some(\"t-3\") false",
                "failed",
                "pending None false",
                "quota",
                "failed",
            ]
        );
        assert_eq!(state.entries[0].key, HASHES[0].to_lowercase());
    }

    #[test]
    fn a_url_is_found_under_either_of_its_names() {
        let mut url = Entity::new("HTTP://A.EXAMPLE/X", EntityType::Url);
        url.additional_properties
            .insert("OriginalIdentifier".to_owned(), "http://a.example/x".into());
        for name in ["http://a.example/x", "HTTP://A.EXAMPLE/X"] {
            let value = json!({name: {"Report": {}, "Task ID": "t", "Status": "Queued"}});
            // As a text inside a text, too: platforms differ.
            let text = serde_json::to_string(&value.to_string()).unwrap();
            let state = State::from_text(&text, Action::ScanUrl, &context(vec![url.clone()])).unwrap();
            assert_eq!(shown(&state), ["pending Some(\"t\") false"]);
        }
    }

    #[test]
    fn files_keep_their_four_lists() {
        let value = json!([[["/a", "t-a", {"positives": 1}]], [["/b", "t-b"]], ["/c"], ["/d"]]);
        let state = State::from_text(
            &value.to_string(),
            Action::UploadAndScanFile,
            &context(Vec::new()),
        )
        .unwrap();
        assert_eq!(
            shown(&state),
            ["found Uploaded", "pending Some(\"t-b\") false", "failed", "quota"]
        );
        let keys: Vec<&str> = state.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["/a", "/b", "/c", "/d"]);
        assert!(matches!(
            &state.entries[0].status,
            Status::Done(Outcome::Found {
                origin: Origin::Uploaded,
                ..
            })
        ));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for text in ["", "[]", "7", "null", "[[1],2,3,4]", "nonsense"] {
            assert!(
                State::from_text(text, Action::UploadAndScanFile, &context(Vec::new())).is_err(),
                "{text}"
            );
        }
        assert!(State::from_text("[]", Action::ScanHash, &context(Vec::new())).is_err());
    }
}
