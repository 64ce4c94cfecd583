//! Step 3, pure: a report against the rule. The seed's rule is a threshold; parameters and a policy refine it.

mod engines;
mod explanation;
mod policy;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use secops::{ParameterError, Parameters};
use virustotal::report::Engine;

use crate::definition::{ENGINE_ALLOWLIST, ENGINE_PERCENTAGE};
use engines::{Counting, Names, Quorum, suspects};
pub use policy::{Policy, PolicyError, PolicyKind};

/// When an entity is risky: when everything that is said here holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Engines that must flag it at least.
    threshold: u32,
    /// Percentage of the engines that must flag it as well.
    percentage: Option<u32>,
    counting: Counting,
    quorum: Option<Quorum>,
    /// Whether an engine that merely suspects flags.
    count_suspicious: bool,
    /// Engines that must have answered; of fewer there is no verdict.
    minimum_engines: Option<u32>,
    newest_scan: Option<NewestScan>,
}

/// How old a report may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NewestScan {
    at_most_days: u32,
    /// An older one is no ground for a verdict; else its age is only said.
    decides: bool,
}

/// What a report says to a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Engines that flag the object, and engines that answered, as the report sums them up; a domain has neither.
    pub(crate) positives: Option<u64>,
    pub(crate) total: Option<u64>,
    /// What each engine says; an address and a domain have none.
    pub(crate) engines: Vec<Engine>,
    /// The newest scan, UTC.
    pub(crate) newest_scan: Option<DateTime>,
    /// The report has nothing that a verdict could be about: no number is not zero then.
    pub(crate) is_silent: bool,
}

/// Our judgement of one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Engines that flag the object, of those that count.
    pub positives: u64,
    /// Those of them that merely suspect it.
    pub suspecting: u64,
    /// Engines that answered, of those that count, where the report says so.
    pub total: Option<u64>,
    /// Positives from which an entity is risky.
    pub threshold: u32,
    /// Percentage of `total` that the positives must reach as well.
    pub percentage: Option<u32>,
    /// Whether only some engines count.
    pub allowed_only: bool,
    /// How the trusted engines vote, where they must agree.
    pub trusted: Option<Trusted>,
    /// The report's age, where it is older than it may be.
    pub stale: Option<Stale>,
    /// Why there is no verdict.
    pub undecided: Option<Undecided>,
}

/// How the trusted engines vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// Those that flag the object.
    pub positives: u64,
    /// How many are trusted, whether they answered or not.
    pub total: usize,
    /// How many must flag it.
    pub at_least: u32,
}

/// A report that is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Whole days since the newest scan.
    pub days: i64,
    /// How many it may be.
    pub at_most: u32,
}

/// Why there is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// Too few engines answered.
    FewEngines {
        /// How many did.
        answered: u64,
        /// How many must.
        at_least: u32,
    },
    /// Some engines are asked for by name, and the report names none.
    NoEngines,
    /// The newest scan is too old.
    Stale(Stale),
    /// VirusTotal tells neither what engines say nor what was found there.
    Silent,
}

impl Rule {
    /// Only the number counts.
    pub(crate) fn of_threshold(threshold: u32) -> Self {
        Self {
            threshold,
            ..Self::default()
        }
    }

    /// The same with what the parameters say beyond the threshold: their word comes before the policy's.
    pub(crate) fn refined(mut self, parameters: &Parameters) -> Result<Self, ParameterError> {
        let percentage = parameters.whole_number(ENGINE_PERCENTAGE, 1)?;
        if let Some(percentage) = percentage.filter(|percentage| *percentage > 100) {
            let expected = "a percentage from 1 to 100";
            return Err(ParameterError::invalid(
                ENGINE_PERCENTAGE,
                expected,
                &percentage.to_string(),
            ));
        }
        self.percentage = percentage.or(self.percentage);
        let names = parameters.text(ENGINE_ALLOWLIST)?.unwrap_or_default();
        let names = names.split(',').map(|name| name.trim().to_owned());
        let names = Names::of(names.filter(|name| !name.is_empty()));
        if names.count() > 0 {
            self.counting = Counting::Allowlist(names);
        }
        Ok(self)
    }

