//! Playbooks, how far they are on cases, and what waits for a person.
//!
//! What a step does and that it was done are written in one transaction, so that a playbook goes on where it was whatever process
//! dies.

use jiff::Timestamp;
use secops::{Entity, EntityType};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row, Transaction};
use utoipa::ToSchema;

use super::cases::{close_in, recount, set_priority};
use super::entities::entities_in;
use super::people::audit;
use super::runs::{NewRunOf, insert_run};
use super::wall::{WallKind, write_down};
use super::{Store, Turn, flag, from_json, maybe_time, time, to_json};
use crate::playbook::{Due, Facts, Outlook, SHIPPED, States, StepState, TriggerEvent};
use crate::{Case, DEFAULT_INSTANCE, Error, NewRun, Playbook, RunState, StoredEntity};

/// Playbooks, at most.
const MOST: i64 = 500;

/// A playbook in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoredPlaybook {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// YAML, as it was written.
    pub text: String,
    /// Whether it can be started, by hand or by its trigger.
    pub is_on: bool,
    /// Who wrote it.
    pub updated_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A playbook on a case.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PlaybookRun {
    /// Its number.
    pub id: i64,
    /// On which case.
    pub case: i64,
    /// The playbook's name.
    pub name: String,
    /// The playbook as it was when it was started.
    #[serde(skip)]
    pub text: String,
    /// What became of each step that has begun.
    #[schema(value_type = Object)]
    pub states: States,
    /// How far it is.
    pub outcome: PlaybookOutcome,
    /// The step that has failed, where one has.
    pub failed: Option<String>,
    /// Who started it.
    pub started_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// How far a playbook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaybookOutcome {
    /// Something runs, is due, or waits for a person.
    Running,
    /// Every step on its way is over.
    Done,
    /// A step has failed.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl PlaybookOutcome {
    const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The word shown to people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PendingAction {
    /// Its number.
    pub id: i64,
    /// On which case.
    pub case: i64,
    /// The playbook that asks.
    pub playbook: String,
    /// What is asked.
    pub question: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl StoredPlaybook {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            text: row.try_get("text")?,
            is_on: flag(row, "is_on")?,
            updated_by: row.try_get("updated_by")?,
            updated_at: time(row, "updated_at")?,
        })
    }
}

impl PlaybookRun {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        let outcome: String = row.try_get("outcome")?;
        let known = PlaybookOutcome::ALL.into_iter().find(|own| own.name() == outcome);
        Ok(Self {
            id: row.try_get("id")?,
            case: row.try_get("case_id")?,
            name: row.try_get("name")?,
            text: row.try_get("text")?,
            states: from_json(row, "states")?,
            outcome: known.ok_or_else(|| Error::Damaged(format!("a playbook's outcome is {outcome:?}")))?,
            failed: row.try_get("failed")?,
            started_by: row.try_get("started_by")?,
            created_at: time(row, "created_at")?,
            ended_at: maybe_time(row, "ended_at")?,
        })
    }
}

impl PendingAction {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.try_get("id")?,
            case: row.try_get("case_id")?,
            playbook: row.try_get("name")?,
            question: row.try_get("question")?,
            created_at: time(row, "created_at")?,
        })
    }
}

impl Store {
    /// Puts in the playbooks that come with the workdesk, where there are none yet. One that would start by itself is off: it costs
    /// quota.
    ///
    /// # Errors
    /// The database's.
    pub async fn add_shipped_playbooks(&self) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM playbook")
            .fetch_one(&mut *transaction)
            .await?;
        if known > 0 {
            return Ok(());
        }
        for (file, text) in SHIPPED {
            let playbook =
                Playbook::read(text).map_err(|_| Error::Damaged(format!("{file} can't be read")))?;
            let is_on = playbook.trigger.on == TriggerEvent::Manual;
            sqlx::query(
                "INSERT INTO playbook (name, text, is_on, updated_by, updated_at) VALUES ($1, $2, $3, 'vtsecops', $4)",
            )
            .bind(&playbook.name)
            .bind(text)
            .bind(i64::from(is_on))
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// All playbooks, by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn playbooks(&self) -> Result<Vec<StoredPlaybook>, Error> {
        let rows = sqlx::query("SELECT * FROM playbook ORDER BY name")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(StoredPlaybook::read).collect()
    }

