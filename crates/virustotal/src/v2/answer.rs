//! One object of an answer, read just far enough to know what it means.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{excerpt, told};
use crate::{Answer, Report, Submission, json};

/// Lenient: every field may be missing, null, or of another type.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    response_code: Value,
    #[serde(default)]
    resource: Value,
    #[serde(default)]
    url: Value,
    #[serde(default)]
    scan_id: Value,
    #[serde(default)]
    verbose_msg: Value,
    #[serde(default)]
    permalink: Value,
    #[serde(default)]
    positives: Value,
    #[serde(default)]
    scans: Option<IgnoredAny>,
}

/// What `response_code` says. Source: API v2, section 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Present,
    Absent,
    Malformed,
    Queued,
}

/// Characters of an answer that are told at most.
const LENGTH: usize = 200;

/// One object of an answer.
pub(crate) struct Element {
    head: Head,
    code: Code,
    raw: Box<RawValue>,
}

impl Element {
    pub(super) fn read(raw: Box<RawValue>) -> Result<Self, String> {
        let head: Head = json::read(raw.get()).map_err(|error| told(&error.to_string(), LENGTH))?;
        let code = match text(&head.response_code).as_deref().map(str::trim) {
            Some("1" | "1.0") => Code::Present,
            Some("0" | "0.0") => Code::Absent,
            Some("-1" | "-1.0") => Code::Malformed,
            Some("-2" | "-2.0") => Code::Queued,
            Some(other) => return Err(format!("its response_code is {:?}", told(other, LENGTH))),
            None => return Err("it has no response_code".to_owned()),
        };
        Ok(Self { head, code, raw })
    }

    /// Reads a body that holds one object, or several.
    pub(crate) fn read_all(body: &[u8]) -> Result<Vec<Self>, String> {
        let unusable = |error: serde_json::Error| format!("not JSON ({error}); {}", excerpt(body));
        let is_list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        match is_list {
            true => {
                let items: Vec<Box<RawValue>> = serde_json::from_slice(body).map_err(unusable)?;
                items.into_iter().map(Self::read).collect()
            }
            false => Ok(vec![Self::read(serde_json::from_slice(body).map_err(unusable)?)?]),
        }
    }

    /// Reads a body that holds one object.
    pub(super) fn read_one(body: &[u8]) -> Result<Self, String> {
        let mut elements = Self::read_all(body)?;
        match elements.pop() {
            Some(element) if elements.is_empty() => Ok(element),
            _ => Err("it holds several objects where one was asked for".to_owned()),
        }
    }

    /// What was asked for, as far as the answer says so.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        [text(&self.head.resource), text(&self.head.url)]
            .into_iter()
            .flatten()
    }

    /// The element as the answer to a question for a report; `None` when VirusTotal calls the object malformed.
    pub(crate) fn into_answer(self) -> Option<Answer> {
        Some(match self.code {
            // Accepted, not finished: there is nothing to read yet.
            Code::Present if self.head.scans.is_none() && self.head.positives.is_null() && self.is_scan() => {
                Answer::Queued {
                    scan_id: text(&self.head.scan_id),
                }
            }
            Code::Present => Answer::Found(Report::from(self.raw)),
            Code::Absent => Answer::Missing,
            Code::Queued => Answer::Queued {
                scan_id: text(&self.head.scan_id),
            },
            Code::Malformed => return None,
        })
    }

    /// Reports on domains and addresses have neither engines nor an analysis.
    fn is_scan(&self) -> bool {
        !self.head.scan_id.is_null()
    }

    /// The element as the answer to a submission or a request for a new analysis.
    pub(crate) fn into_submission(self) -> Submission {
        match (self.code, text(&self.head.scan_id)) {
            (Code::Present | Code::Queued, Some(scan_id)) => Submission::Queued {
                scan_id,
                permalink: text(&self.head.permalink),
            },
            (Code::Absent, _) => Submission::Missing,
            _ => Submission::Refused(
                text(&self.head.verbose_msg).unwrap_or_else(|| "VirusTotal did not accept it".to_owned()),
            ),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    crate::report::as_text(value)
}

#[cfg(test)]
mod tests {
    use super::Element;
    use crate::{Answer, Submission};

    fn answer(text: &str) -> Option<Answer> {
        Element::read_one(text.as_bytes()).unwrap().into_answer()
    }

    #[test]
    fn the_response_code_decides_whatever_its_type() {
        assert!(matches!(
            answer(r#"{"response_code": 1, "scans": {}}"#),
            Some(Answer::Found(_))
        ));
        assert!(matches!(
            answer(r#"{"response_code": "1", "positives": 3}"#),
            Some(Answer::Found(_))
        ));
        assert!(matches!(answer(r#"{"response_code": 0}"#), Some(Answer::Missing)));
        assert!(answer(r#"{"response_code": -1}"#).is_none());
        let queued = answer(r#"{"response_code": -2, "scan_id": "x-1"}"#);
        assert!(matches!(queued, Some(Answer::Queued { scan_id: Some(id) }) if id == "x-1"));
    }

    #[test]
    fn accepted_without_engines_means_queued_but_a_domain_has_none() {
        assert!(matches!(
            answer(r#"{"response_code": 1, "scan_id": "x"}"#),
            Some(Answer::Queued { .. })
        ));
        assert!(matches!(
            answer(r#"{"response_code": 1, "whois": "x"}"#),
            Some(Answer::Found(_))
        ));
    }

    #[test]
    fn what_is_wrong_is_told_within_bounds_and_without_the_key() {
        let long = "x".repeat(100_000);
        for body in [
            format!("\"see ?apikey=c0ffee{long}\""),
            format!("{{\"response_code\": \"a\\u001b{long}\"}}"),
            r#"{"response_code": "?apikey=c0ffee"}"#.to_owned(),
        ] {
            let words = Element::read_all(body.as_bytes()).err().unwrap();
            assert!(words.len() < 400 && !words.contains("c0ffee"), "{words}");
            assert!(!words.contains(char::is_control), "{words}");
        }
    }

    #[test]
    fn an_unusable_body_says_what_is_wrong_with_it() {
        let error = |text: &str| Element::read_all(text.as_bytes()).err().unwrap();
        assert_eq!(error("{}"), "it has no response_code");
        assert_eq!(error(r#"{"response_code": 7}"#), "its response_code is \"7\"");
        assert!(error("<html>\n<b>Login").contains("it starts with \"<html><b>Login\""));
        assert!(error("").contains("it is empty"));
        assert!(Element::read_all(b"null").is_err());
        assert!(Element::read_all(b"[null]").is_err());
        assert!(Element::read_all(br#"{"response_code": 1"#).is_err());
    }

    #[test]
    fn a_submission_without_an_id_is_refused() {
        let submission = |text: &str| Element::read_one(text.as_bytes()).unwrap().into_submission();
        assert_eq!(submission(r#"{"response_code": 0}"#), Submission::Missing);
        assert!(matches!(
            submission(r#"{"response_code": 1, "scan_id": "a"}"#),
            Submission::Queued { .. }
        ));
        assert_eq!(
            submission(r#"{"response_code": -1, "verbose_msg": "No"}"#),
            Submission::Refused("No".to_owned())
        );
        assert!(matches!(
            submission(r#"{"response_code": 1}"#),
            Submission::Refused(_)
        ));
    }
}
