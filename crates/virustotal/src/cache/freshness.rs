//! How long an answer counts, by kind and verdict.

use std::str::FromStr;
use std::time::Duration;

use super::{Kind, MISSING, QUEUED};

const HOUR: Duration = Duration::from_secs(3600);

/// For how long a kept answer is taken instead of a new one.
///
/// What is flagged stays flagged for long; what is clean or unknown today may not be tomorrow. Read from a text such
/// as `file=7d/1d,missing=10m`: a kind, then the time for flagged objects and, behind a slash, for the others; what
/// is not named keeps its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    file: Times,
    url: Times,
    ip: Times,
    /// Domains have no verdict.
    domain: Duration,
    /// VirusTotal may learn of it any minute.
    missing: Duration,
    /// An analysis takes a minute or so.
    queued: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    flagged: Duration,
    clean: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        let times = |flagged, clean| Times {
            flagged: HOUR * flagged,
            clean: HOUR * clean,
        };
        Self {
            file: times(7 * 24, 24),
            url: times(24, 6),
            ip: times(24, 12),
            domain: HOUR * 24,
            missing: Duration::from_secs(600),
            queued: Duration::from_secs(10),
        }
    }
}

impl Freshness {
    pub(super) fn of(&self, kind: Kind, state: &str, flagged: bool) -> Duration {
        let times = match (state, kind) {
            (MISSING, _) => return self.missing,
            (QUEUED, _) => return self.queued,
            (_, Kind::Domain) => return self.domain,
            (_, Kind::File) => self.file,
            (_, Kind::Url) => self.url,
            (_, Kind::Ip) => self.ip,
        };
        match flagged {
            true => times.flagged,
            false => times.clean,
        }
    }
}

impl FromStr for Freshness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut freshness = Self::default();
        let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        for rule in rules {
            let unusable = || format!("must be rules such as file=7d/1d or missing=10m (not {rule:?})");
            let (name, times) = rule.split_once('=').ok_or_else(unusable)?;
            let (first, second) = match times.split_once('/') {
                Some((flagged, clean)) => (flagged, Some(clean)),
                None => (times, None),
            };
            let first = time(first).ok_or_else(unusable)?;
            let second = second.map(|text| time(text).ok_or_else(unusable)).transpose()?;
            let both = Times {
                flagged: first,
                clean: second.unwrap_or(first),
            };
            match (name.trim(), second) {
                ("file", _) => freshness.file = both,
                ("url", _) => freshness.url = both,
                ("ip", _) => freshness.ip = both,
                ("domain", None) => freshness.domain = first,
                ("missing", None) => freshness.missing = first,
                ("queued", None) => freshness.queued = first,
                _ => return Err(unusable()),
            }
        }
        Ok(freshness)
    }
}

/// `30s`, `10m`, `12h`, `7d`, or `0`.
fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "" if number == 0 => 1,
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::{FOUND, MISSING, QUEUED};
    use super::{Freshness, HOUR, Kind};

    #[test]
    fn rules_change_what_they_name_and_leave_the_rest() {
        let freshness: Freshness = "file=2d/3h, url=30s,missing=0".parse().unwrap();
        assert_eq!(freshness.of(Kind::File, FOUND, true), HOUR * 48);
        assert_eq!(freshness.of(Kind::File, FOUND, false), HOUR * 3);
        assert_eq!(freshness.of(Kind::Url, FOUND, false), Duration::from_secs(30));
        assert_eq!(freshness.of(Kind::Ip, MISSING, false), Duration::ZERO);
        assert_eq!(freshness.of(Kind::Ip, FOUND, true), HOUR * 24);
        assert_eq!(freshness.of(Kind::File, QUEUED, false), Duration::from_secs(10));
        assert_eq!("".parse(), Ok(Freshness::default()));
        for text in [
            "file",
            "file=",
            "file=1",
            "file=1w",
            "domain=1h/2h",
            "hash=1h",
            "file=99999999999999999999d",
        ] {
            assert!(text.parse::<Freshness>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_rule_panics(text in "(file|url|queued)?=?[0-9]{0,20}[smhd/,=]{0,3}.{0,4}") {
            let _ = text.parse::<Freshness>();
        }
    }
}
