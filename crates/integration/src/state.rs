//! What an asynchronous action resumes from: one versioned JSON value.
//!
//! Objects with their status in the order of the plan; reports that must survive until the end (finished ones,
//! and older ones that stand in for a rescan) travel packed together, because engines' names repeat in all of them.

mod original;

use std::io::Read;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use jiff::Timestamp;
use secops::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use virustotal::{Report, Stop};

use crate::Action;
use crate::lookup::{Origin, Outcome};

/// Version of the value; a later one that this code can't read says so.
const VERSION: u32 = 1;
/// A packed state that grows beyond this when unpacked is refused: it is not one of ours.
const MOST_UNPACKED_BYTES: u64 = 512 * 1024 * 1024;

/// An asynchronous action that waits for analyses.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) action: Action,
    pub(crate) entries: Vec<Entry>,
    /// What people must know of the first step, a sentence each.
    pub(crate) notices: Vec<String>,
}

/// One object of the run.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The object's canonical name, or the file's path.
    pub(crate) key: String,
    pub(crate) status: Status,
}

#[derive(Clone, Debug)]
pub(crate) enum Status {
    Done(Outcome),
    Pending(Pending),
}

/// An analysis under way.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// Its id; without one the object itself is asked about.
    pub(crate) scan_id: Option<String>,
    pub(crate) submitted_at: Timestamp,
    /// Somebody else has asked for it.
    pub(crate) by_others: bool,
    /// A run was cut off while it submitted it, at this moment: it may never have arrived.
    pub(crate) sent_at: Option<Timestamp>,
    /// The report to fall back on.
    pub(crate) older: Option<Report>,
    /// Polls in a row that failed, and how the last one did.
    pub(crate) failures: u32,
    pub(crate) last_failure: Option<String>,
}

/// A state value that can't be resumed from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Written by a later version, or not a state.
    #[error("the saved state can't be resumed: {0}")]
    Unreadable(String),
    /// It belongs to another action.
    #[error("the saved state belongs to the action {found:?}, not {expected:?}")]
    OtherAction {
        /// The action that is running.
        expected: &'static str,
        /// The action that wrote it.
        found: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Wire {
    version: u32,
    action: String,
    objects: Vec<WireEntry>,
    reports: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct WireEntry {
    key: String,
    status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scan_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    submitted_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_others: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    failures: u32,
    /// Place among the packed reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<usize>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl State {
    /// The action that waits.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// What to tell people meanwhile; keeps the original's key phrases. `first` is the step in which the run began.
    #[must_use]
    pub fn message(&self, first: bool) -> String {
        let waiting: Vec<&str> = self.waiting().collect();
        let heading = match (first, self.action) {
            (true, Action::UploadAndScanFile) => "File was submitted successfully, the analysis is awaited:",
            (true, _) => "The following entities were submitted for analysis in VirusTotal:",
            (false, _) => "Continuing... the requested items are still queued for analysis:",
        };
        let cut_off: Vec<&str> = self
            .entries
            .iter()
            .filter(|entry| entry.is_cut_off())
            .map(|entry| entry.key.as_str())
            .collect();
        let sections = [
            (heading, waiting),
            ("The following wait for the quota of the API key:", cut_off),
        ];
        let sections = sections.iter().filter(|(_, names)| !names.is_empty());
        sections
            .map(|(heading, names)| format!("{heading}\n{}", names.join("\n")))
            .collect::<Vec<_>>()
            .join("\n\n")
    }

    /// Whether something has no answer because the quota or the time did not allow it.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.entries.iter().any(Entry::is_cut_off)
    }

    /// Whether some analysis is under way.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting().next().is_some()
    }

    /// Names of the objects whose analysis is under way.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        let pending = self
            .entries
            .iter()
            .filter(|entry| matches!(entry.status, Status::Pending(_)));
        pending.map(|entry| entry.key.as_str())
    }

    /// The state as one JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut reports = Vec::new();
        let objects = self
            .entries
            .iter()
            .map(|entry| entry.to_wire(&mut reports))
            .collect();
        let wire = Wire {
            version: VERSION,
            action: self.action.definition().name.to_owned(),
            objects,
            reports: pack(&reports),
            notices: self.notices.clone(),
        };
        serde_json::to_value(wire).unwrap_or(Value::Null)
    }

    /// Reads a state as a platform hands it back, as text: ours, or one of the original integration.
    ///
    /// # Errors
    /// As for [`State::from_value`].
    pub fn from_text(text: &str, action: Action, context: &Context) -> Result<Self, StateError> {
        let parsed = |text: &str| -> Result<Value, StateError> {
            serde_json::from_str(text).map_err(|error| StateError::Unreadable(error.to_string()))
        };
        let mut value = parsed(text)?;
        if let Value::String(inner) = &value {
            value = parsed(inner)?;
        }
        match value.get("version").is_some_and(Value::is_number) {
            true => Self::from_value(&value, action),
            false => original::read(&value, action, context),
        }
    }

    /// Reads a state; nothing is asked.
    ///
    /// # Errors
    /// A value that is no state, of a later version, or of another action than `action`.
    pub fn from_value(value: &Value, action: Action) -> Result<Self, StateError> {
        let unreadable = |detail: &str| StateError::Unreadable(detail.to_owned());
        let version = value
            .get("version")
            .and_then(Value::as_u64)
            .ok_or_else(|| unreadable("it has no version"))?;
        if version != u64::from(VERSION) {
            return Err(StateError::Unreadable(format!(
                "it is of version {version}, this program reads {VERSION}"
            )));
        }
        let wire = Wire::deserialize(value).map_err(|error| unreadable(&error.to_string()))?;
        let expected = action.definition().name;
        if wire.action != expected {
            return Err(StateError::OtherAction {
                expected,
                found: wire.action,
            });
        }
        let reports = unpack(&wire.reports).ok_or_else(|| unreadable("its reports are damaged"))?;
        let entries = wire
            .objects
            .into_iter()
            .map(|entry| entry.read(&reports))
            .collect::<Option<_>>();
        Ok(Self {
            action,
            entries: entries.ok_or_else(|| unreadable("an object has an unknown status"))?,
            notices: wire.notices,
        })
    }
}

