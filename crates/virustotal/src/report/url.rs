//! View of a URL's report.

use jiff::civil::DateTime;

use super::Report;
use super::field::{date_time, text};
use super::file::{Engine, engines, positives, total};

/// A URL's report, as far as the integration reads it. Source: API v2 `url/report`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct UrlReport {
    /// What was asked for.
    pub resource: Option<String>,
    /// The address in VirusTotal's canonical form.
    pub url: Option<String>,
    /// Id of the analysis; opaque.
    pub scan_id: Option<String>,
    /// Id of the analysis of the file behind the address; usually absent.
    pub file_scan_id: Option<String>,
    /// When the analysis was made, UTC.
    pub scan_date: Option<DateTime>,
    /// Web address of the analysis.
    pub permalink: Option<String>,
    /// VirusTotal's remark.
    pub verbose_msg: Option<String>,
    /// Engines that flag the address; counted from the engines where the number is missing.
    pub positives: Option<u64>,
    /// Engines that answered, those without a rating included.
    pub total: Option<u64>,
    /// The engines, in the report's order.
    pub engines: Vec<Engine>,
    /// First submission, as written; only with a private key.
    pub first_seen: Option<String>,
    /// Last submission, as written; only with a private key.
    pub last_seen: Option<String>,
}

impl UrlReport {
    /// Reads what is there.
    #[must_use]
    pub fn read(report: &Report) -> Self {
        let value = report.value();
        let engines = engines(&value);
        Self {
            resource: text(&value, "resource"),
            url: text(&value, "url"),
            scan_id: text(&value, "scan_id"),
            file_scan_id: text(&value, "filescan_id"),
            scan_date: text(&value, "scan_date").as_deref().and_then(date_time),
            permalink: text(&value, "permalink"),
            verbose_msg: text(&value, "verbose_msg"),
            positives: positives(&value, &engines),
            total: total(&value, &engines),
            engines,
            first_seen: text(&value, "first_seen"),
            last_seen: text(&value, "last_seen"),
        }
    }
}
