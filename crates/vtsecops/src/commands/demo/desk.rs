//! The workdesk at the end of the demo, open on the finished case.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secops::{Case, Parameters};
use simulator::{DEMO_KEY, Running};
use tokio::net::TcpListener;
use virustotal::Client;
use workdesk::{
    Clients, DEFAULT_INSTANCE, Desk, Ended, Engine, External, NewAlert, NewCase, NewRun, Pace, Role, Run,
    Sealer, Serving, Store,
};

use super::Done;
use crate::failure::Failure;
use crate::{ending, stores};

/// Who the visitor is.
const NAME: &str = "demo";
/// Characters of the visitor's password.
const PASSWORD: usize = 20;
/// What is asked of the visitor.
const PLAYBOOK: &str = "Triage with approval";

/// Serves the case with what the actions left until Ctrl-C.
pub(super) async fn serve(
    folder: &Path,
    running: &Running,
    case: Case,
    done: Vec<Done>,
    listen: SocketAddr,
) -> Result<(), Failure> {
    let failed = |error: workdesk::Error| Failure::failed(format!("the workdesk can't start: {error}"));
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::failed(format!("the workdesk can't listen on {listen}: {error}")))?;
    let address = listener.local_addr().unwrap_or(listen);
    // The key goes with the folder, which goes with the demo.
    let sealer = Sealer::from_text(&Sealer::new_key());
    let sealer = sealer.ok_or_else(|| Failure::failed("the workdesk can't make a key"))?;
    let store = Store::open(&folder.join("workdesk.db"), stores::clock(), sealer)
        .await
        .map_err(failed)?;
    let number = fill(&store, case, done).await.map_err(failed)?;
    let pace = Pace {
        poll_every: Duration::from_secs(1),
        ..Pace::default()
    };
    let clients = Arc::new(Simulated(running.base_url()));
    let engine = Engine::start(store.clone(), clients, pace, External::default()).await;
    let engine = engine.map_err(failed)?;
    start_playbook(&store, number).await.map_err(failed)?;
    // The link logs in; who comes back after a while needs a password.
    let mut password = Sealer::new_key();
    password.truncate(PASSWORD);
    let person = store
        .add_person(NAME, Role::Admin, password.as_str().into(), "the demo")
        .await
        .map_err(failed)?;
    let desk = Desk::new(store.clone(), engine, Serving::default())
        .await
        .map_err(failed)?;
    let link = desk.invite(person, &format!("/cases/{number}"));
    crate::print(|out| {
        writeln!(
            out,
            "\nThe workdesk is open on this case. The link logs you in, once:"
        )?;
        writeln!(out, "  http://{address}{link}")?;
        writeln!(
            out,
            "Later you are {NAME} with the password {password}\nCtrl-C ends the demo; nothing of it is kept. Without the workdesk: --no-serve"
        )
    })?;
    let stop = ending::asked_for();
    desk.serve(listener, stop).await;
    store.close().await;
    Ok(())
}

/// Makes the case, with every run that the demo has made.
async fn fill(store: &Store, case: Case, done: Vec<Done>) -> Result<i64, workdesk::Error> {
    let alerts = case.cyber_alerts.into_iter().map(|alert| NewAlert {
        identifier: alert.identifier,
        name: alert.name,
        product: "Demo".to_owned(),
        entities: alert.domain_entities,
        rest: alert.rest,
    });
    let new = NewCase {
        title: case.title,
        environment: case.environment,
        alerts: alerts.collect(),
        ..NewCase::default()
    };
    let case = store.create_case(new, NAME).await?;
    for done in done {
        let new = NewRun {
            case: case.id,
            action: done.result.action.to_owned(),
            instance: DEFAULT_INSTANCE.to_owned(),
            parameters: done.parameters,
            targets: Vec::new(),
            deadline_at: None,
        };
        store.add_ended_run(new, &Ended::from(done.result), NAME).await?;
    }
    Ok(case.id)
}

async fn start_playbook(store: &Store, case: i64) -> Result<(), workdesk::Error> {
    let playbooks = store.playbooks().await?;
    if let Some(playbook) = playbooks.iter().find(|playbook| playbook.name == PLAYBOOK) {
        store.start_playbook(case, playbook.id, NAME).await?;
    }
    Ok(())
}

/// Clients that ask the demo's simulator.
struct Simulated(String);

impl Clients for Simulated {
    fn client(&self, _: &Run, configuration: Option<&Parameters>) -> Result<Client, String> {
        self.client_for_ping(configuration)
    }

    fn client_for_ping(&self, _: Option<&Parameters>) -> Result<Client, String> {
        super::client(&self.0).map_err(|failure| failure.message().to_owned())
    }

    fn own_configuration(&self) -> Result<Parameters, String> {
        Ok(Parameters::new()
            .with("Api Key", DEMO_KEY)
            .with("Verify SSL", "True"))
    }

    fn ended(&self, _: &Run) {}
}
