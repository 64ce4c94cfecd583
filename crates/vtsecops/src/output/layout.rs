//! JSON text set out anew, blanks only: digits, escapes, key order and repeated keys stay as they were sent.
//!
//! Reports are not read into a tree of values for this. A tree has a greatest depth, keeps one of two equal keys and
//! takes some names for its own, so one odd report would be changed, or would spoil a document of thousands.

/// Deeper than this, what follows stays on one line: blanks before a line would grow with the square of the depth.
const DEEPEST: usize = 64;

/// On one line.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut in_text = Text::Outside;
    for character in json.chars() {
        let within = in_text.follows(character);
        if within || !character.is_ascii_whitespace() {
            out.push(character);
        }
    }
    out
}

/// As `serde_json` indents, with `depth` levels around it.
pub(super) fn indented(json: &str, depth: usize) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut in_text = Text::Outside;
    let mut depth = depth;
    // Something was opened and nothing stands in it yet: it may be empty, and then stays on one line.
    let mut opened = false;
    for character in json.chars() {
        if in_text.follows(character) || !(character.is_ascii_whitespace() || "{[}],:".contains(character)) {
            if opened {
                new_line(&mut out, depth);
            }
            out.push(character);
            opened = false;
            continue;
        }
        match character {
            '{' | '[' => {
                if opened {
                    new_line(&mut out, depth);
                }
                out.push(character);
                depth += 1;
                opened = true;
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !opened {
                    new_line(&mut out, depth);
                }
                out.push(character);
                opened = false;
            }
            ',' => {
                out.push(character);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {}
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    if depth <= DEEPEST {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// Where in the JSON a character stands.
enum Text {
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Text {
    /// Takes the next character; whether it belongs to a text, quotes included.
    fn follows(&mut self, character: char) -> bool {
        let (next, within) = match (&self, character) {
            (Self::Outside, '"') => (Self::Inside, true),
            (Self::Outside, _) => (Self::Outside, false),
            (Self::Inside, '"') => (Self::Outside, true),
            (Self::Inside, '\\') => (Self::Escaped, true),
            (Self::Inside | Self::Escaped, _) => (Self::Inside, true),
        };
        *self = next;
        within
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{compact, indented};

    #[test]
    fn what_a_tree_of_values_would_change_stays() {
        for text in [
            r#"{"a":1,"a":1.10,"b":"\u00fc\/ {[,: ]}\"\\"}"#,
            r#"{"$serde_json::private::Number":"x","$serde_json::private::RawValue":"y"}"#,
            &format!("{}1E+05{}", "[".repeat(500), "]".repeat(500)),
        ] {
            assert_eq!(compact(text), text);
            assert_eq!(compact(&indented(text, 3)), text);
        }
    }

    #[test]
    fn a_deep_report_does_not_grow_without_bound() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(indented(&deep, 3).len() < deep.len() + 20_000);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,6}", inner), 0..5)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn plain_reports_look_as_serde_json_would_write_them(value in json()) {
            let (pretty, plain) = (format!("{value:#}"), value.to_string());
            prop_assert_eq!(&indented(&plain, 0), &pretty);
            prop_assert_eq!(&indented(&pretty, 0), &pretty);
            prop_assert_eq!(compact(&pretty), plain);
        }
    }
}
