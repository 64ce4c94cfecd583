//! `cargo xtask bench`: speed and memory of the binary, as ratios in one run against a named reference.
//! `cargo xtask fuzz`: readers of what others wrote, held against their promises by inputs that nobody thought of.
//! `cargo xtask soak`: hours of mixed load with faults, in which nothing may grow, slow down or be lost.
//! `cargo xtask package`: the package for Google SecOps, with a binary that runs on any x86-64 Linux.
#![expect(clippy::print_stdout, reason = "a developer's tool that prints its figures")]

mod bench;
mod desk;
mod figures;
mod fuzz;
mod package;
mod process;
mod soak;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["bench"] => bench::run(bench::Size::Full),
        ["bench", "--quick"] => bench::run(bench::Size::Quick),
        ["bench", "uploads"] => bench::run_uploads(bench::Size::Full),
        ["bench", "uploads", "--quick"] => bench::run_uploads(bench::Size::Quick),
        ["bench", "platform"] => bench::run_platform(bench::Size::Full),
        ["bench", "platform", "--quick"] => bench::run_platform(bench::Size::Quick),
        ["bench", "v3"] => bench::run_v3(bench::Size::Full),
        ["bench", "v3", "--quick"] => bench::run_v3(bench::Size::Quick),
        ["bench", "workdesk"] => bench::run_workdesk(bench::Size::Full),
        ["bench", "workdesk", "--quick"] => bench::run_workdesk(bench::Size::Quick),
        ["bench", "fleet"] => bench::run_fleet(bench::Size::Full),
        ["bench", "fleet", "--quick"] => bench::run_fleet(bench::Size::Quick),
        ["fuzz", arguments @ ..] => fuzz::run(arguments),
        ["soak", arguments @ ..] => soak::run(arguments),
        ["package"] => package::run(false),
        ["package", "--seed-defaults"] => package::run(true),
        _ => Err(
            "usage: cargo xtask bench [platform|uploads|v3|workdesk|fleet] [--quick], cargo xtask fuzz [TARGET...] [--minutes N] [--keep], \
             cargo xtask soak [--minutes N] [--folder PATH] [--program PATH] [--of FILE.csv], cargo xtask package [--seed-defaults]"
                .into(),
        ),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
