//! `vtsecops demo`: every action on one case, against the simulator, over real HTTP; then the workdesk on that case.

mod desk;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use integration::{Action, Patience, Run, drive};
use secops::{
    ActionResult, Context, EntityResult, ExecutionState, JsonResult, Parameters, ScriptForm, ScriptResult,
    deliver,
};
use simulator::{DEMO_KEY, KeyKind, Running, Simulator};
use virustotal::{ApiKey, Client, Deadline, ProxyChoice, Settings, Tier};

use super::run::now;
use crate::cli::DemoArguments;
use crate::demo_case::DemoCase;
use crate::failure::Failure;
use crate::output::text::visible;
use crate::output::{Style, table};

/// The actions in the order an analyst would take them.
const ACTIONS: [Action; 6] = [
    Action::Ping,
    Action::ScanHash,
    Action::ScanUrl,
    Action::ScanIp,
    Action::GetDomainReport,
    Action::UploadAndScanFile,
];

/// What one action left, and what it took.
struct Done {
    result: ActionResult,
    parameters: Parameters,
    calls: u64,
    took: Duration,
}

pub(crate) fn run(arguments: &DemoArguments) -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("the demo can't start: {error}"));
    let folder = tempfile::Builder::new()
        .prefix("vtsecops-demo-")
        .tempdir()
        .map_err(failed)?;
    let mut case = DemoCase::open(folder.path()).map_err(failed)?;
    let style = Style::of_terminal(&arguments.color);
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::usage(
            "The demo's workdesk listens on loopback addresses only.",
        ));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(failed)?;
    runtime.block_on(async {
        let running = Simulator::builder()
            .key(DEMO_KEY, KeyKind::Private)
            .scan_for(Duration::from_millis(600))
            .start();
        let running = running.await.map_err(failed)?;
        crate::print(|out| introduce(&case, &running, out))?;
        let client = client(&running.base_url())?;
        let untouched = case.case.clone();
        let mut all = Vec::new();
        for action in ACTIONS {
            let done = act(action, &client, &mut case).await;
            crate::print(|out| writeln!(out, "{}", line(&done)))?;
            all.push(done);
        }
        let complete = all
            .iter()
            .all(|done| done.result.state == ExecutionState::Completed);
        crate::print(|out| conclude(&case, &all, style, out))?;
        if !complete {
            return Err(Failure::failed("The demo did not go as it should: see above."));
        }
        if !arguments.no_serve {
            Box::pin(desk::serve(
                folder.path(),
                &running,
                untouched,
                all,
                arguments.listen,
            ))
            .await?;
        }
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn client(base_url: &str) -> Result<Client, Failure> {
    let key = ApiKey::parse(DEMO_KEY).map_err(|error| Failure::failed(error.to_string()))?;
    let mut settings = Settings::new(key);
    base_url.clone_into(&mut settings.base_url);
    settings.tier = Tier::Private;
    settings.proxy = ProxyChoice::Direct;
    Client::new(settings).map_err(|error| Failure::failed(error.to_string()))
}

async fn act(action: Action, client: &Client, case: &mut DemoCase) -> Done {
    let paths: Vec<String> = case.files.iter().map(|path| path.display().to_string()).collect();
    let mut parameters = Parameters::new();
    if matches!(
        action,
        Action::ScanHash | Action::ScanUrl | Action::UploadAndScanFile
    ) {
        parameters = parameters.with("Threshold", "3");
    }
    if action == Action::UploadAndScanFile {
        parameters = parameters.with("File Paths", paths.join(","));
    }
    let context = Context {
        targets: case.entities().cloned().collect(),
        parameters: parameters.clone(),
        now: now(),
    };
    let deadline = Deadline::after(Duration::from_secs(60));
    let pause = Duration::from_millis(200);
    let patience = Patience {
        wait: true,
        look: false,
        first_pause: pause,
        longest_pause: pause,
    };
    let (before, begun) = (calls(client), Instant::now());
    let mut result = drive(action, Run::new(client, &context, &deadline), patience).await;
    deliver(&mut result, case).await;
    Done {
        result,
        parameters,
        calls: calls(client) - before,
        took: begun.elapsed(),
    }
}

fn calls(client: &Client) -> u64 {
    client.calls().values().sum()
}

fn introduce(case: &DemoCase, running: &Running, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "Case {} · {} · {}",
        case.case.identifier, case.case.title, case.case.environment
    )?;
    for alert in &case.case.cyber_alerts {
        writeln!(
            out,
            "Alert: {} ({} entities)",
            alert.name,
            alert.domain_entities.len()
        )?;
    }
    writeln!(out, "VirusTotal: simulated, over HTTP at {}\n", running.origin())
}

/// `  ✓ Scan Hash               2 entities    1 call     12 ms   is_risky: true`
fn line(done: &Done) -> String {
    let mark = if done.result.state == ExecutionState::Completed {
        "✓"
    } else {
        "✗"
    };
    let plural =
        |number: u64, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let entities = match done.result.entities.len() as u64 {
        0 => "no entities".to_owned(),
        number => plural(number, "entity", "entities"),
    };
    format!(
        "  {mark} {:22} {entities:12} {:8} {:>5} ms   {}: {}",
        done.result.action,
        plural(done.calls, "call", "calls"),
        done.took.as_millis(),
        done.result.script_result.name,
        done.result.script_result.value
    )
}

fn conclude(case: &DemoCase, done: &[Done], style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "\nEntities")?;
    writeln!(out, "{}", table::entities(&overview(case, done), style))?;
    writeln!(out, "\nInsights")?;
    for insight in &case.insights {
        let about = match &insight.kind {
            secops::InsightKind::Entity {
                entity_identifier, ..
            } => entity_identifier.as_str(),
            secops::InsightKind::General {} => "case",
        };
        let content = insight.content.replace('\n', ", ");
        writeln!(
            out,
            "  {:11} {}: {}",
            insight.severity.name(),
            visible(about),
            visible(&content)
        )?;
    }
    writeln!(out, "\nCase wall")?;
    for done in done {
        wall(&done.result, out)?;
    }
    let all: u64 = done.iter().map(|done| done.calls).sum();
    writeln!(
        out,
        "\n{all} VirusTotal calls in all; the two hashes name one file and cost one call; the private address cost none."
    )?;
    next_steps(out)
}

