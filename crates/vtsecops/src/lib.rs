//! VirusTotal for Google SecOps, on the command line: arguments, settings, outputs, wiring.
//!
//! What an action does is in `integration`; what VirusTotal is asked, in `virustotal`. Here it is only decided where
//! values come from and how results look.

pub mod cli;
mod commands;
mod demo_case;
mod ending;
pub mod exit;
mod failure;
mod files;
pub mod input;
pub mod output;
mod progress;
mod saved;
pub mod settings;
mod stores;
pub mod telemetry;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// Runs the program on its arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(failure) = cli::key_in_arguments(&arguments) {
        return failure.report();
    }
    match Cli::try_parse_from(arguments) {
        Ok(cli) => run(cli).unwrap_or_else(|failure| failure.report()),
        Err(error) => {
            // Help and version are asked for; everything else is a usage error.
            let _ = error.print();
            if error.use_stderr() {
                exit::USAGE.into()
            } else {
                ExitCode::SUCCESS
            }
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Ping(arguments) => commands::ping::run(&arguments),
        Command::Scan(arguments) => commands::scan::run(&arguments),
        Command::Report(arguments) => commands::report::run(&arguments),
        Command::Upload(arguments) => commands::upload::run(&arguments),
        Command::Related(arguments) => commands::objects::related(&arguments),
        Command::Download(arguments) => commands::objects::download(&arguments),
        Command::Search(arguments) => commands::objects::search(&arguments),
        Command::Comment(arguments) => commands::objects::comment(&arguments),
        Command::Vote(arguments) => commands::objects::vote(&arguments),
        Command::Resume(arguments) => commands::resume::run(&arguments),
        Command::Cache(arguments) => commands::cache::run(&arguments),
        Command::Quota(arguments) => commands::quota::run(&arguments),
        Command::Config(arguments) => commands::config::run(&arguments),
        Command::Policy(arguments) => commands::policy::run(&arguments),
        Command::Workdesk(arguments) => commands::workdesk::run(&arguments),
        Command::Worker(arguments) => commands::workdesk::run_worker(&arguments),
        Command::Gateway(arguments) => commands::gateway::run(&arguments),
        Command::Simulator(arguments) => commands::simulator::run(&arguments),
        Command::Action(arguments) => commands::action::run(&arguments),
        Command::Package(arguments) => commands::package::run(&arguments),
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Completions(arguments) => commands::completions::run(&arguments),
        Command::Man(arguments) => commands::man::run(&arguments),
    }
}

/// Writes to standard output. Whoever reads it may stop reading: that ends the output, not the program.
///
/// # Errors
/// Any other trouble with writing, such as a full disk.
fn print(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "the output could not be written: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Writes a line for people to standard error.
fn tell(line: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{line}");
}
