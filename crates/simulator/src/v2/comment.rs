//! `comments/get`, `comments/put`.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Question;

/// Comments in one answer.
const PAGE: usize = 25;

pub(super) fn get(question: &Question<'_>, resource: &str) -> Value {
    let memory = question.world.memory();
    let before = question.request.parameter("before");
    let all = memory
        .comments
        .get(&resource.to_lowercase())
        .map_or(&[][..], Vec::as_slice);
    let page: Vec<Value> = all
        .iter()
        .filter(|(date, _)| before.is_empty() || date.as_str() < before)
        .take(PAGE)
        .map(|(date, comment)| json!({"date": date, "comment": comment}))
        .collect();
    json!({
        "response_code": 1, "verbose_msg": "Resource found, comments, if any, returned here", "resource": resource,
        "comments": page
    })
}

pub(super) fn put(question: &Question<'_>, resource: &str) -> Value {
    let comment = question.request.parameter("comment").to_owned();
    let is_resource = resource.contains("://")
        || (resource.len() >= 32 && resource.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if comment.is_empty() || !is_resource {
        return json!({"response_code": 0, "verbose_msg": "Could not find resource"});
    }
    let date = TimeZone::UTC
        .to_datetime(question.world.now())
        .strftime("%Y%m%d%H%M%S")
        .to_string();
    let mut memory = question.world.memory();
    let list = memory.comments.entry(resource.to_lowercase()).or_default();
    if list.iter().any(|(_, known)| *known == comment) {
        return json!({"response_code": 0, "verbose_msg": "Duplicate comment"});
    }
    list.insert(0, (date, comment));
    json!({"response_code": 1, "verbose_msg": "Your comment was successfully posted"})
}
