//! Values from arguments, standard input and files.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The values of the arguments in their order, `-` replaced by the lines of standard input, then those of `file`.
///
/// # Errors
/// Nothing was named at all, or what was named can't be read.
pub(crate) fn collect(values: &[String], file: Option<&Path>, what: &str) -> Result<Vec<String>, Failure> {
    gather(values, file, what, lines)
}

/// The paths of the arguments in their order, `-` replaced by what standard input lists, then those that `file` lists.
///
/// A list has one path a line, read as [`lines`] reads values, or, with `null`, one before each NUL, exactly as it is.
///
/// # Errors
/// As for [`collect`].
pub(crate) fn collect_paths(
    paths: &[PathBuf],
    file: Option<&Path>,
    null: bool,
) -> Result<Vec<PathBuf>, Failure> {
    gather(paths, file, "files", |bytes| listed_paths(bytes, null))
}

/// What the arguments name, with `-` and `file` replaced by what `listed` reads there.
fn gather<T: AsRef<OsStr> + Clone>(
    values: &[T],
    file: Option<&Path>,
    what: &str,
    listed: impl Fn(&[u8]) -> Vec<T>,
) -> Result<Vec<T>, Failure> {
    if values.is_empty() && file.is_none() {
        return Err(Failure::usage(format!(
            "No {what} given. Name some, read them from a file with --file PATH, or from standard input with -"
        )));
    }
    let mut all = Vec::new();
    for value in values {
        match value.as_ref() == "-" {
            true => all.extend(listed(&standard_input()?)),
            false => all.push(value.clone()),
        }
    }
    if let Some(path) = file {
        let bytes = std::fs::read(path);
        let bytes =
            bytes.map_err(|error| Failure::usage(format!("{} can't be read: {error}", path.display())))?;
        all.extend(listed(&bytes));
    }
    Ok(all)
}

fn listed_paths(bytes: &[u8], null: bool) -> Vec<PathBuf> {
    let end = if null { 0 } else { b'\n' };
    let parts = bytes.split(|byte| *byte == end);
    let exact = |part: &[u8]| (!part.is_empty()).then(|| path_of(part));
    let trimmed = |part: &[u8]| {
        let part = part
            .strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(part)
            .trim_ascii();
        (!part.is_empty() && !part.starts_with(b"#")).then(|| path_of(part))
    };
    parts
        .filter_map(|part| if null { exact(part) } else { trimmed(part) })
        .collect()
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// All of standard input.
///
/// # Errors
/// It can't be read.
pub(crate) fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|error| Failure::usage(format!("standard input can't be read: {error}")))?;
    Ok(bytes)
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
    use std::path::Path;

    use super::{lines, listed_paths};

    #[test]
    fn a_list_is_read_line_by_line_whatever_system_wrote_it() {
        let text = "\u{feff}a\r\n\r\n  b  \n# remark\nc";
        assert_eq!(lines(text.as_bytes()), ["a", "b", "c"]);
        assert_eq!(lines(b"bad \xff byte"), ["bad \u{fffd} byte"]);
    }

    #[cfg(unix)]
    #[test]
    fn paths_keep_their_bytes_and_with_nul_their_blanks_and_lines() {
        use std::os::unix::ffi::OsStrExt;
        let path = |bytes: &'static [u8]| Path::new(std::ffi::OsStr::from_bytes(bytes));
        assert_eq!(
            listed_paths(b"/a/caf\xe9 \r\n# no\n\n-x", false),
            [path(b"/a/caf\xe9"), path(b"-x")]
        );
        assert_eq!(
            listed_paths(b"# a\0 two\nlines \0", true),
            [path(b"# a"), path(b" two\nlines ")]
        );
    }
}
