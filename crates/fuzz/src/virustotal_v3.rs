//! What API v3 answers.

use serde_json::Value;
use virustotal::fuzzing::{
    allowances, answer_v3, page, refusal_v3, reports_of_object, without_credentials, zip_status,
};

use crate::{check_words, parts};

/// Two objects, of which the second brings related ones along.
pub(crate) fn object(data: &[u8]) {
    let [object, other] = parts(data);
    let Ok(object) = serde_json::from_slice::<Value>(object) else {
        return;
    };
    let other = serde_json::from_slice(other).unwrap_or(Value::Null);
    let inner = |value: &Value| value.get("data").cloned().unwrap_or_else(|| value.clone());
    for suspicious in [false, true] {
        reports_of_object(&inner(&object), &inner(&other), suspicious);
    }
    reports_of_object(&object, &other, false);
}

/// A whole answer: a page, the state of a ZIP, a quota, a refusal.
pub(crate) fn answer(data: &[u8]) {
    for status in [400, 401, 403, 404, 409, 429, 503] {
        check_words(&refusal_v3(status, data).unwrap_or_default(), 300);
    }
    let text = String::from_utf8_lossy(data);
    if let Some(clean) = without_credentials(&text) {
        check_no_credentials(&serde_json::from_str(&clean).expect("it stays JSON"));
    } else if let Ok(value) = serde_json::from_str::<Value>(&text) {
        check_no_credentials(&value);
    }
    let answer = match answer_v3(data) {
        Ok(answer) => answer,
        Err(words) => return check_words(&words, 400),
    };
    if let Err(error) = zip_status(answer.clone()) {
        check_words(&error.to_string(), 400);
    }
    for allowance in allowances(&answer) {
        assert!(allowance.allowed.is_none_or(|allowed| allowed < 1_000_000_000));
    }
    let (objects, next) = page(answer.clone());
    assert!(
        !objects.is_empty() || next.is_none(),
        "a list of empty pages ends"
    );
    let data = answer.get("data");
    let listed = data.and_then(Value::as_array).map_or(0, Vec::len);
    assert_eq!(
        objects.len(),
        listed.max(usize::from(data.is_some_and(Value::is_object)))
    );
}

fn check_no_credentials(answer: &Value) {
    let objects = match answer.get("data") {
        Some(Value::Array(objects)) => objects.iter().collect(),
        Some(object) => vec![object],
        None => Vec::new(),
    };
    for object in objects {
        for name in ["last_http_response_headers", "last_http_response_cookies"] {
            assert_eq!(object.pointer(&format!("/attributes/{name}")), None);
        }
    }
}
