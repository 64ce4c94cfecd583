//! `vtsecops man`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, ManArguments};
use crate::failure::Failure;

pub(crate) fn run(arguments: &ManArguments) -> Result<ExitCode, Failure> {
    match &arguments.out {
        None => {
            let page = clap_mangen::Man::new(Cli::command());
            crate::print(|mut out| page.render(&mut out))?;
        }
        Some(folder) => {
            let failed = |error: std::io::Error| {
                Failure::failed(format!(
                    "the manual pages could not be written to {}: {error}",
                    folder.display()
                ))
            };
            std::fs::create_dir_all(folder).map_err(failed)?;
            clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
