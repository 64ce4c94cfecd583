//! `vtsecops worker`

use std::net::Ipv4Addr;
use std::process::ExitCode;

use entrance::Tls;
use tokio::net::TcpListener;
use workdesk::{Bounds, Desk, Engine, External, Retention, Serving};

use super::base::{self, Place};
use super::{is_loopback, tls};
use crate::cli::{Connection, WorkerArguments};
use crate::commands::run::{resolve, runtime_of_server};
use crate::failure::Failure;
use crate::settings::Resolved;
use crate::{ending, telemetry};

pub(crate) fn run(arguments: &WorkerArguments) -> Result<ExitCode, Failure> {
    let _telemetry = telemetry::of_server(&arguments.telemetry, "vtsecops-worker")?;
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    let database = base::database(&arguments.database)?.ok_or_else(|| {
        Failure::usage(
            "A worker takes the runs of a database that many processes share: --database postgres://user@host/name, or VTSECOPS_DATABASE. \
             With the workdesk in a file, the workdesk itself takes them.",
        )
    })?;
    let tls = tls(&arguments.tls)?;
    let runtime = runtime_of_server("the worker")?;
    runtime.block_on(work(arguments, &resolved, &Place::Server(database), tls))
}

async fn work(
    arguments: &WorkerArguments,
    resolved: &Resolved,
    place: &Place,
    tls: Option<Tls>,
) -> Result<ExitCode, Failure> {
    let unheard = |address: &dyn std::fmt::Display, error: std::io::Error| {
        Failure::failed(format!("the worker can't listen on {address}: {error}"))
    };
    // For the programs that it starts, which ask about their case.
    let own = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|error| unheard(&"a loopback address", error))?;
    let shown = match arguments.listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .map_err(|error| unheard(&address, error))?,
        ),
        None => None,
    };
    let actions = arguments.actions.as_deref().map(base::external_actions);
    let external = External {
        actions: actions.transpose()?.unwrap_or_default(),
        address: own.local_addr().ok(),
        environment: base::plain_environment(),
    };
    let sealer = place.sealer(Some(&arguments.key_file))?;
    let store = place.open(sealer).await?;
    place.tell_of_other_key(&store).await;
    // A worker makes partitions; what is removed is the servers' to say.
    place.look_after(&store, Retention::default());
    let mut pace = base::pace(resolved);
    pace.at_once = usize::from(arguments.at_once.get());
    let engine = Engine::start(store.clone(), place.clients(resolved), pace, external);
    let engine = engine.await.map_err(|error| place.failed(&error))?;
    // It has no pages, so there are few who come.
    let bounds = Bounds {
        connections: entrance::Bounds {
            connections: 512,
            connections_of_one: 256,
            ..Bounds::default().connections
        },
        ..Bounds::default()
    };
    let is_inner = arguments.listen.is_some_and(|address| is_loopback(address.ip()));
    let serving = Serving {
        is_secure: tls.is_some(),
        open_metrics: arguments.open_metrics || is_inner,
        bounds,
        ..Serving::default()
    };
    let desk = Desk::new(store.clone(), engine, serving)
        .await
        .map_err(|error| place.failed(&error))?;
    crate::print(|out| {
        writeln!(
            out,
            "The worker takes runs of {place}, {} at once.",
            arguments.at_once
        )?;
        if let Some(address) = shown.as_ref().and_then(|shown| shown.local_addr().ok()) {
            let scheme = if tls.is_some() { "https" } else { "http" };
            writeln!(
                out,
                "It tells of itself at {scheme}://{address}/metrics, /healthz and /readyz"
            )?;
        }
        writeln!(out, "Ctrl-C ends it.")
    })?;
    tokio::spawn(desk.clone().serve_sdk(own));
    if let Some(shown) = shown {
        match tls {
            Some(tls) => tokio::spawn(desk.clone().serve_operations(tls.listen(shown))),
            None => tokio::spawn(desk.clone().serve_operations(shown)),
        };
    }
    ending::asked_for().await;
    desk.stop().await;
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
