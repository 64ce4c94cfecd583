//! A report in the making: fields in any order, put into the known samples' order at the end.

use serde_json::{Map, Value};

/// What a successful look-up says in API v2.
const PRESENT: u64 = 1;

/// Keys of a file's report: those of the first known sample, then those of `allinfo`.
pub(super) const FILE: &[&str] = &[
    "permalink",
    "sha1",
    "resource",
    "response_code",
    "scan_date",
    "scan_id",
    "verbose_msg",
    "total",
    "positives",
    "sha256",
    "md5",
    "scans",
    "first_seen",
    "last_seen",
    "size",
    "type",
    "tags",
    "ssdeep",
    "vhash",
    "authentihash",
    "times_submitted",
    "unique_sources",
    "submission_names",
    "harmless_votes",
    "malicious_votes",
    "community_reputation",
    "ITW_urls",
    "additional_info",
];

/// Keys of a URL's report.
pub(super) const URL: &[&str] = &[
    "permalink",
    "resource",
    "url",
    "response_code",
    "scan_date",
    "scan_id",
    "verbose_msg",
    "filescan_id",
    "positives",
    "total",
    "scans",
];

/// Keys of a domain's report. The set of vendors is open; the others follow.
pub(super) const DOMAIN: &[&str] = &[
    "detected_downloaded_samples",
    "undetected_downloaded_samples",
    "resolutions",
    "domain_siblings",
    "whois",
    "verbose_msg",
    "BitDefender category",
    "undetected_referrer_samples",
    "whois_timestamp",
    "detected_referrer_samples",
    "Forcepoint ThreatSeeker category",
    "Alexa category",
    "detected_communicating_samples",
    "TrendMicro category",
    "categories",
    "undetected_urls",
    "response_code",
    "subdomains",
    "Websense ThreatSeeker category",
    "detected_urls",
    "Alexa rank",
    "undetected_communicating_samples",
];

/// Keys of an address's report.
pub(super) const IP: &[&str] = &[
    "asn",
    "undetected_urls",
    "undetected_downloaded_samples",
    "country",
    "continent",
    "network",
    "response_code",
    "as_owner",
    "verbose_msg",
    "detected_downloaded_samples",
    "detected_communicating_samples",
    "undetected_communicating_samples",
    "detected_referrer_samples",
    "undetected_referrer_samples",
    "resolutions",
    "detected_urls",
];

/// Fields of a report, or of an object within one.
#[derive(Default)]
pub(super) struct Draft(Map<String, Value>);

impl Draft {
    /// A report that was found, with VirusTotal's remark.
    pub(super) fn found(remark: &str) -> Self {
        let mut draft = Self::default();
        draft.mark_found(remark);
        draft
    }

    /// The fields of an earlier report; none of anything else.
    pub(super) fn from_report(report: &Value) -> Self {
        Self(report.as_object().cloned().unwrap_or_default())
    }

    /// Says that the report was found.
    pub(super) fn mark_found(&mut self, remark: &str) {
        self.put("response_code", Some(PRESENT));
        self.put("verbose_msg", Some(remark));
    }

    /// Sets a field where there is something to set: absent stays absent.
    pub(super) fn put<T: Into<Value>>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
    }

    /// Sets a field that isn't there yet.
    pub(super) fn put_missing<T: Into<Value>>(&mut self, key: &str, value: Option<T>) {
        if !self.0.contains_key(key) {
            self.put(key, value);
        }
    }

    /// Takes a field away.
    pub(super) fn remove(&mut self, key: &str) {
        self.0.shift_remove(key);
    }

    /// The fields as they were put; `None` when there are none.
    pub(super) fn into_fields(self) -> Option<Value> {
        (!self.0.is_empty()).then_some(Value::Object(self.0))
    }

    /// The report: the keys named first and in that order, then the others as they were put.
    pub(super) fn into_report(mut self, order: &[&str]) -> Value {
        let mut report = Map::with_capacity(self.0.len());
        for key in order {
            if let Some((key, value)) = self.0.shift_remove_entry(*key) {
                report.insert(key, value);
            }
        }
        report.extend(self.0);
        Value::Object(report)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Draft, URL};

    #[test]
    fn keys_come_in_the_samples_order_and_unknown_ones_last() {
        let mut draft = Draft::default();
        draft.put("new", Some("x"));
        draft.put("total", Some(1));
        draft.put("old", Some("y"));
        draft.put("url", Some("u"));
        draft.put("resource", None::<&str>);
        assert_eq!(
            draft.into_report(URL).to_string(),
            r#"{"url":"u","total":1,"new":"x","old":"y"}"#
        );
    }

    #[test]
    fn what_is_there_is_kept_when_only_the_missing_is_put() {
        let mut draft = Draft::from_report(&json!({"a": 1}));
        draft.put_missing("a", Some(2));
        draft.put_missing("b", Some(2));
        assert_eq!(draft.into_fields(), Some(json!({"a": 1, "b": 2})));
        assert_eq!(Draft::from_report(&json!([1])).into_fields(), None);
    }
}
