//! The rules and patterns for files, as `crates/fuzz` reaches them. Nothing else uses it.

use std::path::Path;

use super::expand::Pattern;
use super::{Candidate, UploadRules};

/// The rule that refuses such a file.
#[must_use]
pub fn refusal<'a>(
    rules: &'a UploadRules,
    path: &Path,
    size_bytes: u64,
    head: &[u8],
    environment: Option<&str>,
) -> Option<&'a str> {
    rules.refusal(&Candidate {
        paths: [path, path],
        size_bytes,
        head,
        environment,
    })
}

/// Whether a path is what a pattern describes, and whether the search for the pattern comes to where the path is.
///
/// # Errors
/// The pattern can't be read.
pub fn pattern_fits(pattern: &Path, path: &Path) -> Result<(bool, bool), String> {
    let pattern = Pattern::read(pattern)?;
    let is_found = (path.starts_with(&pattern.start) || pattern.start == Path::new("."))
        && path.components().count() <= pattern.deepest;
    Ok((pattern.matcher.is_match(path), is_found))
}
