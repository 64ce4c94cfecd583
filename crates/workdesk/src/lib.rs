//! The local platform: cases with alerts and entities, durable runs of actions, a case wall.
//!
//! [`Store`] is everything it knows, in one database. [`Engine`] takes the steps of the runs that were asked for.
//! [`Desk`] serves the pages. [`playbook`] reads playbooks, and decides which of their steps can begin.

mod engine;
mod error;
mod export;
mod extract;
mod import;
pub mod playbook;
mod seal;
mod server;
mod store;
mod text;

pub use engine::{
    Clients, DEFAULT_INSTANCE, Engine, External, ExternalAction, ExternalParameter, Field, Offer,
    OfferedParameter, Pace, is_offered,
};
pub use error::Error;
pub(crate) use error::sentence;
pub use export::{Format, Record, export};
pub use extract::indicators;
pub use import::{case_of_file, case_of_mail, case_of_text};
pub use playbook::Playbook;
pub use seal::Sealer;
pub use server::{Bounds, Desk, Names, Serving, SingleSignOn};
pub use store::{
    ApiToken, Attachment, AuditEntry, Backup, Bearer, Case, CaseFilter, CasePage, Change, Changed, Ended,
    Enrichment, Instance, Member, NewAlert, NewAttachment, NewCase, NewRun, PendingAction, Person,
    PlaybookOutcome, PlaybookRun, Priority, Property, Report, Retention, Role, Run, RunState, Scope, Session,
    Store, StoredAlert, StoredEntity, StoredInsight, StoredPlaybook, Tidied, WallEntry, WallKind, back_up,
    check_backup, fold,
};
