//! Whatever VirusTotal sends: nothing panics, and a report keeps API v2's promises.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::analysis::scan_id_of_analysis;
use super::beyond::techniques;
use super::{
    Analysis, Beyond, Counting, Kind, Related, Shaped, comments, domain, file, ip, url, with_analysis,
};

/// Names of attributes and of parts of an object.
const NAMES: &[&str] = &[
    "alert_severity",
    "as_owner",
    "asn",
    "attributes",
    "Alexa",
    "behaviour_mitre_trees",
    "BitDefender",
    "categories",
    "category",
    "communicating_files",
    "context_attributes",
    "continent",
    "count",
    "country",
    "creation_date",
    "crowdsourced_ids_results",
    "crowdsourced_ids_stats",
    "data",
    "date",
    "downloaded_files",
    "engine_update",
    "engine_version",
    "error",
    "exiftool",
    "file_info",
    "file_type",
    "first_submission_date",
    "harmless",
    "high",
    "host_name",
    "id",
    "imphash",
    "ip_address",
    "item",
    "itw_urls",
    "last_analysis_date",
    "last_analysis_results",
    "last_analysis_stats",
    "last_https_certificate",
    "last_submission_date",
    "links",
    "magic",
    "malicious",
    "malware_classification",
    "md5",
    "meta",
    "names",
    "network",
    "pe_info",
    "popular_threat_classification",
    "popular_threat_name",
    "popularity_ranks",
    "probability",
    "rank",
    "referrer_files",
    "relationships",
    "reputation",
    "resolutions",
    "result",
    "results",
    "rule_msg",
    "sandbox_verdicts",
    "sha1",
    "sha256",
    "siblings",
    "sigma_analysis_stats",
    "sigma_analysis_summary",
    "signature_info",
    "signers",
    "size",
    "ssdeep",
    "stats",
    "status",
    "subdomains",
    "suspicious",
    "tags",
    "text",
    "times_submitted",
    "title",
    "total_votes",
    "trid",
    "type",
    "undetected",
    "url",
    "url_info",
    "urls",
    "validity",
    "value",
    "whois",
    "whois_date",
];

/// Values that mean something somewhere, and values that don't.
fn leaf() -> impl Strategy<Value = Value> {
    let words = select(vec![
        "malicious",
        "suspicious",
        "harmless",
        "undetected",
        "timeout",
        "clean",
        "completed",
        "file",
        "url",
        "",
        " ",
        "49813d1795c3a7e90534570f77219c948586a87e3566d403a76a7c9182c6586d",
        "192.0.2.1",
        "192.0.2.1a.example",
        "a.example",
        "http://a.example/",
        "T1059",
        "2026-01-02 03:04:05",
        "u-49813d1795c3a7e90534570f77219c948586a87e3566d403a76a7c9182c6586d-1549344534",
        "ZTA0Mzc4ODIwZTNlZjg5YTJjMDY0ZWY3YTMxNTU4MWM6MTU0OTM4MjE1MA==",
    ]);
    prop_oneof![
        4 => words.prop_map(Value::from),
        2 => (0_i64..2_000_000_000).prop_map(Value::from),
        1 => (0_u64..90).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => ".{0,12}".prop_map(Value::from),
        1 => select(vec!["1e999", "123456789012345678901234567890", "-0", "1.50"])
            .prop_map(|text| serde_json::from_str(text).unwrap()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => select(NAMES).prop_map(str::to_owned),
        1 => ".{0,8}",
    ]
}

fn object_of(pairs: Vec<(String, Value)>) -> Value {
    Value::Object(pairs.into_iter().collect::<Map<_, _>>())
}

/// Any JSON with the known names mixed in.
fn json() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            3 => prop::collection::vec((name(), inner), 0..10).prop_map(object_of),
        ]
    })
}

