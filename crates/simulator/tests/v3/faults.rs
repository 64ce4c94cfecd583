//! Every fault, seen from the client's side.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::{DEMO_KEY, Fault, FaultKind};

use crate::scene::{EICAR_MD5, Scene};

fn file() -> String {
    format!("files/{EICAR_MD5}")
}

#[test]
fn both_429s_come_with_and_without_retry_after_and_5xx_as_json_or_a_page() {
    let kind = |text: &str| text.parse::<Fault>().unwrap().on("v3/files").times(1);
    for (text, status, code, seconds) in [
        ("quota", 429, Some("QuotaExceededError"), None),
        ("too-many-requests", 429, Some("TooManyRequestsError"), None),
        ("retry-after=7", 429, Some("TooManyRequestsError"), Some("7")),
        (
            "error=429:QuotaExceededError:9",
            429,
            Some("QuotaExceededError"),
            Some("9"),
        ),
        ("error=429:TooManyRequests", 429, Some("TooManyRequests"), None),
        ("403", 403, Some("ForbiddenError"), None),
        ("503", 503, Some("TransientError"), None),
        ("504", 504, Some("DeadlineExceededError"), None),
        ("502", 502, None, None),
        ("500", 500, None, None),
    ] {
        let scene = Scene::new(|builder| builder.fault(kind(text)));
        assert_eq!(scene.get("domains/example.co.in").status, 200, "elsewhere");
        let answer = scene.get(&file());
        match code {
            Some(code) => assert_eq!(answer.error(), (status, code.to_owned()), "{text}"),
            None => assert!(
                answer.status == status && answer.text().starts_with("<!DOCTYPE"),
                "{text}"
            ),
        }
        let header = answer
            .headers
            .get("retry-after")
            .map(|value| value.to_str().unwrap());
        assert_eq!(header, seconds, "{text}");
        assert_eq!(scene.get(&file()).status, 200, "{text} passes");
    }
}

#[test]
fn strange_answers_come_as_ordered() {
    for (kind, start) in [
        (FaultKind::NotJson, "<!DOCTYPE"),
        (FaultKind::EmptyObject, "{}"),
        (FaultKind::Null, "null"),
        (FaultKind::Huge(100_000), "["),
        (FaultKind::SlowBody(Duration::from_millis(100)), "{\"data\""),
    ] {
        let scene = Scene::new(|builder| builder.fault(Fault::new(kind.clone()).times(1)));
        let answer = scene.get(&file());
        assert!(
            answer.status == 200 && answer.text().starts_with(start),
            "{kind:?}"
        );
    }
    for kind in [FaultKind::Reset, FaultKind::Truncated, FaultKind::Hang] {
        let scene = Scene::new(|builder| builder.fault(Fault::new(kind.clone())));
        assert!(scene.try_get(Some(DEMO_KEY), &file()).is_err(), "{kind:?}");
    }
    let scene = Scene::new(|builder| builder.fault(Fault::new(FaultKind::WrongTypes)));
    assert_eq!(
        scene.get(&file()).data()["attributes"]["last_analysis_stats"]["malicious"],
        "10"
    );
}

#[test]
fn an_error_stays_one_where_its_body_is_slow() {
    let unknown = "domains/unknown.example";
    let usual = Scene::usual().get(unknown).error();
    assert_eq!(usual.0, 404);
    let slow = Fault::new(FaultKind::SlowBody(Duration::from_millis(50)));
    let scene = Scene::new(|builder| builder.fault(slow));
    assert_eq!(scene.get(unknown).error(), usual);
}

#[test]
fn attributes_can_be_null_or_missing_and_a_category_new() {
    let scene = Scene::new(|builder| builder.fault(Fault::new(FaultKind::Nulls).times(2)));
    let whole = Scene::usual().get(&file()).data();
    let count = whole["attributes"].as_object().unwrap().len();
    let poor = scene.get(&file()).data();
    let poor = poor["attributes"].as_object().unwrap();
    assert!(poor.len() < count && poor.values().any(Value::is_null));
    let listed = scene.get("domains/example.co.in/communicating_files").data();
    assert!(listed[0]["attributes"]["sha256"].is_null());
    let scene = Scene::new(|builder| builder.fault(Fault::new(FaultKind::NewCategory)));
    let odd = scene.get(&file()).data()["attributes"].clone();
    assert_eq!(
        odd["last_analysis_results"]["A.B [C] (D) \"E\""]["category"],
        "brand-new-category"
    );
    assert_eq!(odd["last_analysis_stats"]["brand-new-category"], 2);
}

#[test]
fn a_fault_can_befall_one_method() {
    let scene = Scene::new(|builder| builder.fault(Fault::new(FaultKind::Status(503)).on("POST v3/files")));
    assert_eq!(scene.get(&file()).status, 200);
    assert_eq!(scene.upload("files", Some(DEMO_KEY), b"x").error().0, 503);
    assert!(scene.running.uploads().is_empty());
    for (endpoint, path) in [
        ("v3/urls", "urls/aHR0cDovL2dvb2dsZS5jb20v"),
        ("v3/domains", "domains/example.co.in"),
        ("v3/ip_addresses", "ip_addresses/198.51.100.7"),
        ("v3/relationships", "domains/example.co.in/subdomains"),
        ("v3/analyses", "analyses/x"),
        ("v3/upload_url", "files/upload_url"),
        ("v3/comments", "domains/example.co.in/comments"),
        ("v3/votes", "domains/example.co.in/votes"),
        ("v3/search", "intelligence/search?query=x"),
        ("v3/download", "files/x/download"),
        ("v3/zip_files", "intelligence/zip_files/1"),
        ("v3/overall_quotas", "users/x/overall_quotas"),
        ("v3/api_usage", "users/x/api_usage"),
    ] {
        scene
            .running
            .add_fault(Fault::new(FaultKind::Quota).on(endpoint).times(1));
        assert_eq!(
            scene.get(path).json()["error"]["code"],
            json!("QuotaExceededError"),
            "{endpoint}"
        );
    }
}
