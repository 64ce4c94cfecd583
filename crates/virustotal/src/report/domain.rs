//! View of a domain's report.

use jiff::civil::DateTime;
use serde_json::Value;

use super::Report;
use super::field::{as_text, text, texts};
use super::file::newest;
use super::ip::newest_undetected;

/// A domain's report, as far as the integration reads it. Source: API v2 `domain/report`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DomainReport {
    /// VirusTotal's remark.
    pub verbose_msg: Option<String>,
    /// Category values of all vendors, each once.
    pub categories: Vec<String>,
    /// Registration data, with its line feeds.
    pub whois: Option<String>,
    newest_date: Option<DateTime>,
    vendors: Vec<(String, String)>,
}

impl DomainReport {
    /// Reads what is there.
    #[must_use]
    pub fn read(report: &Report) -> Self {
        let value = report.value();
        Self {
            verbose_msg: text(&value, "verbose_msg"),
            categories: texts(&value, "categories"),
            whois: text(&value, "whois"),
            newest_date: newest_date(&value),
            vendors: vendors(&value),
        }
    }

    /// What a vendor says, by the JSON's own key, such as `BitDefender category` or `Webutation domain info`.
    ///
    /// An object becomes `name: value` pairs joined by a comma.
    #[must_use]
    pub fn vendor(&self, key: &str) -> Option<&str> {
        self.vendors
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, text)| text.as_str())
    }

    /// Newest scan in the report, detected or not; the newest resolution where nothing was scanned.
    #[must_use]
    pub fn newest_date(&self) -> Option<DateTime> {
        self.newest_date
    }
}

/// Keys with ` category` or ` domain info` are vendors'; the set is open.
fn vendors(value: &Value) -> Vec<(String, String)> {
    let Some(object) = value.as_object() else {
        return Vec::new();
    };
    object
        .iter()
        .filter(|(key, _)| key.ends_with(" category") || key.ends_with(" domain info"))
        .filter_map(|(key, value)| Some((key.clone(), in_words(value)?)))
        .collect()
}

fn in_words(value: &Value) -> Option<String> {
    let words = match value {
        Value::Object(fields) => {
            let pairs = fields
                .iter()
                .filter_map(|(key, value)| Some(format!("{key}: {}", as_text(value)?)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().filter_map(as_text).collect::<Vec<_>>().join(", "),
        other => as_text(other)?,
    };
    (!words.is_empty()).then_some(words)
}

fn newest_date(value: &Value) -> Option<DateTime> {
    let samples = [
        "detected_downloaded_samples",
        "detected_communicating_samples",
        "detected_referrer_samples",
    ];
    let detected = samples
        .into_iter()
        .filter_map(|key| newest(value, key, "date"))
        .max();
    let urls = newest(value, "detected_urls", "scan_date");
    detected
        .max(urls)
        .max(newest_undetected(value))
        .or_else(|| newest(value, "resolutions", "last_resolved"))
}