/// One row an entity: where several actions looked at it, the one with a verdict.
fn overview(case: &DemoCase, done: &[Done]) -> ActionResult {
    let mut best: BTreeMap<(&str, &str), &EntityResult> = BTreeMap::new();
    for result in done.iter().flat_map(|done| &done.result.entities) {
        let key = (
            result.entity.identifier.as_str(),
            result.entity.entity_type.name(),
        );
        let known = best.entry(key).or_insert(result);
        if known.positives.is_none() && result.positives.is_some() {
            *known = result;
        }
    }
    let entities = case
        .entities()
        .filter_map(|entity| best.get(&(entity.identifier.as_str(), entity.entity_type.name())));
    ActionResult {
        action: "Demo",
        state: ExecutionState::Completed,
        script_result: ScriptResult {
            name: "is_success",
            value: true,
            form: ScriptForm::Boolean,
        },
        output_message: String::new(),
        entities: entities.map(|result| (*result).clone()).collect(),
        insights: Vec::new(),
        tables: Vec::new(),
        links: Vec::new(),
        json_result: JsonResult::None,
    }
}

/// What an action left on the case wall.
fn wall(result: &ActionResult, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "  {}", result.action)?;
    for line in result.output_message.lines().filter(|line| !line.is_empty()) {
        writeln!(out, "    {}", visible(line))?;
    }
    for table in &result.tables {
        writeln!(
            out,
            "    table {}: {} rows of {}",
            visible(&table.title),
            table.rows.read().len(),
            table.rows.columns().join(", ")
        )?;
    }
    let mut links: Vec<&str> = result.links.iter().map(|link| link.url.as_str()).collect();
    links.dedup();
    links
        .into_iter()
        .try_for_each(|link| writeln!(out, "    link  {}", visible(link)))?;
    Ok(())
}

fn next_steps(out: &mut dyn Write) -> std::io::Result<()> {
    // As it was called, so that the lines can be copied.
    let program = std::env::args().next().unwrap_or_else(|| "vtsecops".to_owned());
    let steps = [
        ("config set api_key", "store your VirusTotal key"),
        (
            "scan hash 44d88612fea8a8f36de82e1278abb02f",
            "ask the real VirusTotal",
        ),
        ("simulator", "serve a VirusTotal without a key, for your scripts"),
    ];
    let lines = steps.map(|(step, what)| (format!("{} {step}", visible(&program)), what));
    let width = lines
        .iter()
        .map(|(line, _)| line.chars().count())
        .max()
        .unwrap_or(0);
    writeln!(out, "\nTry next:")?;
    lines
        .iter()
        .try_for_each(|(line, what)| writeln!(out, "  {line:width$}  # {what}"))
}
