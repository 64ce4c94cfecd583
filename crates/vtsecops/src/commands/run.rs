//! Runs one action in the shell: settings, key, client, waiting, output, exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use integration::{Action, Files, Patience, Policy, Run, drive};
use jiff::SignedDuration;
use secops::platform::can_open_files;
use secops::{ActionResult, Context, Entity, EntityResult, OutcomeKind, Parameters};
use virustotal::quota::KeyId;
use virustotal::{ApiKey, Canceller, Client, Deadline, Journal};

use crate::cli::{Connection, Showing, Waiting};
use crate::exit::Code;
use crate::failure::Failure;
use crate::output::{self, Spent, Style};
use crate::progress::{self, Teller};
use crate::saved::Saved;
use crate::settings::{self, ConfigFile, Flags, Resolved};
use crate::stores;
use crate::telemetry::{self, LogFormat, Telemetry};

/// What a command gives to a run.
pub(super) struct Order<'a> {
    pub(super) action: Action,
    pub(super) targets: Vec<Entity>,
    pub(super) parameters: Parameters,
    /// When something is risky, beyond the parameters.
    pub(super) policy: Option<Policy>,
    pub(super) connection: &'a Connection,
    pub(super) waiting: &'a Waiting,
    pub(super) showing: &'a Showing,
    /// The environment that was named: what may be uploaded can depend on it.
    pub(super) environment: Option<String>,
    /// The run to go on with, where it was named.
    pub(super) resumes: Option<String>,
}

/// An unfinished run is gone on with by the same command for this long; then its answers are too old to pass for new.
const SAME_RUN_FOR: SignedDuration = SignedDuration::from_hours(48);

/// An environment variable that is valid text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The config file of this user.
pub(super) fn config_file() -> Result<ConfigFile, Failure> {
    Ok(ConfigFile::load(config_path()?)?)
}

/// Where it is, whether it can be used or not.
pub(super) fn config_path() -> Result<PathBuf, Failure> {
    settings::path(variable).ok_or_else(|| {
        Failure::usage("There is no home folder for the config file; name one in VTSECOPS_CONFIG.")
    })
}

pub(super) fn home() -> Option<PathBuf> {
    etcetera::home_dir().ok()
}

/// Settings of this run, and the config file as the chosen instance sees it.
pub(super) fn resolve(flags: &Flags, connection: &Connection) -> Result<(Resolved, ConfigFile), Failure> {
    let file = config_file()?;
    let instance = settings::instance(
        &file,
        connection.instance.as_deref(),
        connection.environment.as_deref(),
        variable,
    )?;
    let file = file.of_instance(instance);
    Ok((settings::resolve(flags, variable, &file)?, file))
}

