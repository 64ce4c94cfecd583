//! A Google SecOps platform for tests.
//!
//! Three parts that can be used apart:
//! - [`Platform`]: the host. A real HTTP server on a loopback port that holds a case and a configuration, serves an
//!   action's calls in both address forms, and notes every request that is not as the protocol says.
//! - [`Launch`], [`drive`]: start a program as the platform starts an action, once or until it is done. They take the
//!   host's address and key as values, so that any other host can stand in.
//! - [`check_document`], [`check_run`], [`check_log`]: what a run left, held against the protocol.
//!
//! It shares no code with the actions, so that the two can disagree.
//!
//! ```
//! use test_platform::{Alert, Call, Case, Entity, Platform};
//!
//! let case = Case::new(17).alert(Alert::new("ALERT-1").entity(Entity::new("8.8.8.8", "ADDRESS")));
//! let platform = Platform::builder().case(case).start().unwrap();
//! let answer = ureq::get(&format!("{}/api/external/v1/sdk/CaseMetadata/17?format=snake", platform.origin()))
//!     .header("AppKey", platform.key())
//!     .header("Content-Type", "application/json")
//!     .header("Accept", "application/json")
//!     .call()
//!     .unwrap();
//! assert_eq!(answer.status(), 200);
//! assert_eq!(platform.calls(), [Call::CaseMetadata]);
//! assert!(platform.violations().is_empty());
//! ```

mod answer;
mod call;
mod case;
mod context;
mod csv;
mod document;
mod drive;
mod fault;
mod json;
mod launch;
mod log;
mod platform;
mod process;
mod proxy;
mod relay;
mod server;
mod strict;
mod world;

pub use call::{Call, Form};
pub use case::{Alert, Case, Entity};
pub use context::{Context, TargetFormat};
pub use csv::fields as csv_fields;
pub use document::{Asked, check_document, check_run};
pub use drive::{Drive, drive};
pub use fault::{Fault, FaultKind};
pub use launch::{Host, Launch, Remote};
pub use log::check_log;
pub use platform::{Builder, Platform, ProxySettings};
pub use process::{Run, Running};
pub use proxy::ForwardProxy;
pub use relay::Relay;
pub use world::Request;
