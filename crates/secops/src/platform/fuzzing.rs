//! Readers and writers of the platform's JSON, as `crates/fuzz` reaches them. Nothing else uses it.

use serde_json::Value;

use super::{escape, input};

/// JSON that the platform wrote.
///
/// # Errors
/// It is none.
pub fn read(bytes: &[u8]) -> Result<Value, String> {
    input::parse(bytes)
}

/// The same, to be sent back, and whether halves of surrogate pairs were met.
///
/// # Errors
/// It is none.
pub fn read_for_return(bytes: &[u8]) -> Result<(Value, bool), String> {
    input::parse_for_return(bytes)
}

/// A value as it is sent.
#[must_use]
pub fn written(value: &Value, with_halves: bool) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = match with_halves {
        true => escape::write_json_with_halves(&mut out, value),
        false => escape::write_json(&mut out, value),
    };
    out
}
