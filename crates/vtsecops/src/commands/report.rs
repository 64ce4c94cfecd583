//! `vtsecops report domain`

use std::process::ExitCode;

use integration::Action;
use secops::{Entity, EntityType};

use super::run::{self, Order, resolve};
use super::scan::judging;
use crate::cli::{ReportArguments, ReportKind};
use crate::failure::Failure;
use crate::{input, settings};

pub(crate) fn run(arguments: &ReportArguments) -> Result<ExitCode, Failure> {
    let ReportKind::Domain(options) = &arguments.kind;
    let mut flags = settings::flags(
        &options.connection,
        &options.waiting,
        &options.showing,
        None,
        None,
    );
    flags.insert(0, ("enrichment_prefix", options.enrichment_prefix.clone()));
    let (resolved, file) = resolve(&flags, &options.connection)?;
    let values = input::collect(&options.values.values, options.values.file.as_deref(), "domains")?;
    let order = Order {
        action: Action::GetDomainReport,
        targets: values.into_iter().map(entity).collect(),
        parameters: judging(&resolved, None),
        policy: None,
        connection: &options.connection,
        waiting: &options.waiting,
        showing: &options.showing,
        environment: None,
        resumes: None,
    };
    run::run(order, &resolved, &file)
}

/// A value names a domain itself, by a mail address, or by a URL.
fn entity(value: String) -> Entity {
    let scheme = virustotal::object::refang(&value).contains("://");
    let entity_type = match () {
        () if scheme => EntityType::Url,
        () if value.contains('@') || value.contains("[at]") => EntityType::User,
        () => EntityType::Domain,
    };
    Entity::new(value, entity_type)
}
