//! `vtsecops ping`

use std::process::ExitCode;

use integration::Action;
use secops::Parameters;

use super::run::{self, Order, resolve};
use crate::cli::PingArguments;
use crate::failure::Failure;
use crate::settings;

pub(crate) fn run(arguments: &PingArguments) -> Result<ExitCode, Failure> {
    let flags = settings::flags(
        &arguments.connection,
        &arguments.waiting,
        &arguments.showing,
        None,
        None,
    );
    let (resolved, file) = resolve(&flags, &arguments.connection)?;
    let order = Order {
        action: Action::Ping,
        targets: Vec::new(),
        parameters: Parameters::new(),
        policy: None,
        connection: &arguments.connection,
        waiting: &arguments.waiting,
        showing: &arguments.showing,
        environment: None,
        resumes: None,
    };
    run::run(order, &resolved, &file)
}
