//! The VirusTotal actions of Google SecOps: the only place where VirusTotal and the platform meet.
//!
//! An [`Action`] is started with a [`Run`] and ends as an [`ActionResult`](secops::ActionResult), or asks to be
//! resumed later with a [`State`]. [`drive`] does the waiting for callers that can (the shell); a platform that
//! starts a process anew for each step calls [`Action::start`] and [`Action::resume`] itself.
//!
//! Every action goes the same way: *plan* (which objects) → *look up* → *judge* → *render* → *write back*. Only
//! looking up and writing back touch the world.
//!
//! ```no_run
//! use integration::{Action, Patience, Run, drive};
//! use secops::{Context, Entity, EntityType, Parameters};
//! use virustotal::{ApiKey, Client, Deadline, Settings};
//!
//! # async fn example(now: jiff::Timestamp) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Settings::new(ApiKey::parse("0123456789abcdef")?))?;
//! let context = Context {
//!     targets: vec![Entity::new("44d88612fea8a8f36de82e1278abb02f", EntityType::FileHash)],
//!     parameters: Parameters::new().with("Threshold", "3"),
//!     now,
//! };
//! let deadline = Deadline::after(std::time::Duration::from_secs(600));
//! let run = Run::new(&client, &context, &deadline);
//! let result = drive(Action::ScanHash, run, Patience::default()).await;
//! println!("{}", result.output_message);
//! # Ok(())
//! # }
//! ```

mod actions;
mod comments;
mod conclude;
mod definition;
mod drive;
mod enrichment;
mod facts;
mod files;
mod lookup;
mod plan;
mod render;
mod scan;
mod state;
mod verdict;
mod words;

pub use actions::{Action, Run, Step};
pub use definition::{Definition, Parameter, ParameterKind};
pub use drive::{Patience, drive};
#[cfg(feature = "fuzzing")]
pub use files::fuzzing;
pub use files::{
    Files, NamedPath, PathListError, RulesError, UploadRules, path_name, read_path_list, write_path_list,
};
pub use plan::{Group, Plan, Skipped};
pub use state::{State, StateError};
pub use verdict::{Policy, PolicyError, PolicyKind, Stale, Trusted, Undecided, Verdict};

/// Default prefix of enrichment fields, as the original integration has it.
pub const ENRICHMENT_PREFIX: &str = "VT_";

/// The value of the parameter `Enrichment Prefix` that gives the bare names.
pub const NO_PREFIX: &str = "none";
