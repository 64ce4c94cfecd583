//! A user's quotas and what was used of them. Every key is a user of its own.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::Question;
use super::error::Refusal;
use crate::answer::Answer;
use crate::notes::user_name;
use crate::quota::KeyKind;

/// What "no limit" is told as.
const NO_LIMIT: u32 = 1_000_000_000;

/// Refuses other users than the one who asks, whom the key or its user name names.
fn check(question: &Question<'_>, id: &str) -> Result<(), Refusal> {
    if id == question.key || id == user_name(question.key) {
        return Ok(());
    }
    let known = question
        .world
        .memory()
        .usage
        .keys()
        .any(|key| id == key || id == user_name(key));
    Err(match known {
        true => Refusal::Forbidden,
        false => Refusal::NotFound("User not found".to_owned()),
    })
}

pub(super) fn overall(question: &Question<'_>, id: &str) -> Result<Answer, Refusal> {
    check(question, id)?;
    let now = question.world.now();
    let mut memory = question.world.memory();
    let [hour, day, month] = memory
        .usage
        .get_mut(question.key)
        .map(|usage| usage.used(now))
        .unwrap_or_default();
    let quota = question.world.settings.quota;
    let hourly = quota.per_minute.map(|per_minute| per_minute.saturating_mul(60));
    let user = |allowed: Option<u32>, used: u32| json!({"user": {"allowed": allowed.unwrap_or(NO_LIMIT), "used": used}});
    let premium = if question.kind == KeyKind::Private { 300 } else { 0 };
    Ok(Answer::Json(json!({"data": {
        "api_requests_hourly": user(hourly, hour), "api_requests_daily": user(quota.per_day, day),
        "api_requests_monthly": user(quota.per_month, month),
        "intelligence_searches_monthly": user(Some(premium), 0), "intelligence_downloads_monthly": user(Some(premium), 0)
    }})))
}

pub(super) fn usage(question: &Question<'_>, id: &str) -> Result<Answer, Refusal> {
    check(question, id)?;
    let bound = |name: &str| match question.request.parameter(name) {
        "" => Ok(None),
        text => Date::strptime("%Y%m%d", text)
            .map(Some)
            .map_err(|_| Refusal::InvalidArgument(format!("{name} must be YYYYMMDD"))),
    };
    let (first, last) = (bound("start_date")?, bound("end_date")?);
    let memory = question.world.memory();
    let days: BTreeMap<Date, BTreeMap<String, u32>> = memory
        .usage
        .get(question.key)
        .map(|usage| usage.by_day().clone())
        .unwrap_or_default();
    let (mut daily, mut total) = (Map::new(), BTreeMap::<String, u32>::new());
    for (day, counts) in days {
        if first.is_some_and(|first| day < first) || last.is_some_and(|last| day > last) {
            continue;
        }
        for (endpoint, count) in &counts {
            *total.entry(endpoint.clone()).or_default() += count;
        }
        daily.insert(day.to_string(), json!(counts));
    }
    Ok(Answer::Json(
        json!({"data": {"daily": Value::Object(daily), "total": total}}),
    ))
}
