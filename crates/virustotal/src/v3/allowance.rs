//! What VirusTotal itself allows and counts. Source: VirusTotal's API v3 reference, the user's overall quotas.

use serde_json::Value;

use super::{QUOTAS, Request, ask, escaped};
use crate::Error;
use crate::quota::Window;
use crate::transport::Errand;

/// From here on a number stands for no limit.
const NO_LIMIT: u64 = 1_000_000_000;

/// What VirusTotal says of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Hour, day or month: of minutes it says nothing.
    pub window: Window,
    /// Calls that it has counted, on every machine.
    pub used: u64,
    /// Calls that it lets through; `None` is any number.
    pub allowed: Option<u64>,
}

/// The windows of a user's quota that are told. Where a group shares one, the one with less left is told.
pub(crate) async fn allowances(errand: &Errand<'_>, user: &str) -> Result<Vec<Allowance>, Error> {
    let question = Request::of(format!("users/{}/overall_quotas", escaped(user)));
    let answer = ask(errand, &QUOTAS, question).await?;
    Ok(read(&answer))
}

pub(crate) fn read(answer: &Value) -> Vec<Allowance> {
    let windows = [
        (Window::Hour, "api_requests_hourly"),
        (Window::Day, "api_requests_daily"),
        (Window::Month, "api_requests_monthly"),
    ];
    let told = windows.into_iter().filter_map(|(window, name)| {
        let of = |who: &str| {
            let quota = answer.get("data")?.get(name)?.get(who)?;
            let number = |name: &str| quota.get(name).and_then(Value::as_u64);
            Some(Allowance {
                window,
                used: number("used").unwrap_or(0),
                allowed: Some(number("allowed")?).filter(|allowed| *allowed < NO_LIMIT),
            })
        };
        let left = |told: &Allowance| {
            told.allowed
                .map_or(u64::MAX, |allowed| allowed.saturating_sub(told.used))
        };
        [of("user"), of("group")].into_iter().flatten().min_by_key(left)
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Allowance, read};
    use crate::quota::Window;

    #[test]
    fn the_smaller_remainder_decides_and_what_is_not_told_is_left_out() {
        let answer = json!({"data": {
            "api_requests_hourly": {"user": {"allowed": 240, "used": 10}},
            "api_requests_daily": {
                "user": {"allowed": 500, "used": 10},
                "group": {"allowed": 20_000, "inherited_from": "g", "used": 19_900},
            },
            "api_requests_monthly": {"user": {"allowed": 1_000_000_000, "used": 7}},
            "intelligence_searches_monthly": {"user": {"allowed": 300, "used": 0}},
        }});
        let told = |window, used, allowed| Allowance {
            window,
            used,
            allowed,
        };
        assert_eq!(
            read(&answer),
            [
                told(Window::Hour, 10, Some(240)),
                told(Window::Day, 19_900, Some(20_000)),
                told(Window::Month, 7, None),
            ]
        );
        assert_eq!(
            read(&json!({"data": {"api_requests_daily": {"user": {"used": 1}}}})),
            []
        );
        assert_eq!(read(&json!({"data": []})), []);
    }
}
