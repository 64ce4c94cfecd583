//! JSON as servers write it.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Reads a text in which halves of surrogate pairs may stand alone: Python writes them, for file names that are no text, and no
/// text here can hold them. Each becomes a replacement character, so that one name does not take a whole report with it.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str(text).or_else(|error| match whole(text) {
        Cow::Owned(whole) => serde_json::from_str(&whole),
        Cow::Borrowed(_) => Err(error),
    })
}

/// The same for bytes.
pub(crate) fn read_bytes<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    match str::from_utf8(bytes) {
        Ok(text) => read(text),
        Err(_) => serde_json::from_slice(bytes),
    }
}

/// The text without halves of pairs.
fn whole(text: &str) -> Cow<'_, str> {
    let mut whole = String::new();
    let (mut rest, mut met) = (text, false);
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        whole.push_str(before);
        let is_low = |text: &str| matches!(unit(text), Some(0xDC00..=0xDFFF));
        let (taken, is_half) = match unit(escape) {
            Some(0xD800..=0xDBFF) if escape.get(UNIT..).is_some_and(is_low) => (2 * UNIT, false),
            Some(0xD800..=0xDFFF) => (UNIT, true),
            // An escaped backslash begins no other escape.
            _ => (2, false),
        };
        let Some((own, after)) = escape.split_at_checked(taken) else {
            rest = escape;
            break;
        };
        whole.push_str(if is_half { "\u{fffd}" } else { own });
        met |= is_half;
        rest = after;
    }
    match met {
        true => Cow::Owned(whole + rest),
        false => Cow::Borrowed(text),
    }
}

/// Bytes of `\u` and its digits.
const UNIT: usize = 6;

/// What such an escape at the beginning stands for.
fn unit(text: &str) -> Option<u32> {
    let digits = text.get(..UNIT)?.strip_prefix("\\u")?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{read, read_bytes};

    #[test]
    fn half_a_pair_takes_nothing_else_with_it() {
        let text = r#"{"a": "x\ud800y\ud83d\ude00\\ud800\udc00\uDBFF", "b": 1.50}"#;
        let value: Value = read(text).unwrap();
        assert_eq!(value["a"], "x\u{fffd}y\u{1f600}\\ud800\u{fffd}\u{fffd}");
        assert_eq!(value["b"].to_string(), "1.50");
        assert_eq!(read_bytes::<Value>(text.as_bytes()).unwrap(), value);
    }

    #[test]
    fn what_is_no_json_is_refused_all_the_same() {
        for text in ["", "\\", "{\"a\": \"\\ud800\"", "\\ud800", "[\"\\ud8", "\"\\ä\""] {
            assert!(read::<Value>(text).is_err(), "{text}");
        }
        assert!(read_bytes::<Value>(b"\"\xff\"").is_err());
        assert_eq!(read::<Value>("[1]").unwrap(), json!([1]));
    }
}
