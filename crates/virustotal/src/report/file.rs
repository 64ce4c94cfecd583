//! View of a file's report.

use jiff::civil::DateTime;
use serde_json::Value;

use super::Report;
use super::field::{count, date_time, flag, list, text, texts};

/// What one engine says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Its name, such as `ESET-NOD32` or `CLEAN MX`.
    pub name: String,
    /// Whether it flags the object; an engine that doesn't say counts as not flagging.
    pub detected: bool,
    /// Its own words: a malware name, `clean site`, …
    pub result: Option<String>,
    /// Version of its signatures, mostly `YYYYMMDD`; engines for URLs have none.
    pub update: Option<String>,
}

/// A file's report, as far as the integration reads it. Source: API v2 `file/report`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FileReport {
    /// What was asked for, in the caller's spelling.
    pub resource: Option<String>,
    /// Id of the analysis; opaque.
    pub scan_id: Option<String>,
    /// When the analysis was made, UTC.
    pub scan_date: Option<DateTime>,
    /// Web address of the analysis.
    pub permalink: Option<String>,
    /// VirusTotal's remark.
    pub verbose_msg: Option<String>,
    /// MD5 in lower case.
    pub md5: Option<String>,
    /// SHA-1 in lower case.
    pub sha1: Option<String>,
    /// SHA-256 in lower case.
    pub sha256: Option<String>,
    /// Engines that flag the file; counted from the engines where the number is missing.
    pub positives: Option<u64>,
    /// Engines that answered; counted likewise.
    pub total: Option<u64>,
    /// The engines, in the report's order.
    pub engines: Vec<Engine>,
    /// First submission, as written; only with a private key, like everything below.
    pub first_seen: Option<String>,
    /// Last submission, as written.
    pub last_seen: Option<String>,
    /// Fuzzy hash.
    pub ssdeep: Option<String>,
    /// Hash of the signed part.
    pub authentihash: Option<String>,
    /// Type in words.
    pub file_type: Option<String>,
    /// Hash of the import table.
    pub imphash: Option<String>,
    /// Bytes.
    pub size_bytes: Option<u64>,
    /// What `file` says.
    pub magic: Option<String>,
    /// VirusTotal's tags.
    pub tags: Vec<String>,
    /// Names under which it was submitted.
    pub submission_names: Vec<String>,
}

impl FileReport {
    /// Reads what is there.
    #[must_use]
    pub fn read(report: &Report) -> Self {
        let value = report.value();
        let engines = engines(&value);
        let additional = value.get("additional_info").unwrap_or(&Value::Null);
        Self {
            resource: text(&value, "resource"),
            scan_id: text(&value, "scan_id"),
            scan_date: text(&value, "scan_date").as_deref().and_then(date_time),
            permalink: text(&value, "permalink"),
            verbose_msg: text(&value, "verbose_msg"),
            md5: text(&value, "md5"),
            sha1: text(&value, "sha1"),
            sha256: text(&value, "sha256"),
            positives: positives(&value, &engines),
            total: total(&value, &engines),
            engines,
            first_seen: text(&value, "first_seen"),
            last_seen: text(&value, "last_seen"),
            ssdeep: text(&value, "ssdeep"),
            authentihash: text(&value, "authentihash"),
            file_type: text(&value, "type"),
            imphash: text(additional, "pe-imphash"),
            size_bytes: count(&value, "size"),
            magic: text(additional, "magic"),
            tags: texts(&value, "tags"),
            submission_names: texts(&value, "submission_names"),
        }
    }
}

pub(super) fn engines(value: &Value) -> Vec<Engine> {
    let scans = value.get("scans").and_then(Value::as_object);
    scans
        .into_iter()
        .flatten()
        .map(|(name, entry)| engine(name, entry))
        .collect()
}

fn engine(name: &str, entry: &Value) -> Engine {
    Engine {
        name: name.to_owned(),
        detected: flag(entry, "detected").unwrap_or(false),
        result: text(entry, "result"),
        update: text(entry, "update"),
    }
}

pub(super) fn positives(value: &Value, engines: &[Engine]) -> Option<u64> {
    count(value, "positives").or_else(|| {
        let flagged = engines.iter().filter(|engine| engine.detected).count();
        (!engines.is_empty()).then_some(flagged as u64)
    })
}

pub(super) fn total(value: &Value, engines: &[Engine]) -> Option<u64> {
    count(value, "total").or_else(|| (!engines.is_empty()).then_some(engines.len() as u64))
}

/// Newest of the dates under `key` in a list of objects.
pub(super) fn newest(value: &Value, list_key: &str, key: &str) -> Option<DateTime> {
    list(value, list_key)
        .iter()
        .filter_map(|item| date_time(&text(item, key)?))
        .max()
}

#[cfg(test)]
mod tests {
    use super::FileReport;
    use crate::report::Report;

    fn read(text: &str) -> FileReport {
        FileReport::read(&Report::from(
            serde_json::from_str::<Box<serde_json::value::RawValue>>(text).unwrap(),
        ))
    }

    #[test]
    fn positives_are_counted_from_the_engines_where_the_number_is_missing() {
        let report = read(
            r#"{"positives": null, "scans": {"A": {"detected": true}, "B": {"detected": "true"}, "C": {}}}"#,
        );
        assert_eq!((report.positives, report.total), (Some(2), Some(3)));
        assert_eq!(read("{}").positives, None);
        assert_eq!(
            read(r#"{"positives": "54", "total": 60, "scans": {"A": {}}}"#).positives,
            Some(54)
        );
    }
}