/// Runs the action and shows its result.
pub(super) fn run(order: Order<'_>, resolved: &Resolved, file: &ConfigFile) -> Result<ExitCode, Failure> {
    let _telemetry = watch(order.showing.verbose)?;
    let key_file: Option<&Path> = order.connection.api_key_file.as_deref();
    let (key, source) = settings::find_key(key_file, variable, file, home().as_deref())?;
    tracing::info!(%source, "API key found");
    let files = match order.action {
        Action::UploadAndScanFile => files(&order, resolved)?,
        _ => Files::default(),
    };
    let (quiet, teller) = (order.showing.quiet, Teller::new(order.showing.quiet));
    let runtime = runtime()?;
    let journal = runtime.block_on(journal(&order, resolved, file, &key, &teller));
    let (format, timeout, poll_every) = (resolved.format(), resolved.timeout(), resolved.poll_every());
    let lost_after = resolved.lost_after();
    let mut settings = resolved.to_virustotal(key);
    let ledger = Arc::new(stores::ledger(resolved, teller.notify()));
    let cache = resolved
        .keeps_reports()
        .then(|| Arc::new(stores::cache(resolved, teller.notify())));
    settings.ledger = Some(Arc::clone(&ledger));
    settings.cache.clone_from(&cache);
    settings.journal.clone_from(&journal);
    settings.environment = order.connection.environment.clone().unwrap_or_default();
    settings.key_label = file.instance().unwrap_or("default").to_owned();
    settings.notify = teller.notify();
    let client = Client::new(settings).map_err(|error| Failure::usage(error.to_string()))?;
    let client = Arc::new(client);
    let context = Context {
        targets: order.targets,
        parameters: order.parameters,
        now: now(),
    };
    let mut patience = Patience {
        wait: !order.waiting.no_wait && !order.waiting.detach,
        look: journal.as_ref().is_some_and(|journal| journal.resumes()),
        ..Patience::default()
    };
    if let Some(pause) = poll_every {
        (patience.first_pause, patience.longest_pause) = (pause, pause);
    }
    let result = runtime.block_on(async {
        let canceller = Canceller::new();
        let deadline = timeout
            .map_or_else(Deadline::none, Deadline::after)
            .with_canceller(&canceller);
        let mut run = Run {
            files: &files,
            policy: order.policy.as_ref(),
            ..Run::new(&client, &context, &deadline)
        };
        if let Some(lost_after) = lost_after.and_then(|after| SignedDuration::try_from(after).ok()) {
            run.lost_after = lost_after;
        }
        let work = drive(order.action, run, patience);
        // The work's state is some kilobytes: on the heap, not moved from frame to frame.
        Box::pin(progress::while_watching(
            &client,
            &teller,
            quiet,
            until_interrupted(work, &canceller),
        ))
        .await
    });
    let spent = Spent {
        calls: client.calls(),
        kept_answers: client.progress().kept,
    };
    let style = Style::of_terminal(&order.showing.color);
    // Connections and entities are done with; a large result needs the room.
    drop((client, context));
    let printed = crate::print(|out| output::render(format, &result, &spent, style, out));
    // What is to be kept was written meanwhile, or is now.
    drop((ledger, cache));
    if let Err(failure) = printed {
        return Err(runtime.block_on(kept(failure, journal.as_deref())));
    }
    if let Some(journal) = &journal {
        runtime.block_on(put_away(journal, &result, order.waiting, &teller));
    }
    Ok(Code::of(&result).into())
}

/// How files are found; asks for a password where that is wanted.
fn files(order: &Order<'_>, resolved: &Resolved) -> Result<Files, Failure> {
    let server = order.parameters.text("Linux Server Address").ok().flatten();
    let environment = order.environment.as_deref();
    let files = settings::files(
        resolved,
        environment,
        server.as_deref(),
        variable,
        home().as_deref(),
    )?;
    Ok(files)
}

/// Where the run is written down. A run that can't be goes on without.
async fn journal(
    order: &Order<'_>,
    resolved: &Resolved,
    file: &ConfigFile,
    key: &ApiKey,
    teller: &Teller,
) -> Option<Arc<Journal>> {
    if !order.action.can_go_on() {
        return None;
    }
    let saved = Saved {
        settings: resolved.from_flags(),
        key_file: order.connection.api_key_file.clone(),
        instance: file.instance().map(str::to_owned),
        environment: order.environment.clone(),
        ..Saved::new(order.action, &order.targets, &order.parameters)
    };
    let address = resolved.text("virustotal_url").unwrap_or_default();
    let id = saved.id(&KeyId::of(key, address));
    let is_named = order.resumes.is_some();
    let id = order.resumes.clone().unwrap_or(id);
    let folder = stores::runs(resolved)?;
    let begun = Journal::begin(&folder, &id, saved.to_text(), stores::clock(), teller.notify());
    let mut journal = match begun {
        Ok(journal) => journal,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            teller.hint(
                "The same command runs in another process; should this one be cut off, it can't be resumed.",
            );
            return None;
        }
        Err(error) => {
            let folder = folder.display();
            teller.warn(&format!(
                "{folder} can't be written: {error}. Should the run be cut off, it can't be resumed."
            ));
            return None;
        }
    };
    if let Some(earlier) = journal.earlier().await {
        let is_old = now().duration_since(earlier.begun_at) > SAME_RUN_FOR && !is_named;
        if is_old || order.waiting.restart {
            if let Err(error) = journal.restart() {
                teller.warn(&format!("the earlier run {id} can't be forgotten: {error}"));
            }
        } else {
            teller.hint(&format!(
                "Going on with the run of {}: {} answers and {} submissions are kept. To begin anew: --restart",
                earlier.begun_at.strftime("%Y-%m-%d %H:%M UTC"),
                earlier.answers,
                earlier.submissions
            ));
        }
    }
    Some(Arc::new(journal))
}

