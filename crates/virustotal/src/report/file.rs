//! View of a file's report.

use jiff::civil::DateTime;
use serde::Deserialize;
use serde::de::MapAccess;
use serde::de::value::MapAccessDeserializer;
use serde_json::Value;

use super::Report;
use super::engine::{Engine, Engines, FromObject, Lenient};
use super::field::{as_count, as_text, as_texts, date_time, list, text};

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

/// The report's own fields; each may be missing, null or of another type.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    resource: Value,
    scan_id: Value,
    scan_date: Value,
    permalink: Value,
    verbose_msg: Value,
    md5: Value,
    sha1: Value,
    sha256: Value,
    positives: Value,
    total: Value,
    scans: Lenient<Engines>,
    first_seen: Value,
    last_seen: Value,
    ssdeep: Value,
    authentihash: Value,
    #[serde(rename = "type")]
    file_type: Value,
    size: Value,
    tags: Value,
    submission_names: Value,
    additional_info: Lenient<AdditionalInfo>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AdditionalInfo {
    #[serde(rename = "pe-imphash")]
    imphash: Value,
    magic: Value,
}

impl<'de> FromObject<'de> for AdditionalInfo {
    fn from_object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(map))
    }
}

impl FileReport {
    /// Reads what is there.
    #[must_use]
    pub fn read(report: &Report) -> Self {
        let wire: Wire = report.read();
        let engines = wire.scans.0;
        Self {
            resource: as_text(&wire.resource),
            scan_id: as_text(&wire.scan_id),
            scan_date: as_text(&wire.scan_date).as_deref().and_then(date_time),
            permalink: as_text(&wire.permalink),
            verbose_msg: as_text(&wire.verbose_msg),
            md5: as_text(&wire.md5),
            sha1: as_text(&wire.sha1),
            sha256: as_text(&wire.sha256),
            positives: engines.positives(&wire.positives),
            total: engines.total(&wire.total),
            engines: engines.0,
            first_seen: as_text(&wire.first_seen),
            last_seen: as_text(&wire.last_seen),
            ssdeep: as_text(&wire.ssdeep),
            authentihash: as_text(&wire.authentihash),
            file_type: as_text(&wire.file_type),
            imphash: as_text(&wire.additional_info.0.imphash),
            size_bytes: as_count(&wire.size),
            magic: as_text(&wire.additional_info.0.magic),
            tags: as_texts(&wire.tags),
            submission_names: as_texts(&wire.submission_names),
        }
    }

    /// The hashes that a report names, in lower case; the rest is not read.
    #[must_use]
    pub fn hashes(report: &Report) -> [Option<String>; 3] {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Hashes {
            sha256: Value,
            sha1: Value,
            md5: Value,
        }
        let hashes: Hashes = report.read();
        [
            as_text(&hashes.sha256),
            as_text(&hashes.sha1),
            as_text(&hashes.md5),
        ]
    }
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
        // Neither a foreign type nor a name that stands twice hides a verdict.
        for scans in ["null", "[1]", "7", "\"x\"", "{\"A\": 3, \"B\": null}"] {
            assert_eq!(
                read(&format!("{{\"positives\": 9, \"scans\": {scans}}}")).positives,
                Some(9),
                "{scans}"
            );
        }
        assert_eq!(
            read(r#"{"md5": "a", "md5": "b", "positives": 9}"#).positives,
            Some(9)
        );
        assert_eq!(
            read(r#"{"positives": "54", "total": 60, "scans": {"A": {}}}"#).positives,
            Some(54)
        );
    }
}
