//! Runs one action in the shell: settings, key, client, waiting, output, exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use integration::{Action, Patience, Run, drive};
use secops::{ActionResult, Context, Entity, Parameters};
use virustotal::{Canceller, Client, Deadline};

use crate::cli::{Connection, Showing, Waiting};
use crate::exit::Code;
use crate::failure::Failure;
use crate::output::{self, Style};
use crate::progress::{self, Teller};
use crate::settings::{self, ConfigFile, Flags, Resolved};
use crate::stores;

/// What a command gives to a run.
pub(super) struct Order<'a> {
    pub(super) action: Action,
    pub(super) targets: Vec<Entity>,
    pub(super) parameters: Parameters,
    pub(super) connection: &'a Connection,
    pub(super) waiting: &'a Waiting,
    pub(super) showing: &'a Showing,
}

/// An environment variable that is valid text.
pub(super) fn variable(name: &str) -> Option<String> {
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

/// Settings of this run.
pub(super) fn resolve(flags: &Flags) -> Result<(Resolved, ConfigFile), Failure> {
    let file = config_file()?;
    Ok((settings::resolve(flags, variable, &file)?, file))
}

/// Runs the action and shows its result.
pub(super) fn run(order: Order<'_>, resolved: Resolved, file: &ConfigFile) -> Result<ExitCode, Failure> {
    watch(order.showing.verbose);
    let key_file: Option<&Path> = order.connection.api_key_file.as_deref();
    let (key, source) = settings::find_key(key_file, variable, file, home().as_deref())?;
    tracing::info!(%source, "API key found");
    let (format, timeout, poll_every) = (resolved.format(), resolved.timeout(), resolved.poll_every());
    let (quiet, teller) = (order.showing.quiet, Teller::new(order.showing.quiet));
    let ledger = stores::ledger(&resolved, teller.notify());
    let mut settings = resolved.into_virustotal(key);
    settings.ledger = Some(Arc::new(ledger));
    settings.notify = teller.notify();
    let client = Client::new(settings).map_err(|error| Failure::usage(error.to_string()))?;
    let client = Arc::new(client);
    let context = Context {
        targets: order.targets,
        parameters: order.parameters,
        now: now(),
    };
    let mut patience = Patience {
        wait: !order.waiting.no_wait,
        ..Patience::default()
    };
    if let Some(pause) = poll_every {
        (patience.first_pause, patience.longest_pause) = (pause, pause);
    }
    let result = runtime()?.block_on(async {
        let canceller = Canceller::new();
        let deadline = timeout
            .map_or_else(Deadline::none, Deadline::after)
            .with_canceller(&canceller);
        let work = drive(order.action, Run::new(&client, &context, &deadline), patience);
        // The work's state is some kilobytes: on the heap, not moved from frame to frame.
        Box::pin(progress::while_watching(
            &client,
            &teller,
            quiet,
            until_interrupted(work, &canceller),
        ))
        .await
    });
    let (calls, style) = (client.calls(), Style::of_terminal(&order.showing.color));
    // Connections and entities are done with; a large result needs the room.
    drop((client, context));
    crate::print(|out| output::render(format, &result, &calls, style, out))?;
    Ok(Code::of(&result).into())
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

/// One thread is enough: the work is waiting.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(format!("the program can't start its work: {error}")))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the command line reads the clock"
)]
pub(super) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Tells on standard error what is done, as much as was asked for.
fn watch(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    // Only our own crates: others may print addresses, which can carry the key.
    let own = |metadata: &tracing::Metadata<'_>| {
        ["vtsecops", "virustotal", "integration"]
            .iter()
            .any(|name| metadata.target().starts_with(name))
    };
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, filter};
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let filtered = layer.with_filter(filter::filter_fn(move |metadata| {
        own(metadata) && *metadata.level() <= level
    }));
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(filtered));
}
