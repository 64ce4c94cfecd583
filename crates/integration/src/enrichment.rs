//! Enrichment fields, pure: report → fields.
//!
//! The seed's names come first, then the original's own, so that a playbook written for either finds its field.
//! A field is there only where the report has it: never null, never empty.

mod beyond;

use jiff::civil::DateTime;
use serde_json::{Map, Value};
use virustotal::report::{DomainReport, Engine, FileReport, IpReport, UrlReport, format_date};

/// Collects the fields that there are.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    /// The same value under the seed's name and the original's.
    fn put_both(&mut self, [seed, original]: [&str; 2], value: Option<impl Into<Value> + Clone>) {
        self.put(seed, value.clone());
        self.put(original, value);
    }
}

pub(crate) use beyond::add as add_beyond;

/// The fields with `prefix` before each name.
pub(crate) fn prefixed(prefix: &str, fields: Map<String, Value>) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| (format!("{prefix}{name}"), value))
        .collect()
}

/// Scan Hash. Seed's fields, then the original's.
pub(crate) fn of_hash(report: &FileReport) -> Map<String, Value> {
    let mut fields = Fields::default();
    fields.put_both(["permalink", "Permalink"], report.permalink.clone());
    fields.put_both(["sha1", "SHA1"], report.sha1.clone());
    fields.put_both(["resource", "Resource"], report.resource.clone());
    fields.put_both(["Scan date", "Scan Date"], report.scan_date.map(format_date));
    fields.put("Scan ID", report.scan_id.clone());
    fields.put("verbose_msg", report.verbose_msg.clone());
    fields.put_both(["total", "Total"], report.total);
    fields.put_both(["positives", "Positives"], report.positives);
    fields.put_both(["sha256", "SHA256"], report.sha256.clone());
    fields.put_both(["md5", "MD5"], report.md5.clone());
    fields.put("Detecting Engines", detecting_engines(&report.engines));
    fields.put("Risk Score", risk_score(report.positives, report.total));
    fields.put("First Submission", report.first_seen.clone());
    fields.put("Last Submission", report.last_seen.clone());
    fields.put("SSDeep", report.ssdeep.clone());
    fields.put("Authentihash", report.authentihash.clone());
    fields.put("File Type", report.file_type.clone());
    fields.put("Imphash", report.imphash.clone());
    fields.put("File Size", report.size_bytes);
    fields.put("Magic Literal", report.magic.clone());
    fields.put("Tags", joined(&report.tags, ","));
    fields.put("Filename", joined(&report.submission_names, ","));
    fields.0
}

/// Upload And Scan File; the original enriches nothing here.
pub(crate) fn of_uploaded_file(report: &FileReport) -> Map<String, Value> {
    let mut fields = Fields::default();
    fields.put("resource", report.resource.clone());
    fields.put("Scan date", report.scan_date.map(format_date));
    fields.put("Scan ID", report.scan_id.clone());
    fields.put("permalink", report.permalink.clone());
    fields.put("Total", report.total);
    fields.put("Md5", report.md5.clone());
    fields.put("Sha1", report.sha1.clone());
    fields.put("Sha256", report.sha256.clone());
    fields.put("positives", report.positives);
    fields.put("total", report.total);
    fields.put("Detecting Engines", detecting_engines(&report.engines));
    fields.put("verbose_msg", report.verbose_msg.clone());
    fields.0
}

/// Scan URL.
pub(crate) fn of_url(report: &UrlReport) -> Map<String, Value> {
    let mut fields = Fields::default();
    let scan_date = report.scan_date.map(format_date);
    fields.put_both(["Scan date", "Scan Date"], scan_date.clone());
    fields.put("Scan ID", report.scan_id.clone());
    let score = risk_score(report.positives, report.total);
    fields.put("risk_score", score.clone());
    fields.put("Total", report.total);
    fields.put_both(["Online Link", "Permalink"], report.permalink.clone());
    fields.put_both(["Scanned Url", "Scanned URL"], report.url.clone());
    fields.put_both(["resource", "Resource"], report.resource.clone());
    fields.put("Detecting Engines", detecting_engines(&report.engines));
    fields.put("Risk Score", score);
    fields.put("Last Scan Date", scan_date);
    fields.put("verbose_msg", report.verbose_msg.clone());
    fields.put("File Scan ID", report.file_scan_id.clone());
    fields.put("Positives", report.positives);
    fields.put("First Submission", report.first_seen.clone());
    fields.put("Last Submission", report.last_seen.clone());
    fields.0
}

/// Scan IP.
pub(crate) fn of_ip(report: &IpReport) -> Map<String, Value> {
    let mut fields = Fields::default();
    fields.put("Country", report.country.clone());
    let names: Vec<String> = report
        .resolutions
        .iter()
        .map(|resolution| resolution.hostname.clone())
        .collect();
    fields.put("Related Domains", joined(&names, ", "));
    fields.put_both(["Last Scan Date", "Latest_scan_date"], date(report.newest_date()));
    fields.put("verbose_msg", report.verbose_msg.clone());
    let resolutions: Vec<String> = report
        .resolutions
        .iter()
        .map(|resolution| match &resolution.last_resolved {
            Some(date) => format!("{} ({date})", resolution.hostname),
            None => resolution.hostname.clone(),
        })
        .collect();
    fields.put("Resolutions", joined(&resolutions, ", "));
    fields.0
}

/// Get Domain Report. The JSON writes `BitDefender category` where the seed's table says `BitDefender Category`.
pub(crate) fn of_domain(report: &DomainReport) -> Map<String, Value> {
    let vendor = |key: &str| report.vendor(key).map(str::to_owned);
    let mut fields = Fields::default();
    fields.put_both(
        [
            "Forcepoint ThreatSeeker category",
            "Force Point ThreatSeeker Category",
        ],
        vendor("Forcepoint ThreatSeeker category"),
    );
    fields.put_both(
        ["BitDefender domain info", "Bit Defender Domain Info"],
        vendor("BitDefender domain info"),
    );
    fields.put("Categories", joined(&report.categories, ", "));
    fields.put_both(
        ["BitDefender Category", "Bit Defender Category"],
        vendor("BitDefender category"),
    );
    fields.put("Alexa Category", vendor("Alexa category"));
    fields.put_both(
        ["Alexa domain info", "Alexa Domain Info"],
        vendor("Alexa domain info"),
    );
    fields.put(
        "Websense ThreatSeeker category",
        vendor("Websense ThreatSeeker category"),
    );
    fields.put("TrendMicro category", vendor("TrendMicro category"));
    fields.put("Opera domain info", vendor("Opera domain info"));
    fields.put("Webutation domain info", vendor("Webutation domain info"));
    fields.put("verbose_msg", report.verbose_msg.clone());
    fields.put("whois", report.whois.clone());
    fields.put("Latest_scan_date", date(report.newest_date()));
    fields.0
}

fn date(date: Option<DateTime>) -> Option<String> {
    date.map(format_date)
}

fn joined(texts: &[String], separator: &str) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join(separator))
}

fn detecting_engines(engines: &[Engine]) -> Option<String> {
    let names: Vec<String> = engines
        .iter()
        .filter(|engine| engine.detected)
        .map(|engine| engine.name.clone())
        .collect();
    joined(&names, ", ")
}

/// `5/60`, as the original writes it.
fn risk_score(positives: Option<u64>, total: Option<u64>) -> Option<String> {
    Some(format!("{}/{}", positives?, total?))
}
