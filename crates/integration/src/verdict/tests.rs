//! Verdicts by every rule, and what can't be said of one rule alone.

use jiff::Timestamp;
use proptest::prelude::*;
use secops::Parameters;
use virustotal::report::{Engine, date_time};

use super::engines::{Counting, Names, Quorum};
use super::{NewestScan, Rule, Seen, Verdict};

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn seen(positives: Option<u64>, total: Option<u64>, engines: &[Engine]) -> Seen {
    Seen {
        positives,
        total,
        engines: engines.to_vec(),
        newest_scan: None,
        is_silent: false,
    }
}

fn engine(name: &str, detected: bool, result: Option<&str>) -> Engine {
    Engine {
        name: name.to_owned(),
        detected,
        result: result.map(str::to_owned),
        update: None,
    }
}

fn risky(positives: u64, threshold: u32) -> bool {
    Rule::of_threshold(threshold)
        .judge(&seen(Some(positives), Some(60), &[]), now())
        .risky()
}

proptest! {
    #[test]
    fn a_higher_threshold_never_makes_more_entities_risky(positives in 0_u64..200, threshold in 1_u32..200, more in 0_u32..200) {
        prop_assert!(risky(positives, threshold) || !risky(positives, threshold + more));
    }

    #[test]
    fn more_positives_never_make_an_entity_less_risky(positives in 0_u64..200, threshold in 1_u32..200, more in 0_u64..200) {
        prop_assert!(!risky(positives, threshold) || risky(positives + more, threshold));
    }
}

#[test]
fn reaching_the_threshold_is_enough() {
    assert_eq!([risky(4, 5), risky(5, 5), risky(6, 5)], [false, true, true]);
}

#[test]
fn a_percentage_must_be_reached_as_well() {
    let rule = |percentage: u32| {
        let parameters = Parameters::new().with("Engine Percentage Threshold", percentage);
        Rule::of_threshold(3).refined(&parameters)
    };
    let risky = |percentage, positives, total| {
        rule(percentage)
            .unwrap()
            .judge(&seen(Some(positives), total, &[]), now())
            .risky()
    };
    assert!(risky(10, 6, Some(60)) && !risky(10, 5, Some(60)));
    assert!(!risky(1, 2, Some(60)), "the threshold still counts");
    assert!(risky(50, 3, None), "a share of an unknown number can't be missed");
    assert!(rule(101).is_err() && rule(0).is_err());
}

#[test]
fn only_engines_on_the_allowlist_count() {
    let engines = [
        engine("ESET-NOD32", true, None),
        engine("Bkav", true, None),
        engine("Kaspersky", false, None),
    ];
    let parameters = Parameters::new().with("Engine Allowlist", " eset-nod32,, KASPERSKY, Typo ");
    let rule = Rule::of_threshold(2).refined(&parameters).unwrap();
    let verdict = rule.judge(&seen(Some(40), Some(70), &engines), now());
    assert_eq!(
        (verdict.positives, verdict.total, verdict.risky()),
        (1, Some(2), false)
    );
    let known = engines.iter().map(|engine| engine.name.to_lowercase()).collect();
    assert_eq!(rule.unknown_on_allowlist(&known), ["Typo"]);
    assert!(rule.unknown_in_policy(&known).is_empty());
}

fn names(names: &[&str]) -> Names {
    Names::of(names.iter().map(|name| (*name).to_owned()))
}

fn quorum(trusted: &[&str], at_least: u32) -> Option<Quorum> {
    Some(Quorum {
        trusted: names(trusted),
        at_least,
    })
}

fn said(rule: &Rule, seen: &Seen) -> String {
    let verdict = rule.judge(seen, now());
    let explanation = verdict.explanation();
    assert_eq!(
        verdict.risky(),
        explanation.starts_with("risky: "),
        "{explanation}"
    );
    explanation
}

