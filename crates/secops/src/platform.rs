//! Google SecOps' protocol for actions: one process a run, the order on standard input, the result on standard output.
//!
//! Write a [`PlatformAction`] and give it to [`main`]; `examples/hello.rs` is a whole one. Everything that the platform's own
//! SDK does around an action happens here: arguments, environment, calls, the log, signals, the result document and the exit
//! code. Source: the platform's SDK for Python, whose behaviour this follows; where it is kinder, it says so.

mod address;
mod agent;
mod csv;
mod document;
mod error;
mod escape;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod google;
mod host;
mod input;
mod launch;
mod log;
mod run;
mod session;
mod signals;
mod targets;

pub use error::PlatformError;
pub use host::{Platform, ProxySettings};
pub use input::{Input, InputError, Targets};
pub use launch::{Agent, Environment, Launch};
pub use log::Log;
pub use run::{Ending, PlatformAction, PlatformRun, can_open_files, main};
