//! The verdict policy that the settings name.

use std::path::Path;

use integration::{Action, Policy};

use super::{Resolved, SettingsError};

/// The policy of this run, read and checked; `None` where no setting names one.
///
/// # Errors
/// It can't be read or used; says which file, which setting names it, and what to do.
pub(crate) fn policy(resolved: &Resolved) -> Result<Option<Policy>, SettingsError> {
    let Some((path, origin)) = resolved.get("policy").filter(|(path, _)| !path.is_empty()) else {
        return Ok(None);
    };
    let path = Path::new(path);
    match read_policy(path) {
        Ok(policy) => Ok(Some(policy)),
        Err(problem) => Err(SettingsError::File {
            path: path.to_owned(),
            problem: format!(
                "the verdict policy that {origin} names {problem}\nNothing was asked. Try it alone: vtsecops policy check {}",
                path.display()
            ),
        }),
    }
}

/// The same for an action, which may judge nothing.
pub(crate) fn policy_of(action: Action, resolved: &Resolved) -> Result<Option<Policy>, SettingsError> {
    match action.judges() {
        true => policy(resolved),
        false => Ok(None),
    }
}

/// Reads a policy; people are told the file's name, not where it is. The error goes on after the file's name.
pub(crate) fn read_policy(path: &Path) -> Result<Policy, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("can't be read: {error}"))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Policy::parse(name, &text).map_err(|error| format!("can't be used: {error}"))
}
