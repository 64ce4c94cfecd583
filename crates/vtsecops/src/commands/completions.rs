//! `vtsecops completions`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArguments};
use crate::failure::Failure;

pub(crate) fn run(arguments: &CompletionsArguments) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "vtsecops", &mut script);
    crate::print(|out| out.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}
