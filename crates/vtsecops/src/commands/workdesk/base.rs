//! What the workdesk and its workers stand on: the store, the clients, the key that seals, external actions.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use integration::{Action, Policy};
use jiff::SignedDuration;
use secops::Parameters;
use secrecy::ExposeSecret;
use virustotal::quota::Ledger;
use virustotal::{ApiKey, Cache, Client, Database, Journal, Journals, Notify, Settings, journal};
use workdesk::{Clients, DEFAULT_INSTANCE, ExternalAction, Pace, Retention, Run, Sealer, Store};

use crate::cli::{Connection, DatabaseArguments};
use crate::commands::instance::{API_KEY, Instance, VERIFY_SSL};
use crate::commands::run::{home, resolve, variable};
use crate::failure::Failure;
use crate::progress::Teller;
use crate::settings::{ConfigFile, Resolved};
use crate::{settings, stores};

/// Where everything is kept.
pub(crate) enum Place {
    /// In a folder, which is held for this process alone as long as the value lasts.
    Folder(PathBuf, #[expect(dead_code, reason = "it is held")] File),
    /// On a server that other processes share.
    Server(Database),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder, _) => write!(f, "{}", folder.display()),
            Self::Server(database) => write!(f, "{database}"),
        }
    }
}

impl Place {
    /// The folder, made where it is missing.
    pub(crate) fn folder(folder: Option<PathBuf>, resolved: &Resolved) -> Result<Self, Failure> {
        let folder = folder_of(folder, resolved)?;
        let lock = alone(&folder)?;
        Ok(Self::Folder(folder, lock))
    }

    /// The key that seals. One of a folder is made where it is missing; one that many machines need is not.
    pub(crate) fn sealer(&self, key_file: Option<&Path>) -> Result<Sealer, Failure> {
        match (self, key_file) {
            (Self::Folder(folder, _), None) => sealer(&folder.join("workdesk.key"), true),
            (Self::Folder(..), Some(path)) => sealer(path, true),
            (Self::Server(_), Some(path)) => sealer(path, false),
            (Self::Server(_), None) => Err(Failure::usage(
                "With --database, name the key that seals the instances' settings: --key-file. All servers and workers need the same one; \
                 make it once: openssl rand -hex 32",
            )),
        }
    }

    /// Opens the store.
    pub(crate) async fn open(&self, sealer: Sealer) -> Result<Store, Failure> {
        let opened = match self {
            Self::Folder(folder, _) => {
                Store::open(&folder.join("workdesk.db"), stores::clock(), sealer).await
            }
            Self::Server(database) => Store::open_shared(database, stores::clock(), sealer).await,
        };
        opened.map_err(|error| self.failed(&error))
    }

    /// Says so where instances were sealed with another key than the one that was given.
    pub(crate) async fn tell_of_other_key(&self, store: &Store) {
        let names = store.sealed_otherwise().await.unwrap_or_default();
        if !names.is_empty() {
            crate::tell(&other_key(&names));
        }
    }

    pub(crate) fn failed(&self, error: &workdesk::Error) -> Failure {
        let words = error.to_string();
        // The words of the library that looks at certificates.
        let what_to_do = match words.contains("invalid peer certificate") {
            true => {
                ". The server's certificate is not believed: call the server by a name that stands in it, and name the authority that has \
                 signed it in PGSSLROOTCERT (or sslrootcert=PATH in the address), where it is none of the system's"
            }
            false => "",
        };
        Failure::failed(format!("{self}: {words}{what_to_do}"))
    }

    /// Removes what is old or left over, for as long as the process lasts.
    pub(crate) fn look_after(&self, store: &Store, retention: Retention) {
        tokio::spawn(store.clone().look_after(retention));
        if let Self::Server(database) = self {
            tokio::spawn(forget_leftovers(database.clone(), store.clone()));
        }
    }

