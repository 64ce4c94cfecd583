//! The workdesk over a real database and a simulated VirusTotal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod api;
mod backups;
mod border;
mod cases;
#[cfg(unix)]
mod external;
mod instances;
mod operations;
mod pages;
mod people;
mod place;
mod playbooks;
mod runs;
mod scene;
#[cfg(unix)]
mod sdk;
mod served;
mod single_sign_on;
mod tidying;
