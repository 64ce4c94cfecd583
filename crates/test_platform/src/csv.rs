//! One line of CSV.

/// The fields of a line, quotes undone; `None` where the quotes do not close, stand in the middle of a field, or a
/// line break stands outside of them.
#[must_use]
pub fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_field(quoted)?
        } else {
            bare_field(rest)?
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(fields),
            None => return None,
        }
    }
}

fn bare_field(text: &str) -> Option<(String, &str)> {
    let end = text.find(',').unwrap_or(text.len());
    let (field, after) = text.split_at(end);
    (!field.contains(['"', '\n', '\r'])).then(|| (field.to_owned(), after))
}

fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn fields_are_read_as_written() {
        assert_eq!(fields("a,b,").unwrap(), ["a", "b", ""]);
        assert_eq!(
            fields(
                r#""a, ""b""","c
d""#
            )
            .unwrap(),
            ["a, \"b\"", "c\nd"]
        );
        assert_eq!(fields("").unwrap(), [""]);
        for bad in ["\"a", "a\"b", "\"a\"b", "a\nb"] {
            assert_eq!(fields(bad), None, "{bad:?}");
        }
    }
}