    /// Clients for the runs.
    pub(crate) fn clients(&self, resolved: &Resolved) -> Arc<dyn Clients> {
        let notify = Teller::new(false).notify();
        let (ledger, cache, journals) = match self {
            Self::Folder(folder, _) => (
                stores::ledger(resolved, notify.clone()),
                stores::cache(resolved, notify.clone()),
                KeptRuns::Folder(folder.join("runs")),
            ),
            Self::Server(database) => (
                Ledger::shared(database, stores::clock(), notify.clone()),
                stores::shared_cache(database, resolved, notify.clone()),
                KeptRuns::Server(Journals::shared(database, stores::clock(), notify.clone())),
            ),
        };
        Arc::new(OfThisUser {
            ledger: Arc::new(ledger),
            cache: Arc::new(cache),
            journals,
            notify,
        })
    }
}

/// Forgets the journals of runs that are over, for as long as the process lasts: the end of a run may not be heard of while the database is away.
async fn forget_leftovers(database: Database, store: Store) {
    const LOOK_AGAIN: Duration = Duration::from_secs(3600);
    loop {
        // A connection for a moment, not one for ever.
        let journals = Journals::shared(&database, stores::clock(), Notify::default());
        for name in journals.runs().await {
            let Ok(id) = name.parse() else { continue };
            match store.run(id).await {
                Ok(run) if run.ended_at.is_some() => journals.forget(&name),
                Err(workdesk::Error::NotFound { .. }) => journals.forget(&name),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        drop(journals);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The workdesk's folder, which need not be there.
pub(crate) fn folder_of(folder: Option<PathBuf>, resolved: &Resolved) -> Result<PathBuf, Failure> {
    let folder = folder.or_else(|| stores::workdesk(resolved));
    folder.ok_or_else(|| Failure::usage("There is no home folder; name one with --folder."))
}

/// The workdesk's database in that folder, which must be there.
pub(crate) fn file_in(folder: &Path) -> Result<PathBuf, Failure> {
    let file = folder.join("workdesk.db");
    match file.exists() {
        true => Ok(file),
        false => Err(Failure::usage(format!(
            "There is no workdesk in {}; name its folder with --folder.",
            folder.display()
        ))),
    }
}

/// What is to be done about instances that can't be read.
pub(crate) fn other_key(names: &[String]) -> String {
    format!(
        "Settings of instances can't be opened, as they were sealed with another key: {}. Put the right key in its place (--key-file), or save \
         these instances anew; until then their runs fail.",
        names.join(", ")
    )
}

/// The database that was named, if one was.
pub(crate) fn database(arguments: &DatabaseArguments) -> Result<Option<Database>, Failure> {
    let database = named(arguments)?;
    if let Some(database) = &database
        && let Some(doubt) = database.doubt()
    {
        // It goes on: a fleet that works is not stopped by an upgrade.
        crate::tell(&format!(
            "The database {database}: {doubt}. Have it checked: sslmode=verify-full in its address, and PGSSLROOTCERT where the authority \
             is one of your own. sslmode=disable says that the way there is safe without."
        ));
    }
    Ok(database)
}

fn named(arguments: &DatabaseArguments) -> Result<Option<Database>, Failure> {
    let parse = |address: &str| Database::parse(address).map_err(|error| Failure::usage(error.to_string()));
    match &arguments.database {
        Some(address) => {
            let database = parse(address)?;
            // Every user of the machine reads command lines.
            match database.names_password() {
                true => Err(Failure::usage(
                    "The address on the command line has a password in it, which every user of this machine could read: give it by \
                     PGPASSFILE or PGPASSWORD, or the whole address by VTSECOPS_DATABASE.",
                )),
                false => Ok(Some(database)),
            }
        }
        None => variable("VTSECOPS_DATABASE")
            .map(|address| parse(&address))
            .transpose(),
    }
}

/// How the engine works, by the user's settings.
pub(crate) fn pace(resolved: &Resolved) -> Pace {
    let usual = Pace::default();
    Pace {
        poll_every: resolved.poll_every().unwrap_or(usual.poll_every),
        lost_after: resolved
            .lost_after()
            .and_then(|after| SignedDuration::try_from(after).ok())
            .unwrap_or(usual.lost_after),
        ..usual
    }
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

/// The key that seals; made, for its owner only, where there is none and it may be.
fn sealer(path: &Path, is_made: bool) -> Result<Sealer, Failure> {
    let unusable = |words: &dyn std::fmt::Display| {
        Failure::failed(format!("The key file {} can't be used: {words}", path.display()))
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && is_made => {
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
pub(crate) fn external_actions(path: &Path) -> Result<Vec<ExternalAction>, Failure> {
    let wrong = |words: &dyn std::fmt::Display| Failure::usage(format!("{}: {words}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    ExternalAction::read_all(&text).map_err(|words| wrong(&words))
}

/// Variables that every program gets: what it needs to be found and to start, and none of ours.
pub(crate) fn plain_environment() -> Vec<(String, String)> {
    const NAMES: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];
    let own = |name: &str| Some((name.to_owned(), variable(name)?));
    NAMES.into_iter().filter_map(own).collect()
}

/// Clients with the key and the settings of the user who started the workdesk, as they are when a step is taken.
struct OfThisUser {
    ledger: Arc<Ledger>,
    cache: Arc<Cache>,
    journals: KeptRuns,
    notify: Notify,
}

/// Where what runs have asked and submitted is written down.
enum KeptRuns {
    Folder(PathBuf),
    Server(Journals),
}

impl KeptRuns {
    fn of(&self, run: &Run, notify: &Notify) -> Result<Journal, String> {
        let id = run.id.to_string();
        match self {
            Self::Folder(folder) => {
                Journal::begin(folder, &id, run.action.clone(), stores::clock(), notify.clone())
                    .map_err(|error| format!("The run can't be written down: {error}"))
            }
            Self::Server(journals) => Ok(journals.of(&id)),
        }
    }

    fn forget(&self, run: &Run) {
        let id = run.id.to_string();
        match self {
            // Most have none.
            Self::Folder(folder) => drop(journal::forget(folder, &id)),
            Self::Server(journals) => journals.forget(&id),
        }
    }
}

/// The settings of this user as they are now.
fn current() -> Result<(Resolved, ConfigFile), String> {
    resolve(&Vec::new(), &Connection::default()).map_err(|failure| failure.message().to_owned())
}

/// This user's key.
fn own_key(file: &ConfigFile) -> Result<ApiKey, String> {
    let found = settings::find_key(None, variable, file, home().as_deref());
    found.map(|(key, _)| key).map_err(|error| error.to_string())
}

impl OfThisUser {
    /// Settings for a client, with the key of the configuration or of this user.
    fn settings(&self, configuration: Option<&Parameters>) -> Result<Settings, String> {
        let (resolved, file) = current()?;
        let mut settings = match configuration {
            Some(configuration) => {
                let instance = Instance::read(configuration)?;
                let mut settings = resolved.to_virustotal(instance.key);
                settings.verify_tls = instance.verify_tls;
                settings.api = instance.api.unwrap_or(settings.api);
                settings
            }
            None => resolved.to_virustotal(own_key(&file)?),
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
            let journal = self.journals.of(run, &self.notify)?;
            settings.journal = Some(Arc::new(journal));
        }
        Client::new(settings).map_err(|error| error.to_string())
    }

    fn client_for_ping(&self, configuration: Option<&Parameters>) -> Result<Client, String> {
        Client::new(self.settings(configuration)?).map_err(|error| error.to_string())
    }

    fn policy(&self, action: Action) -> Result<Option<Policy>, String> {
        let (resolved, _) = current()?;
        settings::policy_of(action, &resolved).map_err(|error| error.to_string())
    }

    fn ledger(&self) -> Option<Arc<Ledger>> {
        Some(Arc::clone(&self.ledger))
    }

    fn own_configuration(&self) -> Result<Parameters, String> {
        let (resolved, file) = current()?;
        let key = own_key(&file)?;
        let verify = resolved.to_virustotal(key.clone()).verify_tls;
        Ok(Parameters::new()
            .with(API_KEY, key.to_secret().expose_secret())
            .with(VERIFY_SSL, if verify { "True" } else { "False" }))
    }

    fn ended(&self, run: &Run) {
        self.journals.forget(run);
    }
}