#[test]
fn a_verdict_says_why() {
    let engines = [
        engine("Kaspersky", true, Some("Trojan")),
        engine("Sophos", false, Some("Suspicious site")),
        engine("Bkav", true, Some("W32")),
        engine("Microsoft", false, None),
    ];
    let by_number = Rule::of_threshold(3);
    for (positives, total, explanation) in [
        (Some(12), Some(70), "risky: 12 of 70 engines (at least 3)"),
        (Some(2), Some(70), "not risky: 2 of 70 engines (at least 3)"),
        (Some(4), None, "risky: 4 engines (at least 3)"),
        (None, None, "not risky: 0 engines (at least 3)"),
        (Some(1), Some(1), "not risky: 1 of 1 engine (at least 3)"),
    ] {
        assert_eq!(said(&by_number, &seen(positives, total, &[])), explanation);
    }
    let report = seen(Some(2), Some(4), &engines);
    let base = Rule::of_threshold(2);
    for (rule, explanation) in [
        (
            Rule {
                percentage: Some(51),
                ..base.clone()
            },
            "not risky: 2 of 4 engines (at least 2), but only 50 % of the engines (at least 51 %)",
        ),
        (
            Rule {
                quorum: quorum(&["kaspersky", "SOPHOS", "Gone"], 1),
                ..base.clone()
            },
            "risky: 2 of 4 engines (at least 2), 1 of 3 trusted engines (at least 1)",
        ),
        (
            Rule {
                quorum: quorum(&["Kaspersky", "Sophos"], 2),
                ..base.clone()
            },
            "not risky: 2 of 4 engines (at least 2), but only 1 of 2 trusted engines (at least 2)",
        ),
        (
            Rule {
                quorum: quorum(&["Kaspersky", "Sophos"], 2),
                count_suspicious: true,
                ..base.clone()
            },
            "risky: 3 of 4 engines (at least 2; 1 merely suspect it), 2 of 2 trusted engines (at least 2)",
        ),
        (
            Rule {
                counting: Counting::Only(names(&["Kaspersky", "Microsoft"])),
                ..base.clone()
            },
            "not risky: 1 of 2 allowed engines (at least 2)",
        ),
        (
            Rule {
                counting: Counting::AllBut(names(&["Microsoft"])),
                ..base.clone()
            },
            "risky: 2 of 3 allowed engines (at least 2)",
        ),
        (
            Rule {
                minimum_engines: Some(10),
                ..base.clone()
            },
            "no verdict: only 4 engines answered (at least 10)",
        ),
        (
            Rule {
                minimum_engines: Some(4),
                ..base.clone()
            },
            "risky: 2 of 4 engines (at least 2)",
        ),
    ] {
        assert_eq!(said(&rule, &report), explanation);
    }
    let by_name = Rule {
        quorum: quorum(&["Kaspersky"], 1),
        ..base
    };
    assert_eq!(
        said(&by_name, &seen(Some(2), Some(4), &[])),
        "no verdict: the report names no engines"
    );
}

#[test]
fn an_old_report_is_told_by_its_age_or_is_no_ground_for_a_verdict() {
    let scanned = |text: &str| Seen {
        newest_scan: date_time(text),
        ..seen(Some(2), Some(4), &[])
    };
    let rule = |decides| Rule {
        newest_scan: Some(NewestScan {
            at_most_days: 90,
            decides,
        }),
        ..Rule::of_threshold(2)
    };
    let plain = "risky: 2 of 4 engines (at least 2)";
    // 90 days and some hours are 90 days; the future and the unknown are of no age.
    for date in ["2026-08-25 13:00:00", "2027-01-01 00:00:00", "soon"] {
        assert_eq!(said(&rule(true), &scanned(date)), plain, "{date}");
    }
    let old = scanned("2026-08-25 12:00:00");
    assert_eq!(
        said(&rule(false), &old),
        "risky: 2 of 4 engines (at least 2); the newest scan is 91 days old (at most 90)"
    );
    assert_eq!(
        said(&rule(true), &old),
        "no verdict: the newest scan is 91 days old (at most 90)"
    );
}

const ENGINES: [&str; 5] = ["A", "B", "C", "D", "E"];

