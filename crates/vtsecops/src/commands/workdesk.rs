//! `vtsecops workdesk`

mod backup;
pub(crate) mod base;
mod moving;
pub(crate) mod retention;
mod worker;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use entrance::Tls;
use tokio::net::TcpListener;
use workdesk::{Bounds, Desk, Engine, External, Names, Retention, Role, Serving, SingleSignOn};

use super::run::{resolve, runtime_of_server};
use crate::cli::{Connection, SingleSignOnArguments, TlsArguments, WorkdeskArguments, WorkdeskVerb};
use crate::failure::Failure;
use crate::settings::Resolved;
use crate::{ending, telemetry};
use base::Place;
pub(crate) use worker::run as run_worker;

pub(crate) fn run(arguments: &WorkdeskArguments) -> Result<ExitCode, Failure> {
    match &arguments.verb {
        None => {}
        Some(WorkdeskVerb::Migrate(moving)) => return moving::run(moving),
        Some(WorkdeskVerb::Backup(backup)) => return backup::make(backup),
        Some(WorkdeskVerb::Restore(restore)) => return backup::restore(restore),
        Some(WorkdeskVerb::Tidy(tidy)) => return retention::tidy(tidy),
    }
    let _telemetry = telemetry::of_server(&arguments.telemetry, "vtsecops-workdesk")?;
    let tls = tls(&arguments.tls)?;
    if tls.is_none() && !arguments.listen.ip().is_loopback() {
        return Err(Failure::usage(
            "Without TLS the workdesk listens on loopback addresses only: give it --tls-cert and --tls-key, or put a proxy with \
             TLS in front of it on the same machine, with --behind-tls.",
        ));
    }
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    let retention = retention::of(&arguments.retention)?;
    let place = match base::database(&arguments.database)? {
        Some(database) => Place::Server(database),
        None => Place::folder(arguments.folder.clone(), &resolved)?,
    };
    if arguments.no_jobs && matches!(place, Place::Folder(..)) {
        return Err(Failure::usage(
            "--no-jobs leaves runs to workers, which need a database that many processes share: --database.",
        ));
    }
    let runtime = runtime_of_server("the workdesk")?;
    let single_sign_on = single_sign_on(&arguments.single_sign_on)?;
    let own_names = own_names(arguments)?;
    let front = Front {
        tls,
        single_sign_on,
        own_names,
        retention,
    };
    runtime.block_on(serve(arguments, &resolved, &place, front))
}

