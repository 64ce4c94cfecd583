//! API v3: the reference's checklist, agreement with API v2, and a client of VirusTotal's own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the first thing that is not as promised, and says what it left out"
)]

mod agreement;
mod analyses;
mod collections;
mod faults;
mod keys;
mod notes;
mod premium;
mod samples;
mod scene;
mod vt_py;