/// A report in which the numbers need not fit the engines.
fn any_seen() -> impl Strategy<Value = Seen> {
    let result = prop_oneof![
        Just(None),
        Just(Some("suspicious site".to_owned())),
        Just(Some("x".to_owned()))
    ];
    let engine = (prop::sample::select(ENGINES.to_vec()), any::<bool>(), result);
    let engine = engine.prop_map(|(name, detected, result)| self::engine(name, detected, result.as_deref()));
    let number = || prop::option::of(0_u64..12);
    let year = prop::option::of(2020_i16..2028);
    (number(), number(), prop::collection::vec(engine, 0..8), year).prop_map(
        |(positives, total, engines, year)| Seen {
            positives,
            total,
            engines,
            newest_scan: year.map(|year| jiff::civil::date(year, 1, 1).at(0, 0, 0, 0)),
            is_silent: false,
        },
    )
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let some_names = || prop::sample::subsequence(ENGINES.to_vec(), 1..=5).prop_map(|some| names(&some));
    let counting = prop_oneof![
        Just(Counting::All),
        some_names().prop_map(Counting::Allowlist),
        some_names().prop_map(Counting::Only),
        some_names().prop_map(Counting::AllBut),
    ];
    let quorum = (some_names(), 1_u32..4).prop_map(|(trusted, at_least)| Quorum { trusted, at_least });
    let newest = (1_u32..2000, any::<bool>()).prop_map(|(at_most_days, decides)| NewestScan {
        at_most_days,
        decides,
    });
    let option = prop::option::of::<std::ops::Range<u32>>;
    (
        1_u32..6,
        option(1..101),
        counting,
        prop::option::of(quorum),
        any::<bool>(),
        option(1..12),
        prop::option::of(newest),
    )
        .prop_map(
            |(threshold, percentage, counting, quorum, count_suspicious, minimum_engines, newest_scan)| {
                Rule {
                    threshold,
                    percentage,
                    counting,
                    quorum,
                    count_suspicious,
                    minimum_engines,
                    newest_scan,
                }
            },
        )
}

/// Each way to ask for more than a rule does.
fn stricter(rule: &Rule, more: u32) -> Vec<Rule> {
    let rule = || rule.clone();
    let plus = |number: Option<u32>| Some(number.unwrap_or(0) + more);
    let quorum = match rule().quorum {
        Some(quorum) => Quorum {
            at_least: quorum.at_least + more,
            ..quorum
        },
        None => Quorum {
            trusted: names(&ENGINES[..2]),
            at_least: more,
        },
    };
    let at_most_days = rule().newest_scan.map_or(2000, |newest| newest.at_most_days);
    let newest_scan = NewestScan {
        at_most_days: at_most_days.saturating_sub(more).max(1),
        decides: true,
    };
    vec![
        Rule {
            threshold: rule().threshold + more,
            ..rule()
        },
        Rule {
            percentage: plus(rule().percentage),
            ..rule()
        },
        Rule {
            quorum: Some(quorum),
            ..rule()
        },
        Rule {
            count_suspicious: false,
            ..rule()
        },
        Rule {
            minimum_engines: plus(rule().minimum_engines),
            ..rule()
        },
        Rule {
            newest_scan: Some(newest_scan),
            ..rule()
        },
    ]
}

proptest! {
    #[test]
    fn a_stricter_rule_never_makes_more_entities_risky(seen in any_seen(), rule in any_rule(), more in 1_u32..60) {
        let is_risky = rule.judge(&seen, now()).risky();
        for stricter in stricter(&rule, more) {
            prop_assert!(is_risky || !stricter.judge(&seen, now()).risky(), "{stricter:?}");
        }
    }

    #[test]
    fn an_explanation_agrees_with_the_verdict_and_stays_on_one_line(seen in any_seen(), rule in any_rule()) {
        let verdict: Verdict = rule.judge(&seen, now());
        let explanation = verdict.explanation();
        let start = match (verdict.undecided.is_some(), verdict.risky()) {
            (true, risky) => { prop_assert!(!risky); "no verdict: " }
            (false, true) => "risky: ",
            (false, false) => "not risky: ",
        };
        prop_assert!(explanation.starts_with(start) && !explanation.contains('\n'), "{explanation}");
        prop_assert!(explanation.len() > start.len());
        prop_assert!(!verdict.risky() || !explanation.contains("but only"), "{explanation}");
    }
}
