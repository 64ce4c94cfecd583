//! Tolerant reading of an object's attributes. A missing attribute and null mean the same, and so does one of
//! an unexpected type. Source: API v3, section 1.1.

use serde_json::{Map, Value};

/// The attributes of an object.
///
/// # Errors
/// What is wrong with it, when it is of another type, an error's stub or a mere descriptor.
pub(super) fn of<'a>(object: &'a Value, kind: &str) -> Result<&'a Value, String> {
    if !object.is_object() {
        return Err("it is not an object".to_owned());
    }
    if let Some(other) = text(object, "type").filter(|other| *other != kind) {
        let start: String = other.chars().take(40).collect();
        return Err(format!("it is of type {start:?}, not {kind:?}"));
    }
    match object.get("attributes") {
        Some(attributes) if attributes.is_object() => Ok(attributes),
        _ if is_stub(object) => Err("it has an error in place of attributes".to_owned()),
        _ => Err("it has no attributes".to_owned()),
    }
}

/// A related object that VirusTotal doesn't hold. Source: API v3, section 1.1 (unconfirmed).
pub(super) fn is_stub(object: &Value) -> bool {
    object.get("error").is_some_and(|error| !error.is_null())
}

/// A text with something in it, as written.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().filter(|text| !text.trim().is_empty())
}

/// A number, to the digit as written.
pub(super) fn number(value: &Value, key: &str) -> Option<Value> {
    value.get(key).filter(|number| number.is_number()).cloned()
}

/// A whole number of at least zero.
pub(super) fn count(value: &Value, key: &str) -> Option<u64> {
    value.get(key)?.as_u64()
}

/// A list's elements.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> Option<&'a [Value]> {
    value.get(key)?.as_array().map(Vec::as_slice)
}

/// A list's texts; what else it holds is left out.
pub(super) fn texts(value: &Value, key: &str) -> Option<Vec<String>> {
    let texts = list(value, key)?.iter().filter_map(crate::report::as_text);
    Some(texts.collect())
}

/// An object's fields.
pub(super) fn fields<'a>(value: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    value.get(key)?.as_object()
}

/// A SHA-256 in hexadecimal digits, in lower case.
pub(super) fn sha256(value: &Value, key: &str) -> Option<String> {
    as_sha256(text(value, key)?)
}

pub(super) fn as_sha256(text: &str) -> Option<String> {
    const DIGITS: usize = 64;
    is_hex(text, DIGITS).then(|| text.to_ascii_lowercase())
}

/// Whether a text is that many hexadecimal digits.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The fields of an object without the null ones, all the way down; `None` for anything else.
pub(super) fn without_nulls(value: &Value, key: &str) -> Option<Value> {
    fields(value, key)?;
    value.get(key).map(pruned)
}

fn pruned(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), pruned(value))).collect())
        }
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(pruned).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{count, number, of, sha256, text, texts, without_nulls};

    #[test]
    fn an_object_without_attributes_says_what_it_is() {
        let wrong = |object| of(&object, "file").unwrap_err();
        assert_eq!(wrong(json!(["x"])), "it is not an object");
        assert_eq!(wrong(json!({"type": "file", "id": "x"})), "it has no attributes");
        assert_eq!(wrong(json!({"attributes": null})), "it has no attributes");
        assert_eq!(
            wrong(json!({"type": "url", "attributes": {}})),
            r#"it is of type "url", not "file""#
        );
        assert_eq!(
            wrong(json!({"type": "file", "error": {"code": "NotFoundError"}})),
            "it has an error in place of attributes"
        );
        assert_eq!(
            of(&json!({"attributes": {"size": 1}}), "file"),
            Ok(&json!({"size": 1}))
        );
    }

    #[test]
    fn attributes_of_another_type_count_as_missing() {
        let value = json!({"a": "", "b": " ", "c": 5, "d": "5", "e": null, "f": [1, null, "x", []], "g": -1});
        assert_eq!(
            (text(&value, "a"), text(&value, "b"), text(&value, "c")),
            (None, None, None)
        );
        assert_eq!((number(&value, "c"), number(&value, "d")), (Some(json!(5)), None));
        assert_eq!(
            (count(&value, "c"), count(&value, "g"), count(&value, "e")),
            (Some(5), None, None)
        );
        assert_eq!(texts(&value, "f"), Some(vec!["1".to_owned(), "x".to_owned()]));
        assert_eq!((texts(&value, "d"), sha256(&value, "d")), (None, None));
    }

    #[test]
    fn nulls_are_pruned_at_every_depth() {
        let value = json!({"a": {"b": null, "c": [null, {"d": null, "e": 1}]}});
        assert_eq!(without_nulls(&value, "a"), Some(json!({"c": [{"e": 1}]})));
        assert_eq!(without_nulls(&json!({"a": 5}), "a"), None);
    }
}
