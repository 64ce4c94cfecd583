//! What every report made of an object of API v3 keeps, whatever the object is. For tests and fuzzers, which a broken promise
//! stops.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it stops at the first thing that is not as promised"
)]

use serde_json::Value;

use super::beyond::techniques;
use super::{Analysis, Beyond, Counting, Related, Shaped, comments, domain, file, ip, url, with_analysis};

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

/// The report that came of an object, if it keeps every promise.
pub(crate) fn check(shaped: Result<Shaped, String>) -> Option<Value> {
    let Ok(Shaped::Report(report)) = shaped else {
        return None;
    };
    check_numbers(&report);
    check_presence(&report);
    check_lists(&report);
    Some(report)
}

/// Reads an object as everything that it could be.
pub(crate) fn try_all(object: &Value, other: &Value, related: &Related, counting: Counting) {
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
