//! Policy files that mean something, and those that don't.

use proptest::prelude::*;
use secops::Parameters;
use serde_json::{Value, json};
use virustotal::Report;

use super::super::Rule;
use super::{Policy, PolicyKind};

const EVERYTHING: &str = r#"
threshold = 3
percentage = 10
engines.ignore = ["Bkav"]
trusted = ["Kaspersky", "Microsoft", "ESET-NOD32"]
trusted_quorum = 2
count_suspicious = true
minimum_engines = 10
newest_scan_days = 90
stale = "unknown"

[url]
threshold = 5
engines.only = ["Kaspersky", "Microsoft", "ESET-NOD32", "Sophos"]
trusted_quorum = 1
count_suspicious = false

[ip]
threshold = 20
stale = "said"
"#;

fn parse(text: &str) -> Policy {
    Policy::parse("p.toml", text).unwrap()
}

#[test]
fn a_policy_in_words_has_everything_that_it_says_for_each_kind() {
    assert_eq!(
        parse(EVERYTHING).to_string(),
        "p.toml: an entity is risky when all of this holds.

Hashes and files
  at least 3 engines flag it, unless the parameter Threshold says another number
  at least 10 % of the engines that answered flag it
  at least 2 of the trusted engines flag it: Kaspersky, Microsoft, ESET-NOD32
  these engines don't count: Bkav
  an engine that merely suspects it flags it
  fewer than 10 engines answered: no verdict
  the newest scan is more than 90 days old: no verdict

URLs
  at least 5 engines flag it, unless the parameter Threshold says another number
  at least 10 % of the engines that answered flag it
  at least 1 of the trusted engines flag it: Kaspersky, Microsoft, ESET-NOD32
  only these engines count: Kaspersky, Microsoft, ESET-NOD32, Sophos
  fewer than 10 engines answered: no verdict
  the newest scan is more than 90 days old: no verdict

IP addresses
  at least 20 engines flag it, unless the parameter Threshold says another number
  at least 10 % of the engines that answered flag it
  fewer than 10 engines answered: no verdict
  the newest scan is more than 90 days old: its age is said beside the verdict
  engines, trusted, trusted_quorum, count_suspicious: not for IP addresses, whose reports name no engines
"
    );
    let small = parse("minimum_engines = 1").to_string();
    assert!(
        small.contains("as many engines flag it as the parameter Threshold says (usually 25)"),
        "{small}"
    );
}

#[test]
fn a_policy_that_means_nothing_is_refused_with_the_key_and_its_line() {
    for (text, problem) in [
        ("", "the policy says nothing; give it a threshold"),
        ("# only a remark\n", "the policy says nothing"),
        ("[url]\n[ip]", "the policy says nothing"),
        ("nonsense", "line 1"),
        ("threshold = 3\ntreshold = 3", "line 2"),
        ("threshold = 3\ntreshold = 3", "unknown field `treshold`"),
        ("[domain]\nthreshold = 3", "unknown field `domain`"),
        ("[url]\nthresh = 3", "unknown field `thresh`"),
        (
            "threshold = 0",
            "integer `0`, expected a whole number of at least 1",
        ),
        ("threshold = 4294967296", "expected a whole number of at least 1"),
        ("\nthreshold = \"3\"", "line 2"),
        (
            "threshold = \"3\"",
            "string \"3\", expected a whole number of at least 1",
        ),
        (
            "percentage = 2.5",
            "floating point `2.5`, expected a whole number from 1 to 100",
        ),
        ("percentage = 101", "expected a whole number from 1 to 100"),
        (
            "[ip]\npercentage = -1",
            "integer `-1`, expected a whole number from 1 to 100",
        ),
        ("count_suspicious = 1", "expected a boolean"),
        ("engines = [\"A\"]", "line 1"),
        ("[engines]", "engines says nothing"),
        ("engines.only = []", "engines.only must be names of engines"),
        (
            "engines.ignore = [\" \"]",
            "engines.ignore must be names of engines",
        ),
        ("engines.all = [\"A\"]", "unknown field `all`"),
        (
            "engines = { only = [\"A\"], ignore = [\"B\"] }",
            "engines.only and engines.ignore can't both be",
        ),
        (
            "[file]\nengines.only = [\"A\", \"a\"]",
            "[file] engines.only has \"a\" twice",
        ),
        ("trusted = [\"A\"]", "trusted needs trusted_quorum"),
        ("trusted_quorum = 1", "trusted_quorum needs trusted"),
        (
            "trusted = [\"A\", \"B\"]\ntrusted_quorum = 3",
            "trusted_quorum must be at most 2, the number of trusted engines, not 3",
        ),
        (
            "trusted = [\"A\"]\ntrusted_quorum = 1\n[url]\nengines.ignore = [\"a\"]",
            "[url] trusted has \"A\", whose word does not count by engines",
        ),
        ("stale = \"unknown\"", "stale needs newest_scan_days"),
        (
            "newest_scan_days = 1\nstale = \"old\"",
            "unknown variant `old`, expected `said` or `unknown`",
        ),
        (
            "[ip]\ntrusted = [\"A\"]\ntrusted_quorum = 1",
            "[ip] trusted can't be judged: a report on an IP address names no engines",
        ),
    ] {
        let error = Policy::parse("p.toml", text).unwrap_err().to_string();
        assert!(error.contains(problem), "{text:?}: {error}");
    }
    // What a kind lacks, the common values may have, and the reverse.
    assert!(
        Policy::parse(
            "p",
            "trusted = [\"A\"]\n[file]\ntrusted_quorum = 1\n[url]\ntrusted_quorum = 1"
        )
        .is_ok()
    );
    assert!(Policy::parse("p", "\u{feff}threshold = 3\r\n").is_ok());
}

