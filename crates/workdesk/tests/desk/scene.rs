//! A workdesk in a folder of its own, with or without an engine.

use std::sync::Arc;
use std::time::Duration;

use secops::{Entity, EntityType, Parameters};
use simulator::{Builder, KeyKind, Running, Simulator};
use tempfile::TempDir;
use virustotal::{ApiKey, Client, Clock, ProxyChoice, Settings, Tier};
use workdesk::{
    Case, Clients, Engine, External, ExternalAction, NewAlert, NewCase, NewRun, Pace, Run, Sealer, Store,
};

use crate::place;

pub(crate) const KEY: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
pub(crate) const EICAR: &str = "44d88612fea8a8f36de82e1278abb02f";

pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("workdesk.db")).await;
        Self { folder, store }
    }

    /// The same files, after the process has ended.
    pub(crate) async fn reopened(self) -> Self {
        self.store.close().await;
        let store = open(&self.folder.path().join("workdesk.db")).await;
        Self {
            folder: self.folder,
            store,
        }
    }

    pub(crate) async fn engine(&self, running: &Running) -> Engine {
        self.engine_with(running, External::default()).await
    }

    pub(crate) async fn engine_with(&self, running: &Running, external: External) -> Engine {
        let pace = Pace {
            poll_every: Duration::from_millis(100),
            ..Pace::default()
        };
        let clients = Arc::new(Simulated(running.base_url()));
        Engine::start(self.store.clone(), clients, pace, external)
            .await
            .unwrap()
    }

    pub(crate) async fn case(&self, entities: &[(&str, EntityType)]) -> Case {
        let entities = entities
            .iter()
            .map(|(name, entity_type)| Entity::new(*name, entity_type.clone()));
        let alert = NewAlert {
            name: "something was seen".to_owned(),
            entities: entities.collect(),
            ..NewAlert::default()
        };
        let new = NewCase {
            title: "A case".to_owned(),
            alerts: vec![alert],
            ..NewCase::default()
        };
        self.store.create_case(new, "ann").await.unwrap()
    }

    /// The run once it is over.
    pub(crate) async fn ended(&self, id: i64) -> Run {
        self.until(id, |run| run.state.is_over()).await
    }

    pub(crate) async fn until(&self, id: i64, is_so: impl Fn(&Run) -> bool) -> Run {
        for _ in 0..600 {
            let run = self.store.run(id).await.unwrap();
            if is_so(&run) {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the run does not come so far: {:?}", self.store.run(id).await);
    }
}

#[expect(clippy::disallowed_methods, reason = "what is due is due in real time")]
async fn open(path: &std::path::Path) -> Store {
    let clock = Clock::new(jiff::Timestamp::now);
    place::open(path, clock, Sealer::new(&[7; 32])).await
}

pub(crate) async fn simulator(settings: impl FnOnce(Builder) -> Builder) -> Running {
    let builder = Simulator::builder()
        .key(KEY, KeyKind::Private)
        .scan_for(Duration::from_millis(300));
    settings(builder).start().await.unwrap()
}

pub(crate) struct Simulated(pub(crate) String);

impl Simulated {
    fn of(&self, configuration: Option<&Parameters>) -> Result<Client, String> {
        let key = configuration.and_then(|own| own.text("Api Key").ok().flatten());
        let mut settings = Settings::new(ApiKey::parse(key.as_deref().unwrap_or(KEY)).unwrap());
        settings.base_url.clone_from(&self.0);
        settings.tier = Tier::Private;
        settings.proxy = ProxyChoice::Direct;
        Client::new(settings).map_err(|error| error.to_string())
    }
}

impl Clients for Simulated {
    fn client(&self, _: &Run, configuration: Option<&Parameters>) -> Result<Client, String> {
        self.of(configuration)
    }

    fn client_for_ping(&self, configuration: Option<&Parameters>) -> Result<Client, String> {
        self.of(configuration)
    }

    fn own_configuration(&self) -> Result<Parameters, String> {
        Ok(Parameters::new().with("Api Key", KEY))
    }

    fn ended(&self, _: &Run) {}
}

/// Programs, as the file that lists them has them.
pub(crate) fn external(yaml: &str) -> External {
    External {
        actions: ExternalAction::read_all(yaml).unwrap(),
        address: None,
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
    }
}

pub(crate) fn scan(case: &Case, action: &str) -> NewRun {
    NewRun {
        case: case.id,
        action: action.to_owned(),
        instance: "default".to_owned(),
        parameters: Parameters::new().with("Threshold", "3"),
        targets: Vec::new(),
        deadline_at: None,
    }
}
