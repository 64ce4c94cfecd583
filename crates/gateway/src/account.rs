//! The caller's own account. The key's is not shown: it belongs to whoever runs the gateway.

use std::sync::Arc;

use serde_json::json;

use crate::answer::{Answer, json as answer};
use crate::callers::Caller;
use crate::refusal::Refusal;

/// What "no bound" is told as: VirusTotal's own answers have large numbers there.
const NO_LIMIT: u32 = 1_000_000_000;

/// `users/…` and `groups/…`, for the token that asks, by itself or its name.
pub(crate) fn show(caller: &Arc<Caller>, secret: &str, segments: &[&str]) -> Result<Answer, Refusal> {
    let name = &caller.token.name;
    let is_own = |id: &str| id == secret || id == name;
    let (allowed, used) = (caller.allowed().unwrap_or(NO_LIMIT), caller.used());
    let daily = json!({"user": {"allowed": allowed, "used": used}});
    Ok(match *segments {
        ["users", id] if is_own(id) => answer(&json!({"data": {
            "type": "user", "id": name,
            "attributes": {"status": "active", "quotas": {"api_requests_daily": {"allowed": allowed, "used": used}}},
        }})),
        ["users", id, "overall_quotas"] if is_own(id) => {
            answer(&json!({"data": {"api_requests_daily": daily}}))
        }
        ["users", id, "api_usage"] if is_own(id) => {
            let day = caller.date().to_string();
            answer(&json!({"data": {"daily": {day: {"calls": used}}, "total": {"calls": used}}}))
        }
        _ => {
            return Err(Refusal::Forbidden(format!(
                "The gateway shows no accounts of VirusTotal: its key is shared. users/{name}/overall_quotas shows what this \
                 token may and has used today."
            )));
        }
    })
}
