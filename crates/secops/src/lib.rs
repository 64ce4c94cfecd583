//! Google SecOps as an action sees it, and nothing of VirusTotal.
//!
//! A [`Context`] is what a run gets: target entities, parameters, the time. An [`ActionResult`] is what it
//! leaves: enriched entities, insights, tables, links, the JSON result and the script result. A [`Host`] is
//! where it runs (the shell, the platform, the workdesk) and stores what is written back. [`platform`] is the protocol by
//! which Google SecOps starts actions: with it, an action of any integration is a program.
//!
//! ```
//! use secops::{Entity, EntityType, Parameters};
//!
//! let entity = Entity::new("44D88612FEA8A8F36DE82E1278ABB02F", EntityType::FileHash);
//! let parameters = Parameters::new().with("Threshold", "3");
//! assert_eq!(parameters.whole_number("Threshold", 1), Ok(Some(3)));
//! assert_eq!(parameters.whole_number("Rescan after days", 0), Ok(None));
//! assert_eq!(entity.original_identifier(), "44D88612FEA8A8F36DE82E1278ABB02F");
//! ```

mod case;
mod context;
mod deliver;
mod entity;
mod host;
mod insight;
mod link;
mod parameter;
pub mod platform;
mod result;
mod table;

pub use case::{Alert, Case};
pub use context::Context;
pub use deliver::deliver;
pub use entity::{Entity, EntityType};
pub use host::{Host, HostError};
pub use insight::{Insight, InsightKind, Severity};
pub use link::Link;
pub use parameter::{ParameterError, Parameters};
pub use result::{
    ActionResult, EntityResult, ExecutionState, JsonItem, JsonResult, OutcomeKind, ScriptForm, ScriptResult,
};
pub use table::{Rows, Table};
