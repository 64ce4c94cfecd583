//! The binary as Google SecOps runs it.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod actions;
mod agent;
mod behind;
mod big;
mod deadline;
mod golden;
mod hostile;
mod launch;
mod oracle;
mod policy;
mod proxy;
mod scene;
mod secrets;
#[path = "../shared/files.rs"]
mod shared_files;
mod signals;
mod states;
mod trouble;
