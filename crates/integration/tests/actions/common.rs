//! A scene for an action: a simulator, a client with short pauses, entities, parameters.

use std::time::Duration;

use integration::{Action, Patience, Run, drive};
use secops::{ActionResult, Context, Entity, EntityResult, EntityType, OutcomeKind, Parameters};
use simulator::{KeyKind, Running, Simulator};
use virustotal::retry::RetryPolicy;
use virustotal::{ApiKey, Client, Deadline, ProxyChoice, Settings, Tier};

/// Recognisable, so that a test can look for it where it must not be.
pub(crate) const KEY: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
pub(crate) const EICAR_MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
pub(crate) const EICAR_SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

pub(crate) fn simulator(kind: KeyKind) -> simulator::Builder {
    Simulator::builder()
        .key(KEY, kind)
        .scan_for(Duration::from_millis(200))
}

pub(crate) fn client(running: &Running, tier: Tier) -> Client {
    Client::new(settings(running, tier)).unwrap()
}

pub(crate) fn settings(running: &Running, tier: Tier) -> Settings {
    let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
    settings.base_url = running.base_url();
    settings.tier = tier;
    settings.proxy = ProxyChoice::Direct;
    settings.retry = RetryPolicy {
        attempts: 3,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(10),
        first_quota_pause: Duration::from_millis(50),
        longest_quota_pause: Duration::from_millis(100),
        longest_quota_wait: Duration::from_secs(2),
    };
    settings
}

/// Looks often: the simulator's scans take a fraction of a second.
pub(crate) fn impatient() -> Patience {
    Patience {
        wait: true,
        look: false,
        first_pause: Duration::from_millis(50),
        longest_pause: Duration::from_millis(100),
    }
}

pub(crate) fn context(entities: Vec<Entity>, parameters: Parameters) -> Context {
    Context {
        targets: entities,
        parameters,
        now: "2026-11-24T12:00:00Z".parse().unwrap(),
    }
}

pub(crate) fn entities(entity_type: &EntityType, identifiers: &[&str]) -> Vec<Entity> {
    identifiers
        .iter()
        .map(|text| Entity::new(*text, entity_type.clone()))
        .collect()
}

pub(crate) fn threshold(value: &str) -> Parameters {
    Parameters::new().with("Threshold", value)
}

pub(crate) async fn run(action: Action, client: &Client, context: &Context) -> ActionResult {
    run_until(action, client, context, &Deadline::after(Duration::from_secs(20))).await
}

pub(crate) async fn run_until(
    action: Action,
    client: &Client,
    context: &Context,
    deadline: &Deadline,
) -> ActionResult {
    drive(action, Run::new(client, context, deadline), impatient()).await
}

pub(crate) fn outcomes(result: &ActionResult) -> Vec<OutcomeKind> {
    result
        .entities
        .iter()
        .map(|entity: &EntityResult| entity.outcome)
        .collect()
}
