//! Values from arguments, standard input and files.

use std::io::Read;
use std::path::Path;

use crate::failure::Failure;

/// The values of the arguments in their order, `-` replaced by the lines of standard input, then those of `file`.
///
/// # Errors
/// Nothing was named at all, or what was named can't be read.
pub(crate) fn collect(values: &[String], file: Option<&Path>, what: &str) -> Result<Vec<String>, Failure> {
    if values.is_empty() && file.is_none() {
        return Err(Failure::usage(format!(
            "No {what} given. Name some, read them from a file with --file PATH, or from standard input with -"
        )));
    }
    let mut all = Vec::new();
    for value in values {
        match value.as_str() {
            "-" => {
                let mut bytes = Vec::new();
                let read = std::io::stdin().lock().read_to_end(&mut bytes);
                read.map_err(|error| Failure::usage(format!("standard input can't be read: {error}")))?;
                all.extend(lines(&bytes));
            }
            _ => all.push(value.clone()),
        }
    }
    if let Some(path) = file {
        let bytes = std::fs::read(path);
        let bytes =
            bytes.map_err(|error| Failure::usage(format!("{} can't be read: {error}", path.display())))?;
        all.extend(lines(&bytes));
    }
    Ok(all)
}

/// One value a line; blanks around it, a byte-order mark, blank lines and lines that start with `#` don't count.
#[must_use]
pub fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn a_list_is_read_line_by_line_whatever_system_wrote_it() {
        let text = "\u{feff}a\r\n\r\n  b  \n# remark\nc";
        assert_eq!(lines(text.as_bytes()), ["a", "b", "c"]);
        assert_eq!(lines(b"bad \xff byte"), ["bad \u{fffd} byte"]);
    }
}
