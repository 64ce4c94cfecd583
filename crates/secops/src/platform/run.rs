//! One run from its start to its exit code.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, BufWriter, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::document::Document;
use super::host::{Platform, ProxySettings};
use super::input::Input;
use super::launch::{Environment, Launch};
use super::log::tell;
use super::{Log, PlatformError, signals};
use crate::{ActionResult, Parameters};

/// An action of an integration, as the platform starts it.
pub trait PlatformAction {
    /// The integration's identifier on the platform.
    fn integration(&self) -> &str;

    /// The action's name.
    fn name(&self) -> &str;

    /// Does the work of one process. What changes the case goes to the run's platform; everything else is returned.
    fn run(&self, run: &mut PlatformRun) -> impl Future<Output = Ending>;

    /// The result of a run that could not begin, such as when the platform can't be asked for anything.
    fn failed(&self, message: &str) -> ActionResult;
}

/// How a process ended.
#[derive(Debug)]
pub enum Ending {
    /// The run is over.
    Done(Box<ActionResult>),
    /// Something is under way: the platform starts the action again later, with this state.
    Wait {
        /// For people.
        message: String,
        /// Comes back to the next process as it is.
        state: Value,
    },
}

impl From<ActionResult> for Ending {
    fn from(result: ActionResult) -> Self {
        Self::Done(Box::new(result))
    }
}

/// One process's work: what the platform wants, and the platform itself.
pub struct PlatformRun {
    input: Input,
    first_run: bool,
    platform: Platform,
    proxy: Option<ProxySettings>,
    log: Log,
    clock: fn() -> Timestamp,
}

impl PlatformRun {
    /// The action's parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.input.parameters
    }

    /// Whose case it is.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.input.environment.as_deref()
    }

    /// What the process before left, as it left it; `None` on a first run.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.input.state.as_deref().filter(|_| !self.first_run)
    }

    /// When this process must be done; `None` is no limit.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.input.deadline
    }

    /// Whether the platform will have no time to start the action once more.
    #[must_use]
    pub fn is_last(&self) -> bool {
        let Some(end) = self.input.total_deadline else {
            return false;
        };
        let interval = self.input.polling_interval.max(Duration::from_secs(1));
        let next = self.now().saturating_add(interval).unwrap_or(Timestamp::MAX);
        next >= end
    }

    /// Whether the platform starts the action again when it asks for that, and will come to an end with it.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.input.total_deadline.is_some() && !self.is_last()
    }

    /// The platform's proxy for calls to the world, where it wants one used.
    #[must_use]
    pub fn proxy(&self) -> Option<&ProxySettings> {
        self.proxy.as_ref()
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Where to tell what happens.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Asks for the configuration and the entities, and stores what is written back.
    pub fn platform(&mut self) -> &mut Platform {
        &mut self.platform
    }
}

/// Runs an action as the platform wants it; `arguments` are those behind the action's name.
///
/// The exit code is 0 whenever there is a result, also a failed one; 1 when the platform's order can't be read or the action
/// breaks; 113 when it was told to stop.
#[must_use]
pub fn main(action: &impl PlatformAction, arguments: &[OsString]) -> ExitCode {
    let launch = Launch::read(arguments);
    let log = Log::open(launch.log_path.as_deref(), now);
    log.hide(&launch.app_key);
    signals::watch(log.clone());
    match catch_unwind(AssertUnwindSafe(|| run(action, &launch, &log))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(problem)) => {
            log.error(&problem);
            ExitCode::FAILURE
        }
        Err(_) => {
            tell(&format!(
                "STDOUT:\n{}STDERR:\nthe action broke off",
                log.debug_output()
            ));
            ExitCode::FAILURE
        }
    }
}

/// Files that an action has open at the same time, connections included, beyond those that it starts with.
const FILES: usize = 16;

/// Whether this process can open so many files more. Better now than half-way: what starts a thread's work or listens for signals
/// ends the process where there is no handle left.
///
/// # Errors
/// That it can't, and what to do about it.
pub fn can_open_files(number: usize) -> io::Result<()> {
    #[cfg(unix)]
    {
        let opened: io::Result<Vec<_>> = (0..number).map(|_| std::fs::File::open("/dev/null")).collect();
        // Elsewhere than on a usual system the file may be missing, which says nothing.
        const CODES: [i32; 2] = [24, 23];
        let code = opened.err().and_then(|error| error.raw_os_error());
        if code.is_some_and(|code| CODES.contains(&code)) {
            return Err(io::Error::other(format!(
                "too few files can be open at once. Allow {number} more at least (ulimit -n)"
            )));
        }
    }
    #[cfg(not(unix))]
    let _ = number;
    Ok(())
}

fn run(action: &impl PlatformAction, launch: &Launch, log: &Log) -> Result<(), String> {
    let environment = Environment::read(|name| std::env::var(name).ok());
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| format!("the platform's input can't be read: {error}"))?;
    let input = Input::read(&bytes).map_err(|error| error.to_string())?;
    drop(bytes);
    can_open_files(FILES).map_err(|error| format!("the action can't start its work: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the action can't start its work: {error}"))?;
    log.info(&format!(
        "----------------- Main - {} -----------------",
        action.name()
    ));
    let (targets, most_megabytes) = (input.targets.clone(), input.most_megabytes);
    let ending = runtime.block_on(async {
        match begin(action, launch, &environment, input, log).await {
            Ok(mut run) => Box::pin(action.run(&mut run)).await,
            Err(error) => {
                log.error(&error.to_string());
                action.failed(&format!("The run can't begin: {error}")).into()
            }
        }
    });
    // Connections that nobody waits for are not worth a moment.
    runtime.shutdown_background();
    let out = BufWriter::new(io::stdout().lock());
    let written = match &ending {
        Ending::Done(result) => {
            log.info(&format!("Ended as {}", result.state.name()));
            Document::of(result, &targets, most_megabytes).write(out, &log.debug_output())
        }
        Ending::Wait { message, state } => {
            log.info("Waits for more");
            Document::waiting(message, state).write(out, &log.debug_output())
        }
    };
    written.map_err(|error| format!("the result can't be written: {error}"))
}

async fn begin(
    action: &impl PlatformAction,
    launch: &Launch,
    environment: &Environment,
    input: Input,
    log: &Log,
) -> Result<PlatformRun, PlatformError> {
    let platform = Platform::connect(launch, environment, &input, action.integration(), now, log).await?;
    let proxy = match input.use_proxy_settings && environment.agent.is_none() {
        true => platform.proxy().await?,
        false => None,
    };
    Ok(PlatformRun {
        input,
        first_run: launch.first_run,
        platform,
        proxy,
        log: log.clone(),
        clock: now,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where an action on the platform reads the clock"
)]
fn now() -> Timestamp {
    Timestamp::now()
}
