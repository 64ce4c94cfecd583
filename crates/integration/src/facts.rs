//! What a report says, in the terms of a case: what the verdict is about, fields, a table, a link.

use secops::Rows;
use serde_json::{Map, Value};
use virustotal::report::{Beyond, DomainReport, FileReport, Findings, IpReport, UrlReport};
use virustotal::{ObjectId, Report};

use crate::enrichment;
use crate::render::table;
use crate::verdict::{PolicyKind, Seen};

/// What one report says.
pub(crate) struct Facts {
    /// What the verdict is about.
    pub(crate) seen: Seen,
    /// Enrichment, without prefix.
    pub(crate) fields: Map<String, Value>,
    pub(crate) rows: Option<Rows>,
    pub(crate) link: Option<String>,
    pub(crate) subject: Subject,
}

/// What kind of object it is, with what only its insight needs.
pub(crate) enum Subject {
    Hash,
    File,
    Url,
    Ip(Box<IpFindings>),
    Domain,
}

/// The counts in an IP's insight.
pub(crate) struct IpFindings {
    pub(crate) country: Option<String>,
    pub(crate) referrer: Findings,
    pub(crate) downloaded: Findings,
    pub(crate) communicating: Findings,
    pub(crate) urls: Findings,
    /// Engines that list the address itself, where the verdict is theirs.
    pub(crate) listing: Option<Listing>,
}

pub(crate) fn of_hash(_: &ObjectId, report: &Report) -> Facts {
    let view = FileReport::read(report);
    Facts {
        fields: with_beyond(enrichment::of_hash(&view), report),
        ..of_file(report, view, Subject::Hash)
    }
}

pub(crate) fn of_uploaded_file(report: &Report) -> Facts {
    let view = FileReport::read(report);
    Facts {
        fields: with_beyond(enrichment::of_uploaded_file(&view), report),
        ..of_file(report, view, Subject::File)
    }
}

fn of_file(report: &Report, view: FileReport, subject: Subject) -> Facts {
    let read = |report: &Report| FileReport::read(report).engines;
    Facts {
        fields: Map::new(),
        rows: (!view.engines.is_empty()).then(|| table::engines(report, read)),
        link: web_address(view.permalink),
        seen: Seen {
            positives: view.positives,
            total: view.total,
            engines: view.engines,
            newest_scan: view.scan_date,
        },
        subject,
    }
}

pub(crate) fn of_url(_: &ObjectId, report: &Report) -> Facts {
    of_url_report(report)
}

fn of_url_report(report: &Report) -> Facts {
    let view = UrlReport::read(report);
    let read = |report: &Report| UrlReport::read(report).engines;
    Facts {
        fields: with_beyond(enrichment::of_url(&view), report),
        rows: (!view.engines.is_empty()).then(|| table::engines(report, read)),
        link: web_address(view.permalink),
        seen: Seen {
            positives: view.positives,
            total: view.total,
            engines: view.engines,
            newest_scan: view.scan_date,
        },
        subject: Subject::Url,
    }
}

pub(crate) fn of_ip(object: &ObjectId, report: &Report) -> Facts {
    let view = IpReport::read(report);
    let listing = listing(report);
    Facts {
        seen: of_address(&view, listing),
        fields: with_beyond(enrichment::of_ip(&view), report),
        rows: (!view.resolutions.is_empty()).then(|| table::resolutions(report)),
        link: Some(format!("https://www.virustotal.com/gui/ip-address/{object}")),
        subject: Subject::Ip(Box::new(IpFindings {
            country: view.country,
            referrer: view.detected_referrer_samples,
            downloaded: view.detected_downloaded_samples,
            communicating: view.detected_communicating_samples,
            urls: view.detected_urls,
            listing,
        })),
    }
}

pub(crate) fn of_domain(object: &ObjectId, report: &Report) -> Facts {
    Facts {
        seen: Seen::default(),
        fields: with_beyond(enrichment::of_domain(&DomainReport::read(report)), report),
        rows: None,
        link: Some(format!("https://www.virustotal.com/gui/domain/{object}")),
        subject: Subject::Domain,
    }
}

fn with_beyond(mut fields: Map<String, Value>, report: &Report) -> Map<String, Value> {
    enrichment::add_beyond(&mut fields, report);
    fields
}

/// The worst finding's numbers; no report says which engines found it. Where nothing was asked of what was found there, the
/// engines that list the address itself are what is left.
fn of_address(view: &IpReport, listing: Option<Listing>) -> Seen {
    let (positives, total) = listing.unwrap_or_else(|| {
        let total = view.worst().and_then(|(_, total)| total);
        (view.positives(), total)
    });
    Seen {
        positives: Some(positives),
        total,
        engines: Vec::new(),
        newest_scan: view.newest_date(),
    }
}

/// Engines that list an address, and engines that were asked.
type Listing = (u64, Option<u64>);

/// The listing in an object of API v3 whose findings were not asked for.
fn listing(report: &Report) -> Option<Listing> {
    let object = report.object()?;
    let value = report.value();
    let asked = ["communicating", "referrer", "downloaded"]
        .iter()
        .any(|kind| value.get(format!("detected_{kind}_samples")).is_some());
    if asked || value.get("detected_urls").is_some() {
        return None;
    }
    let beyond = Beyond::read(&object);
    Some((beyond.malicious?, beyond.total))
}

/// What a verdict on a report is about.
pub(crate) fn seen(kind: PolicyKind, report: &Report) -> Seen {
    match kind {
        PolicyKind::File => of_uploaded_file(report).seen,
        PolicyKind::Url => of_url_report(report).seen,
        PolicyKind::Ip => of_address(&IpReport::read(report), listing(report)),
    }
}

/// A report is outside text: only a web address becomes a link.
fn web_address(permalink: Option<String>) -> Option<String> {
    permalink.filter(|text| {
        text.starts_with("https://") && !text.contains(|c: char| c.is_control() || c.is_whitespace())
    })
}

impl Facts {
    /// Whether the verdict is that of the engines that list an address.
    pub(crate) fn is_by_listing(&self) -> bool {
        matches!(&self.subject, Subject::Ip(findings) if findings.listing.is_some())
    }
}