/// Results of engines, mostly good ones.
fn results() -> impl Strategy<Value = Value> {
    let result = prop::collection::vec(
        (
            select(vec!["category", "result", "engine_version", "engine_update"]),
            leaf(),
        ),
        0..6,
    );
    let result = result.prop_map(|pairs| {
        object_of(
            pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    });
    let result = prop_oneof![4 => result, 1 => json()];
    prop::collection::vec((".{0,6}", result), 0..12).prop_map(object_of)
}

/// An object that goes wrong in places only.
fn object() -> impl Strategy<Value = Value> {
    let attributes = (
        prop::collection::vec((name(), json()), 0..16),
        prop_oneof![4 => results(), 1 => json()],
        leaf(),
        prop::option::of(json()),
    );
    let objects = prop::collection::vec(
        prop_oneof![
            json(),
            (leaf(), json()).prop_map(|(id, attributes)| {
                object_of(vec![("id".to_owned(), id), ("attributes".to_owned(), attributes)])
            })
        ],
        0..5,
    );
    let relationships = prop::collection::vec((name(), objects), 0..8).prop_map(|lists| {
        let lists = lists.into_iter();
        object_of(
            lists
                .map(|(name, list)| (name, object_of(vec![("data".to_owned(), list.into())])))
                .collect(),
        )
    });
    (attributes, leaf(), relationships).prop_map(|((mut fields, results, date, stats), id, relationships)| {
        fields.push(("last_analysis_results".to_owned(), results.clone()));
        fields.push(("results".to_owned(), results));
        fields.push(("last_analysis_date".to_owned(), date.clone()));
        fields.push(("date".to_owned(), date));
        fields.push(("status".to_owned(), "completed".into()));
        fields.extend(stats.map(|stats| ("last_analysis_stats".to_owned(), stats)));
        object_of(vec![
            ("id".to_owned(), id),
            ("attributes".to_owned(), object_of(fields)),
            ("relationships".to_owned(), relationships),
        ])
    })
}

/// Any list of related objects, under the names that are read.
fn related() -> impl Strategy<Value = Related> {
    let names = select(vec![
        "resolutions",
        "subdomains",
        "siblings",
        "communicating_files",
        "referrer_files",
        "downloaded_files",
        "urls",
    ]);
    let list = prop::collection::vec(prop_oneof![object(), json()], 0..4);
    prop::collection::vec((names, list), 0..6).prop_map(|lists| {
        let lists = lists.into_iter();
        lists.fold(Related::none(), |related, (name, list)| related.with(name, list))
    })
}

/// `positives` and `total` are those of the engines listed; each is there only with the other.
fn check_numbers(report: &Value) {
    let number = |key: &str| report.get(key).map(|number| number.as_u64().unwrap());
    let (positives, total) = (number("positives"), number("total"));
    assert_eq!(positives.is_some(), total.is_some());
    assert!(positives <= total);
    let Some(scans) = report.get("scans") else {
        return;
    };
    let scans = scans.as_object().unwrap();
    let detected = scans
        .values()
        .filter(|scan| scan["detected"].as_bool().unwrap())
        .count();
    assert_eq!(positives, Some(detected as u64));
    assert_eq!(total, Some(scans.len() as u64));
}

/// Nulls and empty texts only where API v2 has them.
fn check_presence(report: &Value) {
    assert_eq!(report["response_code"], 1);
    for (key, value) in report.as_object().unwrap() {
        match key.as_str() {
            "filescan_id" => assert!(value.is_null()),
            "resource" => assert!(value.is_string()),
            "scans" => value.as_object().unwrap().values().for_each(check_scan),
            // Other tools' outputs, whose texts may be empty.
            "additional_info" => check_nowhere_null(value),
            _ => {
                check_nowhere_null(value);
                check_nowhere_empty(value);
            }
        }
    }
}

fn check_scan(scan: &Value) {
    for (key, value) in scan.as_object().unwrap() {
        match key.as_str() {
            "detected" => assert!(value.is_boolean()),
            "version" | "update" => assert!(value.is_null() || value.is_string()),
            "result" => assert!(value.is_string() || (value.is_null() && scan.get("version").is_some())),
            other => panic!("{other}"),
        }
        check_nowhere_empty(value);
    }
}

fn check_nowhere_null(value: &Value) {
    match value {
        Value::Null => panic!("a null"),
        Value::Array(items) => items.iter().for_each(check_nowhere_null),
        Value::Object(fields) => fields.values().for_each(check_nowhere_null),
        _ => {}
    }
}

fn check_nowhere_empty(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.trim().is_empty(), "an empty text"),
        Value::Array(items) => items.iter().for_each(check_nowhere_empty),
        Value::Object(fields) => fields.values().for_each(check_nowhere_empty),
        _ => {}
    }
}

