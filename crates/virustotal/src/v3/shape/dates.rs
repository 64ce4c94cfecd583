//! Dates: seconds since 1970 in API v3, text in API v2, UTC in both. Source: the mapping, section 1.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Whole seconds since 1970 that make a date; a fraction is cut off.
pub(super) fn epoch(value: &Value, key: &str) -> Option<i64> {
    let number = value.get(key)?.as_number()?;
    let seconds = number.as_i64().or_else(|| whole(number.as_f64()?))?;
    // Before 1970 there was nothing to analyse, and a scan id has no place for a sign.
    (seconds >= 0 && civil(seconds).is_some()).then_some(seconds)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "cutting off the fraction is meant; the range is checked by the caller, and `as` saturates"
)]
fn whole(number: f64) -> Option<i64> {
    number.is_finite().then_some(number as i64)
}

/// The moment, in UTC.
pub(super) fn civil(epoch: i64) -> Option<DateTime> {
    let moment = Timestamp::from_second(epoch).ok()?;
    Some(TimeZone::UTC.to_datetime(moment))
}

/// `YYYY-MM-DD HH:MM:SS`.
pub(super) fn in_words(epoch: i64) -> Option<String> {
    civil(epoch).map(crate::report::format_date)
}

/// `YYYYMMDDHHMMSS`, the form of comments.
pub(super) fn compact(epoch: i64) -> Option<String> {
    Some(civil(epoch)?.strftime("%Y%m%d%H%M%S").to_string())
}

/// An attribute as `YYYY-MM-DD HH:MM:SS`.
pub(super) fn date(value: &Value, key: &str) -> Option<String> {
    in_words(epoch(value, key)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{compact, date, epoch};

    #[test]
    fn an_epoch_becomes_text_in_utc() {
        let value = json!({"a": 1_549_381_312, "b": 0});
        assert_eq!(date(&value, "a").as_deref(), Some("2019-02-05 15:41:52"));
        assert_eq!(date(&value, "b").as_deref(), Some("1970-01-01 00:00:00"));
        assert_eq!(compact(1_549_381_312).as_deref(), Some("20190205154152"));
    }

    #[test]
    fn a_fraction_is_cut_off() {
        let value: Value = serde_json::from_str(r#"{"a": 1467410563.3152499, "b": 5e0}"#).unwrap();
        assert_eq!(
            (epoch(&value, "a"), epoch(&value, "b")),
            (Some(1_467_410_563), Some(5))
        );
    }

    #[test]
    fn what_is_no_date_is_left_out() {
        let text =
            r#"{"a": -1, "b": "1549381312", "c": null, "d": 1e300, "e": 99999999999999999999, "f": [1]}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        for key in ["a", "b", "c", "d", "e", "f", "g"] {
            assert_eq!(epoch(&value, key), None, "{key}");
        }
    }
}
