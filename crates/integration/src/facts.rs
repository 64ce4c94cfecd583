//! What a report says, in the terms of a case: numbers for the verdict, fields, a table, a link.

use std::sync::Arc;

use secops::Rows;
use serde_json::{Map, Value};
use virustotal::report::{DomainReport, FileReport, Findings, IpReport, UrlReport};
use virustotal::{ObjectId, Report};

use crate::enrichment;
use crate::render::table;

/// What one report says.
pub(crate) struct Facts {
    /// Engines that flag the object, and engines that answered; a domain has neither.
    pub(crate) positives: Option<u64>,
    pub(crate) total: Option<u64>,
    /// Enrichment, without prefix.
    pub(crate) fields: Map<String, Value>,
    pub(crate) rows: Option<Arc<Rows>>,
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
    let report = FileReport::read(report);
    Facts {
        fields: enrichment::of_hash(&report),
        ..of_file(report, Subject::Hash)
    }
}

pub(crate) fn of_uploaded_file(report: &Report) -> Facts {
    let report = FileReport::read(report);
    Facts {
        fields: enrichment::of_uploaded_file(&report),
        ..of_file(report, Subject::File)
    }
}

fn of_file(report: FileReport, subject: Subject) -> Facts {
    Facts {
        positives: report.positives,
        total: report.total,
        fields: Map::new(),
        rows: table::engines(&report.engines),
        link: web_address(report.permalink),
        subject,
    }
}

pub(crate) fn of_url(_: &ObjectId, report: &Report) -> Facts {
    let report = UrlReport::read(report);
    Facts {
        positives: report.positives,
        total: report.total,
        fields: enrichment::of_url(&report),
        rows: table::engines(&report.engines),
        link: web_address(report.permalink),
        subject: Subject::Url,
    }
}

pub(crate) fn of_ip(object: &ObjectId, report: &Report) -> Facts {
    let report = IpReport::read(report);
    Facts {
        positives: Some(report.positives()),
        total: report.worst().and_then(|(_, total)| total),
        fields: enrichment::of_ip(&report),
        rows: table::resolutions(&report.resolutions),
        link: Some(format!("https://www.virustotal.com/gui/ip-address/{object}")),
        subject: Subject::Ip(Box::new(IpFindings {
            country: report.country,
            referrer: report.detected_referrer_samples,
            downloaded: report.detected_downloaded_samples,
            communicating: report.detected_communicating_samples,
            urls: report.detected_urls,
        })),
    }
}

pub(crate) fn of_domain(object: &ObjectId, report: &Report) -> Facts {
    Facts {
        positives: None,
        total: None,
        fields: enrichment::of_domain(&DomainReport::read(report)),
        rows: None,
        link: Some(format!("https://www.virustotal.com/gui/domain/{object}")),
        subject: Subject::Domain,
    }
}

/// A report is outside text: only a web address becomes a link.
fn web_address(permalink: Option<String>) -> Option<String> {
    permalink.filter(|text| {
        text.starts_with("https://") && !text.contains(|c: char| c.is_control() || c.is_whitespace())
    })
}
