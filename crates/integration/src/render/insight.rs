//! Insights. The wording keeps the original's phrases.

use secops::{Entity, Insight, InsightKind, Severity};

use crate::Verdict;
use crate::conclude::Judged;
use crate::facts::{Basis, Facts, IpFindings, Subject};

const TRIGGERED_BY: &str = "VirusTotal";

/// The insight on one entity: for an IP always, for the others when risky.
pub(crate) fn on_entity(entity: &Entity, facts: &Facts, judged: &Judged) -> Option<Insight> {
    let verdict = &judged.verdict;
    let content = match &facts.subject {
        Subject::Ip(findings) => of_ip(findings),
        _ if !verdict.risky() => return None,
        Subject::Hash => marked("Hash was", verdict),
        Subject::Url => marked("URL was", verdict),
        Subject::File => file_marked(entity.original_identifier(), verdict),
        Subject::Domain => return None,
    };
    let severity = match verdict.risky() {
        true => Severity::Warn,
        false => Severity::Informative,
    };
    let separator = match facts.subject {
        Subject::Ip(_) => "\n",
        _ => ". ",
    };
    let content = explained(content, separator, judged);
    Some(Insight::on_entity(entity, content, severity, TRIGGERED_BY))
}

/// The insight on a risky file that no entity of the case stands for.
pub(crate) fn on_case(path: &str, judged: &Judged) -> Option<Insight> {
    let verdict = &judged.verdict;
    verdict.risky().then(|| Insight {
        title: format!("File {path} found as suspicious."),
        content: explained(file_marked(path, verdict), ". ", judged),
        severity: Severity::Warn,
        kind: InsightKind::General {},
        triggered_by: TRIGGERED_BY.to_owned(),
    })
}

/// With the policy's reason behind it, where a policy is in use.
fn explained(content: String, separator: &str, judged: &Judged) -> String {
    match &judged.explanation {
        Some(explanation) => format!("{content}{separator}Verdict policy - {explanation}"),
        None => content,
    }
}

fn marked(what: &str, verdict: &Verdict) -> String {
    let (engines, threshold) = (engines(verdict), threshold(verdict));
    format!("VirusTotal - {what} marked as malicious by {engines}. Threshold set to - {threshold}")
}

fn file_marked(path: &str, verdict: &Verdict) -> String {
    let (engines, threshold) = (engines(verdict), threshold(verdict));
    format!("VirusTotal - {path} marked as malicious by {engines} - Threshold set to - {threshold}")
}

fn engines(verdict: &Verdict) -> String {
    let engines = if verdict.allowed_only {
        "allowed engines"
    } else {
        "engines"
    };
    match verdict.total {
        Some(total) => format!("{} of {total} {engines}", verdict.positives),
        None => format!("{} {engines}", verdict.positives),
    }
}

fn threshold(verdict: &Verdict) -> String {
    match verdict.percentage {
        Some(percentage) => format!("{} and {percentage} %", verdict.threshold),
        None => verdict.threshold.to_string(),
    }
}

fn of_ip(findings: &IpFindings) -> String {
    let country = findings
        .country
        .iter()
        .map(|country| format!("Country: {country}"));
    if let Basis::Listing(positives, total) = findings.basis {
        let listed = format!("Engines that list it: {positives} of {total}");
        return country.chain([listed]).collect::<Vec<_>>().join("\n");
    }
    if findings.basis == Basis::Nothing {
        let silent = "VirusTotal tells neither what engines say of it nor what was found on it.".to_owned();
        return country.chain([silent]).collect::<Vec<_>>().join("\n");
    }
    let counts = [
        ("Malicious Referrer Samples", findings.referrer),
        ("Malicious Downloaded Samples", findings.downloaded),
        ("Malicious Communicating Samples", findings.communicating),
        ("Malicious URLs", findings.urls),
    ];
    let told = counts
        .into_iter()
        .filter_map(|(what, count)| Some(format!("{what}: {}", count?)));
    country.chain(told).collect::<Vec<_>>().join("\n")
}
