//! What `deploy/` holds: checked by the tools that read it in the end, and against what the program really knows and exports.
//!
//! A check whose tool can't be had says that it was skipped.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test stops at the first thing that is not as promised, and not every shared helper is used here"
)]

mod chart;
mod metrics;
mod python;
#[path = "../cli/scene.rs"]
mod scene;
mod tools;
mod units;

use std::process::Command;

use tools::{deploy, python_tool, ran, repository};

#[test]
fn the_image_is_built_as_the_linter_likes_it() {
    let Some(hadolint) = python_tool("hadolint") else {
        return;
    };
    ran(Command::new(hadolint)
        .arg("--no-color")
        .arg(deploy("Containerfile")));
}

#[test]
fn what_the_image_is_built_of_is_sent_to_the_builder() {
    let ignored = std::fs::read_to_string(deploy("Containerfile.dockerignore")).unwrap();
    let sent: Vec<&str> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let manifest = std::fs::read_to_string(repository("Cargo.toml")).unwrap();
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = "))
        .unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        let top = member.split('/').next().unwrap();
        assert!(sent.contains(&top), "{member} is not sent: {sent:?}");
    }
    for file in ["Cargo.toml", "Cargo.lock", "LICENSE"] {
        assert!(sent.contains(&file), "{file} is not sent: {sent:?}");
    }
}

#[test]
fn the_runbook_tells_commands_that_the_program_has() {
    let page = std::fs::read_to_string(repository("docs/operations.md")).unwrap();
    let commands: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("vtsecops "))
        .collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let command = command
            .split(" #")
            .next()
            .unwrap()
            .replace("$(date +%F)", "2026-11-28");
        tools::must_take(&command.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    }
}
