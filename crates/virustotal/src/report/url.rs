//! View of a URL's report.

use jiff::civil::DateTime;
use serde::Deserialize;
use serde_json::Value;

use super::Report;
use super::engine::{Engine, Engines, Lenient};
use super::field::{as_text, date_time};

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

/// The report's own fields; each may be missing, null or of another type.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    resource: Value,
    url: Value,
    scan_id: Value,
    filescan_id: Value,
    scan_date: Value,
    permalink: Value,
    verbose_msg: Value,
    positives: Value,
    total: Value,
    scans: Lenient<Engines>,
    first_seen: Value,
    last_seen: Value,
}

impl UrlReport {
    /// Reads what is there.
    #[must_use]
    pub fn read(report: &Report) -> Self {
        let wire: Wire = report.read();
        let engines = wire.scans.0;
        Self {
            resource: as_text(&wire.resource),
            url: as_text(&wire.url),
            scan_id: as_text(&wire.scan_id),
            file_scan_id: as_text(&wire.filescan_id),
            scan_date: as_text(&wire.scan_date).as_deref().and_then(date_time),
            permalink: as_text(&wire.permalink),
            verbose_msg: as_text(&wire.verbose_msg),
            positives: engines.positives(&wire.positives),
            total: engines.total(&wire.total),
            engines: engines.0,
            first_seen: as_text(&wire.first_seen),
            last_seen: as_text(&wire.last_seen),
        }
    }
}
