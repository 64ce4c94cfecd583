//! What a report says, in the terms of a case: what the verdict is about, fields, a table, a link.

use secops::Rows;
use serde_json::{Map, Value};
use virustotal::report::{DomainReport, FileReport, Findings, IpReport, UrlReport};
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
}

pub(crate) fn of_hash(_: &ObjectId, report: &Report) -> Facts {
    let view = FileReport::read(report);
    Facts {
        fields: enrichment::of_hash(&view),
        ..of_file(report, view, Subject::Hash)
    }
}

pub(crate) fn of_uploaded_file(report: &Report) -> Facts {
    let view = FileReport::read(report);
    Facts {
        fields: enrichment::of_uploaded_file(&view),
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
        fields: enrichment::of_url(&view),
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
    Facts {
        seen: of_address(&view),
        fields: enrichment::of_ip(&view),
        rows: (!view.resolutions.is_empty()).then(|| table::resolutions(report)),
        link: Some(format!("https://www.virustotal.com/gui/ip-address/{object}")),
        subject: Subject::Ip(Box::new(IpFindings {
            country: view.country,
            referrer: view.detected_referrer_samples,
            downloaded: view.detected_downloaded_samples,
            communicating: view.detected_communicating_samples,
            urls: view.detected_urls,
        })),
    }
}

pub(crate) fn of_domain(object: &ObjectId, report: &Report) -> Facts {
    Facts {
        seen: Seen::default(),
        fields: enrichment::of_domain(&DomainReport::read(report)),
        rows: None,
        link: Some(format!("https://www.virustotal.com/gui/domain/{object}")),
        subject: Subject::Domain,
    }
}

/// The worst finding's numbers; no report says which engines found it.
fn of_address(view: &IpReport) -> Seen {
    Seen {
        positives: Some(view.positives()),
        total: view.worst().and_then(|(_, total)| total),
        engines: Vec::new(),
        newest_scan: view.newest_date(),
    }
}

/// What a verdict on a report is about.
pub(crate) fn seen(kind: PolicyKind, report: &Report) -> Seen {
    match kind {
        PolicyKind::File => of_uploaded_file(report).seen,
        PolicyKind::Url => of_url_report(report).seen,
        PolicyKind::Ip => of_address(&IpReport::read(report)),
    }
}

/// A report is outside text: only a web address becomes a link.
fn web_address(permalink: Option<String>) -> Option<String> {
    permalink.filter(|text| {
        text.starts_with("https://") && !text.contains(|c: char| c.is_control() || c.is_whitespace())
    })
}
