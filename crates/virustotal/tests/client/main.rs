//! The client against the simulator, over real HTTP and TLS.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod agreement;
mod both;
mod cache;
mod cache_file;
mod common;
mod downloads;
mod file_reports;
mod journal;
mod lists_and_notes;
mod passing;
mod quota;
mod quota_file;
mod scans;
mod stores;
mod tls;
mod trouble;
mod uploads;
mod v3;
