//! File paths as a parameter has them, patterns, and what a downloaded ZIP must be.

use std::path::Path;

use integration::fuzzing::pattern_fits;
use integration::{path_name, read_path_list, write_path_list};
use virustotal::fuzzing::check_zip;

use crate::{check_words, parts};

/// A list of paths, and a path that its patterns may describe.
pub(crate) fn paths(data: &[u8]) {
    let [list, path] = parts(data);
    let (list, path) = (String::from_utf8_lossy(list), String::from_utf8_lossy(path));
    let named = match read_path_list(&list) {
        Ok(named) => named,
        Err(error) => return check_words(&error.to_string(), 400),
    };
    for (place, own) in named.iter().enumerate() {
        assert!(!named[..place].contains(own), "each path once");
        assert!(!own.name.is_empty());
    }
    let written = write_path_list(named.iter().map(|own| own.path.as_path()));
    let again = read_path_list(&written).expect("what is written is read");
    // By name: two paths are one whatever the slashes at their ends.
    let mut names: Vec<String> = Vec::new();
    for own in &named {
        let name = path_name(&own.path);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let again: Vec<String> = again.into_iter().map(|own| own.name).collect();
    assert_eq!(again, names);
    for own in named.iter().take(20) {
        let name = path_name(&own.path);
        let one = read_path_list(&write_path_list([own.path.as_path()])).unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].name, name);
        match pattern_fits(&own.path, Path::new(&*path)) {
            Ok((fits, is_found)) => assert!(
                !fits || is_found,
                "what fits is looked for where it is: {:?} {path:?}",
                own.path
            ),
            Err(words) => check_words(&words, 1100),
        }
    }
}

/// A downloaded file.
pub(crate) fn quarantine(data: &[u8]) {
    match check_zip(data) {
        Ok(()) => check_sealed(data),
        Err(words) => check_words(&words, 200),
    }
}

/// Every file of the ZIP says of itself that it is encrypted, where it stands, whatever the directory at the end says: there are
/// programs that read the one, and such that read the other.
fn check_sealed(data: &[u8]) {
    assert_eq!(&data[..4], b"PK\x03\x04");
    let is_encrypted = |header: &[u8]| header.get(6).is_some_and(|flags| flags & 1 == 1);
    assert!(is_encrypted(data), "the first file opens with a password only");
}