/// Detected entries have positives, the others none.
fn check_lists(report: &Value) {
    for kind in ["communicating", "referrer", "downloaded"] {
        for (prefix, is_detected) in [("detected", true), ("undetected", false)] {
            let list = report
                .get(format!("{prefix}_{kind}_samples"))
                .and_then(Value::as_array);
            for entry in list.into_iter().flatten() {
                let number = |key: &str| entry[key].as_u64().unwrap();
                assert_eq!(number("positives") > 0, is_detected);
                assert!(number("positives") <= number("total"));
                assert_eq!(entry["sha256"].as_str().unwrap().len(), 64);
            }
        }
    }
    for url in report
        .get("undetected_urls")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        assert_eq!(url[2], 0);
        assert!((4..=5).contains(&url.as_array().unwrap().len()));
    }
}

fn check(shaped: Result<Shaped, String>) -> Option<Value> {
    let Ok(Shaped::Report(report)) = shaped else {
        return None;
    };
    check_numbers(&report);
    check_presence(&report);
    check_lists(&report);
    Some(report)
}

fn try_all(object: &Value, other: &Value, related: &Related, counting: Counting) {
    let reports = [
        check(file(object, "asked", counting)),
        check(url(object, "asked", counting)),
        check(domain(object, related, counting)),
        check(domain(object, &Related::from_descriptors(object), counting)),
        check(ip(object, related, counting)),
        check(ip(object, &Related::from_descriptors(object), counting)),
    ];
    let [file, url, ..] = reports;
    for report in [file, url].into_iter().flatten() {
        for analysis in [object, other] {
            check(Ok(Shaped::Report(with_analysis(
                report.clone(),
                analysis,
                counting,
            ))));
        }
    }
    let _ = with_analysis(other.clone(), object, counting);
    let analysis = Analysis::read(object);
    let _ = (
        analysis.scan_id(),
        comments(object),
        Beyond::read(object),
        techniques(object),
    );
}

proptest! {
    #[test]
    fn any_json_is_read_without_a_panic(value in json(), other in json(), suspicious in any::<bool>()) {
        let counting = Counting { suspicious };
        try_all(&value, &other, &Related::none().with("urls", vec![other.clone()]), counting);
    }

    #[test]
    fn reports_of_any_object_keep_v2s_promises(
        object in object(), other in object(), related in related(), suspicious in any::<bool>()
    ) {
        try_all(&object, &other, &related, Counting { suspicious });
    }

    #[test]
    fn any_text_is_an_analysis_id_of_no_form_or_a_known_one(id in ".{0,120}", sha256 in ".{0,70}") {
        let scan_id = scan_id_of_analysis(&id, Some(&sha256));
        prop_assert!(scan_id.is_none_or(|scan_id| scan_id.split_once('-').is_some_and(|(hash, _)| hash.len() == 64)));
    }

    #[test]
    fn what_an_analysis_found_replaces_what_an_older_one_did(old in results(), new in results()) {
        let id = "e19b64788136e1791b9ccf6d21d48ce1f5da4897a8cf2114a34f25cbb0e74ebe";
        let object = serde_json::json!({"type": "file", "id": id, "attributes": {
            "last_analysis_date": 5, "last_analysis_results": old,
        }});
        let analysis = serde_json::json!({"data": {"id": "x", "attributes": {"status": "completed", "date": 6, "results": new}},
            "meta": {"file_info": {"sha256": id}}});
        prop_assert_eq!(Analysis::read(&analysis).item, Some((Kind::File, id.to_owned())));
        let report = check(file(&object, "asked", Counting::default())).unwrap();
        let renewed = with_analysis(report.clone(), &analysis, Counting::default());
        check(Ok(Shaped::Report(renewed.clone())));
        if renewed != report {
            prop_assert_eq!(&renewed["scan_date"], "1970-01-01 00:00:06");
        }
    }
}
