//! View of an IP address's report.

use jiff::civil::DateTime;
use serde_json::Value;

use super::Report;
use super::field::{count, date_time, list, text};
use super::file::newest;

/// A host name that led to the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The name.
    pub hostname: String,
    /// When it was last seen to lead there, as written.
    pub last_resolved: Option<String>,
}

/// An IP address's report, as far as the integration reads it. Source: API v2 `ip-address/report`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct IpReport {
    /// Two letters.
    pub country: Option<String>,
    /// VirusTotal's remark.
    pub verbose_msg: Option<String>,
    /// Host names, in the report's order.
    pub resolutions: Vec<Resolution>,
    /// Detected URLs on the address.
    pub detected_urls: Findings,
    /// Detected files downloaded from it.
    pub detected_downloaded_samples: Findings,
    /// Detected files that talk to it.
    pub detected_communicating_samples: Findings,
    /// Detected files that contain it.
    pub detected_referrer_samples: Findings,
    undetected_newest: Option<DateTime>,
    newest_resolution: Option<DateTime>,
}

/// One list of detected things; an absent list counts as empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Findings {
    /// How many there are.
    pub count: usize,
    /// The highest `positives` among them, and its `total`.
    pub worst: Option<(u64, Option<u64>)>,
    newest: Option<DateTime>,
}

impl IpReport {
    /// Reads what is there.
    #[must_use]
    pub fn read(report: &Report) -> Self {
        let value = report.value();
        Self {
            country: text(&value, "country"),
            verbose_msg: text(&value, "verbose_msg"),
            resolutions: list(&value, "resolutions")
                .iter()
                .filter_map(resolution)
                .collect(),
            detected_urls: findings(&value, "detected_urls", "scan_date"),
            detected_downloaded_samples: findings(&value, "detected_downloaded_samples", "date"),
            detected_communicating_samples: findings(&value, "detected_communicating_samples", "date"),
            detected_referrer_samples: findings(&value, "detected_referrer_samples", "date"),
            undetected_newest: newest_undetected(&value),
            newest_resolution: newest(&value, "resolutions", "last_resolved"),
        }
    }

    /// The highest number of engines that flag anything found on the address; 0 where nothing is detected.
    ///
    /// Source: the contract's rule for an IP's positives.
    #[must_use]
    pub fn positives(&self) -> u64 {
        self.worst().map_or(0, |(positives, _)| positives)
    }

    /// The worst finding: its positives, and how many engines looked.
    #[must_use]
    pub fn worst(&self) -> Option<(u64, Option<u64>)> {
        self.findings()
            .into_iter()
            .filter_map(|findings| findings.worst)
            .max_by_key(|(positives, _)| *positives)
    }

    /// Newest scan in the report, detected or not; the newest resolution where nothing was scanned.
    #[must_use]
    pub fn newest_date(&self) -> Option<DateTime> {
        let detected = self
            .findings()
            .into_iter()
            .filter_map(|findings| findings.newest)
            .max();
        detected.max(self.undetected_newest).or(self.newest_resolution)
    }

    fn findings(&self) -> [Findings; 4] {
        [
            self.detected_urls,
            self.detected_downloaded_samples,
            self.detected_communicating_samples,
            self.detected_referrer_samples,
        ]
    }
}

fn resolution(item: &Value) -> Option<Resolution> {
    Some(Resolution {
        hostname: text(item, "hostname")?,
        last_resolved: text(item, "last_resolved"),
    })
}

fn findings(value: &Value, key: &str, date_key: &str) -> Findings {
    let items = list(value, key);
    let worst = items
        .iter()
        .filter_map(|item| Some((count(item, "positives")?, count(item, "total"))))
        .max_by_key(|(positives, _)| *positives);
    Findings {
        count: items.len(),
        worst,
        newest: newest(value, key, date_key),
    }
}

/// Undetected URLs are lists (`[url, sha256, 0, total, date]`), undetected samples are objects.
pub(super) fn newest_undetected(value: &Value) -> Option<DateTime> {
    let urls = list(value, "undetected_urls")
        .iter()
        .filter_map(|item| date_time(item.get(4)?.as_str()?))
        .max();
    [
        "undetected_downloaded_samples",
        "undetected_communicating_samples",
        "undetected_referrer_samples",
    ]
    .into_iter()
    .filter_map(|key| newest(value, key, "date"))
    .max()
    .max(urls)
}
