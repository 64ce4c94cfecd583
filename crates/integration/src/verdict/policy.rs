//! A verdict policy: a small TOML file that says when an entity is risky.
//!
//! ```toml
//! threshold = 3                                  # engines
//! percentage = 10                                # of the engines that answered
//! engines.ignore = ["Bkav"]                      # or engines.only = [...]
//! trusted = ["Kaspersky", "Microsoft", "ESET-NOD32"]
//! trusted_quorum = 2                             # of them must flag it
//! minimum_engines = 10                           # fewer have answered: no verdict
//! newest_scan_days = 90                          # an older report: said beside the verdict,
//! stale = "unknown"                              # or, with this, no verdict
//!
//! [url]                                          # comes before the common values; file, url, ip
//! threshold = 5
//! ```
//!
//! An entity is risky when *everything* that is said holds.

#[cfg(test)]
mod tests;
mod wire;
mod words;

use jiff::Timestamp;
use secops::{ParameterError, Parameters};
use virustotal::Report;

use super::engines::{Counting, Quorum};
use super::{NewestScan, Rule, Verdict};
use crate::definition::THRESHOLD;
use crate::facts;
use crate::words::shown;

/// What a verdict policy tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Hashes and files.
    File,
    /// URLs.
    Url,
    /// IP addresses: of the worst finding on them only the numbers are known, not the engines.
    Ip,
}

/// A verdict policy that was read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    name: String,
    file: Values,
    url: Values,
    ip: Values,
    /// Common rules on engines that can't apply to addresses.
    skipped_for_ip: Vec<&'static str>,
}

/// A policy file that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(String);

/// What a policy says of one kind, the common values among it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Values {
    threshold: Option<u32>,
    percentage: Option<u32>,
    counting: Option<Counting>,
    quorum: Option<Quorum>,
    count_suspicious: bool,
    minimum_engines: Option<u32>,
    newest_scan: Option<NewestScan>,
}

impl PolicyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::File, Self::Url, Self::Ip];

    /// What a v2 report is about; `None` for a domain's, which is not judged, and for what is no report.
    #[must_use]
    pub fn of(report: &Report) -> Option<Self> {
        let report = report.value();
        let has = |keys: &[&str]| keys.iter().any(|key| report.get(*key).is_some());
        match () {
            () if has(&["md5", "sha1", "sha256"]) => Some(Self::File),
            () if has(&["url"]) => Some(Self::Url),
            () if has(&["whois", "subdomains", "domain_siblings", "categories"]) => None,
            () if has(&["detected_urls", "resolutions", "asn", "country"]) => Some(Self::Ip),
            () => None,
        }
    }

    /// The table's name in a policy file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Url => "url",
            Self::Ip => "ip",
        }
    }

    /// Engines from which something of this kind is risky, where nobody says otherwise. Source: the contract's table, and
    /// for hashes and URLs the original.
    #[must_use]
    pub fn usual_threshold(self) -> u32 {
        match self {
            Self::File | Self::Url => 3,
            Self::Ip => 25,
        }
    }
}

impl Policy {
    /// Reads a policy file's text; `name` is what people are told.
    ///
    /// # Errors
    /// Says where the text is wrong, or which key.
    pub fn parse(name: impl Into<String>, text: &str) -> Result<Self, PolicyError> {
        wire::read(name.into(), text).map_err(|PolicyError(words)| PolicyError(shown(&words)))
    }

    /// What people are told of it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own threshold for that kind; `None` where it leaves that to the action's parameter.
    #[must_use]
    pub fn threshold(&self, kind: PolicyKind) -> Option<u32> {
        self.values(kind).threshold
    }

    /// Judges a v2 report. `threshold` is the action's parameter, which comes before the policy's own.
    #[must_use]
    pub fn judge(
        &self,
        kind: PolicyKind,
        report: &Report,
        threshold: Option<u32>,
        now: Timestamp,
    ) -> Verdict {
        let threshold = threshold.or(self.threshold(kind));
        let rule = self
            .values(kind)
            .rule(threshold.unwrap_or(kind.usual_threshold()));
        rule.judge(&facts::seen(kind, report), now)
    }

    fn values(&self, kind: PolicyKind) -> &Values {
        match kind {
            PolicyKind::File => &self.file,
            PolicyKind::Url => &self.url,
            PolicyKind::Ip => &self.ip,
        }
    }

    /// What people must know of its use.
    pub(crate) fn notices(&self, kind: PolicyKind) -> Vec<String> {
        let mut notices = vec![format!("Verdict policy in use: {}.", self.name)];
        if kind == PolicyKind::Ip && !self.skipped_for_ip.is_empty() {
            notices.push(format!(
                "{}: {} cannot apply to IP addresses, whose reports name no engines.",
                self.heading(),
                self.skipped_for_ip.join(", ")
            ));
        }
        notices
    }

    /// How a notice on it begins.
    pub(crate) fn heading(&self) -> String {
        format!("Verdict policy {}", self.name)
    }
}

impl Values {
    fn rule(&self, threshold: u32) -> Rule {
        Rule {
            threshold,
            percentage: self.percentage,
            counting: self.counting.clone().unwrap_or_default(),
            quorum: self.quorum.clone(),
            count_suspicious: self.count_suspicious,
            minimum_engines: self.minimum_engines,
            newest_scan: self.newest_scan,
        }
    }
}

impl Rule {
    /// What counts in a run: parameters, then the policy, then the action's own threshold.
    ///
    /// # Errors
    /// A parameter can't be used, or nobody says a threshold.
    pub(crate) fn of_run(
        parameters: &Parameters,
        policy: Option<(&Policy, PolicyKind)>,
        default_threshold: Option<u32>,
    ) -> Result<Self, ParameterError> {
        let values = policy.map(|(policy, kind)| policy.values(kind));
        let threshold = parameters
            .whole_number(THRESHOLD, 1)?
            .or_else(|| values?.threshold)
            .or(default_threshold)
            .ok_or(ParameterError::Missing { name: THRESHOLD })?;
        let rule = match values {
            Some(values) => values.rule(threshold),
            None => Self::of_threshold(threshold),
        };
        rule.refined(parameters)
    }
}
