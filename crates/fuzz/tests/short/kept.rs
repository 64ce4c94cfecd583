//! The files that are kept: inputs, and words that mean something to a reader.

use std::path::{Path, PathBuf};

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind)
}

/// Names of the folders of inputs, sorted.
pub(crate) fn folders() -> Vec<String> {
    let entries = std::fs::read_dir(folder("corpus")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The inputs of a target, by name, so that every run has them in the same order.
pub(crate) fn inputs(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder("corpus").join(name)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// The words of all targets, and of this one: files as libFuzzer reads them, a word in quotes a line.
pub(crate) fn tokens(name: &str) -> Vec<Vec<u8>> {
    let read = |name: &str| {
        std::fs::read_to_string(folder("words").join(format!("{name}.dict"))).unwrap_or_default()
    };
    let text = read("all") + &read(name);
    let quoted = |line: &str| line.strip_prefix('"')?.strip_suffix('"').map(unescaped);
    text.lines().filter_map(quoted).collect()
}

/// `\\`, `\"` and `\xAB` are the escapes of such a file.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let taken = match escape.strip_prefix('x') {
            Some(digits) => {
                bytes.push(u8::from_str_radix(&digits[..2], 16).unwrap());
                3
            }
            None => {
                bytes.push(escape.as_bytes()[0]);
                1
            }
        };
        rest = &escape[taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