/// What was had is not lost with the output.
async fn kept(failure: Failure, journal: Option<&Journal>) -> Failure {
    let Some(journal) = journal else { return failure };
    journal.keep().await;
    Failure::failed(format!(
        "{}. To have it again, nothing asked twice: vtsecops resume {}",
        failure.message(),
        journal.id()
    ))
}

/// A finished run needs no journal; of an unfinished one it is said how it goes on.
async fn put_away(journal: &Journal, result: &ActionResult, waiting: &Waiting, teller: &Teller) {
    // Whoever says `--no-wait` looks at running analyses in a way of his own.
    let is_left = |entity: &&EntityResult| {
        entity.unfinished && (entity.outcome != OutcomeKind::Queued || !waiting.no_wait || journal.resumes())
    };
    let left = result.entities.iter().filter(is_left).count();
    if left == 0 {
        journal.finish();
        return;
    }
    journal.keep().await;
    let entities = match left {
        1 => "1 entity is",
        _ => &format!("{left} entities are"),
    };
    teller.hint(&format!(
        "{entities} unfinished. To go on, nothing asked twice: vtsecops resume {}",
        journal.id()
    ));
}

/// Ctrl-C ends the run with what is finished; a second one ends the program.
async fn until_interrupted(work: impl Future<Output = ActionResult>, canceller: &Canceller) -> ActionResult {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        result = &mut work => return result,
        Ok(()) = tokio::signal::ctrl_c() => {
            crate::tell("Stopping; finished results follow. Once more to quit at once.");
            canceller.cancel();
        }
    }
    tokio::select! {
        result = &mut work => result,
        Ok(()) = tokio::signal::ctrl_c() => quit(),
    }
}

#[expect(clippy::exit, reason = "the second Ctrl-C; 130 is the shell's code for it")]
fn quit() -> ! {
    std::process::exit(130)
}

/// Files that a command has open at the same time, beyond those that it starts with: its stores, and some connections.
const FILES: usize = 16;
/// The same of a server that somebody asks.
const FILES_OF_SERVER: usize = 40;

/// Whether there are handles for that.
fn with_files(what: &str, number: usize) -> Result<(), Failure> {
    can_open_files(number).map_err(|error| Failure::failed(format!("{what} can't start: {error}")))
}

/// Threads for a server; `what` names it, as the beginning of a sentence.
pub(super) fn runtime_of_server(what: &str) -> Result<tokio::runtime::Runtime, Failure> {
    with_files(what, FILES_OF_SERVER)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(format!("{what} can't start: {error}")))
}

/// One thread is enough: the work is waiting.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    with_files("the program", FILES)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(format!("the program can't start its work: {error}")))
}

pub(super) fn now() -> jiff::Timestamp {
    stores::clock().now()
}

/// Tells on standard error what is done, as much as was asked for.
fn watch(verbosity: u8) -> Result<Option<Telemetry>, Failure> {
    let level = match verbosity {
        0 => return Ok(None),
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    telemetry::start(level, LogFormat::Text, None, "vtsecops").map(Some)
}
