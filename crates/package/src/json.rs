//! JSON as the platform's packages have it: keys sorted, four spaces.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};

use crate::Error;

pub(crate) fn write(value: &Value) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    sorted(value).serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Maps keep the order of insertion here, for the sake of reports.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(Map::from_iter(entries))
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let bytes = super::write(&json!({"b": [{"d": 46.0, "c": null}], "a": ""})).unwrap();
        let text = "{\n    \"a\": \"\",\n    \"b\": [\n        {\n            \"c\": null,\n            \"d\": 46.0\n        }\n    ]\n}\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }
}
