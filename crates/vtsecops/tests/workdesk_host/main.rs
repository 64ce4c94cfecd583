//! The workdesk as the host: the tests of the action protocol once more, with a workdesk that answers.
//!
//! Every request is held against the protocol as with the test platform, every answer of the workdesk against the test platform's,
//! and in the end what the workdesk has stored against what was written.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test stops at the first thing that is not as promised, and not every shared helper is used here"
)]

#[path = "../platform/actions.rs"]
mod actions;
mod behind;
#[path = "../platform/big.rs"]
mod big;
#[path = "../platform/deadline.rs"]
mod deadline;
#[path = "../platform/hostile.rs"]
mod hostile;
#[path = "../platform/oracle.rs"]
mod oracle;
#[path = "../platform/policy.rs"]
mod policy;
#[path = "../platform/scene.rs"]
mod scene;
#[path = "../platform/states.rs"]
mod states;
#[path = "../platform/trouble.rs"]
mod trouble;