impl Entry {
    /// Whether another step may get the answer that this one did not.
    pub(crate) fn is_cut_off(&self) -> bool {
        matches!(
            self.status,
            Status::Done(Outcome::Quota(_) | Outcome::Stopped(Stop::Deadline))
        )
    }

    fn to_wire(&self, reports: &mut Vec<Report>) -> WireEntry {
        let mut keep = |report: &Report| {
            reports.push(report.clone());
            Some(reports.len() - 1)
        };
        let mut wire = WireEntry {
            key: self.key.clone(),
            ..WireEntry::default()
        };
        let status = match &self.status {
            Status::Pending(pending) => {
                wire.scan_id.clone_from(&pending.scan_id);
                wire.submitted_at = Some(pending.submitted_at);
                wire.sent_at = pending.sent_at;
                wire.by_others = pending.by_others;
                wire.report = pending.older.as_ref().and_then(keep);
                wire.failures = pending.failures;
                wire.detail.clone_from(&pending.last_failure);
                "pending"
            }
            Status::Done(Outcome::Found { report, origin }) => {
                wire.report = keep(report);
                match origin {
                    Origin::Known => "known",
                    Origin::Fresh => "fresh",
                    Origin::NotUploaded => "not_uploaded",
                    Origin::Uploaded => "uploaded",
                    Origin::RescanRefused => "rescan_refused",
                    Origin::RescanFailed(reason) => {
                        wire.detail = Some(reason.clone());
                        "rescan_failed"
                    }
                    Origin::RescanUnfinished(reason) => {
                        wire.detail = Some(reason.clone());
                        "rescan_unfinished"
                    }
                }
            }
            Status::Done(Outcome::Missing) => "missing",
            Status::Done(Outcome::Queued(reason)) => {
                wire.detail.clone_from(reason);
                "queued"
            }
            Status::Done(Outcome::Quota(reason)) => {
                wire.detail = Some(reason.clone());
                "quota"
            }
            Status::Done(Outcome::Failed(reason)) => {
                wire.detail = Some(reason.clone());
                "failed"
            }
            Status::Done(Outcome::Refused(reason)) => {
                wire.detail = Some(reason.clone());
                "refused"
            }
            Status::Done(Outcome::Stopped(Stop::Deadline)) => "deadline",
            Status::Done(Outcome::Stopped(Stop::Cancelled)) => "cancelled",
            Status::Done(Outcome::Key) => "key",
        };
        status.clone_into(&mut wire.status);
        wire
    }
}

impl WireEntry {
    fn read(self, reports: &[Report]) -> Option<Entry> {
        let report = self.report.and_then(|place| reports.get(place)).cloned();
        let detail = self.detail.clone().unwrap_or_default();
        let found = |origin| {
            Some(Outcome::Found {
                report: report.clone()?,
                origin,
            })
        };
        let outcome = match self.status.as_str() {
            "pending" => {
                let pending = Pending {
                    scan_id: self.scan_id,
                    submitted_at: self.submitted_at?,
                    sent_at: self.sent_at,
                    by_others: self.by_others,
                    older: report,
                    failures: self.failures,
                    last_failure: self.detail,
                };
                return Some(Entry {
                    key: self.key,
                    status: Status::Pending(pending),
                });
            }
            "known" => found(Origin::Known)?,
            "fresh" => found(Origin::Fresh)?,
            "not_uploaded" => found(Origin::NotUploaded)?,
            "uploaded" => found(Origin::Uploaded)?,
            "rescan_refused" => found(Origin::RescanRefused)?,
            "rescan_failed" => found(Origin::RescanFailed(detail))?,
            "rescan_unfinished" => found(Origin::RescanUnfinished(detail))?,
            "missing" => Outcome::Missing,
            "queued" => Outcome::Queued(self.detail),
            "quota" => Outcome::Quota(detail),
            "failed" => Outcome::Failed(detail),
            "refused" => Outcome::Refused(detail),
            "deadline" => Outcome::Stopped(Stop::Deadline),
            "cancelled" => Outcome::Stopped(Stop::Cancelled),
            "key" => Outcome::Key,
            _ => return None,
        };
        Some(Entry {
            key: self.key,
            status: Status::Done(outcome),
        })
    }
}

