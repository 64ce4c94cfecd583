//! Faults at every boundary of the program, in one table: what is broken, what is run, and what must hold all the same.
//!
//! Every row starts the real program as a process of its own. One checker holds all of them against the same promises (`check.rs`): the message says
//! what happened, to what, and what to do next; the exit code is the right one; nothing that was had is lost; no secret is shown or
//! left in a file; it ends in time.
//!
//! `VTSECOPS_TEST_FAULT=part-of-a-name` runs some of the rows. The table is printed with `--nocapture`, or where
//! `VTSECOPS_TEST_FAULTS=table` says so.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod around;
mod bad_server;
mod check;
mod fault;
mod rows;
mod run;
mod served;
#[path = "../shared/desk.rs"]
mod shared_desk;
#[path = "../shared/files.rs"]
mod shared_files;
#[path = "../shared/gateway.rs"]
mod shared_gateway;
mod stage;
mod table;
mod told;

use crate::fault::Boundary;

#[test]
fn every_fault_is_told_clearly_ends_in_time_and_loses_nothing() {
    let wanted = std::env::var("VTSECOPS_TEST_FAULT").unwrap_or_default();
    let rows: Vec<_> = rows::all()
        .into_iter()
        .filter(|row| format!("{} {}", row.boundary.name(), row.name).contains(&wanted))
        .collect();
    assert!(!rows.is_empty(), "no row has {wanted:?} in its name");
    let ended = run::all(&rows);
    table::print(&rows, &ended);
    let wrong: Vec<String> = rows
        .iter()
        .zip(&ended)
        .filter(|(_, ended)| !ended.wrong.is_empty())
        .map(|(row, ended)| {
            format!(
                "{}, {}:\n  {}",
                row.boundary.name(),
                row.name,
                ended.wrong.join("\n  ")
            )
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} rows are wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_documentation_lists_every_row() {
    let documented = include_str!("../../../../docs/reliability.md");
    let rows = rows::all();
    let of = |boundary: &Boundary| rows.iter().filter(|row| row.boundary == *boundary).count();
    let lone = Boundary::ALL.into_iter().find(|boundary| of(boundary) < 2);
    assert!(lone.is_none(), "{lone:?}: one fault is no test");
    let numbers = Boundary::ALL
        .iter()
        .map(|boundary| format!("| {} | {} |", boundary.name(), of(boundary)));
    let all = std::iter::once(format!("{} faults", rows.len()));
    let lines = all.chain(numbers).chain(rows.iter().map(table::documented));
    let missing: Vec<String> = lines.filter(|line| !documented.contains(line)).collect();
    assert!(
        missing.is_empty(),
        "docs/reliability.md lacks these lines:\n{}",
        missing.join("\n")
    );
}
