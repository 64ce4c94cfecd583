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

/// The counts in an IP's insight; `None` for what VirusTotal was not asked, or did not tell.
pub(crate) struct IpFindings {
    pub(crate) country: Option<String>,
    pub(crate) referrer: Option<usize>,
    pub(crate) downloaded: Option<usize>,
    pub(crate) communicating: Option<usize>,
    pub(crate) urls: Option<usize>,
    /// What the verdict is about.
    pub(crate) basis: Basis,
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
            is_silent: false,
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
            is_silent: false,
        },
        subject: Subject::Url,
    }
}

pub(crate) fn of_ip(object: &ObjectId, report: &Report) -> Facts {
    let view = IpReport::read(report);
    let (basis, value) = (basis(report), report.value());
    // In a report of API v2 a list that is missing is empty.
    let is_v2 = report.object().is_none();
    let told = |key: &str, findings: Findings| (is_v2 || value.get(key).is_some()).then_some(findings.count);
    Facts {
        seen: of_address(&view, basis),
        fields: with_beyond(enrichment::of_ip(&view), report),
        rows: (!view.resolutions.is_empty()).then(|| table::resolutions(report)),
        link: Some(format!("https://www.virustotal.com/gui/ip-address/{object}")),
        subject: Subject::Ip(Box::new(IpFindings {
            referrer: told("detected_referrer_samples", view.detected_referrer_samples),
            downloaded: told("detected_downloaded_samples", view.detected_downloaded_samples),
            communicating: told(
                "detected_communicating_samples",
                view.detected_communicating_samples,
            ),
            urls: told("detected_urls", view.detected_urls),
            country: view.country,
            basis,
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

/// What a verdict on an address is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The worst of what was found there.
    Findings,
    /// The engines that list the address itself, and those that were asked: nothing was asked of what was found there.
    Listing(u64, u64),
    /// Nothing: VirusTotal tells neither.
    Nothing,
}

/// The numbers of an address's verdict; no report says which engines found it.
fn of_address(view: &IpReport, basis: Basis) -> Seen {
    let (positives, total) = match basis {
        Basis::Findings => {
            let total = view.worst().and_then(|(_, total)| total);
            (Some(view.positives()), total)
        }
        Basis::Listing(positives, total) => (Some(positives), Some(total)),
        Basis::Nothing => (None, None),
    };
    Seen {
        positives,
        total,
        engines: Vec::new(),
        newest_scan: view.newest_date(),
        is_silent: basis == Basis::Nothing,
    }
}

/// A report of API v2 has findings, or there are none; one made of an object of API v3 has those that were asked for.
fn basis(report: &Report) -> Basis {
    let Some(object) = report.object() else {
        return Basis::Findings;
    };
    let value = report.value();
    let was_asked = [
        "communicating_samples",
        "referrer_samples",
        "downloaded_samples",
        "urls",
    ]
    .iter()
    .any(|kind| value.get(format!("detected_{kind}")).is_some());
    if was_asked {
        return Basis::Findings;
    }
    match Beyond::read(&object).engines() {
        Some((malicious, total)) => Basis::Listing(malicious, total),
        None => Basis::Nothing,
    }
}

/// What a verdict on a report is about.
pub(crate) fn seen(kind: PolicyKind, report: &Report) -> Seen {
    match kind {
        PolicyKind::File => of_uploaded_file(report).seen,
        PolicyKind::Url => of_url_report(report).seen,
        PolicyKind::Ip => of_address(&IpReport::read(report), basis(report)),
    }
}

/// A report is outside text: only a web address becomes a link.
fn web_address(permalink: Option<String>) -> Option<String> {
    permalink.filter(|text| {
        text.starts_with("https://") && !text.contains(|c: char| c.is_control() || c.is_whitespace())
    })
}

impl Facts {
    /// Whether the number of an address's verdict may be too low: something of what was found there was not told.
    pub(crate) fn is_lower_bound(&self) -> bool {
        matches!(&self.subject, Subject::Ip(findings) if findings.basis == Basis::Findings
            && (findings.urls.is_none() || findings.downloaded.is_none()
                || findings.communicating.is_none() || findings.referrer.is_none()))
    }

    /// Whether the verdict is that of the engines that list an address.
    pub(crate) fn is_by_listing(&self) -> bool {
        matches!(&self.subject, Subject::Ip(findings) if matches!(findings.basis, Basis::Listing(..)))
    }
}
