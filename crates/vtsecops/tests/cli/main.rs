//! The binary as people run it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

#[cfg(unix)]
mod apart;
mod config;
mod crash;
#[cfg(unix)]
mod fleet;
mod gateway;
#[cfg(unix)]
mod keeping;
mod keyring;
mod objects;
mod policy;
mod quota;
mod scan;
mod scene;
mod secrets;
#[path = "../shared/desk.rs"]
mod shared_desk;
#[path = "../shared/files.rs"]
mod shared_files;
#[path = "../shared/gateway.rs"]
mod shared_gateway;
mod tools;
mod upload;
mod wire;
mod workdesk;
