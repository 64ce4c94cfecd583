//! Runs of actions: asked for, taken step by step, ended. What a run is to do next is in its row, whatever process dies.

use std::sync::Arc;

use jiff::Timestamp;
use secops::{Entity, Insight, Parameters};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use utoipa::ToSchema;

use super::cases::recount;
use super::entities::{self, Origin};
use super::reports::insert_reports;
use super::wall::{WallKind, write_down};
use super::{Store, StoredEntity, Turn, flag, from_json, maybe_time, time, to_json};
use crate::Error;
use crate::text::storable;

/// How long whoever takes a step is believed to be at work after it was last heard of, in milliseconds.
const LEASE: i64 = 8_000;

/// A run that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// In which case.
    pub case: i64,
    /// The action's name.
    pub action: String,
    /// With which instance of the integration.
    pub instance: String,
    /// What the action's form says.
    pub parameters: Parameters,
    /// Which entities; empty is all of the case.
    pub targets: Vec<i64>,
    /// When it must have ended.
    pub deadline_at: Option<Timestamp>,
}

/// A run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// In which case.
    pub case: i64,
    /// The action's name.
    pub action: String,
    /// With which instance of the integration.
    pub instance: String,
    /// What the action's form said.
    #[serde(skip)]
    pub parameters: Parameters,
    /// Its target entities, in order.
    pub targets: Vec<i64>,
    /// How far it is.
    pub state: RunState,
    /// Steps that it has taken.
    pub step: i64,
    /// What the next step resumes from.
    #[serde(skip)]
    pub saved: Option<Value>,
    /// What people read.
    pub message: String,
    /// The one value that a playbook branches on.
    pub script_result: Option<Value>,
    /// Tables, links, and what of the JSON result is about no entity.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Box<RawValue>>,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its first step began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// When its next step is due.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// When it must have ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deadline_at: Option<Timestamp>,
    /// Somebody wants it to end.
    pub cancel_asked: bool,
}

/// For whom a run is, which decides its place in the quota's line.
pub(crate) struct AskedFor {
    /// Of the case.
    pub(crate) environment: String,
    /// A playbook asked for it, and nobody waits for it.
    pub(crate) by_playbook: bool,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Nobody has begun it.
    Queued,
    /// A step is being taken.
    Running,
    /// Its next step is due later.
    Waiting,
    /// It has ended as it should.
    Done,
    /// It has ended without a result.
    Failed,
    /// It has ended with what there was when its time was over.
    TimedOut,
    /// Somebody ended it.
    Cancelled,
}

impl RunState {
    const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Done,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
    ];

    /// The word shown to people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to it.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::TimedOut | Self::Cancelled)
    }

    fn named(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|state| state.name() == name);
        known.ok_or_else(|| Error::Damaged(format!("a run's state is {name:?}")))
    }
}

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub state: RunState,
    /// What people read.
    pub message: String,
    /// The one value that a playbook branches on.
    pub script_result: Option<Value>,
    /// Tables, links and the JSON result.
    pub result: Option<Box<RawValue>>,
    /// Entities as the action changed them.
    pub entities: Vec<Entity>,
    /// What it has to say.
    pub insights: Vec<Insight>,
    /// Reports, each with the name of its entity.
    pub reports: Vec<(String, Arc<RawValue>)>,
}

impl Ended {
    /// An end without a result.
    #[must_use]
    pub fn without_result(state: RunState, message: impl Into<String>) -> Self {
        Self {
            state,
            message: message.into(),
            script_result: None,
            result: None,
            entities: Vec::new(),
            insights: Vec::new(),
            reports: Vec::new(),
        }
    }
}

impl Run {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        let state: String = row.try_get("state")?;
        let json = |column: &str| -> Result<Option<Value>, Error> {
            let text: Option<String> = row.try_get(column)?;
            let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
            parsed.map_err(|error| Error::Damaged(format!("{column}: {error}")))
        };
        let result: Option<String> = row.try_get("result")?;
        let result = result.map(RawValue::from_string).transpose();
        Ok(Self {
            id: row.try_get("id")?,
            case: row.try_get("case_id")?,
            action: row.try_get("action")?,
            instance: row.try_get("instance")?,
            parameters: from_json(row, "parameters")?,
            targets: from_json(row, "targets")?,
            state: RunState::named(&state)?,
            step: row.try_get("step")?,
            saved: json("saved")?,
            message: row.try_get("message")?,
            script_result: json("script_result")?,
            result: result.map_err(|error| Error::Damaged(format!("result: {error}")))?,
            requested_by: row.try_get("requested_by")?,
            created_at: time(row, "created_at")?,
            started_at: maybe_time(row, "started_at")?,
            ended_at: maybe_time(row, "ended_at")?,
            due_at: time(row, "due_at")?,
            deadline_at: maybe_time(row, "deadline_at")?,
            cancel_asked: flag(row, "cancel_asked")?,
        })
    }
}