#[test]
fn a_policy_can_not_write_to_the_terminal_by_what_is_wrong_with_it() {
    let long = "x".repeat(100_000);
    for text in [
        "stale =\u{1b}[2J".to_owned(),
        format!("{long} = 1"),
        format!("engines.only = [\"{long}\", \"{long}\"]"),
    ] {
        let words = Policy::parse("p.toml", &text).unwrap_err().to_string();
        assert!(words.len() < 2000 && !words.contains('\u{1b}'), "{words:?}");
    }
}

#[test]
fn the_policies_of_the_documentation_can_be_used() {
    let page = include_str!("../../../../../docs/verdict-policy.md");
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        assert_eq!(Policy::parse("p", block).map(drop), Ok(()));
    }
    let keys = [
        "threshold",
        "percentage",
        "engines.only",
        "engines.ignore",
        "trusted",
        "trusted_quorum",
    ];
    let keys = keys
        .iter()
        .chain(&["count_suspicious", "minimum_engines", "newest_scan_days", "stale"]);
    for key in keys {
        assert!(
            page.contains(&format!("\n| `{key}`")) || page.contains(&format!(", `{key}` | names")),
            "{key}"
        );
    }
}

fn report(value: &Value) -> Report {
    Report::from(serde_json::value::to_raw_value(value).unwrap())
}

fn judged(policy: &str, report_value: &Value, threshold: Option<u32>) -> String {
    let report = report(report_value);
    let kind = PolicyKind::of(&report).unwrap();
    let now = "2026-11-24T12:00:00Z".parse().unwrap();
    parse(policy).judge(kind, &report, threshold, now).explanation()
}

#[test]
fn a_kinds_own_values_come_before_the_common_ones_and_the_parameter_before_both() {
    let policy = "threshold = 3\n[url]\nthreshold = 5";
    let file = json!({"sha256": "x", "positives": 4, "total": 60});
    let url = json!({"url": "http://x.example/", "positives": 4, "total": 60});
    assert_eq!(judged(policy, &file, None), "risky: 4 of 60 engines (at least 3)");
    assert_eq!(
        judged(policy, &url, None),
        "not risky: 4 of 60 engines (at least 5)"
    );
    assert_eq!(
        judged(policy, &url, Some(4)),
        "risky: 4 of 60 engines (at least 4)"
    );
    let address = json!({"country": "XX", "detected_urls": [{"positives": 24, "total": 70}]});
    assert_eq!(
        judged("percentage = 1", &address, None),
        "not risky: 24 of 70 engines (at least 25)"
    );
}

#[test]
fn parameters_come_before_the_policy_and_the_policy_before_the_default() {
    let policy = parse("threshold = 7\npercentage = 20\nengines.only = [\"A\"]\n[url]\npercentage = 30");
    let rule =
        |parameters: Parameters, kind, default| Rule::of_run(&parameters, Some((&policy, kind)), default);
    let told = Parameters::new()
        .with("Threshold", "2")
        .with("Engine Percentage Threshold", "5")
        .with("Engine Allowlist", "B");
    let by_parameters = rule(told.clone(), PolicyKind::File, Some(3)).unwrap();
    assert_eq!(by_parameters, Rule::of_run(&told, None, None).unwrap());
    let by_policy = rule(Parameters::new(), PolicyKind::File, Some(3)).unwrap();
    assert_eq!((by_policy.threshold, by_policy.percentage), (7, Some(20)));
    assert_eq!(
        rule(Parameters::new(), PolicyKind::Url, None).unwrap().percentage,
        Some(30)
    );
    // Nobody says a threshold.
    let silent = parse("percentage = 20");
    let missing = Rule::of_run(&Parameters::new(), Some((&silent, PolicyKind::File)), None);
    assert_eq!(
        missing.unwrap_err().to_string(),
        "Threshold is missing: the parameter is required"
    );
}

#[test]
fn a_report_tells_its_kind() {
    let kind = |value: Value| PolicyKind::of(&report(&value));
    assert_eq!(kind(json!({"md5": "x"})), Some(PolicyKind::File));
    assert_eq!(kind(json!({"url": "x", "scans": {}})), Some(PolicyKind::Url));
    assert_eq!(kind(json!({"resolutions": [], "asn": 1})), Some(PolicyKind::Ip));
    assert_eq!(
        kind(json!({"resolutions": [], "detected_urls": [], "whois": "x"})),
        None
    );
    assert_eq!(kind(json!([1])), None);
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*") {
        let _ = Policy::parse("p", &text);
    }

    #[test]
    fn no_lines_of_a_policy_panic(lines in prop::collection::vec(
        (
            prop::sample::select(vec![
                "threshold", "percentage", "engines.only", "engines.ignore", "engines", "trusted", "trusted_quorum",
                "count_suspicious", "minimum_engines", "newest_scan_days", "stale", "[url]", "[ip]", "[file]",
            ]),
            prop::sample::select(vec![
                "0", "1", "100", "99999999999", "-1", "2.5", "true", "\"unknown\"", "[]", "[\"A\"]", "[\"A\", \"a\"]",
                "{ only = [\"A\"] }", "1979-05-27", "nan",
            ]),
        ),
        0..12,
    )) {
        let line = |(key, value): &(&str, &str)| match key.starts_with('[') {
            true => (*key).to_owned(),
            false => format!("{key} = {value}"),
        };
        let text = lines.iter().map(line).collect::<Vec<_>>().join("\n");
        match Policy::parse("p", &text) {
            Ok(policy) => prop_assert!(policy.to_string().lines().count() > 6),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
