//! `vtsecops scan hash|url|ip`

use std::process::ExitCode;

use integration::{Action, Policy, PolicyKind};
use secops::{Entity, EntityType, Parameters};

use super::run::{self, Order, resolve};
use crate::cli::{IpOptions, ScanArguments, ScanKind, ScanOptions};
use crate::failure::Failure;
use crate::input;
use crate::settings::{self, Resolved};

pub(crate) fn run(arguments: &ScanArguments) -> Result<ExitCode, Failure> {
    match &arguments.kind {
        ScanKind::Hash(options) => scan(options, PolicyKind::File, &EntityType::FileHash, "hashes"),
        ScanKind::Url(options) => scan(options, PolicyKind::Url, &EntityType::Url, "URLs"),
        ScanKind::Ip(options) => scan_ip(options),
    }
}

fn scan(
    options: &ScanOptions,
    kind: PolicyKind,
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
    let policy = settings::policy(&resolved)?;
    let default = default_threshold(kind, policy.as_ref());
    let mut parameters = judging(&resolved, default).with("Fetch Comments", options.comments);
    if let Some(days) = resolved.text("rescan_after_days") {
        parameters = parameters.with("Rescan after days", days);
    }
    let action = match kind {
        PolicyKind::Url => Action::ScanUrl,
        PolicyKind::File | PolicyKind::Ip => Action::ScanHash,
    };
    let order = Order {
        action,
        targets: entities(entity_type, values),
        parameters,
        policy,
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
        policy: settings::policy(&resolved)?,
        connection: &options.connection,
        waiting: &options.waiting,
        showing: &options.showing,
        environment: None,
        resumes: None,
    };
    run::run(order, &resolved, &file)
}

/// What the actions' form insists on; a policy's own threshold must not be overruled by it.
fn default_threshold(kind: PolicyKind, policy: Option<&Policy>) -> Option<u32> {
    let own = policy.and_then(|policy| policy.threshold(kind));
    own.is_none().then(|| kind.usual_threshold())
}

/// The parameters that all scans share; without a threshold the action's own default counts.
pub(super) fn judging(resolved: &Resolved, default_threshold: Option<u32>) -> Parameters {
    let mut parameters = Parameters::new();
    let default_threshold = default_threshold.map(|threshold| threshold.to_string());
    if let Some(threshold) = resolved.text("threshold").or(default_threshold.as_deref()) {
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