impl Store {
    /// Asks for a run. When this returns it is sure to be made, whatever happens to the process.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the case, or an entity that is not in it.
    pub async fn queue_run(&self, new: NewRun, by: &str) -> Result<Run, Error> {
        let (transaction, run) = self.new_run(&new, by).await?;
        transaction.commit().await?;
        self.changed(run.case, Some(run.id)).await;
        // As it was asked for: somebody may have begun it.
        Ok(run)
    }

    /// A run that is there when the transaction is committed.
    async fn new_run(&self, new: &NewRun, by: &str) -> Result<(Transaction<'static, Any>, Run), Error> {
        self.case(new.case).await?;
        let mut transaction = self.begin(Turn::Case(new.case)).await?;
        let of = NewRunOf {
            new,
            by,
            playbook: None,
            now: self.now(),
        };
        let id = insert_run(&mut transaction, of).await?;
        let row = sqlx::query("SELECT * FROM run WHERE id = $1")
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
        Ok((transaction, Run::read(&row)?))
    }

    /// Writes down a run that was made elsewhere, with what it leaves.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the case.
    pub async fn add_ended_run(&self, new: NewRun, ended: &Ended, by: &str) -> Result<Run, Error> {
        let (mut transaction, run) = self.new_run(&new, by).await?;
        end_with(&mut transaction, &run, ended, None, self.now()).await?;
        transaction.commit().await?;
        self.playbook_bell.notify_one();
        self.changed(run.case, Some(run.id)).await;
        self.run(run.id).await
    }

    /// One run.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn run(&self, id: i64) -> Result<Run, Error> {
        let row = sqlx::query("SELECT * FROM run WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        Run::read(&row.ok_or_else(|| Error::not_found("run", &id))?)
    }

    /// For whom a run is.
    pub(crate) async fn asked_for(&self, run: &Run) -> Result<AskedFor, Error> {
        let row = sqlx::query(
            "SELECT environment, CAST(CASE WHEN playbook_run_id IS NULL THEN 0 ELSE 1 END AS BIGINT) AS by_playbook \
             FROM run JOIN cases ON cases.id = run.case_id WHERE run.id = $1",
        )
        .bind(run.id)
        .fetch_optional(&self.pool)
        .await?;
        let row = row.ok_or_else(|| Error::not_found("run", &run.id))?;
        Ok(AskedFor {
            environment: row.try_get("environment")?,
            by_playbook: flag(&row, "by_playbook")?,
        })
    }