async fn serve(
    arguments: &WorkdeskArguments,
    resolved: &Resolved,
    place: &Place,
    Front {
        tls,
        single_sign_on,
        own_names,
        retention,
    }: Front,
) -> Result<ExitCode, Failure> {
    let failed = |error: workdesk::Error| place.failed(&error);
    let listen = arguments.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::failed(format!("the workdesk can't listen on {listen}: {error}")))?;
    let plain = match tls {
        Some(_) => Some(
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .map_err(|error| {
                    Failure::failed(format!(
                        "the workdesk can't listen on a loopback address: {error}"
                    ))
                })?,
        ),
        None => None,
    };
    let sealer = place.sealer(arguments.key_file.as_deref())?;
    let external = External {
        actions: arguments
            .actions
            .as_deref()
            .map(base::external_actions)
            .transpose()?
            .unwrap_or_default(),
        // Programs that are started as actions don't know our certificate.
        address: match &plain {
            Some(plain) => plain.local_addr().ok(),
            None => listener.local_addr().ok(),
        },
        environment: base::plain_environment(),
    };
    let store = place.open(sealer).await?;
    place.tell_of_other_key(&store).await;
    place.look_after(&store, retention);
    let mut pace = base::pace(resolved);
    if arguments.no_jobs {
        pace.at_once = 0;
    }
    let engine = Engine::start(store.clone(), place.clients(resolved), pace, external);
    let serving = Serving {
        is_secure: tls.is_some() || arguments.behind_tls,
        open_metrics: arguments.open_metrics,
        single_sign_on,
        names: names(
            tls.is_some() || arguments.behind_tls,
            listener.local_addr().unwrap_or(listen),
            own_names,
        ),
        bounds: bounds(),
    };
    let desk = Desk::new(store.clone(), engine.await.map_err(failed)?, serving)
        .await
        .map_err(failed)?;
    let address = listener.local_addr().unwrap_or(listen);
    let scheme = if tls.is_some() { "https" } else { "http" };
    crate::print(|out| {
        writeln!(
            out,
            "The workdesk is at {scheme}://{address}/, its data in {place}"
        )?;
        match desk.setup_path() {
            // Browsers come by the proxy's address, which only its owner knows.
            Some(path) if arguments.behind_tls => writeln!(
                out,
                "Set it up, once, with this path at the proxy's address: {path}"
            )?,
            Some(path) => writeln!(out, "Set it up, once, with this link: {scheme}://{address}{path}")?,
            None => {}
        }
        writeln!(out, "Ctrl-C ends it.")
    })?;
    let stop = ending::asked_for();
    if let Some(plain) = plain {
        tokio::spawn(desk.clone().serve_sdk(plain));
    }
    match tls {
        Some(tls) => desk.serve(tls.listen(listener), stop).await,
        None => desk.serve(listener, stop).await,
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// What stands before the pages, and how long is kept what is behind them.
struct Front {
    tls: Option<Tls>,
    single_sign_on: Option<SingleSignOn>,
    /// Hosts by which browsers call it.
    own_names: Vec<String>,
    retention: Retention,
}

/// As many connections as the process may have files open for.
fn bounds() -> Bounds {
    let mut bounds = Bounds::default();
    let connections = &mut bounds.connections;
    connections.connections = entrance::room_for(connections.connections);
    // One address, which may be a proxy's, leaves a quarter to the others.
    connections.connections_of_one = (connections.connections / 4 * 3).max(1);
    bounds
}

/// The hosts of the addresses at which browsers reach it, as far as they were told.
fn own_names(arguments: &WorkdeskArguments) -> Result<Vec<String>, Failure> {
    let host = |address: &String| {
        let url = reqwest::Url::parse(address).ok()?;
        url.host_str().map(str::to_owned)
    };
    if let Some(address) = &arguments.public_url
        && host(address).is_none()
    {
        return Err(Failure::usage(format!(
            "--public-url must be how a browser is told it, as http://desk.example:8790 (not {address:?})"
        )));
    }
    let told = [&arguments.public_url, &arguments.single_sign_on.oidc_origin];
    Ok(told.into_iter().flatten().filter_map(host).collect())
}

/// On a loopback address without TLS any page that a browser shows can reach it, by a name that leads there; elsewhere certificates tell, or
/// proxies.
fn names(has_tls: bool, address: SocketAddr, own: Vec<String>) -> Option<Names> {
    (!has_tls && is_loopback(address.ip())).then_some(Names {
        port: address.port(),
        own,
    })
}

/// Whether only programs of this machine can come to that address.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The provider of identities, where one is named.
fn single_sign_on(arguments: &SingleSignOnArguments) -> Result<Option<SingleSignOn>, Failure> {
    let (Some(issuer), Some(client_id), Some(file), Some(origin)) = (
        &arguments.oidc_issuer,
        &arguments.oidc_client_id,
        &arguments.oidc_client_secret_file,
        &arguments.oidc_origin,
    ) else {
        return Ok(None);
    };
    let text =
        fs::read_to_string(file).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    let secret = text.lines().next().unwrap_or_default().trim();
    if secret.is_empty() {
        return Err(Failure::usage(format!(
            "{}: its first line is empty",
            file.display()
        )));
    }
    let of = |groups: &[String], role: Role| {
        groups
            .iter()
            .map(|group| (group.clone(), role))
            .collect::<Vec<_>>()
    };
    let settings = SingleSignOn {
        issuer: issuer.clone(),
        client_id: client_id.clone(),
        client_secret: secret.into(),
        origin: origin.trim_end_matches('/').to_owned(),
        role_claim: arguments.oidc_role_claim.clone(),
        groups: [
            of(&arguments.oidc_viewer_group, Role::Viewer),
            of(&arguments.oidc_analyst_group, Role::Analyst),
            of(&arguments.oidc_admin_group, Role::Admin),
        ]
        .concat(),
    };
    settings
        .check()
        .map_err(|words| Failure::usage(format!("single sign-on: {words}")))?;
    Ok(Some(settings))
}

/// What the server shows, and the key to it, which nobody else may read; `None` where it serves without TLS.
pub(super) fn tls(arguments: &TlsArguments) -> Result<Option<Tls>, Failure> {
    let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else {
        return Ok(None);
    };
    let read =
        |path: &Path| fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())));
    let chain = read(certificate)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(key).map(|known| known.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o007 != 0) {
            return Err(Failure::usage(format!(
                "{}: others may read the key; take that from them: chmod o=",
                key.display()
            )));
        }
    }
    let tls = Tls::new(&chain, &read(key)?).map_err(|words| {
        Failure::usage(format!(
            "{} and {}: {words}",
            certificate.display(),
            key.display()
        ))
    });
    tls.map(Some)
}
