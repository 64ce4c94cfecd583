//! `vtsecops upload`

use std::process::ExitCode;

use integration::Action;
use secops::EntityType;

use super::run::{self, Order, resolve};
use super::scan::{entities, judging};
use crate::cli::UploadArguments;
use crate::failure::Failure;
use crate::{input, settings};

pub(crate) fn run(arguments: &UploadArguments) -> Result<ExitCode, Failure> {
    let flags = settings::flags(
        &arguments.connection,
        &arguments.waiting,
        &arguments.showing,
        Some(&arguments.judging),
        None,
    );
    let (resolved, file) = resolve(&flags, &arguments.connection)?;
    let paths = input::collect(&arguments.paths, arguments.file.as_deref(), "files")?;
    // The action takes its files as one list, separated by commas.
    if let Some(path) = paths.iter().find(|path| path.contains(',')) {
        return Err(Failure::usage(format!(
            "{path:?} has a comma in its name, which this version can't upload. Rename or copy it."
        )));
    }
    if paths.is_empty() {
        return Err(Failure::usage("No files given: the list is empty."));
    }
    let parameters = judging(&resolved, None)
        .with("File Paths", paths.join(","))
        .with("Fetch Comments", arguments.comments);
    let order = Order {
        action: Action::UploadAndScanFile,
        targets: entities(&EntityType::FileName, paths),
        parameters,
        connection: &arguments.connection,
        waiting: &arguments.waiting,
        showing: &arguments.showing,
        resumes: None,
    };
    run::run(order, &resolved, &file)
}
