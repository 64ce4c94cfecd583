//! What the engines say. Source: the mapping, sections 1 and 4.

use serde_json::{Map, Value, json};

use super::attribute::count;
use super::draft::Draft;
use super::{Counting, Kind};
use crate::report::as_text;

/// A verdict. Engines that timed out, failed or can't read the file have none: API v2 doesn't list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Malicious,
    Suspicious,
    Harmless,
    Undetected,
}

impl Verdict {
    fn read(result: &Value) -> Option<Self> {
        match result.get("category")?.as_str()? {
            "malicious" => Some(Self::Malicious),
            "suspicious" => Some(Self::Suspicious),
            "harmless" => Some(Self::Harmless),
            "undetected" => Some(Self::Undetected),
            _ => None,
        }
    }

    fn counts(self, counting: Counting) -> bool {
        match self {
            Self::Malicious => true,
            Self::Suspicious => counting.suspicious,
            Self::Harmless | Self::Undetected => false,
        }
    }

    /// API v2's words for a URL where the engine has none of its own.
    fn in_words(self) -> &'static str {
        match self {
            Self::Malicious => "malicious site",
            Self::Suspicious => "suspicious site",
            Self::Harmless => "clean site",
            Self::Undetected => "unrated site",
        }
    }
}

/// How many engines gave which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) malicious: u64,
    pub(super) suspicious: u64,
    harmless: u64,
    undetected: u64,
}

impl Tally {
    /// From an object's last analysis: its results, else its stats.
    pub(super) fn of_last_analysis(attributes: &Value) -> Option<Self> {
        attributes
            .get("last_analysis_results")
            .and_then(Self::of_results)
            .or_else(|| Self::of_stats(attributes.get("last_analysis_stats")?))
    }

    fn of_results(results: &Value) -> Option<Self> {
        let results = readable(results)?;
        let mut tally = Self::default();
        for verdict in results.values().filter_map(Verdict::read) {
            match verdict {
                Verdict::Malicious => tally.malicious += 1,
                Verdict::Suspicious => tally.suspicious += 1,
                Verdict::Harmless => tally.harmless += 1,
                Verdict::Undetected => tally.undetected += 1,
            }
        }
        Some(tally)
    }

    /// A missing number is zero; an unreadable one is no zero, so the whole counts as missing then.
    pub(super) fn of_stats(stats: &Value) -> Option<Self> {
        let number = |key| match stats.get(key) {
            None | Some(Value::Null) => Some(0),
            // Far above any number of engines, so that sums can't overflow.
            Some(_) => count(stats, key).filter(|number| *number <= u64::from(u32::MAX)),
        };
        stats.as_object().filter(|stats| !stats.is_empty())?;
        Some(Self {
            malicious: number("malicious")?,
            suspicious: number("suspicious")?,
            harmless: number("harmless")?,
            undetected: number("undetected")?,
        })
    }

    /// Puts the numbers in place of those of the stats.
    fn put_in(self, stats: &mut Map<String, Value>) {
        let numbers = [
            ("malicious", self.malicious),
            ("suspicious", self.suspicious),
            ("harmless", self.harmless),
            ("undetected", self.undetected),
        ];
        for (name, number) in numbers {
            stats.insert(name.to_owned(), number.into());
        }
    }

    pub(super) fn positives(self, counting: Counting) -> u64 {
        self.malicious + if counting.suspicious { self.suspicious } else { 0 }
    }

    pub(super) fn total(self) -> u64 {
        self.malicious + self.suspicious + self.harmless + self.undetected
    }
}

/// Makes an object's stats say what its results say, so that they agree with its report after the results are gone.
pub(crate) fn count_results(attributes: &mut Map<String, Value>) {
    let Some(tally) = attributes
        .get("last_analysis_results")
        .and_then(Tally::of_results)
    else {
        return;
    };
    let stats = attributes.entry("last_analysis_stats").or_insert(Value::Null);
    if !stats.is_object() {
        *stats = Value::Object(Map::new());
    }
    stats
        .as_object_mut()
        .into_iter()
        .for_each(|stats| tally.put_in(stats));
}

/// Results where at least one engine has a category, whichever: an object can come without any, as related ones do.
fn readable(results: &Value) -> Option<&Map<String, Value>> {
    let has_category = |result: &Value| result.get("category").is_some_and(Value::is_string);
    results
        .as_object()
        .filter(|results| results.values().any(has_category))
}

/// Whether there are results to take `scans` from.
pub(super) fn has_results(attributes: &Value, key: &str) -> bool {
    attributes.get(key).and_then(readable).is_some()
}

/// Puts `scans`, `positives` and `total`, so that the numbers agree with what is listed; from the stats alone
/// where no engine is listed, and then without `scans`.
pub(super) fn put_scans(draft: &mut Draft, attributes: &Value, keys: Keys, kind: Kind, counting: Counting) {
    let results = attributes.get(keys.results).and_then(readable);
    let tally = match attributes.get(keys.results).and_then(Tally::of_results) {
        Some(tally) => Some(tally),
        None => attributes.get(keys.stats).and_then(Tally::of_stats),
    };
    draft.remove("scans");
    draft.put("positives", tally.map(|tally| tally.positives(counting)));
    draft.put("total", tally.map(Tally::total));
    draft.put("scans", results.map(|results| scans(results, kind, counting)));
}

/// Where an object keeps what the engines say.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    results: &'static str,
    stats: &'static str,
}

/// Of a file, a URL, a domain or an address.
pub(super) const OF_OBJECT: Keys = Keys {
    results: "last_analysis_results",
    stats: "last_analysis_stats",
};

