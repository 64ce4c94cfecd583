//! `vtsecops action`: one process of an action on Google SecOps.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use integration::{Action, Files, Run, State, Step};
use secops::platform::{Ending, Log, PlatformAction, PlatformRun, ProxySettings};
use secops::{ActionResult, Context, Entity, ExecutionState, deliver};
use secrecy::SecretString;
use virustotal::quota::{Limits, Priority};
use virustotal::{Client, Deadline, Notify, ProxyChoice, Tier, Weight};

use super::instance::Instance;
use super::run::{home, variable};
use crate::cli::ActionArguments;
use crate::failure::Failure;
use crate::settings::{self, ConfigFile, Flags, Origin, Resolved};
use crate::stores;

/// The integration's identifier; the original's, so that playbooks find it.
const INTEGRATION: &str = "VirusTotal";
/// What a parameter calls a server's password.
const PASSWORD: &str = "Linux Password";

pub(crate) fn run(arguments: &ActionArguments) -> Result<ExitCode, Failure> {
    let action = Action::named(&arguments.name).ok_or_else(|| {
        let names: Vec<&str> = Action::ALL.map(|action| action.definition().name).into();
        Failure::usage(format!(
            "There is no action {:?}. There are: {}",
            arguments.name,
            names.join(", ")
        ))
    })?;
    Ok(secops::platform::main(&OnPlatform(action), &arguments.platform))
}

/// An action as the platform sees it.
struct OnPlatform(Action);

impl PlatformAction for OnPlatform {
    fn integration(&self) -> &str {
        INTEGRATION
    }

    fn name(&self) -> &str {
        self.0.definition().name
    }

    async fn run(&self, run: &mut PlatformRun) -> Ending {
        match Box::pin(act(self.0, run)).await {
            Ok(ending) => ending,
            Err(problem) => {
                let problem = sentence(&run.log().masked(&problem));
                run.log().error(&problem);
                self.0.failed(&problem).into()
            }
        }
    }

    fn failed(&self, message: &str) -> ActionResult {
        self.0.failed(message)
    }
}

/// The run, or why it can't begin.
async fn act(action: Action, run: &mut PlatformRun) -> Result<Ending, String> {
    let log = run.log().clone();
    if let Ok(Some(password)) = run.parameters().secret(PASSWORD) {
        log.hide(&password);
    }
    for (name, value) in run.parameters().shown() {
        log.info(&format!("{name}: {value}"));
    }
    let (file, resolved) = local_settings()?;
    let instance = ask_instance(run, &file).await?;
    log.hide(&instance.key_text);
    let targets = targets(action, run, &log).await?;
    log.info(&format!("{} target entities", targets.len()));
    let context = Context {
        targets,
        parameters: run.parameters().clone(),
        now: run.now(),
    };
    let files = match action {
        Action::UploadAndScanFile => files(&resolved, run)?,
        _ => Files::default(),
    };
    let policy = settings::policy_of(action, &resolved).map_err(|error| error.to_string())?;
    if let Some(policy) = &policy {
        log.info(&format!("Verdict policy: {}", policy.name()));
    }
    let client = client(&instance, &resolved, run, &log)?;
    let deadline = deadline(run);
    let work = Run {
        files: &files,
        policy: policy.as_ref(),
        comes_back: run.has_next(),
        ..Run::new(&client, &context, &deadline)
    };
    // Only an action that left something is told of it; for the others the platform's word means nothing.
    let left = run.state().filter(|_| action.definition().is_async);
    let step = match left {
        Some(text) => {
            let state = State::from_text(text, action, &context).map_err(|error| error.to_string())?;
            action.resume(state, work).await
        }
        None => action.start(work).await,
    };
    let calls: u64 = client.calls().values().sum();
    log.info(&format!(
        "{calls} calls to VirusTotal, {} answers were kept",
        client.progress().kept
    ));
    let mut result = match step {
        Step::Done(result) => result,
        Step::Wait(state) if run.is_last() => {
            log.warn("The platform's time for the action is over: it ends with what there is");
            Box::new(action.conclude(state, work, ExecutionState::TimedOut).await)
        }
        Step::Wait(state) => {
            return Ok(Ending::Wait {
                message: state.message(left.is_none()),
                state: state.to_value(),
            });
        }
    };
    for failure in deliver(&mut result, run.platform()).await {
        log.error(&format!("Not written to the case: {failure}"));
    }
    Ok(Ending::Done(result))
}

/// The settings of this machine: they say what the platform's form has no field for, such as the tier.
fn local_settings() -> Result<(ConfigFile, Resolved), String> {
    let file = match settings::path(variable) {
        Some(path) => ConfigFile::load(path).map_err(|error| error.to_string())?,
        None => ConfigFile::none(),
    };
    let resolved = settings::resolve(&Flags::new(), variable, &file).map_err(|error| error.to_string())?;
    Ok((file, resolved))
}

