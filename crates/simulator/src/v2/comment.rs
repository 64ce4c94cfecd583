//! `comments/get`, `comments/put`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Question;

/// Comments in one answer.
const PAGE: usize = 25;

pub(super) fn get(question: &Question<'_>, resource: &str) -> Value {
    let mut memory = question.world.memory();
    let key = memory.item_key(resource, question.world.settings.seed);
    let before = question.request.parameter("before");
    let all = memory.comments.get(&key).map_or(&[][..], Vec::as_slice);
    let page: Vec<Value> = all
        .iter()
        .map(|comment| (date_text(comment.at), &comment.text))
        .filter(|(date, _)| before.is_empty() || date.as_str() < before)
        .take(PAGE)
        .map(|(date, text)| json!({"date": date, "comment": text}))
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
    let mut memory = question.world.memory();
    let key = memory.item_key(resource, question.world.settings.seed);
    if memory.add_comment(&key, &comment, question.world.now()).is_none() {
        return json!({"response_code": 0, "verbose_msg": "Duplicate comment"});
    }
    json!({"response_code": 1, "verbose_msg": "Your comment was successfully posted"})
}

fn date_text(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).strftime("%Y%m%d%H%M%S").to_string()
}
