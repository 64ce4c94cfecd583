//! A policy as its file spells it, and what it may not say.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::NewestScan;
use super::super::engines::{Counting, Names, Quorum};
use super::{Policy, PolicyError, PolicyKind, Values};

/// Keys that a report on an address, which names no engines, has nothing for.
const ENGINE_KEYS: [&str; 4] = ["engines", "trusted", "trusted_quorum", "count_suspicious"];

/// The common values, and those of a kind.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePolicy {
    threshold: Option<Whole>,
    percentage: Option<Percentage>,
    engines: Option<WireEngines>,
    trusted: Option<Vec<String>>,
    trusted_quorum: Option<Whole>,
    count_suspicious: Option<bool>,
    minimum_engines: Option<Whole>,
    newest_scan_days: Option<Whole>,
    stale: Option<StaleIs>,
    file: Option<WireValues>,
    url: Option<WireValues>,
    ip: Option<WireValues>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireValues {
    threshold: Option<Whole>,
    percentage: Option<Percentage>,
    engines: Option<WireEngines>,
    trusted: Option<Vec<String>>,
    trusted_quorum: Option<Whole>,
    count_suspicious: Option<bool>,
    minimum_engines: Option<Whole>,
    newest_scan_days: Option<Whole>,
    stale: Option<StaleIs>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEngines {
    only: Option<Vec<String>>,
    ignore: Option<Vec<String>>,
}

/// What an old report is.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum StaleIs {
    /// Its age stands beside the verdict.
    Said,
    /// It is no ground for one.
    Unknown,
}

/// A whole number of at least 1 and at most `MOST`; its errors are in words.
#[derive(Clone, Copy)]
struct UpTo<const MOST: u32>(u32);
type Whole = UpTo<{ u32::MAX }>;
type Percentage = UpTo<100>;

impl<'de, const MOST: u32> Deserialize<'de> for UpTo<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number<const MOST: u32>;
        impl<const MOST: u32> Visitor<'_> for Number<MOST> {
            type Value = UpTo<MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match MOST {
                    u32::MAX => f.write_str("a whole number of at least 1"),
                    most => write!(f, "a whole number from 1 to {most}"),
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                let fitting = u32::try_from(number)
                    .ok()
                    .filter(|number| (1..=MOST).contains(number));
                fitting
                    .map(UpTo)
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
            }
        }
        deserializer.deserialize_i64(Number)
    }
}

pub(super) fn read(name: String, text: &str) -> Result<Policy, PolicyError> {
    // As Windows' editors write it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let wire: WirePolicy =
        toml::from_str(text).map_err(|error| PolicyError(error.to_string().trim_end().to_owned()))?;
    let common = WireValues {
        threshold: wire.threshold,
        percentage: wire.percentage,
        engines: wire.engines,
        trusted: wire.trusted,
        trusted_quorum: wire.trusted_quorum,
        count_suspicious: wire.count_suspicious,
        minimum_engines: wire.minimum_engines,
        newest_scan_days: wire.newest_scan_days,
        stale: wire.stale,
    };
    let kinds = [&wire.file, &wire.url, &wire.ip];
    if common.is_empty() && kinds.into_iter().flatten().all(WireValues::is_empty) {
        return Err(PolicyError(
            "the policy says nothing; give it a threshold, percentage, engines, trusted and trusted_quorum, \
             minimum_engines or newest_scan_days"
                .to_owned(),
        ));
    }
    // Of what is common, mistakes are told without a kind.
    common.clone().check("")?;
    let ip = wire.ip.unwrap_or_default();
    if let Some(key) = ip.engine_keys().next() {
        return Err(PolicyError(format!(
            "[ip] {key} can't be judged: a report on an IP address names no engines"
        )));
    }
    let skipped_for_ip = common.engine_keys().collect();
    let for_ip = common.clone().without_engines();
    Ok(Policy {
        name,
        file: wire
            .file
            .unwrap_or_default()
            .over(common.clone())
            .values(PolicyKind::File)?,
        url: wire
            .url
            .unwrap_or_default()
            .over(common)
            .values(PolicyKind::Url)?,
        ip: ip.over(for_ip).values(PolicyKind::Ip)?,
        skipped_for_ip,
    })
}

impl WireValues {
    fn is_empty(&self) -> bool {
        self.threshold.is_none()
            && self.percentage.is_none()
            && self.engine_keys().next().is_none()
            && self.minimum_engines.is_none()
            && self.newest_scan_days.is_none()
            && self.stale.is_none()
    }