    /// Runs of a case, newest first, without their results; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn runs(&self, case: i64, limit: u32) -> Result<Vec<Run>, Error> {
        let rows = sqlx::query(
            "SELECT id, case_id, action, instance, parameters, targets, state, step, NULL AS saved, message, script_result, \
             NULL AS result, requested_by, created_at, started_at, ended_at, due_at, deadline_at, cancel_asked FROM run \
             WHERE case_id = $1 ORDER BY id DESC LIMIT $2",
        )
            .bind(case)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(Run::read).collect()
    }

    /// Runs that are not over, with the time at which their next step is due. A step that a process was taking when it died
    /// is due again.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn unfinished(&self) -> Result<Vec<(i64, Timestamp)>, Error> {
        sqlx::query("UPDATE run SET state = CASE WHEN step = 0 THEN 'queued' ELSE 'waiting' END WHERE state = 'running'")
            .execute(&self.pool)
            .await?;
        let rows = sqlx::query(
            "SELECT id, due_at FROM run WHERE state IN ('queued', 'waiting') ORDER BY due_at, id",
        )
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &AnyRow| Ok((row.try_get("id")?, time(row, "due_at")?));
        rows.iter().map(read).collect()
    }

    /// A step that was begun could not be taken: it is due again.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn release(&self, id: i64) -> Result<(), Error> {
        sqlx::query(
            "UPDATE run SET state = CASE WHEN step = 0 THEN 'queued' ELSE 'waiting' END \
             WHERE id = $1 AND state = 'running' AND worker = $2",
        )
        .bind(id)
        .bind(&*self.worker)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes the next step of a run: nobody else can until it is over. `None` when there is nothing to take.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn begin_step(&self, id: i64) -> Result<Option<(Run, Vec<StoredEntity>)>, Error> {
        let now = self.now();
        let taken = sqlx::query(
            "UPDATE run SET state = 'running', started_at = COALESCE(started_at, $2), worker = $3, alive_until = $4 \
             WHERE id = $1 AND state IN ('queued', 'waiting')",
        )
        .bind(id)
        .bind(now)
        .bind(&*self.worker)
        .bind(now + LEASE)
        .execute(&self.pool)
        .await?;
        match taken.rows_affected() {
            0 => Ok(None),
            _ => self.begun_step(id).await.map(Some),
        }
    }

    /// Takes the step that is due longest, where other processes take steps too.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn begin_any_step(&self) -> Result<Option<(Run, Vec<StoredEntity>)>, Error> {
        let now = self.now();
        let taken: Option<i64> = sqlx::query_scalar(
            "UPDATE run SET state = 'running', started_at = COALESCE(started_at, $1), worker = $2, alive_until = $3 \
             WHERE id = (SELECT id FROM run WHERE state IN ('queued', 'waiting') AND due_at <= $1 ORDER BY due_at, id LIMIT 1 \
             FOR UPDATE SKIP LOCKED) RETURNING id",
        )
        .bind(now)
        .bind(&*self.worker)
        .bind(now + LEASE)
        .fetch_optional(&self.pool)
        .await?;
        match taken {
            Some(id) => self.begun_step(id).await.map(Some),
            None => Ok(None),
        }
    }

    /// A step that is ours, with its targets.
    async fn begun_step(&self, id: i64) -> Result<(Run, Vec<StoredEntity>), Error> {
        let run = self.run(id).await?;
        self.changed(run.case, Some(id)).await;
        let mut targets = Vec::with_capacity(run.targets.len());
        let all = self.entities(run.case, 0, u32::MAX).await?;
        for target in &run.targets {
            // An entity that has gone meanwhile is no target any more.
            if let Ok(place) = all.binary_search_by_key(target, |entity| entity.id)
                && let Some(entity) = all.get(place)
            {
                targets.push(entity.clone());
            }
        }
        Ok((run, targets))
    }

    /// Is heard of; gives those of our steps that are still ours, and whether somebody wants them to end.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn hold_steps(&self) -> Result<Vec<(i64, bool)>, Error> {
        let rows = sqlx::query(
            "UPDATE run SET alive_until = $2 WHERE worker = $1 AND state = 'running' RETURNING id, cancel_asked",
        )
        .bind(&*self.worker)
        .bind(self.now() + LEASE)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &AnyRow| Ok((row.try_get("id")?, flag(row, "cancel_asked")?));
        rows.iter().map(read).collect()
    }

    /// Makes steps due again that somebody was taking who has not been heard of; gives their number.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn take_over_steps(&self) -> Result<u64, Error> {
        let taken = sqlx::query(
            "UPDATE run SET state = CASE WHEN step = 0 THEN 'queued' ELSE 'waiting' END, worker = NULL \
             WHERE state = 'running' AND alive_until < $1",
        )
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        Ok(taken.rows_affected())
    }

    /// A step is over, and another one is due later.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn wait_on(
        &self,
        run: &Run,
        saved: &Value,
        message: &str,
        due_at: Timestamp,
    ) -> Result<(), Error> {
        sqlx::query(
            "UPDATE run SET state = 'waiting', step = step + 1, saved = $2, message = $3, due_at = $4 \
             WHERE id = $1 AND state = 'running' AND worker = $5",
        )
        .bind(run.id)
        .bind(to_json(saved)?)
        .bind(storable(message))
        .bind(due_at.as_millisecond())
        .bind(&*self.worker)
        .execute(&self.pool)
        .await?;
        self.changed(run.case, Some(run.id)).await;
        Ok(())
    }

    /// A run is over: what it leaves and what it changed, all or nothing. One that is over already, or that another process has taken over, stays as
    /// it is: then `false`.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn end_run(&self, run: &Run, ended: &Ended) -> Result<bool, Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::Case(run.case)).await?;
        let is_ours = end_with(&mut transaction, run, ended, Some(&self.worker), now).await?;
        transaction.commit().await?;
        self.playbook_bell.notify_one();
        self.changed(run.case, Some(run.id)).await;
        Ok(is_ours)
    }

    /// Ends a run: at once where no step is being taken, else as soon as the step sees it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for one that is over.
    pub async fn cancel_run(&self, id: i64, by: &str) -> Result<Run, Error> {
        let run = self.run(id).await?;
        if run.state.is_over() {
            return Err(Error::Conflict(format!("run {id} is over already")));
        }
        let now = self.now();
        let mut transaction = self.begin(Turn::Case(run.case)).await?;
        let marked = sqlx::query("UPDATE run SET cancel_asked = 1 WHERE id = $1 AND state = 'running'")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        if marked.rows_affected() == 0 {
            let ended = Ended::without_result(RunState::Cancelled, format!("{by} has cancelled it."));
            end(&mut transaction, &run, &ended, None, now).await?;
        }
        transaction.commit().await?;
        self.playbook_bell.notify_one();
        self.changed(run.case, Some(id)).await;
        self.run(id).await
    }
}

