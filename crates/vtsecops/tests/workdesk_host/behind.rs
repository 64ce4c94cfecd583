//! A workdesk that answers for the platform.

use std::sync::Arc;
use std::time::Duration;

use secops::{Entity, Parameters};
use serde_json::{Map, Value};
use tempfile::TempDir;
use test_platform::{Builder, Platform, Relay};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use virustotal::{Client, Clock};
use workdesk::{
    Clients, Desk, Engine, External, NewAlert, NewCase, Pace, Role, Run, Scope, Sealer, Serving, Store,
    StoredEntity,
};

/// A workdesk with the platform's case and configurations.
pub(crate) struct Behind {
    store: Store,
    case: i64,
    _folder: TempDir,
}

impl Behind {
    /// Whether the host holds and sends only what the protocol knows, so that some trouble can't come from it.
    pub(crate) const IS_STRICT: bool = true;

    /// The platform with a workdesk behind it.
    pub(crate) fn the(platform: Builder, runtime: &Runtime) -> (Builder, Self) {
        let (behind, relay) = runtime.block_on(Self::start(&platform));
        (platform.relay(relay), behind)
    }

    #[expect(clippy::disallowed_methods, reason = "the time of the cases is the present")]
    async fn start(platform: &Builder) -> (Self, Relay) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(jiff::Timestamp::now);
        let database = folder.path().join("workdesk.db");
        let store = Store::open(&database, clock, Sealer::new(&[7; 32]))
            .await
            .unwrap();
        let case = platform.its_case();
        let number = i64::try_from(case.identifier()).unwrap();
        // Numbers are given in order.
        for _ in 1..number {
            let new = NewCase {
                title: "before".to_owned(),
                ..NewCase::default()
            };
            store.create_case(new, "test").await.unwrap();
        }
        let new = NewCase {
            title: "A case".to_owned(),
            alerts: case.alerts().iter().map(alert).collect(),
            ..NewCase::default()
        };
        assert_eq!(store.create_case(new, "test").await.unwrap().id, number);
        for (name, values) in platform.its_configurations() {
            let mut settings = Parameters::new();
            for (name, value) in values {
                settings = settings.with(name, value.clone());
            }
            store
                .save_instance(name, "VirusTotal", &settings, "test")
                .await
                .unwrap();
        }
        let admin = store.add_person("test", Role::Admin, "correct horse battery".into(), "test");
        let admin = admin.await.unwrap();
        let an_hour = Duration::from_secs(3600);
        let (_, key) = store
            .add_token(&admin, "test", &[Scope::Sdk], an_hour)
            .await
            .unwrap();
        let engine = Engine::start(
            store.clone(),
            Arc::new(Nobody),
            Pace::default(),
            External::default(),
        );
        let desk = Desk::new(store.clone(), engine.await.unwrap(), Serving::default())
            .await
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(desk.serve(listener, std::future::pending()));
        let behind = Self {
            store,
            case: number,
            _folder: folder,
        };
        (behind, Relay { address, key })
    }

    /// What the workdesk has not stored as it was written.
    pub(crate) fn check(&self, platform: &Platform, runtime: &Runtime) -> Vec<String> {
        runtime.block_on(async {
            let entities = self.store.entities(self.case, 0, u32::MAX).await.unwrap();
            let mut wrong: Vec<String> = entities.iter().filter_map(|own| differs(platform, own)).collect();
            let insights = self.store.insights(self.case, 0, u32::MAX).await.unwrap();
            let told = platform.insights().into_iter();
            let mut told: Vec<String> = told.map(|told| text(&told["content"])).collect();
            // Those of the case itself come first. An action sends several at once, so which of them arrives first is nobody's promise.
            let added = insights.len().saturating_sub(told.len());
            let added = insights.into_iter().skip(added);
            let mut own: Vec<String> = added.map(|own| own.content).collect();
            own.sort();
            told.sort();
            if own != told {
                wrong.push(format!("the insights are {own:?}"));
            }
            wrong
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn differs(platform: &Platform, own: &StoredEntity) -> Option<String> {
    let entity = &own.entity;
    let theirs = platform.entity(&entity.identifier, entity.entity_type.name())?;
    let properties = theirs["additional_properties"].as_object()?;
    let is_same = |(name, value): (&String, &Value)| entity.additional_properties.get(name) == Some(value);
    let flags =
        theirs["is_enriched"] == entity.is_enriched && theirs["is_suspicious"] == entity.is_suspicious;
    let stored = properties.iter().all(is_same) && flags;
    (!stored).then(|| format!("{} is stored as {:?}, not as {theirs}", entity.identifier, own))
}

fn alert(alert: &Value) -> NewAlert {
    let rest: Map<String, Value> = alert.as_object().unwrap().clone();
    let entities = rest["domain_entities"].as_array().unwrap();
    let entity = |entity: &Value| serde_json::from_value::<Entity>(entity.clone()).unwrap();
    NewAlert {
        identifier: alert["identifier"].as_str().unwrap().to_owned(),
        name: "An alert".to_owned(),
        product: "Product".to_owned(),
        entities: entities.iter().map(entity).collect(),
        rest,
    }
}

/// Nothing is run by the workdesk here.
struct Nobody;

impl Clients for Nobody {
    fn client(&self, _: &Run, _: Option<&Parameters>) -> Result<Client, String> {
        Err("nothing is run here".to_owned())
    }

    fn client_for_ping(&self, _: Option<&Parameters>) -> Result<Client, String> {
        Err("nothing is run here".to_owned())
    }

    fn own_configuration(&self) -> Result<Parameters, String> {
        Err("there is no key".to_owned())
    }

    fn ended(&self, _: &Run) {}
}
