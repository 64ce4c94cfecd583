//! `vtsecops scan hash|url|ip`

use std::process::ExitCode;

use integration::Action;
use secops::{Entity, EntityType, Parameters};

use super::run::{self, Order, resolve};
use crate::cli::{IpOptions, ScanArguments, ScanKind, ScanOptions};
use crate::failure::Failure;
use crate::input;
use crate::settings::{self, Resolved};

/// Engines from which a hash, URL or file is risky, where nobody says otherwise. Source: the original.
const DEFAULT_THRESHOLD: &str = "3";

pub(crate) fn run(arguments: &ScanArguments) -> Result<ExitCode, Failure> {
    match &arguments.kind {
        ScanKind::Hash(options) => scan(options, Action::ScanHash, &EntityType::FileHash, "hashes"),
        ScanKind::Url(options) => scan(options, Action::ScanUrl, &EntityType::Url, "URLs"),
        ScanKind::Ip(options) => scan_ip(options),
    }
}

fn scan(
    options: &ScanOptions,
    action: Action,
    entity_type: &EntityType,
    what: &str,
) -> Result<ExitCode, Failure> {
    let flags = settings::flags(
        &options.connection,
        &options.waiting,
        &options.showing,
        Some(&options.judging),
        options.rescan_after_days.as_ref(),
    );
    let (resolved, file) = resolve(&flags, &options.connection)?;
    let values = input::collect(&options.values.values, options.values.file.as_deref(), what)?;
    let mut parameters = judging(&resolved, Some(DEFAULT_THRESHOLD)).with("Fetch Comments", options.comments);
    if let Some(days) = resolved.text("rescan_after_days") {
        parameters = parameters.with("Rescan after days", days);
    }
    let order = Order {
        action,
        targets: entities(entity_type, values),
        parameters,
        connection: &options.connection,
        waiting: &options.waiting,
        showing: &options.showing,
        environment: None,
        resumes: None,
    };
    run::run(order, &resolved, &file)
}

fn scan_ip(options: &IpOptions) -> Result<ExitCode, Failure> {
    let flags = settings::flags(
        &options.connection,
        &options.waiting,
        &options.showing,
        Some(&options.judging),
        None,
    );
    let (resolved, file) = resolve(&flags, &options.connection)?;
    let values = input::collect(
        &options.values.values,
        options.values.file.as_deref(),
        "IP addresses",
    )?;
    let order = Order {
        action: Action::ScanIp,
        targets: entities(&EntityType::Address, values),
        parameters: judging(&resolved, None),
        connection: &options.connection,
        waiting: &options.waiting,
        showing: &options.showing,
        environment: None,
        resumes: None,
    };
    run::run(order, &resolved, &file)
}

/// The parameters that all scans share; without a threshold the action's own default counts.
pub(super) fn judging(resolved: &Resolved, default_threshold: Option<&str>) -> Parameters {
    let mut parameters = Parameters::new();
    if let Some(threshold) = resolved.text("threshold").or(default_threshold) {
        parameters = parameters.with("Threshold", threshold);
    }
    if let Some(prefix) = resolved.text("enrichment_prefix") {
        parameters = parameters.with(
            "Enrichment Prefix",
            if prefix.is_empty() {
                integration::NO_PREFIX
            } else {
                prefix
            },
        );
    }
    parameters
}

pub(super) fn entities(entity_type: &EntityType, values: Vec<String>) -> Vec<Entity> {
    values
        .into_iter()
        .map(|value| Entity::new(value, entity_type.clone()))
        .collect()
}
