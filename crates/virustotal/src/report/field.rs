//! Tolerant reading of single fields.

use jiff::civil::DateTime;
use serde_json::Value;

/// A non-empty text; numbers and booleans are accepted as text.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    as_text(value.get(key)?)
}

pub(crate) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number of at least zero; texts such as `"5"` and `5.0` are accepted.
pub(super) fn count(value: &Value, key: &str) -> Option<u64> {
    as_count(value.get(key)?)
}

pub(super) fn as_count(value: &Value) -> Option<u64> {
    let text = as_text(value)?;
    let text = text.trim();
    text.parse().ok().or_else(|| whole(text.parse().ok()?))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is whole and within 0..2^53, where f64 is exact"
)]
fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && (0.0..EXACT).contains(&number)).then_some(number as u64)
}

/// A truth value; `"true"` and `1` are accepted.
pub(super) fn as_flag(value: &Value) -> Option<bool> {
    match as_text(value)?.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The elements of a list; empty when there is none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The texts of a list; a single text counts as a list of one.
pub(super) fn texts(value: &Value, key: &str) -> Vec<String> {
    value.get(key).map(as_texts).unwrap_or_default()
}

pub(super) fn as_texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(as_text).collect(),
        other => as_text(other).into_iter().collect(),
    }
}

/// A moment in UTC, in the form that VirusTotal writes: `YYYY-MM-DD HH:MM:SS`.
#[must_use]
pub fn date_time(text: &str) -> Option<DateTime> {
    DateTime::strptime("%Y-%m-%d %H:%M:%S", text.trim()).ok()
}

/// The same form, written.
#[must_use]
pub fn format_date(date: DateTime) -> String {
    date.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{as_flag, count, date_time, format_date, text, texts};

    #[test]
    fn retyped_fields_are_still_read() {
        let value = json!({"a": "5", "b": 5.0, "c": -1, "d": "x", "e": null, "f": "true", "g": 1, "h": " ", "i": "x", "j": 1e300});
        assert_eq!(
            (count(&value, "a"), count(&value, "b"), count(&value, "c")),
            (Some(5), Some(5), None)
        );
        assert_eq!(
            (count(&value, "d"), count(&value, "e"), count(&value, "j")),
            (None, None, None)
        );
        assert_eq!(
            (as_flag(&value["f"]), as_flag(&value["g"]), as_flag(&value["d"])),
            (Some(true), Some(true), None)
        );
        assert_eq!(
            (text(&value, "b"), text(&value, "h"), text(&value, "e")),
            (Some("5.0".into()), None, None)
        );
        assert_eq!(texts(&value, "i"), ["x"]);
    }

    #[test]
    fn dates_are_read_and_written_alike() {
        let text = "2019-02-05 15:41:52";
        assert_eq!(format_date(date_time(text).unwrap()), text);
        assert_eq!(date_time("20190205"), None);
        assert_eq!(date_time("2019-13-05 00:00:00"), None);
    }
}
