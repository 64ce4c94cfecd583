//! One step of an action.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use integration::{Action, State, Step};
use jiff::Timestamp;
use secops::{ActionResult, Context, EntityResult, ExecutionState, JsonItem, JsonResult, Parameters, Table};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use virustotal::quota::Priority;
use virustotal::{Canceller, Deadline};

use super::{Clients, Shared, UnderWay, is_offered};
use crate::store::AskedFor;
use crate::{Ended, Run, RunState, StoredEntity};

/// How a step ended.
pub(super) enum Taken {
    /// The run is over.
    Ended(Box<Ended>),
    /// Another step is due later.
    Wait {
        saved: Value,
        message: String,
        due_at: Timestamp,
    },
}

impl Shared {
    /// Takes a step on this thread.
    pub(super) fn step(
        &self,
        run: &Run,
        asked_for: &AskedFor,
        configuration: Option<&Parameters>,
        targets: Vec<StoredEntity>,
    ) -> Taken {
        let span = tracing::info_span!(
            "step",
            run = run.id,
            case = run.case,
            step = run.step,
            action = run.action
        );
        let taken =
            span.in_scope(|| on_this_thread(self.try_step(run, asked_for, configuration, targets)).flatten());
        taken.unwrap_or_else(|words| Taken::Ended(Box::new(Ended::without_result(RunState::Failed, words))))
    }

    async fn try_step(
        &self,
        run: &Run,
        asked_for: &AskedFor,
        configuration: Option<&Parameters>,
        targets: Vec<StoredEntity>,
    ) -> Result<Taken, String> {
        let action =
            Action::named(&run.action).ok_or_else(|| format!("There is no action {:?}.", run.action))?;
        if !is_offered(action) {
            return Err(format!("{} is for the shell only.", run.action));
        }
        let context = Context {
            targets: targets.into_iter().map(|target| target.entity).collect(),
            parameters: run.parameters.clone(),
            now: self.now(),
        };
        let saved = run.saved.as_ref();
        let state = saved.map(|saved| State::from_value(saved, action)).transpose();
        let state = state.map_err(|error| error.to_string())?;
        let client = self.clients.client(run, configuration)?;
        // Whoever waits for an answer goes before a playbook, where nothing else is set.
        let priority = client.priority();
        let priority = if asked_for.by_playbook {
            priority.max(Priority::Playbook)
        } else {
            priority
        };
        let client = Arc::new(client.for_run(priority, &asked_for.environment));
        let canceller = Arc::new(Canceller::new());
        let under_way = UnderWay {
            case: run.case,
            canceller: Arc::clone(&canceller),
            client: Some(Arc::clone(&client)),
        };
        self.under_way().insert(run.id, under_way);
        if self.is_halted() {
            canceller.cancel();
        }
        let left = run.deadline_at.map(|deadline| left(context.now, deadline));
        let time = left.map_or(self.pace.longest_step, |left| left.min(self.pace.longest_step));
        let deadline = Deadline::after(time).with_canceller(&canceller);
        let policy = self.clients.policy(action)?;
        let step = integration::Run {
            policy: policy.as_ref(),
            lost_after: self.pace.lost_after,
            comes_back: true,
            ..integration::Run::new(&client, &context, &deadline)
        };
        let is_first = state.is_none();
        let taken = match state {
            None => Box::pin(action.start(step)).await,
            Some(state) => Box::pin(action.resume(state, step)).await,
        };
        self.figures.called(&client.calls());
        let due_at = self.now() + self.pace.poll_every;
        Ok(match taken {
            Step::Done(result) => Taken::Ended(Box::new((*result).into())),
            Step::Wait(state) if run.deadline_at.is_some_and(|deadline| due_at >= deadline) => {
                let concluded = action.conclude(state, step, ExecutionState::TimedOut);
                Taken::Ended(Box::new(Box::pin(concluded).await.into()))
            }
            Step::Wait(state) => Taken::Wait {
                message: state.message(is_first),
                saved: state.to_value(),
                due_at,
            },
        })
    }
}

/// Asks VirusTotal whether the key works.
pub(super) fn ping(
    clients: &dyn Clients,
    configuration: Option<&Parameters>,
    now: Timestamp,
) -> Result<String, String> {
    const TIME: Duration = Duration::from_secs(30);
    let client = clients.client_for_ping(configuration)?;
    let context = Context {
        targets: Vec::new(),
        parameters: Parameters::new(),
        now,
    };
    let deadline = Deadline::after(TIME);
    let step = on_this_thread(Action::Ping.start(integration::Run::new(&client, &context, &deadline)))?;
    match step {
        Step::Done(result) if result.state == ExecutionState::Completed => Ok(result.output_message),
        Step::Done(result) => Err(result.output_message),
        Step::Wait(_) => Err("VirusTotal has not answered".to_owned()),
    }
}

/// What talks to VirusTotal is for one thread.
fn on_this_thread<F: Future>(work: F) -> Result<F::Output, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("The action can't be started: {error}"))?;
    Ok(runtime.block_on(work))
}

fn left(now: Timestamp, deadline: Timestamp) -> Duration {
    Duration::try_from(deadline.duration_since(now)).unwrap_or_default()
}

/// Tables of reports that are kept with a run; beyond that many, what they show is on the pages of the entities.
const MOST_TABLES: usize = 100;

/// Tables and links, as one JSON object, and what of the JSON result is no entity's report: those are kept by themselves.
#[derive(Serialize)]
struct Shown<'a> {
    tables: Vec<&'a Table>,
    links: &'a [secops::Link],
    json_result: JsonResult,
}

/// The reports of entities, and the rest of the JSON result.
fn apart(result: &ActionResult) -> (Vec<(String, Arc<RawValue>)>, JsonResult) {
    let JsonResult::List(items) = &result.json_result else {
        return (Vec::new(), result.json_result.clone());
    };
    let names: HashSet<&str> = result
        .entities
        .iter()
        .map(|entity| entity.entity.identifier.as_str())
        .collect();
    let (own, rest): (Vec<&JsonItem>, Vec<&JsonItem>) =
        items.iter().partition(|item| names.contains(item.name.as_str()));
    let reports = own
        .into_iter()
        .map(|item| (item.name.clone(), Arc::clone(&item.report)));
    let rest = match rest.is_empty() {
        true => JsonResult::None,
        false => JsonResult::List(rest.into_iter().cloned().collect()),
    };
    (reports.collect(), rest)
}

impl From<ActionResult> for Ended {
    fn from(result: ActionResult) -> Self {
        let (answers, details): (Vec<&Table>, Vec<&Table>) =
            result.tables.iter().partition(|table| table.is_answer);
        let (reports, json_result) = apart(&result);
        let shown = Shown {
            tables: answers
                .into_iter()
                .chain(details.into_iter().take(MOST_TABLES))
                .collect(),
            links: &result.links,
            json_result,
        };
        let enriched = result
            .entities
            .iter()
            .filter(|entity| entity.is_target && !entity.enrichment.is_empty());
        Self {
            reports,
            state: match result.state {
                ExecutionState::Completed | ExecutionState::InProgress => RunState::Done,
                ExecutionState::Failed => RunState::Failed,
                ExecutionState::TimedOut => RunState::TimedOut,
            },
            script_result: Some(result.script_result.value.into()),
            entities: enriched.map(EntityResult::updated).collect(),
            // What can't be written as JSON, which does not occur, is left out.
            result: to_raw_value(&shown).ok(),
            message: result.output_message,
            insights: result.insights,
        }
    }
}
