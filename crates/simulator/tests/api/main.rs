//! The reference's checklist for a simulator, row by row, with a client that shares nothing with ours.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod faults;
mod objects;
mod protocol;
mod scene;