/// Of an analysis.
pub(super) const OF_ANALYSIS: Keys = Keys {
    results: "results",
    stats: "stats",
};

fn scans(results: &Map<String, Value>, kind: Kind, counting: Counting) -> Value {
    let entries = results.iter().filter_map(|(engine, result)| {
        let verdict = Verdict::read(result)?;
        let entry = match kind {
            Kind::File => json!({
                "detected": verdict.counts(counting),
                "version": text_or_null(result, "engine_version"),
                "result": text_or_null(result, "result"),
                "update": text_or_null(result, "engine_update"),
            }),
            Kind::Url => json!({
                "detected": verdict.counts(counting),
                "result": url_result(result, verdict),
            }),
        };
        Some((engine.clone(), entry))
    });
    Value::Object(entries.collect())
}

fn text_or_null(result: &Value, key: &str) -> Value {
    result.get(key).and_then(as_text).map_or(Value::Null, Value::from)
}

/// API v2 adds ` site` to the usual words, and never leaves the text out.
fn url_result(result: &Value, verdict: Verdict) -> String {
    match result.get("result").and_then(as_text) {
        Some(word) if USUAL.contains(&word.as_str()) => format!("{word} site"),
        Some(other) => other,
        None => verdict.in_words().to_owned(),
    }
}

const USUAL: [&str; 6] = [
    "clean",
    "unrated",
    "phishing",
    "malware",
    "malicious",
    "suspicious",
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{OF_OBJECT, Tally, put_scans};
    use crate::v3::shape::draft::Draft;
    use crate::v3::shape::{Counting, Kind};

    fn scanned(attributes: &Value, kind: Kind, suspicious: bool) -> Value {
        let mut draft = Draft::default();
        put_scans(&mut draft, attributes, OF_OBJECT, kind, Counting { suspicious });
        draft.into_fields().unwrap_or_default()
    }

    #[test]
    fn engines_without_a_verdict_are_not_listed() {
        let attributes = json!({"last_analysis_results": {
            "A": {"category": "malicious", "result": "Trojan", "engine_version": "1", "engine_update": "20190201"},
            "B": {"category": "undetected", "result": null, "engine_version": null},
            "C": {"category": "timeout"}, "D": {"category": "confirmed-timeout"}, "E": {"category": "failure"},
            "F": {"category": "type-unsupported"}, "G": {"category": "unheard-of"}, "H": null, "I": {"category": 5},
        }});
        assert_eq!(
            scanned(&attributes, Kind::File, false),
            json!({"positives": 1, "total": 2, "scans": {
                "A": {"detected": true, "version": "1", "result": "Trojan", "update": "20190201"},
                "B": {"detected": false, "version": null, "result": null, "update": null},
            }})
        );
    }

    #[test]
    fn suspicion_counts_only_when_asked_for() {
        let attributes =
            json!({"last_analysis_results": {"A": {"category": "suspicious", "result": "suspicious"}}});
        let one = |detected, positives: u64| json!({"positives": positives, "total": 1, "scans": {"A": {"detected": detected, "result": "suspicious site"}}});
        assert_eq!(scanned(&attributes, Kind::Url, false), one(false, 0));
        assert_eq!(scanned(&attributes, Kind::Url, true), one(true, 1));
        let stats = Tally::of_stats(&json!({"suspicious": 2, "malicious": 1})).unwrap();
        assert_eq!(stats.positives(Counting { suspicious: false }), 1);
        assert_eq!(stats.positives(Counting { suspicious: true }), 3);
    }

    #[test]
    fn a_urls_result_is_in_the_old_words() {
        let word = |category: &str, result: Value| {
            let attributes =
                json!({"last_analysis_results": {"A.b [c]": {"category": category, "result": result}}});
            scanned(&attributes, Kind::Url, false)["scans"]["A.b [c]"]["result"].clone()
        };
        for usual in [
            "clean",
            "unrated",
            "phishing",
            "malware",
            "malicious",
            "suspicious",
        ] {
            assert_eq!(word("harmless", json!(usual)), format!("{usual} site"));
        }
        assert_eq!(word("malicious", json!("spam and scam")), "spam and scam");
        assert_eq!(word("malicious", json!(null)), "malicious site");
        assert_eq!(word("suspicious", json!("")), "suspicious site");
        assert_eq!(word("harmless", json!([])), "clean site");
        assert_eq!(word("undetected", json!(null)), "unrated site");
    }

    #[test]
    fn results_are_trusted_more_than_stats() {
        let attributes = json!({
            "last_analysis_results": {"A": {"category": "malicious"}, "B": {"category": "harmless"}},
            "last_analysis_stats": {"malicious": 9, "harmless": 9},
        });
        let tally = Tally::of_last_analysis(&attributes).unwrap();
        assert_eq!((tally.positives(Counting::default()), tally.total()), (1, 2));
    }

    #[test]
    fn stats_serve_where_no_engine_is_listed() {
        let attributes = json!({"last_analysis_results": {}, "last_analysis_stats": {"malicious": 3, "undetected": 4, "timeout": 9, "type-unsupported": 1}});
        assert_eq!(
            scanned(&attributes, Kind::File, false),
            json!({"positives": 3, "total": 7})
        );
        assert_eq!(scanned(&json!({}), Kind::File, false), Value::Null);
    }

    #[test]
    fn an_unreadable_number_is_no_zero() {
        for stats in [
            json!({"malicious": "many"}),
            json!({"malicious": -1}),
            json!({"harmless": u64::MAX}),
            json!({}),
            json!([]),
        ] {
            assert_eq!(Tally::of_stats(&stats), None, "{stats}");
        }
        assert!(Tally::of_stats(&json!({"malicious": null, "harmless": 1})).is_some());
    }
}