/// Why a remote agent may have no key of VirusTotal.
const NO_CONFIGURATION: &str = "Api Key is missing: the remote agent has no API key of the platform, so the integration's \
    configuration can't be read. Give the agent one, or set VTSECOPS_API_KEY where it runs actions.";

/// With a capital letter: it stands alone.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + characters.as_str()
}

/// The configuration of the integration's instance.
async fn ask_instance(run: &mut PlatformRun, file: &ConfigFile) -> Result<Instance, String> {
    if run.platform().is_recorded() {
        // Nobody can be asked there; the machine's own key is what is left.
        let (key, _) = settings::find_key(None::<&Path>, variable, file, home().as_deref()).map_err(
            |error| match error {
                settings::SettingsError::NoKey => NO_CONFIGURATION.to_owned(),
                other => other.to_string(),
            },
        )?;
        return Ok(Instance {
            key,
            key_text: SecretString::default(),
            verify_tls: true,
            api: None,
        });
    }
    let configuration = run
        .platform()
        .configuration()
        .await
        .map_err(|error| error.to_string())?;
    Instance::read(&configuration)
}

/// The entities. Files are uploaded by path, whether the case can be read or not.
async fn targets(action: Action, run: &mut PlatformRun, log: &Log) -> Result<Vec<Entity>, String> {
    if action.definition().entity_types.is_empty() {
        return Ok(Vec::new());
    }
    match run.platform().targets().await {
        Ok(targets) => Ok(targets),
        Err(error) if action == Action::UploadAndScanFile => {
            log.warn(&format!("{error}; no entity will be enriched"));
            Ok(Vec::new())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn files(resolved: &Resolved, run: &PlatformRun) -> Result<Files, String> {
    let server = run.parameters().text("Linux Server Address").ok().flatten();
    let home = home();
    settings::files(
        resolved,
        run.environment(),
        server.as_deref(),
        variable,
        home.as_deref(),
    )
    .map_err(|error| error.to_string())
}

fn client(instance: &Instance, resolved: &Resolved, run: &PlatformRun, log: &Log) -> Result<Client, String> {
    let notify = notify(log);
    let mut settings = resolved.to_virustotal(instance.key.clone());
    settings.verify_tls = instance.verify_tls;
    settings.api = instance.api.unwrap_or(settings.api);
    if let Some(proxy) = run.proxy() {
        settings.proxy = proxy_choice(proxy, &settings.base_url);
    }
    // Nobody has said which kind of key it is: what VirusTotal refuses paces the calls.
    if is_default(resolved, "tier") {
        settings.limits = resolved.limits_of(Limits::of(Tier::Private));
    }
    if is_default(resolved, "priority") {
        settings.priority = Priority::Playbook;
    }
    settings.ledger = Some(Arc::new(stores::ledger(resolved, notify.clone())));
    settings.cache = resolved
        .keeps_reports()
        .then(|| Arc::new(stores::cache(resolved, notify.clone())));
    settings.environment = run.environment().unwrap_or_default().to_owned();
    settings.key_label = run.environment().unwrap_or("default").to_owned();
    settings.notify = notify;
    Client::new(settings).map_err(|error| error.to_string())
}

fn is_default(resolved: &Resolved, name: &str) -> bool {
    resolved
        .get(name)
        .is_none_or(|(_, origin)| *origin == Origin::Default)
}

fn proxy_choice(proxy: &ProxySettings, address: &str) -> ProxyChoice {
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    match proxy.is_for(host) {
        true => ProxyChoice::Url(proxy.url.clone()),
        false => ProxyChoice::Direct,
    }
}

fn notify(log: &Log) -> Notify {
    let log = log.clone();
    Notify::new(move |weight, sentence| match weight {
        Weight::Hint => log.info(sentence),
        Weight::Warning => log.warn(sentence),
    })
}

/// Until when VirusTotal is asked: what is there must still be written to the case.
fn deadline(run: &PlatformRun) -> Deadline {
    let Some(end) = run.deadline() else {
        return Deadline::none();
    };
    let left = Duration::try_from(end.duration_since(run.now())).unwrap_or_default();
    Deadline::after(left.saturating_sub(for_writing(left)))
}

/// A tenth of the time, within reason.
fn for_writing(left: Duration) -> Duration {
    (left / 10)
        .clamp(Duration::from_secs(1), Duration::from_secs(20))
        .min(left / 2)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::for_writing;

    #[test]
    fn time_is_kept_for_writing() {
        let kept = |seconds: f64| for_writing(Duration::from_secs_f64(seconds)).as_secs_f64();
        assert_eq!(
            [kept(0.0), kept(1.0), kept(5.0), kept(60.0), kept(600.0)],
            [0.0, 0.5, 1.0, 6.0, 20.0]
        );
    }
}
