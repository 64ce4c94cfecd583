//! External actions: programs that are started as the platform starts actions. Source: the action protocol.
//!
//! Whoever starts the workdesk says which there are; nobody can add one over the network. Time, memory and output are bounded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use secops::Parameters;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use virustotal::{Canceller, Deadline};

use super::step::Taken;
use super::{Shared, UnderWay};
use crate::{Case, Ended, Error, Run, RunState, StoredEntity};

/// What a program may say on standard error; what comes after is not kept.
const MOST_SAID: usize = 64 * 1024;
/// Of which people see the end.
const SHOWN: usize = 2_000;
/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
const MEGABYTE: u64 = 1024 * 1024;
const IN_PROGRESS: u64 = 1;

/// A program that is an action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalAction {
    /// By which it is asked for.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// Identifier of its integration: the configuration of an instance of it is what the program gets.
    pub integration: String,
    /// The program and its arguments; the platform's own come after them.
    pub command: Vec<String>,
    /// Whether it is told to use the addresses of One Platform.
    #[serde(default)]
    pub one_platform: bool,
    /// Where it is started; a folder of its own where there is none.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Variables of its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Types of the entities it acts on; empty for all.
    #[serde(default)]
    pub entity_types: Vec<String>,
    /// What its form asks for.
    #[serde(default)]
    pub parameters: Vec<ExternalParameter>,
    /// How long one process may take, in seconds.
    #[serde(default = "five_minutes")]
    pub seconds: u64,
    /// How much memory it may have, in megabytes of addresses.
    #[serde(default = "two_gigabytes")]
    pub memory_mb: u64,
    /// How much it may write to standard output, in megabytes.
    #[serde(default = "sixty_four")]
    pub output_mb: u64,
}

/// A parameter of an external action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalParameter {
    /// Its name.
    pub name: String,
    /// What it means.
    #[serde(default)]
    pub description: String,
    /// Whether it must be filled in.
    #[serde(default)]
    pub required: bool,
    /// Whether its field hides what is typed.
    #[serde(default)]
    pub is_secret: bool,
    /// What it is filled with.
    #[serde(default)]
    pub default: Option<String>,
}

impl ExternalAction {
    /// The actions of a YAML file: a list.
    ///
    /// # Errors
    /// Says what is wrong, and where.
    pub fn read_all(text: &str) -> Result<Vec<Self>, String> {
        let actions: Vec<Self> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        for (place, action) in actions.iter().enumerate() {
            let is_ours = integration::Action::named(&action.name).is_some();
            let is_double = actions.iter().take(place).any(|own| own.name == action.name);
            if is_ours || is_double {
                return Err(format!("there is another action called {:?}", action.name));
            }
            if action.command.is_empty() {
                return Err(format!("the action {:?} has no command", action.name));
            }
        }
        Ok(actions)
    }
}

fn five_minutes() -> u64 {
    300
}

fn two_gigabytes() -> u64 {
    2048
}

fn sixty_four() -> u64 {
    64
}

/// What a process left.
struct Left {
    status: ExitStatus,
    output: Vec<u8>,
    said: String,
}

impl Shared {
    /// Starts the program for one step, and waits for its end.
    pub(super) async fn external_step(
        &self,
        action: &ExternalAction,
        run: &Run,
        targets: &[StoredEntity],
    ) -> Result<Taken, Error> {
        let case = self.store.case(run.case).await?;
        let alert = self.alert_of(run.case, targets).await?;
        let canceller = Arc::new(Canceller::new());
        let under_way = UnderWay {
            case: run.case,
            canceller: Arc::clone(&canceller),
            client: None,
        };
        self.under_way().insert(run.id, under_way);
        if self.is_halted() {
            canceller.cancel();
        }
        let key = self.keys.issue(run.id);
        let context = self
            .context(action, run, &case, alert.as_deref(), targets)
            .to_string();
        let deadline = Deadline::after(Duration::from_secs(action.seconds)).with_canceller(&canceller);
        let left = self
            .process(action, run, &key.text, context.into_bytes(), &deadline)
            .await;
        let taken = left.and_then(|left| self.read(run, &left));
        Ok(taken.unwrap_or_else(|words| {
            let words = words.replace(&key.text, "***");
            Taken::Ended(Box::new(Ended::without_result(RunState::Failed, words)))
        }))
    }

