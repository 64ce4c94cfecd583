//! Reports: VirusTotal's JSON as sent, and typed views that read from it.
//!
//! The JSON is never changed, so whoever needs a field that no view has finds it. The views survive missing,
//! null and re-typed fields: `None` means that VirusTotal did not say.

mod domain;
mod engine;
mod field;
mod file;
mod ip;
mod url;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

pub use domain::DomainReport;
pub use engine::Engine;
pub(crate) use field::as_text;
pub use field::{date_time, format_date};
pub use file::FileReport;
pub use ip::{Findings, IpReport, Resolution};
pub use url::UrlReport;

use crate::json;
pub use crate::v3::shape::{Beyond, Certificate, Family, Rank, SandboxVerdict, Severities, Signature, Votes};

/// One report in API v2's shape; cheap to clone.
///
/// From API v2 it is kept as the bytes that VirusTotal sent. From API v3 it is made of v3's object, which stands beside it.
#[derive(Clone, Debug)]
pub struct Report {
    raw: Arc<RawValue>,
    object: Option<Arc<RawValue>>,
}

impl Report {
    /// The report's JSON text, to the byte.
    #[must_use]
    pub fn raw(&self) -> &str {
        self.raw.get()
    }

    /// The report's JSON, shared.
    #[must_use]
    pub fn raw_value(&self) -> Arc<RawValue> {
        Arc::clone(&self.raw)
    }

    /// The v3 object that it was made of, engines' results and what may hold somebody's credentials left out; `None` for a
    /// report of API v2.
    #[must_use]
    pub fn object(&self) -> Option<Value> {
        json::read(self.object.as_ref()?.get()).ok()
    }

    /// A report made of a v3 object.
    pub(crate) fn of_object(raw: Box<RawValue>, object: Box<RawValue>) -> Self {
        Self {
            raw: Arc::from(raw),
            object: Some(Arc::from(object)),
        }
    }

    /// As it is kept: the report alone, or both sides of it.
    #[must_use]
    pub fn to_stored(&self) -> String {
        match &self.object {
            // A server may send what begins like our own form.
            None if self.raw().starts_with(STORED_START) => {
                format!("{STORED_START}{},\"v3\":null}}", self.raw())
            }
            None => self.raw().to_owned(),
            Some(object) => format!("{STORED_START}{},\"v3\":{}}}", self.raw(), object.get()),
        }
    }

    /// The reverse of [`Report::to_stored`]; `None` for what is no JSON.
    #[must_use]
    pub fn from_stored(text: String) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Both {
            #[serde(rename = "$v2")]
            raw: Box<RawValue>,
            #[serde(rename = "v3")]
            object: Box<RawValue>,
        }
        if text.starts_with(STORED_START) {
            let both: Both = serde_json::from_str(&text).ok()?;
            return Some(match both.object.get() {
                "null" => Self::from(both.raw),
                _ => Self::of_object(both.raw, both.object),
            });
        }
        RawValue::from_string(text).ok().map(Self::from)
    }

    /// The report as a value: key order, duplicate-free, big numbers to the digit.
    #[must_use]
    pub fn value(&self) -> Value {
        json::read(self.raw()).unwrap_or(Value::Null)
    }
}

impl Report {
    /// Reads some fields. Where a name stands twice, the last one counts, as with values.
    pub(crate) fn read<T: DeserializeOwned + Default>(&self) -> T {
        json::read(self.raw())
            .or_else(|_| serde_json::from_value(self.value()))
            .unwrap_or_default()
    }
}

/// No report of VirusTotal's begins like this; should one do so, it is kept inside of it.
const STORED_START: &str = "{\"$v2\":";

impl From<Box<RawValue>> for Report {
    fn from(raw: Box<RawValue>) -> Self {
        Self {
            raw: Arc::from(raw),
            object: None,
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{DomainReport, FileReport, IpReport, Report, UrlReport};

    /// Any JSON, with the field names that the views read mixed in.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[0-9:. -]{0,20}".prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("scans"),
            Just("positives"),
            Just("total"),
            Just("scan_date"),
            Just("detected"),
            Just("result"),
            Just("resolutions"),
            Just("detected_urls"),
            Just("detected_referrer_samples"),
            Just("hostname"),
            Just("last_resolved"),
            Just("categories"),
            Just("date"),
            Just("update"),
            Just("additional_info"),
            Just("tags"),
            Just("Webutation domain info"),
            Just("whois"),
            Just("asn"),
            Just("size"),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..8).prop_map(|pairs| Value::Object(
                    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
                )),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_report_of_any_shape_panics_a_view(value in json()) {
            let raw = serde_json::value::to_raw_value(&value).unwrap();
            let report = Report::from(raw);
            let _ = (FileReport::read(&report), UrlReport::read(&report), DomainReport::read(&report));
            let ip = IpReport::read(&report);
            let _ = (ip.positives(), ip.newest_date());
        }
    }

    #[test]
    fn half_a_surrogate_pair_hides_no_verdict() {
        let text =
            r#"{"positives": 9, "submission_names": ["a\ud800"], "detected_urls": [{"positives": 3}]}"#;
        let report = Report::from(serde_json::from_str::<Box<serde_json::value::RawValue>>(text).unwrap());
        assert_eq!(FileReport::read(&report).positives, Some(9));
        assert_eq!(FileReport::read(&report).submission_names, ["a\u{fffd}"]);
        assert_eq!(IpReport::read(&report).positives(), 3);
        assert_eq!(report.raw(), text);
    }

    #[test]
    fn a_report_that_looks_like_our_own_form_is_kept_as_it_came() {
        for text in [
            r#"{"$v2":1}"#,
            r#"{"$v2":{"a":1},"v3":{"b":2}}"#,
            r#"{"$v2":1,"v3":null}"#,
        ] {
            let report =
                Report::from(serde_json::from_str::<Box<serde_json::value::RawValue>>(text).unwrap());
            let again = Report::from_stored(report.to_stored()).unwrap();
            assert_eq!((again.raw(), again.object()), (text, None));
        }
    }

    #[test]
    fn a_report_keeps_big_numbers_key_order_and_escapes() {
        let text = r#"{"b":123456789012345678901234567890,"a":1.10,"ü":"ü\/"}"#;
        let report = Report::from(serde_json::from_str::<Box<serde_json::value::RawValue>>(text).unwrap());
        assert_eq!(report.raw(), text);
        assert_eq!(serde_json::to_string(&report).unwrap(), text);
        assert_eq!(
            report.value().to_string(),
            text.replace("ü\\/", "ü/").replace("\\u00fc", "ü")
        );
    }
}