    /// One playbook.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn playbook(&self, id: i64) -> Result<StoredPlaybook, Error> {
        let row = sqlx::query("SELECT * FROM playbook WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        StoredPlaybook::read(&row.ok_or_else(|| Error::not_found("playbook", &id))?)
    }

    /// Makes a playbook, or writes one anew; the text must have been read and checked. On cases where it is under way it goes on as
    /// it was.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a name that another one has; [`Error::NotFound`].
    pub async fn save_playbook(
        &self,
        id: Option<i64>,
        playbook: &Playbook,
        text: &str,
        by: &str,
    ) -> Result<i64, Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let other: Option<i64> = sqlx::query_scalar("SELECT id FROM playbook WHERE name = $1 AND id <> $2")
            .bind(&playbook.name)
            .bind(id.unwrap_or_default())
            .fetch_optional(&mut *transaction)
            .await?;
        if other.is_some() {
            return Err(Error::Conflict(format!(
                "there is another playbook called {:?}",
                playbook.name
            )));
        }
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM playbook")
            .fetch_one(&mut *transaction)
            .await?;
        if id.is_none() && known >= MOST {
            return Err(Error::Conflict(format!("there are {MOST} playbooks already")));
        }
        let saved: Option<i64> = match id {
            None => {
                sqlx::query_scalar(
                    "INSERT INTO playbook (name, text, is_on, updated_by, updated_at) VALUES ($1, $2, 0, $3, $4) RETURNING id",
                )
                .bind(&playbook.name)
                .bind(text)
                .bind(by)
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?
            }
            Some(id) => {
                sqlx::query_scalar(
                    "UPDATE playbook SET name = $2, text = $3, updated_by = $4, updated_at = $5 WHERE id = $1 RETURNING id",
                )
                .bind(id)
                .bind(&playbook.name)
                .bind(text)
                .bind(by)
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?
            }
        };
        let saved = saved.ok_or_else(|| Error::not_found("playbook", &id.unwrap_or_default()))?;
        audit(&mut transaction, by, "saved a playbook", &playbook.name, "", now).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    /// Turns a playbook on or off. One that is off is not started; where it is under way it goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn turn_playbook(&self, id: i64, is_on: bool, by: &str) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let name: Option<String> =
            sqlx::query_scalar("UPDATE playbook SET is_on = $2 WHERE id = $1 RETURNING name")
                .bind(id)
                .bind(i64::from(is_on))
                .fetch_optional(&mut *transaction)
                .await?;
        let name = name.ok_or_else(|| Error::not_found("playbook", &id))?;
        let deed = if is_on {
            "turned a playbook on"
        } else {
            "turned a playbook off"
        };
        audit(&mut transaction, by, deed, &name, "", now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Removes a playbook; where it is under way it goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_playbook(&self, id: i64, by: &str) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let name: Option<String> = sqlx::query_scalar("DELETE FROM playbook WHERE id = $1 RETURNING name")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let name = name.ok_or_else(|| Error::not_found("playbook", &id))?;
        audit(&mut transaction, by, "removed a playbook", &name, "", now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Starts a playbook on a case. When this returns it is sure to be gone through.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for one that is off, is not for the case, or is under way there.
    pub async fn start_playbook(&self, case: i64, playbook: i64, by: &str) -> Result<PlaybookRun, Error> {
        let case = self.case(case).await?;
        let stored = self.playbook(playbook).await?;
        if !stored.is_on {
            return Err(Error::Conflict(format!("the playbook {:?} is off", stored.name)));
        }
        let read = read(&stored.text)?;
        let now = self.now();
        let mut transaction = self.begin(Turn::Case(case.id)).await?;
        let entities = entities_in(&mut transaction, case.id).await?;
        if !read.trigger.is_for(&case.environment, &plain(entities)) {
            return Err(Error::Conflict(format!(
                "the playbook {:?} is not for this case: its trigger names other environments or entity types",
                stored.name
            )));
        }
        let under_way: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM playbook_run WHERE case_id = $1 AND name = $2 AND ended_at IS NULL",
        )
        .bind(case.id)
        .bind(&stored.name)
        .fetch_one(&mut *transaction)
        .await?;
        if under_way > 0 {
            return Err(Error::Conflict(format!(
                "the playbook {:?} is under way on this case already",
                stored.name
            )));
        }
        let id = start_in(&mut transaction, case.id, &stored, by, now).await?;
        transaction.commit().await?;
        self.playbook_bell.notify_one();
        self.changed(case.id, None).await;
        self.playbook_run(id).await
    }

    /// A playbook on a case.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn playbook_run(&self, id: i64) -> Result<PlaybookRun, Error> {
        let row = sqlx::query("SELECT * FROM playbook_run WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        PlaybookRun::read(&row.ok_or_else(|| Error::not_found("playbook run", &id))?)
    }

    /// The playbooks of a case, newest first; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn playbook_runs(&self, case: i64, limit: u32) -> Result<Vec<PlaybookRun>, Error> {
        let rows = sqlx::query("SELECT * FROM playbook_run WHERE case_id = $1 ORDER BY id DESC LIMIT $2")
            .bind(case)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(PlaybookRun::read).collect()
    }

