//! The workdesk on a PostgreSQL that several processes share: all that holds for one in a file, and what many machines add.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

#[path = "../desk/api.rs"]
mod api;
#[path = "../desk/cases.rs"]
mod cases;
#[cfg(unix)]
#[path = "../desk/external.rs"]
mod external;
#[path = "../desk/instances.rs"]
mod instances;
#[path = "../desk/operations.rs"]
mod operations;
#[path = "../desk/pages.rs"]
mod pages;
mod partitions;
#[path = "../desk/people.rs"]
mod people;
mod place;
#[path = "../desk/playbooks.rs"]
mod playbooks;
#[path = "../desk/runs.rs"]
mod runs;
#[path = "../desk/scene.rs"]
mod scene;
#[path = "../desk/served.rs"]
mod served;
#[path = "../desk/single_sign_on.rs"]
mod single_sign_on;
mod strays;
#[path = "../desk/tidying.rs"]
mod tidying;
mod upgrade;
