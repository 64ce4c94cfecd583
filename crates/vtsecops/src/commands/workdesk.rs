//! `vtsecops workdesk`

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use integration::{Action, Policy};
use jiff::SignedDuration;
use secops::Parameters;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use virustotal::quota::Ledger;
use virustotal::{Cache, Client, Journal, Notify, Settings, journal};
use workdesk::{
    Clients, DEFAULT_INSTANCE, Desk, Engine, External, ExternalAction, Pace, Role, Run, Sealer, Serving,
    SingleSignOn, Store, Tls,
};

use super::instance::{API_KEY, Instance, VERIFY_SSL};
use super::run::{home, resolve, variable};
use crate::cli::{Connection, SingleSignOnArguments, WorkdeskArguments};
use crate::failure::Failure;
use crate::progress::Teller;
use crate::settings::Resolved;
use crate::{ending, settings, stores, telemetry};

pub(crate) fn run(arguments: &WorkdeskArguments) -> Result<ExitCode, Failure> {
    let _telemetry = telemetry::of_server(&arguments.telemetry, "vtsecops-workdesk")?;
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(tls(certificate, key)?),
        _ => None,
    };
    if tls.is_none() && !arguments.listen.ip().is_loopback() {
        return Err(Failure::usage(
            "Without TLS the workdesk listens on loopback addresses only: give it --tls-cert and --tls-key, or put a proxy with \
             TLS in front of it.",
        ));
    }
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    let folder = arguments.folder.clone().or_else(|| stores::workdesk(&resolved));
    let folder = folder.ok_or_else(|| Failure::usage("There is no home folder; name one with --folder."))?;
    let _lock = alone(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("the workdesk can't start: {error}")))?;
    let single_sign_on = single_sign_on(&arguments.single_sign_on)?;
    let front = Front { tls, single_sign_on };
    runtime.block_on(serve(arguments, &resolved, &folder, front))
}

