//! The gateway between real HTTP clients and the simulator.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod account;
mod boundary;
mod cache;
mod clients;
mod quota;
mod scene;
mod strangers;
mod tokens;
mod uploads;
