//! The parameter `File Paths`: one text that holds any file names.
//!
//! | in the text | means |
//! |---|---|
//! | `/a/x, /b/y` | two paths; blanks around each don't count |
//! | `"/a/x, y.exe"` | a path with a comma; between quotes everything counts, line breaks too |
//! | `"say ""hello""` | a quote between quotes is doubled |
//! | `file:///a/caf%E9` | a path whose bytes are written out, for names that are no text |
//! | `file://./caf%E9` | the same, for one that begins here |

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// A path of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// As it is named to people, and in the JSON result.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A list that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathListError {
    /// A quote is opened and never closed.
    #[error("the quote before {0:?} is not closed")]
    OpenQuote(String),
    /// Something stands between a closing quote and the next comma.
    #[error("after a closing quote there must be a comma, not {0:?}")]
    AfterQuote(String),
}

const FILE_URL: &str = "file://";
/// How the rest of such a URL begins where the path does not begin with `/`.
const HERE: &str = "./";
/// What a path's URL writes out beside bytes that are not ASCII.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b',')
    .add(b'#')
    .add(b'?');
/// How much of a text an error shows.
const SHOWN: usize = 40;

/// The paths of a list, each once, in their order.
///
/// # Errors
/// A quote that is not closed, or followed by something else than a comma.
pub fn read_path_list(text: &str) -> Result<Vec<NamedPath>, PathListError> {
    let mut paths: Vec<NamedPath> = Vec::new();
    let mut rest = text;
    loop {
        let (item, after) = next_item(rest)?;
        if !item.is_empty() {
            let path = named(item.into_owned());
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        match after {
            Some(after) => rest = after,
            None => return Ok(paths),
        }
    }
}

/// The text of a list that gives these paths.
#[must_use]
pub fn write_path_list<'a>(paths: impl IntoIterator<Item = &'a Path>) -> String {
    let items: Vec<String> = paths.into_iter().map(write_path).collect();
    items.join(",")
}

/// A path as people read it: as it is where it is text, else as a URL.
#[must_use]
pub fn path_name(path: &Path) -> String {
    match path.to_str() {
        Some(text) if written_out(text).is_none() => text.to_owned(),
        _ => {
            let here = if path.has_root() { "" } else { HERE };
            format!("{FILE_URL}{here}{}", percent_encode(&bytes(path), ESCAPED))
        }
    }
}

/// What a text has written out of a path; `None` where it is the path itself. A file may really be called `file://x`.
fn written_out(text: &str) -> Option<&str> {
    let path = text.strip_prefix(FILE_URL)?;
    match path.starts_with('/') {
        true => Some(path),
        false => path.strip_prefix(HERE),
    }
}

/// The last part of a path's name.
pub(crate) fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn write_path(path: &Path) -> String {
    let name = path_name(path);
    let is_plain = !name.contains([',', '"']) && name.trim() == name && !name.is_empty();
    match is_plain {
        true => name,
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// The first item of a list, and what follows its comma.
fn next_item(text: &str) -> Result<(Cow<'_, str>, Option<&str>), PathListError> {
    let start = text.trim_start();
    let Some(mut rest) = start.strip_prefix('"') else {
        return Ok(match start.split_once(',') {
            Some((item, after)) => (item.trim_end().into(), Some(after)),
            None => (start.trim_end().into(), None),
        });
    };
    let mut item = String::new();
    loop {
        let Some((part, after)) = rest.split_once('"') else {
            return Err(PathListError::OpenQuote(excerpt(start.trim_start_matches('"'))));
        };
        item.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                item.push('"');
                rest = after;
            }
            None => {
                let after = after.trim_start();
                return match after.strip_prefix(',') {
                    Some(after) => Ok((item.into(), Some(after))),
                    None if after.is_empty() => Ok((item.into(), None)),
                    None => Err(PathListError::AfterQuote(excerpt(after))),
                };
            }
        }
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn named(name: String) -> NamedPath {
    let path = match written_out(&name) {
        Some(encoded) => from_bytes(percent_decode_str(encoded).collect()),
        None => PathBuf::from(&name),
    };
    NamedPath { name, path }
}

#[cfg(unix)]
fn bytes(path: &Path) -> Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().into()
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn bytes(path: &Path) -> Cow<'_, [u8]> {
    path.to_string_lossy().into_owned().into_bytes().into()
}

#[cfg(not(unix))]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::{PathListError, from_bytes, path_name, read_path_list, write_path_list};

    fn paths(text: &str) -> Vec<PathBuf> {
        read_path_list(text)
            .unwrap()
            .into_iter()
            .map(|named| named.path)
            .collect()
    }

    fn texts(text: &str) -> Vec<String> {
        read_path_list(text)
            .unwrap()
            .into_iter()
            .map(|named| named.name)
            .collect()
    }

    #[test]
    fn a_list_gives_each_path_once_without_blanks_around_it() {
        assert_eq!(
            texts(" /tmp/a b.exe, /tmp/c ,,/tmp/a b.exe\n"),
            ["/tmp/a b.exe", "/tmp/c"]
        );
        assert!(texts(" , ").is_empty());
    }

    #[test]
    fn between_quotes_everything_counts() {
        assert_eq!(
            texts("\"/a/x, y.exe\" , \" b \",\"say \"\"hi\"\"\",\"two\nlines\",-rf,it's"),
            ["/a/x, y.exe", " b ", "say \"hi\"", "two\nlines", "-rf", "it's"]
        );
        // A quote in the middle of a name is a part of it, as it always was.
        assert_eq!(texts("/a/12\" disk.img"), ["/a/12\" disk.img"]);
    }

    #[test]
    fn a_slip_with_quotes_is_told_and_nothing_is_guessed() {
        assert_eq!(
            read_path_list("/a, \"/b, /c"),
            Err(PathListError::OpenQuote("/b, /c".to_owned()))
        );
        assert_eq!(
            read_path_list("\"/b\"x, /c"),
            Err(PathListError::AfterQuote("x, /c".to_owned()))
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_travels_as_a_url() {
        let path = from_bytes(b"/tmp/caf\xe9, 100%.exe".to_vec());
        assert_eq!(path_name(&path), "file:///tmp/caf%E9%2C%20100%25.exe");
        assert_eq!(paths(&path_name(&path)), [path]);
        // A file really called like a URL is not taken for one.
        assert_eq!(paths("file://x"), [Path::new("file://x")]);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_begins_here_travels_as_well() {
        for name in [
            &b"caf\xe9"[..],
            b"file://x",
            b"file:///x",
            b"file://./x",
            b"file:",
            b"./x",
        ] {
            let path = from_bytes(name.to_vec());
            let text = write_path_list([path.as_path()]);
            assert_eq!(paths(&text), [path], "{text}");
        }
        assert_eq!(path_name(&from_bytes(b"caf\xe9".to_vec())), "file://./caf%E9");
    }

    proptest! {
        #[cfg(unix)]
        #[test]
        fn every_list_of_paths_survives_its_text(names in prop::collection::vec(prop::collection::vec(1_u8.., 1..12), 1..5), root in "/?") {
            let mut expected: Vec<PathBuf> = Vec::new();
            for name in names {
                let path = from_bytes([root.as_bytes(), &name].concat());
                if !expected.contains(&path) {
                    expected.push(path);
                }
            }
            let text = write_path_list(expected.iter().map(PathBuf::as_path));
            prop_assert_eq!(paths(&text), expected);
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = read_path_list(&text);
        }
    }
}
