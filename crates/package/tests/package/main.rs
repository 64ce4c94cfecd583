//! The package: against the content hub's rules, against the built form, and in a real Python.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod built;
mod common;
mod limits;
mod python;
mod rules;
mod source;
mod wheel;