    /// The keys on engines that it has.
    fn engine_keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        let has = [
            self.engines.is_some(),
            self.trusted.is_some(),
            self.trusted_quorum.is_some(),
            self.count_suspicious.is_some(),
        ];
        let keys = ENGINE_KEYS.into_iter().zip(has);
        keys.filter_map(|(key, has)| has.then_some(key))
    }

    fn without_engines(self) -> Self {
        Self {
            engines: None,
            trusted: None,
            trusted_quorum: None,
            count_suspicious: None,
            ..self
        }
    }

    /// Its own values, else the common ones.
    fn over(self, common: Self) -> Self {
        Self {
            threshold: self.threshold.or(common.threshold),
            percentage: self.percentage.or(common.percentage),
            engines: self.engines.or(common.engines),
            trusted: self.trusted.or(common.trusted),
            trusted_quorum: self.trusted_quorum.or(common.trusted_quorum),
            count_suspicious: self.count_suspicious.or(common.count_suspicious),
            minimum_engines: self.minimum_engines.or(common.minimum_engines),
            newest_scan_days: self.newest_scan_days.or(common.newest_scan_days),
            stale: self.stale.or(common.stale),
        }
    }

    /// What is wrong whatever a kind adds.
    fn check(self, place: &str) -> Result<(), PolicyError> {
        counting(self.engines, place)?;
        self.trusted
            .map(|names| list(&names, place, "trusted"))
            .transpose()?;
        Ok(())
    }

    /// All that counts for a kind, checked.
    fn values(self, kind: PolicyKind) -> Result<Values, PolicyError> {
        let place = &format!("[{}] ", kind.name());
        let counting = counting(self.engines, place)?;
        let trusted = self
            .trusted
            .map(|names| list(&names, place, "trusted"))
            .transpose()?;
        Ok(Values {
            threshold: self.threshold.map(|UpTo(number)| number),
            percentage: self.percentage.map(|UpTo(number)| number),
            quorum: quorum(trusted, self.trusted_quorum, counting.as_ref(), place)?,
            counting,
            count_suspicious: self.count_suspicious.unwrap_or(false),
            minimum_engines: self.minimum_engines.map(|UpTo(number)| number),
            newest_scan: newest_scan(self.newest_scan_days, self.stale, place)?,
        })
    }
}

fn counting(engines: Option<WireEngines>, place: &str) -> Result<Option<Counting>, PolicyError> {
    let Some(engines) = engines else {
        return Ok(None);
    };
    match (engines.only, engines.ignore) {
        (Some(only), None) => list(&only, place, "engines.only").map(|names| Some(Counting::Only(names))),
        (None, Some(ignore)) => {
            list(&ignore, place, "engines.ignore").map(|names| Some(Counting::AllBut(names)))
        }
        (Some(_), Some(_)) => Err(PolicyError(format!(
            "{place}engines.only and engines.ignore can't both be; keep one"
        ))),
        (None, None) => Err(PolicyError(format!(
            "{place}engines says nothing; give it only = [...] or ignore = [...]"
        ))),
    }
}

fn list(names: &[String], place: &str, key: &str) -> Result<Names, PolicyError> {
    let names = Names::of(names.iter().map(|name| name.trim().to_owned()));
    match names.twice() {
        _ if names.count() == 0 || names.has("") => Err(PolicyError(format!(
            "{place}{key} must be names of engines, such as [\"Kaspersky\"], none of them empty"
        ))),
        Some(name) => Err(PolicyError(format!("{place}{key} has {name:?} twice"))),
        None => Ok(names),
    }
}

fn quorum(
    trusted: Option<Names>,
    at_least: Option<Whole>,
    counting: Option<&Counting>,
    place: &str,
) -> Result<Option<Quorum>, PolicyError> {
    let wrong = |what: String| Err(PolicyError(format!("{place}{what}")));
    let (trusted, at_least) = match (trusted, at_least) {
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return wrong("trusted needs trusted_quorum: how many of them must flag".to_owned());
        }
        (None, Some(_)) => return wrong("trusted_quorum needs trusted: the engines' names".to_owned()),
        (Some(trusted), Some(UpTo(at_least))) => (trusted, at_least),
    };
    if at_least as usize > trusted.count() {
        return wrong(format!(
            "trusted_quorum must be at most {}, the number of trusted engines, not {at_least}",
            trusted.count()
        ));
    }
    let left_out = trusted
        .written()
        .find(|name| counting.is_some_and(|counting| !counting.counts(name)));
    if let Some(name) = left_out {
        return wrong(format!(
            "trusted has {name:?}, whose word does not count by engines"
        ));
    }
    Ok(Some(Quorum { trusted, at_least }))
}

fn newest_scan(
    days: Option<Whole>,
    stale: Option<StaleIs>,
    place: &str,
) -> Result<Option<NewestScan>, PolicyError> {
    match (days, stale) {
        (Some(UpTo(at_most_days)), stale) => Ok(Some(NewestScan {
            at_most_days,
            decides: stale == Some(StaleIs::Unknown),
        })),
        (None, Some(_)) => Err(PolicyError(format!(
            "{place}stale needs newest_scan_days: from which age a report is stale"
        ))),
        (None, None) => Ok(None),
    }
}
