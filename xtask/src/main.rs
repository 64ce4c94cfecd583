//! `cargo xtask audits`: the notes on packages of others, held against what is built in.
//! `cargo xtask bench`: speed and memory of the binary, as ratios in one run against a named reference.
//! `cargo xtask fuzz`: readers of what others wrote, held against their promises by inputs that nobody thought of.
//! `cargo xtask soak`: hours of mixed load with faults, in which nothing may grow, slow down or be lost.
//! `cargo xtask package`: the package for Google SecOps, with a binary that runs on any x86-64 Linux.
//! `cargo xtask release`: the files of a release: binary, package, list of parts, hashes, signature.
//! `cargo xtask reproduce`: whether these come out the same to the byte wherever they are built.
//! `cargo xtask sbom`, `cargo xtask sums`: the list of parts and the hashes alone.
#![expect(clippy::print_stdout, reason = "a developer's tool that prints its figures")]

mod asked;
mod audits;
mod bench;
mod desk;
mod figures;
mod fuzz;
mod package;
mod parts;
mod process;
mod release;
mod reproduce;
mod sbom;
mod soak;
mod source;
mod static_build;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["audits"] => audits::run(),
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
        ["release", arguments @ ..] => release::run(arguments),
        ["reproduce"] => reproduce::run(),
        ["sbom", arguments @ ..] => sbom::run(arguments),
        ["sums", arguments @ ..] => release::run_sums(arguments),
        _ => Err(
            "usage: cargo xtask audits, cargo xtask bench [platform|uploads|v3|workdesk|fleet] [--quick], \
             cargo xtask fuzz [TARGET...] [--minutes N] [--keep], cargo xtask package [--seed-defaults], \
             cargo xtask release [--sign-with KEYFILE], cargo xtask reproduce, cargo xtask sbom [--output FILE], \
             cargo xtask soak [--minutes N] [--folder PATH] [--program PATH] [--of FILE.csv], \
             cargo xtask sums FOLDER [--sign-with KEYFILE]"
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