    /// The alert that all targets are in; `None` where there are several.
    async fn alert_of(&self, case: i64, targets: &[StoredEntity]) -> Result<Option<String>, Error> {
        let alerts = self.store.alerts(case).await?;
        let mut own = alerts
            .into_iter()
            .filter(|alert| targets.is_empty() || targets.iter().any(|target| target.alert == alert.id));
        let first = own.next();
        Ok(first
            .filter(|_| own.next().is_none())
            .map(|alert| alert.identifier))
    }

    /// What the program reads: every key that the platform sends.
    fn context(
        &self,
        action: &ExternalAction,
        run: &Run,
        case: &Case,
        alert: Option<&str>,
        targets: &[StoredEntity],
    ) -> Value {
        let target = |target: &StoredEntity| json!({"item1": target.entity.identifier, "item2": target.entity.entity_type.name()});
        let now = self.now().as_millisecond();
        let time = i64::try_from(action.seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        let deadline = now.saturating_add(time);
        let total = run.deadline_at.map_or(0, |deadline| deadline.as_millisecond());
        json!({
            "target_entities": targets.iter().map(target).collect::<Vec<_>>(),
            "case_id": case.id.to_string(),
            "alert_id": alert,
            "environment": case.environment,
            "workflow_id": format!("workdesk-{}", run.id),
            "workflow_instance_id": null,
            "parent_workflow_instance_id": null,
            "parameters": parameters(action, run),
            "integration_identifier": action.integration,
            "integration_instance": run.instance,
            "action_definition_name": action.name,
            "original_requesting_user": run.requested_by,
            "default_result_value": "false",
            "execution_deadline_unix_time_ms": deadline,
            "async_polling_interval_in_sec": self.pace.poll_every.as_secs(),
            "async_total_duration_deadline": total,
            "script_timeout_deadline": deadline,
            "use_proxy_settings": false,
            "max_json_result_size": 15,
            "vault_settings": null,
        })
    }

    async fn process(
        &self,
        action: &ExternalAction,
        run: &Run,
        key: &str,
        input: Vec<u8>,
        deadline: &Deadline,
    ) -> Result<Left, String> {
        let own_folder = match action.folder {
            Some(_) => None,
            None => {
                Some(tempfile::tempdir().map_err(|error| format!("No folder can be made for it: {error}"))?)
            }
        };
        let folder = action.folder.as_deref();
        let folder = folder.or_else(|| own_folder.as_ref().map(tempfile::TempDir::path));
        let mut words = action.command.iter();
        let program = words.next().ok_or("Its command is empty.")?;
        let is_first = if run.saved.is_none() { "True" } else { "False" };
        let mut command = Command::new(program);
        command
            .args(words)
            .args([key, is_first])
            .env_clear()
            .envs(
                self.external
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .envs(&action.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(address) = self.external.address {
            command
                .env("APP_IP", address.ip().to_string())
                .env("APP_PORT", address.port().to_string())
                .env("APP_USE_SSL", "False")
                .env("CLIENT_ADDRESS", address.to_string());
        }
        if let Some(folder) = folder {
            command
                .current_dir(folder)
                .arg("--logPath")
                .arg(folder.join("script.log"));
        }
        if action.one_platform {
            command.arg("--onePlatformSupport");
        }
        // So that what it starts ends with it.
        #[cfg(unix)]
        command.process_group(0);
        let started = command.spawn();
        let mut child = started.map_err(|error| format!("{program} can't be started: {error}"))?;
        let id = child.id();
        limit_memory(id, action.memory_mb);
        let most = action.output_mb.saturating_mul(MEGABYTE);
        match deadline.run(attend(&mut child, input, most)).await {
            Ok(Ok(left)) => {
                end(&mut child, id).await;
                Ok(left)
            }
            Ok(Err(words)) => {
                end(&mut child, id).await;
                Err(words)
            }
            Err(_) => {
                end(&mut child, id).await;
                Err(format!("It was ended: it may take {} s.", action.seconds))
            }
        }
    }

    /// What the process said, as the end of a step.
    fn read(&self, run: &Run, left: &Left) -> Result<Taken, String> {
        let said = left.said.trim_end();
        let start = said.len().saturating_sub(SHOWN);
        let start = (start..=said.len()).find(|place| said.is_char_boundary(*place));
        let end_of_said = said.get(start.unwrap_or_default()..).unwrap_or_default();
        if !left.status.success() {
            return Err(format!("It failed ({}):\n{end_of_said}", left.status));
        }
        let document: Value = serde_json::from_slice(&left.output).map_err(|error| {
            format!("Its standard output is no result, which is one JSON object ({error}).\n{end_of_said}")
        })?;
        let message = document
            .get("Message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let value = document.get("ResultValue").cloned().unwrap_or_default();
        let state = document.get("ExecutionState").and_then(Value::as_u64);
        if state == Some(IN_PROGRESS) {
            return Ok(Taken::Wait {
                saved: value,
                message: message.to_owned(),
                due_at: self.now() + self.pace.poll_every,
            });
        }
        let mut ended = Ended::without_result(
            match state {
                Some(0) => RunState::Done,
                Some(3) => RunState::TimedOut,
                _ => RunState::Failed,
            },
            message,
        );
        ended.script_result = Some(value);
        ended.result = result(run, &document)?;
        Ok(Taken::Ended(Box::new(ended)))
    }
}

/// The run's own, defaults where it has none, and what the step before has left.
fn parameters(action: &ExternalAction, run: &Run) -> Parameters {
    let defaults = action.parameters.iter().filter_map(|parameter| {
        let default = parameter.default.as_ref()?;
        Some((parameter.name.as_str(), default.clone()))
    });
    let mut all = Parameters::new();
    for (name, default) in defaults {
        all = all.with(name, default);
    }
    if let Ok(Value::Object(own)) = serde_json::to_value(&run.parameters) {
        for (name, value) in own {
            all = all.with(&name, value);
        }
    }
    match &run.saved {
        Some(Value::String(state)) => all.with("additional_data", state.clone()),
        Some(other) => all.with("additional_data", other.to_string()),
        None => all,
    }
}

/// Its tables, links and JSON: one object by title.
fn result(run: &Run, document: &Value) -> Result<Option<Box<RawValue>>, String> {
    let Some(text) = document.get("ResultObjectJson").and_then(Value::as_str) else {
        return Ok(None);
    };
    let titles: Value = serde_json::from_str(text)
        .map_err(|error| format!("The ResultObjectJson of {} is no JSON: {error}", run.action))?;
    Ok(to_raw_value(&json!({"by_title": titles})).ok())
}

/// Gives it its input, and reads what it says until it has ended.
async fn attend(child: &mut Child, input: Vec<u8>, most: u64) -> Result<Left, String> {
    let trouble = |error: std::io::Error| format!("It can't be read from: {error}");
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program that reads nothing closes the pipe.
            let _ = stdin.write_all(&input).await;
        }
        Ok(())
    };
    let output = async {
        let mut output = Vec::new();
        if let Some(stdout) = stdout {
            let mut bounded = stdout.take(most.saturating_add(1));
            bounded.read_to_end(&mut output).await.map_err(trouble)?;
        }
        match u64::try_from(output.len()).is_ok_and(|length| length <= most) {
            true => Ok(output),
            false => Err(format!(
                "It was ended: it may write {} MB to standard output.",
                most / MEGABYTE
            )),
        }
    };
    let said = async {
        match stderr {
            Some(stderr) => last_of(stderr).await.map_err(trouble),
            None => Ok(String::new()),
        }
    };
    let ((), output, said) = tokio::try_join!(write, output, said)?;
    let status = child.wait().await.map_err(trouble)?;
    Ok(Left { status, output, said })
}

/// Reads to the end, and keeps the last of it.
async fn last_of(mut from: impl AsyncRead + Unpin) -> std::io::Result<String> {
    let (mut said, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(String::from_utf8_lossy(&said).into_owned());
        }
        said.extend(buffer.get(..length).unwrap_or_default());
        let over = said.len().saturating_sub(MOST_SAID);
        said.drain(..over);
    }
}

/// Ends it and what it has started, if any of it is still there.
async fn end(child: &mut Child, id: Option<u32>) {
    signal(id, false);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        signal(id, true);
        // It is gone then, or nobody can end it.
        let _ = child.kill().await;
    }
}

#[cfg(unix)]
fn signal(id: Option<u32>, is_last: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let id = id.and_then(|id| i32::try_from(id).ok());
    if let Some(group) = id.and_then(Pid::from_raw) {
        let signal = if is_last { Signal::KILL } else { Signal::TERM };
        // It may have ended meanwhile.
        let _ = kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn signal(_: Option<u32>, _: bool) {}

/// The program has not read its input yet, so it has done nothing so far.
#[cfg(target_os = "linux")]
fn limit_memory(id: Option<u32>, megabytes: u64) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let most = Some(megabytes.saturating_mul(MEGABYTE));
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    let id = id.and_then(|id| i32::try_from(id).ok());
    if let Some(error) = prlimit(id.and_then(Pid::from_raw), Resource::As, limit).err() {
        tracing::warn!(%error, "the memory of an external action can't be bounded");
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_memory(_: Option<u32>, _: u64) {}
