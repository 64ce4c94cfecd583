//! The actions against the simulator, over real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod common;
mod day;
mod golden;
mod objects;
mod states;
mod third;
mod trouble;
mod uploads;
