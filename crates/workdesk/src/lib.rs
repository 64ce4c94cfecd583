//! The local platform: cases with alerts and entities, durable runs of actions, a case wall.
//!
//! [`Store`] is everything it knows, in one database. [`Engine`] takes the steps of the runs that were asked for.
//! [`Desk`] serves the pages. [`playbook`] reads playbooks, and decides which of their steps can begin.

mod engine;
mod error;
mod extract;
pub mod playbook;
mod server;
mod store;

pub use engine::{Clients, Engine, Pace, is_offered};
pub use error::Error;
pub use extract::indicators;
pub use playbook::Playbook;
pub use server::Desk;
pub use store::{
    AuditEntry, Case, CaseFilter, CasePage, Change, Changed, Ended, Enrichment, NewAlert, NewCase, NewRun,
    Person, Priority, Role, Run, RunState, Store, StoredEntity, StoredInsight, WallEntry, WallKind,
};