/// Base64 of the deflated JSON list of reports.
fn pack(reports: &[Report]) -> String {
    let stored: Vec<Box<RawValue>> = reports
        .iter()
        .filter_map(|report| RawValue::from_string(report.to_stored()).ok())
        .collect();
    let json = serde_json::to_vec(&stored).unwrap_or_default();
    let mut packed = Vec::new();
    // Reading from memory can't fail.
    let _ = DeflateEncoder::new(json.as_slice(), Compression::default()).read_to_end(&mut packed);
    BASE64_STANDARD.encode(packed)
}

fn unpack(text: &str) -> Option<Vec<Report>> {
    let packed = BASE64_STANDARD.decode(text).ok()?;
    let mut json = Vec::new();
    let mut decoder = DeflateDecoder::new(packed.as_slice()).take(MOST_UNPACKED_BYTES);
    decoder.read_to_end(&mut json).ok()?;
    let raw: Vec<Box<RawValue>> = serde_json::from_slice(&json).ok()?;
    raw.into_iter()
        .map(|raw| Report::from_stored(raw.get().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};
    use virustotal::{Report, Stop};

    use super::{Entry, Origin, Outcome, Pending, State, StateError, Status};
    use crate::Action;

    fn report(text: &str) -> Report {
        Report::from(RawValue::from_string(text.to_owned()).unwrap())
    }

    fn every_status() -> State {
        let found = |origin| {
            Status::Done(Outcome::Found {
                report: report(r#"{"n":1.10}"#),
                origin,
            })
        };
        let statuses = [
            Status::Pending(Pending {
                scan_id: Some("x-1".to_owned()),
                submitted_at: "2026-01-01T00:00:00Z".parse().unwrap(),
                sent_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
                by_others: true,
                older: Some(report(r#"{"old": true}"#)),
                failures: 2,
                last_failure: Some("quota".to_owned()),
            }),
            found(Origin::Known),
            found(Origin::Fresh),
            found(Origin::NotUploaded),
            found(Origin::Uploaded),
            found(Origin::RescanRefused),
            found(Origin::RescanFailed("why".to_owned())),
            found(Origin::RescanUnfinished("why".to_owned())),
            Status::Done(Outcome::Missing),
            Status::Done(Outcome::Queued(None)),
            Status::Done(Outcome::Quota("q".to_owned())),
            Status::Done(Outcome::Failed("f".to_owned())),
            Status::Done(Outcome::Refused("r".to_owned())),
            Status::Done(Outcome::Stopped(Stop::Deadline)),
            Status::Done(Outcome::Stopped(Stop::Cancelled)),
            Status::Done(Outcome::Key),
        ];
        let entries = statuses.into_iter().enumerate().map(|(n, status)| Entry {
            key: format!("o{n}"),
            status,
        });
        State {
            action: Action::ScanHash,
            entries: entries.collect(),
            notices: vec!["a notice".to_owned()],
        }
    }

    #[test]
    fn a_state_survives_the_journey_whole() {
        let state = every_status();
        let value = state.to_value();
        let text = value.to_string();
        let again = State::from_value(&serde_json::from_str(&text).unwrap(), Action::ScanHash).unwrap();
        assert_eq!(format!("{again:?}"), format!("{state:?}"));
        assert_eq!(again.waiting().collect::<Vec<_>>(), ["o0"]);
    }

    #[test]
    fn reports_travel_packed() {
        let engines: String = (0..70)
            .map(|n| format!(r#""Engine {n}": {{"detected": false, "result": null}},"#))
            .collect();
        let report = report(&format!(r#"{{"scans": {{{engines} "z": null}}}}"#));
        let size = report.raw().len();
        let entries = (0..100).map(|n| Entry {
            key: n.to_string(),
            status: Status::Done(Outcome::known(report.clone())),
        });
        let state = State {
            action: Action::ScanHash,
            entries: entries.collect(),
            notices: Vec::new(),
        };
        assert!(state.to_value().to_string().len() < size * 100 / 20);
    }

    #[test]
    fn what_is_not_a_state_of_this_action_is_refused_with_the_reason() {
        let refused = |value: Value| {
            State::from_value(&value, Action::ScanUrl)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(json!({})).contains("it has no version"));
        assert!(refused(json!({"version": 9})).contains("it is of version 9"));
        assert!(matches!(
            State::from_value(&every_status().to_value(), Action::ScanUrl),
            Err(StateError::OtherAction {
                expected: "Scan URL",
                ..
            })
        ));
        let damaged = json!({"version": 1, "action": "Scan URL", "objects": [], "reports": "!"});
        assert!(refused(damaged).contains("its reports are damaged"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{}:,"a-z0-9]{0,60}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = State::from_value(&value, Action::ScanHash);
            }
        }
    }
}
