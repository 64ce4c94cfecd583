//! Programs that are started for what they do or say.

use std::error::Error;
use std::process::Command;

/// Runs to the end, with what it says left to be seen.
///
/// # Errors
/// `otherwise`, when it does not end well.
pub(crate) fn succeed(command: &mut Command, otherwise: &str) -> Result<(), Box<dyn Error>> {
    if command.status()?.success() {
        Ok(())
    } else {
        Err(otherwise.into())
    }
}

/// What it wrote.
///
/// # Errors
/// With its last words, when it can't be started or does not end well.
pub(crate) fn asked(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name} can't be started: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name} failed: {}", words.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