async fn serve(
    arguments: &WorkdeskArguments,
    resolved: &Resolved,
    folder: &Path,
    Front { tls, single_sign_on }: Front,
) -> Result<ExitCode, Failure> {
    let failed = |error: workdesk::Error| Failure::failed(format!("{}: {error}", folder.display()));
    let notify = Teller::new(false).notify();
    let clients = OfThisUser {
        ledger: Arc::new(stores::ledger(resolved, notify.clone())),
        cache: Arc::new(stores::cache(resolved, notify.clone())),
        journals: folder.join("runs"),
        notify,
    };
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
    let key_file = arguments.key_file.clone();
    let sealer = sealer(&key_file.unwrap_or_else(|| folder.join("workdesk.key")))?;
    let external = External {
        actions: arguments
            .actions
            .as_deref()
            .map(external_actions)
            .transpose()?
            .unwrap_or_default(),
        // Programs that are started as actions don't know our certificate.
        address: match &plain {
            Some(plain) => plain.local_addr().ok(),
            None => listener.local_addr().ok(),
        },
        environment: plain_environment(),
    };
    let store = Store::open(&folder.join("workdesk.db"), stores::clock(), sealer)
        .await
        .map_err(failed)?;
    let usual = Pace::default();
    let pace = Pace {
        poll_every: resolved.poll_every().unwrap_or(usual.poll_every),
        lost_after: resolved
            .lost_after()
            .and_then(|after| SignedDuration::try_from(after).ok())
            .unwrap_or(usual.lost_after),
        ..usual
    };
    let engine = Engine::start(store.clone(), Arc::new(clients), pace, external);
    let serving = Serving {
        is_secure: tls.is_some(),
        open_metrics: arguments.open_metrics,
        single_sign_on,
    };
    let desk = Desk::new(store.clone(), engine.await.map_err(failed)?, serving)
        .await
        .map_err(failed)?;
    let address = listener.local_addr().unwrap_or(listen);
    let scheme = if tls.is_some() { "https" } else { "http" };
    crate::print(|out| {
        writeln!(
            out,
            "The workdesk is at {scheme}://{address}/, its data in {}",
            folder.display()
        )?;
        if let Some(path) = desk.setup_path() {
            writeln!(out, "Set it up, once, with this link: {scheme}://{address}{path}")?;
        }
        writeln!(out, "Ctrl-C ends it.")
    })?;
    let stop = ending::asked_for();
    if let Some(plain) = plain {
        tokio::spawn(desk.clone().serve_sdk(plain));
    }
    let served = match tls {
        Some(tls) => desk.serve(tls.listen(listener), stop).await,
        None => desk.serve(listener, stop).await,
    };
    store.close().await;
    served.map_err(|error| Failure::failed(format!("the workdesk ended: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// What stands before the pages.
struct Front {
    tls: Option<Tls>,
    single_sign_on: Option<SingleSignOn>,
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

/// What the server shows, and the key to it, which nobody else may read.
pub(super) fn tls(certificate: &Path, key: &Path) -> Result<Tls, Failure> {
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
    Tls::new(&chain, &read(key)?).map_err(|words| {
        Failure::usage(format!(
            "{} and {}: {words}",
            certificate.display(),
            key.display()
        ))
    })
}

/// Makes the folder, and holds it for this process alone as long as the value lasts.
fn alone(folder: &Path) -> Result<File, Failure> {
    let unusable =
        |error: std::io::Error| Failure::failed(format!("{} can't be used: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(unusable)?;
    for_owner_only(folder);
    let lock = File::options()
        .create(true)
        .append(true)
        .open(folder.join("workdesk.lock"))
        .map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(Failure::failed(format!(
            "Another workdesk uses {}. End it, or name another folder with --folder.",
            folder.display()
        ))),
        Err(fs::TryLockError::Error(error)) => Err(unusable(error)),
    }
}

#[cfg(unix)]
fn for_owner_only(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // Of a file system without rights there is nothing to take away.
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
}

#[cfg(not(unix))]
fn for_owner_only(_: &Path) {}

/// The key that seals; made, for its owner only, where there is none.
fn sealer(path: &Path) -> Result<Sealer, Failure> {
    let unusable = |words: &dyn std::fmt::Display| {
        Failure::failed(format!("The key file {} can't be used: {words}", path.display()))
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = Sealer::new_key();
            let mut options = File::options();
            options.create_new(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let written = options.open(path).and_then(|mut file| {
                writeln!(file, "{text}")?;
                file.sync_all()
            });
            written.map_err(|error| unusable(&error))?;
            text
        }
        Err(error) => return Err(unusable(&error)),
    };
    Sealer::from_text(&text).ok_or_else(|| unusable(&"it has not 64 hexadecimal digits"))
}

/// The programs of a file.
fn external_actions(path: &Path) -> Result<Vec<ExternalAction>, Failure> {
    let wrong = |words: &dyn std::fmt::Display| Failure::usage(format!("{}: {words}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    ExternalAction::read_all(&text).map_err(|words| wrong(&words))
}

/// Variables that every program gets: what it needs to be found and to start, and none of ours.
fn plain_environment() -> Vec<(String, String)> {
    const NAMES: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];
    let own = |name: &str| Some((name.to_owned(), variable(name)?));
    NAMES.into_iter().filter_map(own).collect()
}

/// Clients with the key and the settings of the user who started the workdesk, as they are when a step is taken.
struct OfThisUser {
    ledger: Arc<Ledger>,
    cache: Arc<Cache>,
    journals: PathBuf,
    notify: Notify,
}

impl OfThisUser {
    /// Settings for a client, with the key of the configuration or of this user.
    fn settings(&self, configuration: Option<&Parameters>) -> Result<Settings, String> {
        let (resolved, file) =
            resolve(&Vec::new(), &Connection::default()).map_err(|failure| failure.message().to_owned())?;
        let mut settings = match configuration {
            Some(configuration) => {
                let instance = Instance::read(configuration)?;
                let mut settings = resolved.to_virustotal(instance.key);
                settings.verify_tls = instance.verify_tls;
                settings.api = instance.api.unwrap_or(settings.api);
                settings
            }
            None => {
                let key = settings::find_key(None, variable, &file, home().as_deref());
                let (key, _) = key.map_err(|error| error.to_string())?;
                resolved.to_virustotal(key)
            }
        };
        settings.ledger = Some(Arc::clone(&self.ledger));
        settings.cache = resolved.keeps_reports().then(|| Arc::clone(&self.cache));
        file.instance()
            .unwrap_or(DEFAULT_INSTANCE)
            .clone_into(&mut settings.key_label);
        settings.notify = self.notify.clone();
        Ok(settings)
    }
}

impl Clients for OfThisUser {
    fn client(&self, run: &Run, configuration: Option<&Parameters>) -> Result<Client, String> {
        let mut settings = self.settings(configuration)?;
        if configuration.is_some() {
            run.instance.clone_into(&mut settings.key_label);
        }
        if Action::named(&run.action).is_some_and(Action::can_go_on) {
            let id = run.id.to_string();
            let begun = Journal::begin(
                &self.journals,
                &id,
                run.action.clone(),
                stores::clock(),
                self.notify.clone(),
            );
            let journal = begun.map_err(|error| format!("The run can't be written down: {error}"))?;
            settings.journal = Some(Arc::new(journal));
        }
        Client::new(settings).map_err(|error| error.to_string())
    }

    fn client_for_ping(&self, configuration: Option<&Parameters>) -> Result<Client, String> {
        Client::new(self.settings(configuration)?).map_err(|error| error.to_string())
    }

    fn policy(&self, action: Action) -> Result<Option<Policy>, String> {
        let (resolved, _) =
            resolve(&Vec::new(), &Connection::default()).map_err(|failure| failure.message().to_owned())?;
        settings::policy_of(action, &resolved).map_err(|error| error.to_string())
    }

    fn ledger(&self) -> Option<Arc<Ledger>> {
        Some(Arc::clone(&self.ledger))
    }

    fn own_configuration(&self) -> Result<Parameters, String> {
        let (resolved, file) =
            resolve(&Vec::new(), &Connection::default()).map_err(|failure| failure.message().to_owned())?;
        let key = settings::find_key(None, variable, &file, home().as_deref());
        let (key, _) = key.map_err(|error| error.to_string())?;
        let verify = resolved.to_virustotal(key.clone()).verify_tls;
        Ok(Parameters::new()
            .with(API_KEY, key.to_secret().expose_secret())
            .with(VERIFY_SSL, if verify { "True" } else { "False" }))
    }

    fn ended(&self, run: &Run) {
        // Most have none.
        let _ = journal::forget(&self.journals, &run.id.to_string());
    }
}