    /// What waits for a person, oldest first; of one case, or of all. At most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn pending_actions(&self, case: Option<i64>, limit: u32) -> Result<Vec<PendingAction>, Error> {
        let rows = sqlx::query(
            "SELECT pending_action.id, pending_action.case_id, name, question, pending_action.created_at FROM pending_action \
             JOIN playbook_run ON playbook_run.id = playbook_run_id \
             WHERE decided_at IS NULL AND ($1 = 0 OR pending_action.case_id = $1) ORDER BY pending_action.id LIMIT $2",
        )
        .bind(case.unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(PendingAction::read).collect()
    }

    /// Whose turn it must be to change what belongs to a case.
    async fn turn_of(&self, table: &'static str, id: i64) -> Result<Turn, Error> {
        if !self.is_shared() {
            return Ok(Turn::New);
        }
        let sql = format!("SELECT case_id FROM {table} WHERE id = $1");
        let case: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(case.map_or(Turn::New, Turn::Case))
    }

    /// Decides what a playbook asks; gives its case.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when somebody has decided already, or the playbook has ended.
    pub async fn decide(&self, id: i64, is_approved: bool, by: &str) -> Result<i64, Error> {
        let now = self.now();
        let mut transaction = self.begin(self.turn_of("pending_action", id).await?).await?;
        let row = sqlx::query("SELECT * FROM pending_action WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let row = row.ok_or_else(|| Error::not_found("pending action", &id))?;
        if row.try_get::<Option<i64>, _>("decided_at")?.is_some() {
            let who: Option<String> = row.try_get("decided_by")?;
            return Err(Error::Conflict(format!(
                "it has been decided already, by {}",
                who.unwrap_or_else(|| "nobody: the playbook has ended".to_owned())
            )));
        }
        let (run, case): (i64, i64) = (row.try_get("playbook_run_id")?, row.try_get("case_id")?);
        let (step, question): (String, String) = (row.try_get("step")?, row.try_get("question")?);
        sqlx::query(
            "UPDATE pending_action SET decided_at = $2, decided_by = $3, is_approved = $4 WHERE id = $1",
        )
        .bind(id)
        .bind(now)
        .bind(by)
        .bind(i64::from(is_approved))
        .execute(&mut *transaction)
        .await?;
        let row = sqlx::query("SELECT * FROM playbook_run WHERE id = $1")
            .bind(run)
            .fetch_one(&mut *transaction)
            .await?;
        let mut states = PlaybookRun::read(&row)?.states;
        states.insert(step, StepState::Chose(is_approved));
        sqlx::query("UPDATE playbook_run SET states = $2, is_due = 1 WHERE id = $1")
            .bind(run)
            .bind(to_json(&states)?)
            .execute(&mut *transaction)
            .await?;
        let answer = if is_approved { "yes" } else { "no" };
        let text = format!("{question}\n{answer}");
        write_down(&mut transaction, case, WallKind::Decided, by, &text, None, now).await?;
        recount(&mut transaction, case, now).await?;
        transaction.commit().await?;
        self.playbook_bell.notify_one();
        self.changed(case, None).await;
        Ok(case)
    }

    /// Ends a playbook on a case. Gives its actions that are not over, to be cancelled.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for one that has ended.
    pub(crate) async fn cancel_playbook(&self, id: i64, by: &str) -> Result<(i64, Vec<i64>), Error> {
        let now = self.now();
        let mut transaction = self.begin(self.turn_of("playbook_run", id).await?).await?;
        let row = sqlx::query("SELECT * FROM playbook_run WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let run = PlaybookRun::read(&row.ok_or_else(|| Error::not_found("playbook run", &id))?)?;
        if run.ended_at.is_some() {
            return Err(Error::Conflict(format!(
                "the playbook {:?} has ended already",
                run.name
            )));
        }
        end(&mut transaction, &run, PlaybookOutcome::Cancelled, None, now).await?;
        let text = format!("{by} has ended the playbook.");
        write_down(
            &mut transaction,
            run.case,
            WallKind::Ended,
            &run.name,
            &text,
            None,
            now,
        )
        .await?;
        recount(&mut transaction, run.case, now).await?;
        let under_way: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM run WHERE playbook_run_id = $1 AND ended_at IS NULL")
                .bind(id)
                .fetch_all(&mut *transaction)
                .await?;
        transaction.commit().await?;
        self.changed(run.case, None).await;
        Ok((run.case, under_way))
    }

    /// Playbooks on cases of which something has happened.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn due_playbooks(&self) -> Result<Vec<i64>, Error> {
        let ids = sqlx::query_scalar("SELECT id FROM playbook_run WHERE is_due = 1 ORDER BY id LIMIT 100")
            .fetch_all(&self.pool)
            .await?;
        Ok(ids)
    }

    /// Until something may have happened to a playbook.
    pub(crate) async fn playbook_rings(&self) {
        self.playbook_bell.notified().await;
    }

    /// Takes every step of a playbook that can be taken now. Gives the runs that it has asked for, each with when it is due.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn advance(&self, id: i64) -> Result<Vec<(i64, Timestamp)>, Error> {
        let now = self.now();
        let mut transaction = self.begin(self.turn_of("playbook_run", id).await?).await?;
        let row = sqlx::query("SELECT * FROM playbook_run WHERE id = $1")
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
        let mut run = PlaybookRun::read(&row)?;
        sqlx::query("UPDATE playbook_run SET is_due = 0 WHERE id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        let mut asked = Vec::new();
        if run.ended_at.is_none() {
            take_over_ends(&mut transaction, &mut run).await?;
            match read(&run.text) {
                Ok(playbook) => take_steps(&mut transaction, &mut run, &playbook, now, &mut asked).await?,
                Err(error) => {
                    end(&mut transaction, &run, PlaybookOutcome::Failed, None, now).await?;
                    let (kind, words) = (WallKind::Ended, error.to_string());
                    write_down(&mut transaction, run.case, kind, &run.name, &words, None, now).await?;
                }
            }
            recount(&mut transaction, run.case, now).await?;
        }
        transaction.commit().await?;
        self.changed(run.case, None).await;
        Ok(asked)
    }
}

fn read(text: &str) -> Result<Playbook, Error> {
    Playbook::read(text).map_err(|problems| {
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Error::Damaged(format!("a playbook can't be read: {}", words.join("; ")))
    })
}

fn plain(entities: Vec<StoredEntity>) -> Vec<Entity> {
    entities.into_iter().map(|stored| stored.entity).collect()
}

/// Starts the playbooks whose trigger a new case is.
pub(super) async fn start_triggered(
    transaction: &mut Transaction<'static, Any>,
    case: &Case,
    now: i64,
) -> Result<bool, Error> {
    let rows = sqlx::query("SELECT * FROM playbook WHERE is_on = 1 ORDER BY id")
        .fetch_all(&mut **transaction)
        .await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let entities = plain(entities_in(transaction, case.id).await?);
    let mut is_any = false;
    for row in &rows {
        let stored = StoredPlaybook::read(row)?;
        // One that can't be read any more must not keep cases from being made.
        let Ok(playbook) = Playbook::read(&stored.text) else {
            tracing::warn!(
                name = stored.name,
                "a playbook can't be read any more; it is not started"
            );
            continue;
        };
        let trigger = &playbook.trigger;
        if trigger.on == TriggerEvent::CaseCreated && trigger.is_for(&case.environment, &entities) {
            start_in(transaction, case.id, &stored, "its trigger", now).await?;
            is_any = true;
        }
    }
    Ok(is_any)
}

async fn start_in(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    playbook: &StoredPlaybook,
    by: &str,
    now: i64,
) -> Result<i64, Error> {
    let id = sqlx::query_scalar(
        "INSERT INTO playbook_run (case_id, name, text, states, outcome, started_by, created_at, is_due) \
         VALUES ($1, $2, $3, '{}', 'running', $4, $5, 1) RETURNING id",
    )
    .bind(case)
    .bind(&playbook.name)
    .bind(&playbook.text)
    .bind(by)
    .bind(now)
    .fetch_one(&mut **transaction)
    .await?;
    let text = format!("the playbook {}", playbook.name);
    write_down(transaction, case, WallKind::Asked, by, &text, None, now).await?;
    Ok(id)
}

/// What became of the actions that it has asked for.
async fn take_over_ends(
    transaction: &mut Transaction<'static, Any>,
    run: &mut PlaybookRun,
) -> Result<(), Error> {
    let rows = sqlx::query(
        "SELECT playbook_step, state, script_result FROM run WHERE playbook_run_id = $1 AND ended_at IS NOT NULL",
    )
    .bind(run.id)
    .fetch_all(&mut **transaction)
    .await?;
    for row in &rows {
        let (step, state): (String, String) = (row.try_get("playbook_step")?, row.try_get("state")?);
        if run.states.get(&step) != Some(&StepState::Running) {
            continue;
        }
        let ended = match state == RunState::Done.name() {
            true => StepState::Done {
                script_result: row
                    .try_get::<Option<String>, _>("script_result")?
                    .map(|text| serde_json::from_str(&text).unwrap_or_default()),
            },
            false => StepState::Failed,
        };
        run.states.insert(step, ended);
    }
    Ok(())
}

/// Takes every step that can be taken, and ends the playbook where none is left.
async fn take_steps(
    transaction: &mut Transaction<'static, Any>,
    run: &mut PlaybookRun,
    playbook: &Playbook,
    now: i64,
    asked: &mut Vec<(i64, Timestamp)>,
) -> Result<(), Error> {
    let entities = entities_in(transaction, run.case).await?;
    let types: Vec<(i64, EntityType)> = entities
        .iter()
        .map(|stored| (stored.id, stored.entity.entity_type.clone()))
        .collect();
    let entities = plain(entities);
    let outlook = loop {
        let facts = Facts { entities: &entities };
        let (due, outlook) = playbook.due(&run.states, facts);
        if due.is_empty() {
            break outlook;
        }
        for due in due {
            let begun = begin(transaction, run, &due, &types, now, asked).await?;
            run.states.insert(due.id().to_owned(), begun);
        }
    };
    sqlx::query("UPDATE playbook_run SET states = $2 WHERE id = $1")
        .bind(run.id)
        .bind(to_json(&run.states)?)
        .execute(&mut **transaction)
        .await?;
    let (outcome, failed, words) = match outlook {
        Outlook::GoesOn => return Ok(()),
        Outlook::Done => (PlaybookOutcome::Done, None, "The playbook is done.".to_owned()),
        Outlook::Failed { step } => {
            let words = format!("The playbook has failed: its step {step} has.");
            (PlaybookOutcome::Failed, Some(step), words)
        }
    };
    end(transaction, run, outcome, failed.as_deref(), now).await?;
    write_down(
        transaction,
        run.case,
        WallKind::Ended,
        &run.name,
        &words,
        None,
        now,
    )
    .await
}

/// Does what a step does; gives its state from then on.
async fn begin(
    transaction: &mut Transaction<'static, Any>,
    run: &PlaybookRun,
    due: &Due<'_>,
    entities: &[(i64, EntityType)],
    now: i64,
    asked: &mut Vec<(i64, Timestamp)>,
) -> Result<StepState, Error> {
    let done = StepState::Done { script_result: None };
    let by = format!("playbook {}", run.name);
    Ok(match due {
        Due::Choose { outcome, .. } => StepState::Chose(*outcome),
        Due::Skip { .. } => StepState::Skipped,
        Due::Comment { text, .. } => {
            write_down(transaction, run.case, WallKind::Comment, &by, text, None, now).await?;
            done
        }
        Due::Priority { priority, .. } => {
            set_priority(transaction, run.case, *priority).await?;
            let text = format!("priority: {}", priority.name());
            write_down(transaction, run.case, WallKind::Changed, &by, &text, None, now).await?;
            done
        }
        Due::Close { .. } => {
            close_in(transaction, run.case, &by, now).await?;
            done
        }
        Due::Approval { id, question } => {
            sqlx::query(
                "INSERT INTO pending_action (playbook_run_id, case_id, step, question, created_at) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(run.id)
            .bind(run.case)
            .bind(*id)
            .bind(*question)
            .bind(now)
            .execute(&mut **transaction)
            .await?;
            StepState::Pending
        }
        Due::Action {
            id,
            action,
            instance,
            parameters,
            entity_types,
        } => {
            let is_target =
                |(_, own): &&(i64, EntityType)| entity_types.is_empty() || entity_types.contains(own);
            let new = NewRun {
                case: run.case,
                action: (*action).to_owned(),
                instance: instance.unwrap_or(DEFAULT_INSTANCE).to_owned(),
                parameters: parameters.clone(),
                targets: entities.iter().filter(is_target).map(|(id, _)| *id).collect(),
                deadline_at: None,
            };
            let of = NewRunOf {
                new: &new,
                by: &by,
                playbook: Some((run.id, id)),
                now,
            };
            asked.push((
                insert_run(transaction, of).await?,
                Timestamp::from_millisecond(now).unwrap_or_default(),
            ));
            StepState::Running
        }
    })
}

/// Ends it; what waited for a person waits no more.
async fn end(
    transaction: &mut Transaction<'static, Any>,
    run: &PlaybookRun,
    outcome: PlaybookOutcome,
    failed: Option<&str>,
    now: i64,
) -> Result<(), Error> {
    sqlx::query("UPDATE playbook_run SET outcome = $2, failed = $3, ended_at = $4, is_due = 0 WHERE id = $1")
        .bind(run.id)
        .bind(outcome.name())
        .bind(failed)
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "UPDATE pending_action SET decided_at = $2 WHERE playbook_run_id = $1 AND decided_at IS NULL",
    )
    .bind(run.id)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