    /// A report without the number of positives flags nothing. Source: the original.
    pub(crate) fn judge(&self, seen: &Seen, now: Timestamp) -> Verdict {
        let suspecting = |engine: &&Engine| self.count_suspicious && suspects(engine);
        let counting = || {
            seen.engines
                .iter()
                .filter(|engine| self.counting.counts(&engine.name))
        };
        let suspected = counting().filter(suspecting).count() as u64;
        let (flagged, total) = match self.counting {
            Counting::All => (seen.positives.unwrap_or(0), seen.total),
            _ => (
                counting().filter(|engine| engine.detected).count() as u64,
                Some(counting().count() as u64),
            ),
        };
        let stale = self.newest_scan.and_then(|newest| newest.stale(seen, now));
        Verdict {
            positives: flagged.saturating_add(suspected),
            suspecting: suspected,
            total,
            threshold: self.threshold,
            percentage: self.percentage,
            allowed_only: self.counting != Counting::All,
            trusted: self.quorum.as_ref().map(|quorum| Trusted {
                positives: (seen.engines.iter())
                    .filter(|engine| quorum.trusted.has(&engine.name))
                    .filter(|engine| engine.detected || suspecting(engine))
                    .count() as u64,
                total: quorum.trusted.count(),
                at_least: quorum.at_least,
            }),
            stale,
            undecided: self.undecided(seen, stale),
        }
    }

    fn undecided(&self, seen: &Seen, stale: Option<Stale>) -> Option<Undecided> {
        let silent = seen.is_silent.then_some(Undecided::Silent);
        let few = self.minimum_engines.zip(seen.total);
        let few = few.filter(|(at_least, answered)| *answered < u64::from(*at_least));
        let few = few.map(|(at_least, answered)| Undecided::FewEngines { answered, at_least });
        let by_name =
            self.quorum.is_some() || matches!(self.counting, Counting::Only(_) | Counting::AllBut(_));
        let nameless = (by_name && seen.engines.is_empty()).then_some(Undecided::NoEngines);
        let decides = self.newest_scan.is_some_and(|newest| newest.decides);
        let old = stale.filter(|_| decides).map(Undecided::Stale);
        silent.or(few).or(nameless).or(old)
    }

    /// Names on the allowlist that none of the engines has.
    pub(crate) fn unknown_on_allowlist(&self, engines: &HashSet<String>) -> Vec<&str> {
        match &self.counting {
            Counting::Allowlist(names) => names.unknown(engines).collect(),
            _ => Vec::new(),
        }
    }

    /// Names in the policy that none of the engines has, each once.
    pub(crate) fn unknown_in_policy(&self, engines: &HashSet<String>) -> Vec<&str> {
        let chosen = match &self.counting {
            Counting::Only(names) | Counting::AllBut(names) => Some(names),
            Counting::All | Counting::Allowlist(_) => None,
        };
        let trusted = self.quorum.as_ref().map(|quorum| &quorum.trusted);
        let names = chosen.into_iter().chain(trusted);
        let mut said = HashSet::new();
        names
            .flat_map(|names| names.unknown(engines))
            .filter(|name| said.insert(name.to_lowercase()))
            .collect()
    }

    /// Whether it asks for engines by name.
    pub(crate) fn names_engines(&self) -> bool {
        self.counting != Counting::All || self.quorum.is_some()
    }
}

impl NewestScan {
    /// A report that does not say when it was made is of no age.
    fn stale(self, seen: &Seen, now: Timestamp) -> Option<Stale> {
        let scanned_at = Offset::UTC.to_timestamp(seen.newest_scan?).ok()?;
        let days = now.duration_since(scanned_at).as_hours() / 24;
        (days > i64::from(self.at_most_days)).then_some(Stale {
            days,
            at_most: self.at_most_days,
        })
    }
}

impl Verdict {
    /// Whether there is a verdict, the positives reach the threshold (source: the contract, for every action), and the
    /// percentage and the quorum where there are such. Of a report that does not say how many engines answered, only the
    /// number counts.
    #[must_use]
    pub fn risky(&self) -> bool {
        self.undecided.is_none() && self.reaches_threshold() && self.reaches_share() && self.reaches_quorum()
    }

    fn reaches_threshold(&self) -> bool {
        self.positives >= u64::from(self.threshold)
    }

    fn reaches_share(&self) -> bool {
        let reaches = |percentage: u32| {
            self.total.is_none_or(|total| {
                self.positives.saturating_mul(100) >= total.saturating_mul(u64::from(percentage))
            })
        };
        self.percentage.is_none_or(reaches)
    }

    fn reaches_quorum(&self) -> bool {
        self.trusted
            .is_none_or(|trusted| trusted.positives >= u64::from(trusted.at_least))
    }
}