/// A run that is to be made, and for whom.
pub(super) struct NewRunOf<'a> {
    pub(super) new: &'a NewRun,
    pub(super) by: &'a str,
    /// The playbook on the case that asks for it, and its step.
    pub(super) playbook: Option<(i64, &'a str)>,
    pub(super) now: i64,
}

/// Puts a run in line, and says so on the case wall.
pub(super) async fn insert_run(
    transaction: &mut Transaction<'static, Any>,
    NewRunOf {
        new,
        by,
        playbook,
        now,
    }: NewRunOf<'_>,
) -> Result<i64, Error> {
    let known: Vec<i64> = sqlx::query_scalar("SELECT id FROM entity WHERE case_id = $1 ORDER BY id")
        .bind(new.case)
        .fetch_all(&mut **transaction)
        .await?;
    let stranger = new
        .targets
        .iter()
        .find(|target| known.binary_search(target).is_err());
    if let Some(stranger) = stranger {
        return Err(Error::not_found("entity of this case", stranger));
    }
    let targets = if new.targets.is_empty() {
        &known
    } else {
        &new.targets
    };
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO run (case_id, action, instance, parameters, targets, state, step, message, requested_by, created_at, \
         due_at, deadline_at, cancel_asked, playbook_run_id, playbook_step) \
         VALUES ($1, $2, $3, $4, $5, 'queued', 0, '', $6, $7, $7, $8, 0, $9, $10) RETURNING id",
    )
    .bind(new.case)
    .bind(storable(&new.action))
    .bind(storable(&new.instance))
    .bind(to_json(&new.parameters)?)
    .bind(to_json(targets)?)
    .bind(storable(by))
    .bind(now)
    .bind(new.deadline_at.map(Timestamp::as_millisecond))
    .bind(playbook.map(|(run, _)| run))
    .bind(playbook.map(|(_, step)| step))
    .fetch_one(&mut **transaction)
    .await?;
    let (asked, action) = (WallKind::Asked, new.action.as_str());
    write_down(transaction, new.case, asked, by, action, Some(id), now).await?;
    Ok(id)
}

/// Ends a run with all that it leaves; whether it did.
async fn end_with(
    transaction: &mut Transaction<'static, Any>,
    run: &Run,
    ended: &Ended,
    worker: Option<&str>,
    now: i64,
) -> Result<bool, Error> {
    if !end(transaction, run, ended, worker, now).await? {
        return Ok(false);
    }
    let source = format!("VirusTotal, {}", run.action);
    let origin = Origin {
        case: run.case,
        run: Some(run.id),
        source: &source,
        by_alert: false,
        now,
    };
    entities::update(transaction, origin, &ended.entities).await?;
    insert_reports(transaction, origin, run.id, &run.action, &ended.reports).await?;
    for insight in &ended.insights {
        entities::insert_insight(transaction, origin, &insight.into()).await?;
    }
    recount(transaction, run.case, now).await?;
    Ok(true)
}

/// Whether the run was not over before, and was `worker`'s where one is named.
async fn end(
    transaction: &mut Transaction<'static, Any>,
    run: &Run,
    ended: &Ended,
    worker: Option<&str>,
    now: i64,
) -> Result<bool, Error> {
    let script_result = ended.script_result.as_ref().map(to_json).transpose()?;
    let changed = sqlx::query(
        "UPDATE run SET state = $2, step = step + 1, saved = NULL, message = $3, script_result = $4, result = $5, ended_at = $6 \
         WHERE id = $1 AND ended_at IS NULL AND ($7 = '' OR worker = $7)",
    )
    .bind(run.id)
    .bind(ended.state.name())
    .bind(storable(&ended.message))
    .bind(script_result)
    .bind(ended.result.as_ref().map(|result| result.get().to_owned()))
    .bind(now)
    .bind(worker.unwrap_or_default())
    .execute(&mut **transaction)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE playbook_run SET is_due = 1 WHERE id = (SELECT playbook_run_id FROM run WHERE id = $1) AND ended_at IS NULL",
    )
    .bind(run.id)
    .execute(&mut **transaction)
    .await?;
    let (actor, text) = (run.action.as_str(), ended.message.as_str());
    write_down(
        transaction,
        run.case,
        WallKind::Ended,
        actor,
        text,
        Some(run.id),
        now,
    )
    .await?;
    Ok(true)
}
