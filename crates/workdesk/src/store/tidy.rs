//! What is over and old is removed, where the settings say for how long it is kept. Without settings nothing is.
//!
//! A case goes with all that belongs to it, in small transactions, each of which looks again whether it may. A case that is open, or that has a run or a
//! playbook that has not ended, stays.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row, Transaction};

use super::partitions::{History, Partition, drop_whole, present};
use super::people::audit;
use super::{LOCKS, Store, Turn};
use crate::Error;

/// Cases of one transaction, at most; and entities, from which on it takes no further case.
const CASES_AT_ONCE: usize = 20;
const ENTITIES_AT_ONCE: i64 = 2_000;
/// Rows of other kinds.
const ROWS_AT_ONCE: i64 = 2_000;
const RUNS_AT_ONCE: i64 = 50;
/// Between two transactions, so that others get their turn.
const PAUSE: Duration = Duration::from_millis(20);
/// How often is looked whether there is something to do.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);
/// How often it is done, in milliseconds: a day, less what the looks may be apart.
const DAILY: i64 = 23 * 3_600_000;
/// Of our locks, that of who looks after the tables; no case has this number.
const CARETAKER: i32 = -1;
/// Who is named in the audit log.
const ACTOR: &str = "retention";
const A_DAY: i64 = 24 * 3_600_000;

/// For how many days what is over is kept; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Closed cases with all that belongs to them, from the day on which something last happened to them.
    pub closed_cases: Option<u32>,
    /// Of runs of closed cases: reports and results, from the day on which the run ended. Fields, insights and the case wall stay.
    pub reports: Option<u32>,
    /// The audit log.
    pub audit: Option<u32>,
}

impl Retention {
    /// Whether anything is to be removed, ever.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }
}

/// What was removed, or would be: numbers of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Closed cases.
    pub cases: i64,
    /// Their entities.
    pub entities: i64,
    /// Their runs.
    pub runs: i64,
    /// Entries of their walls.
    pub wall: i64,
    /// Files on them.
    pub attachments: i64,
    /// Reports, of these cases and of runs that stay.
    pub reports: i64,
    /// Runs that stay without their reports.
    pub emptied_runs: i64,
    /// Entries of the audit log.
    pub audit: i64,
    /// Partitions that were dropped by whole; their rows are counted above.
    pub partitions: i64,
}

impl Tidied {
    /// Each with its name, for people.
    #[must_use]
    pub fn named(&self) -> [(&'static str, i64); 8] {
        [
            ("closed cases", self.cases),
            ("entities", self.entities),
            ("runs", self.runs),
            ("entries of case walls", self.wall),
            ("attachments", self.attachments),
            ("reports", self.reports),
            ("runs that stay, without their reports", self.emptied_runs),
            ("entries of the audit log", self.audit),
        ]
    }

    fn is_any(&self) -> bool {
        self.named().iter().any(|(_, number)| *number > 0)
    }

    fn add_cases(&mut self, other: &Self) {
        self.cases += other.cases;
        self.entities += other.entities;
        self.runs += other.runs;
        self.wall += other.wall;
        self.attachments += other.attachments;
        self.reports += other.reports;
    }
}

/// Until when something must have ended to be removed, in milliseconds since 1970.
#[derive(Clone, Copy)]
struct Ends {
    closed_cases: Option<i64>,
    reports: Option<i64>,
    audit: Option<i64>,
}

impl Ends {
    fn of(retention: &Retention, now: i64) -> Self {
        let end = |days: Option<u32>| days.map(|days| now.saturating_sub(i64::from(days) * A_DAY));
        Self {
            closed_cases: end(retention.closed_cases),
            reports: end(retention.reports),
            audit: end(retention.audit),
        }
    }

    /// Which rows of `cases` go, as a condition.
    fn removable(&self) -> String {
        match self.closed_cases {
            None => "1 = 0".to_owned(),
            Some(end) => format!(
                "(cases.is_open = 0 AND cases.updated_at < {end} \
                 AND NOT EXISTS (SELECT 1 FROM run WHERE run.case_id = cases.id AND run.ended_at IS NULL) \
                 AND NOT EXISTS (SELECT 1 FROM playbook_run WHERE playbook_run.case_id = cases.id AND playbook_run.ended_at IS NULL))"
            ),
        }
    }

    /// Which rows of `run`, beside those of `cases`, go without their reports, as a condition.
    fn expired(&self) -> String {
        match self.reports {
            None => "1 = 0".to_owned(),
            Some(end) => {
                format!("(cases.is_open = 0 AND run.ended_at IS NOT NULL AND run.ended_at < {end})")
            }
        }
    }
}

impl Store {
    /// Looks after the tables for as long as the store is open: on a server makes partitions ahead, one process at a time, and once a day removes what
    /// is not to be kept.
    pub async fn look_after(self, retention: Retention) {
        while !self.pool.is_closed() {
            if let Err(error) = self.daily(&retention).await
                && !self.pool.is_closed()
            {
                tracing::warn!(%error, "the tables could not be looked after; it is tried again in an hour");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.pool.close_event() => return,
            }
        }
    }

    async fn daily(&self, retention: &Retention) -> Result<(), Error> {
        if !self.is_shared {
            return self.tidy_if_due(retention).await;
        }
        // Held by a connection of its own, so that it goes with the process.
        let mut turn = self.pool.acquire().await?.detach();
        let is_ours: i64 =
            sqlx::query_scalar("SELECT CAST(CAST(pg_try_advisory_lock($1, $2) AS INTEGER) AS BIGINT)")
                .bind(LOCKS)
                .bind(CARETAKER)
                .fetch_one(&mut turn)
                .await?;
        if is_ours == 1 {
            self.make_partitions_ahead().await;
            self.tidy_if_due(retention).await?;
        }
        Ok(sqlx::Connection::close(turn).await?)
    }

    async fn tidy_if_due(&self, retention: &Retention) -> Result<(), Error> {
        if !retention.is_any() {
            return Ok(());
        }
        let done_at: Option<i64> = sqlx::query_scalar("SELECT done_at FROM chore WHERE name = 'tidy'")
            .fetch_optional(&self.pool)
            .await?;
        if done_at.is_some_and(|done_at| self.now() - done_at < DAILY) {
            return Ok(());
        }
        let tidied = self.tidy(retention).await?;
        if tidied.is_any() {
            tracing::info!(?tidied, "what was not to be kept any longer was removed");
        }
        sqlx::query(
            "INSERT INTO chore (name, done_at) VALUES ('tidy', $1) ON CONFLICT (name) DO UPDATE SET done_at = $1",
        )
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What would be removed now.
    ///
    /// # Errors
    /// The database's.
    pub async fn tidy_dry(&self, retention: &Retention) -> Result<Tidied, Error> {
        let ends = Ends::of(retention, self.now());
        let mut told = Tidied::default();
        let mut after = (i64::MIN, 0);
        while let Some((batch, last)) = self.removable(&ends, after).await? {
            after = last;
            told.add_cases(&counted(&self.pool, &batch).await?);
        }
        let mut after = 0;
        while let Some(batch) = self.expired_runs(&ends, after).await? {
            after = batch.last().map_or(i64::MAX, |(run, _)| *run);
            let runs: Vec<i64> = batch.iter().map(|(run, _)| *run).collect();
            told.emptied_runs += whole(runs.len());
            told.reports += reports_of(&self.pool, &runs).await?;
        }
        if let Some(end) = ends.audit {
            told.audit = sqlx::query_scalar("SELECT count(*) FROM audit WHERE at < $1")
                .bind(end)
                .fetch_one(&self.pool)
                .await?;
        }
        Ok(told)
    }

    /// Removes what is not to be kept any longer; several may do so at once.
    ///
    /// # Errors
    /// The database's; what was removed until then stays so.
    pub async fn tidy(&self, retention: &Retention) -> Result<Tidied, Error> {
        let ends = Ends::of(retention, self.now());
        let mut told = Tidied::default();
        // Rows of these need not be removed one by one.
        let whole = self.only_removable(&ends).await?;
        let mut after = (i64::MIN, 0);
        while let Some((batch, last)) = self.removable(&ends, after).await? {
            after = last;
            told.add_cases(&self.remove_cases(&batch, &ends, &whole).await?);
            tokio::time::sleep(PAUSE).await;
        }
        let mut after = 0;
        while let Some(batch) = self.expired_runs(&ends, after).await? {
            after = batch.last().map_or(i64::MAX, |(run, _)| *run);
            let (runs, reports) = self.empty_runs(&batch, &ends, retention, &whole).await?;
            told.emptied_runs += runs;
            told.reports += reports;
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(end) = ends.audit {
            let (entries, dropped) = self.shorten_audit(end).await?;
            told.audit = entries;
            told.partitions += dropped;
        }
        told.partitions += self.drop_emptied(&ends).await?;
        if told.is_any() {
            let removed = told.named().into_iter().filter(|(_, number)| *number > 0);
            let removed: Vec<String> = removed.map(|(name, number)| format!("{number} {name}")).collect();
            let mut transaction = self.begin(Turn::House).await?;
            let (deed, what) = ("removed what is old", removed.join(", "));
            audit(&mut transaction, ACTOR, deed, &what, "", self.now()).await?;
            transaction.commit().await?;
        }
        Ok(told)
    }

    /// The next cases that can be removed, and the place of the last one.
    async fn removable(
        &self,
        ends: &Ends,
        after: (i64, i64),
    ) -> Result<Option<(Vec<i64>, (i64, i64))>, Error> {
        if ends.closed_cases.is_none() {
            return Ok(None);
        }
        let sql = format!(
            "SELECT id, updated_at, entities FROM cases WHERE {} AND (updated_at > $1 OR (updated_at = $1 AND id > $2)) \
             ORDER BY updated_at, id LIMIT {CASES_AT_ONCE}",
            ends.removable()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after.0)
            .bind(after.1)
            .fetch_all(&self.pool)
            .await?;
        let (mut batch, mut last, mut entities) = (Vec::new(), after, 0);
        for row in &rows {
            batch.push(row.try_get("id")?);
            last = (row.try_get("updated_at")?, row.try_get("id")?);
            entities += row.try_get::<i64, _>("entities")?;
            if entities >= ENTITIES_AT_ONCE {
                break;
            }
        }
        Ok((!batch.is_empty()).then_some((batch, last)))
    }

    /// Removes those of the cases that can still be.
    async fn remove_cases(
        &self,
        batch: &[i64],
        ends: &Ends,
        whole: &[(History, Partition)],
    ) -> Result<Tidied, Error> {
        let mut transaction = self.begin_for(batch).await?;
        let sql = format!(
            "SELECT id FROM cases WHERE id IN ({}) AND {}",
            list(batch),
            ends.removable()
        );
        let batch: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut *transaction)
            .await?;
        let removed = counted(&mut *transaction, &batch).await?;
        if !batch.is_empty() {
            let cases = list(&batch);
            if self.is_shared {
                // These know their case by its number only.
                for (of, those) in [
                    (
                        History::Enrichment,
                        format!("entity_id IN (SELECT id FROM entity WHERE case_id IN ({cases}))"),
                    ),
                    (
                        History::Report,
                        format!("run_id IN (SELECT id FROM run WHERE case_id IN ({cases}))"),
                    ),
                    (History::Wall, format!("case_id IN ({cases})")),
                ] {
                    let sql = format!("DELETE FROM {} WHERE {those}{}", of.name(), but_for(whole, of));
                    execute(&mut transaction, sql).await?;
                }
            }
            let names: Vec<String> = batch.iter().map(|case| format!("'{case}'")).collect();
            let notes = format!(
                "DELETE FROM context_property WHERE kind = 1 AND identifier IN ({})",
                names.join(", ")
            );
            execute(&mut transaction, notes).await?;
            execute(
                &mut transaction,
                format!("DELETE FROM cases WHERE id IN ({cases})"),
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(removed)
    }

    /// The next runs, each with its case, that are to stay without their reports.
    async fn expired_runs(&self, ends: &Ends, after: i64) -> Result<Option<Vec<(i64, i64)>>, Error> {
        if ends.reports.is_none() {
            return Ok(None);
        }
        // Those of cases that go anyway are not counted twice.
        let sql = format!(
            "SELECT run.id, run.case_id FROM run JOIN cases ON cases.id = run.case_id WHERE run.id > $1 AND {} AND NOT {} \
             AND (run.result IS NOT NULL OR EXISTS (SELECT 1 FROM report WHERE report.run_id = run.id)) ORDER BY run.id LIMIT {RUNS_AT_ONCE}",
            ends.expired(),
            ends.removable(),
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after)
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| Ok::<_, Error>((row.try_get("id")?, row.try_get("case_id")?));
        let batch = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Takes reports and results from those of the runs that still go without them; gives the numbers of both.
    async fn empty_runs(
        &self,
        batch: &[(i64, i64)],
        ends: &Ends,
        retention: &Retention,
        whole_ones: &[(History, Partition)],
    ) -> Result<(i64, i64), Error> {
        let mut cases: Vec<i64> = batch.iter().map(|(_, case)| *case).collect();
        cases.sort_unstable();
        cases.dedup();
        let runs: Vec<i64> = batch.iter().map(|(run, _)| *run).collect();
        let mut transaction = self.begin_for(&cases).await?;
        let sql = format!(
            "SELECT run.id FROM run JOIN cases ON cases.id = run.case_id WHERE run.id IN ({}) AND {}",
            list(&runs),
            ends.expired()
        );
        let runs: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut *transaction)
            .await?;
        let reports = reports_of(&mut *transaction, &runs).await?;
        if !runs.is_empty() {
            let runs = list(&runs);
            let sql = format!(
                "DELETE FROM report WHERE run_id IN ({runs}){}",
                but_for(whole_ones, History::Report)
            );
            execute(&mut transaction, sql).await?;
            let days = retention.reports.unwrap_or_default();
            let words = format!(" (Its reports were removed: they are kept for {days} days.)");
            let sql =
                format!("UPDATE run SET result = NULL, message = message || '{words}' WHERE id IN ({runs})");
            execute(&mut transaction, sql).await?;
        }
        transaction.commit().await?;
        Ok((whole(runs.len()), reports))
    }

    /// Removes what of the audit log is older than `end`; gives the number of entries, and of partitions among them.
    async fn shorten_audit(&self, end: i64) -> Result<(i64, i64), Error> {
        let (mut entries, mut dropped) = (0, 0);
        let partitions = match self.is_shared {
            true => present(&self.pool, History::Audit).await?,
            false => Vec::new(),
        };
        for partition in partitions.iter().filter(|partition| partition.to <= end) {
            let sql = format!("SELECT count(*) FROM {partition}");
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_one(&self.pool)
                .await?;
            drop_whole(&self.pool, partition).await?;
            entries += rows;
            dropped += 1;
        }
        loop {
            let removed = sqlx::query(
                "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY id LIMIT $2)",
            )
            .bind(end)
            .bind(ROWS_AT_ONCE)
            .execute(&self.pool)
            .await?;
            match i64::try_from(removed.rows_affected()).unwrap_or_default() {
                0 => return Ok((entries, dropped)),
                rows => entries += rows,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Partitions that will have nothing left in them that is kept, when all is removed that can be.
    async fn only_removable(&self, ends: &Ends) -> Result<Vec<(History, Partition)>, Error> {
        let mut found = Vec::new();
        for (of, partition) in self.past(ends).await? {
            if !self.has_kept(of, &partition, ends, &ends.removable()).await? {
                found.push((of, partition));
            }
        }
        Ok(found)
    }

    /// Drops partitions that have nothing left in them that is kept; from the others takes what belongs to nothing any more. Gives the number of the
    /// dropped.
    async fn drop_emptied(&self, ends: &Ends) -> Result<i64, Error> {
        let mut dropped = 0;
        for (of, partition) in self.past(ends).await? {
            if !self.has_kept(of, &partition, ends, "1 = 0").await? {
                drop_whole(&self.pool, &partition).await?;
                dropped += 1;
                continue;
            }
            let owner = match of {
                History::Wall => "SELECT 1 FROM cases WHERE cases.id = part.case_id",
                History::Enrichment => "SELECT 1 FROM entity WHERE entity.id = part.entity_id",
                History::Report => "SELECT 1 FROM run WHERE run.id = part.run_id",
                History::Audit => continue,
            };
            // A pass that was cut off has left them.
            let sql = format!(
                "DELETE FROM {partition} WHERE ctid IN (SELECT part.ctid FROM {partition} AS part WHERE NOT EXISTS ({owner}) \
                 LIMIT {ROWS_AT_ONCE})"
            );
            while sqlx::query(AssertSqlSafe(sql.clone()))
                .execute(&self.pool)
                .await?
                .rows_affected()
                > 0
            {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(dropped)
    }

    /// Partitions of what belongs to cases into which nothing comes any more.
    async fn past(&self, ends: &Ends) -> Result<Vec<(History, Partition)>, Error> {
        let mut found = Vec::new();
        if !self.is_shared || (ends.closed_cases.is_none() && ends.reports.is_none()) {
            return Ok(found);
        }
        let newest_run: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM run")
            .fetch_one(&self.pool)
            .await?;
        for of in [History::Wall, History::Enrichment, History::Report] {
            let end = match of {
                History::Report => newest_run,
                _ => ends.closed_cases,
            };
            let partitions = present(&self.pool, of).await?.into_iter();
            let past = partitions.filter(|partition| end.is_some_and(|end| partition.to <= end));
            found.extend(past.map(|partition| (of, partition)));
        }
        Ok(found)
    }

    /// Whether a partition has something that belongs to a case beside those that the condition names.
    async fn has_kept(
        &self,
        of: History,
        partition: &Partition,
        ends: &Ends,
        going: &str,
    ) -> Result<bool, Error> {
        let sql = match of {
            History::Audit => return Ok(true),
            History::Wall => format!(
                "EXISTS (SELECT 1 FROM {partition} AS part JOIN cases ON cases.id = part.case_id WHERE NOT {going})"
            ),
            History::Enrichment => format!(
                "EXISTS (SELECT 1 FROM {partition} AS part JOIN entity ON entity.id = part.entity_id \
                 JOIN cases ON cases.id = entity.case_id WHERE NOT {going})"
            ),
            // Also that of a run whose reports are still to come.
            History::Report => format!(
                "EXISTS (SELECT 1 FROM run JOIN cases ON cases.id = run.case_id WHERE run.id >= $1 AND run.id < $2 \
                 AND NOT ({going} OR {}))",
                ends.expired()
            ),
        };
        let sql = format!("SELECT CAST(CAST({sql} AS INTEGER) AS BIGINT)");
        let mut query = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql));
        if of == History::Report {
            query = query.bind(partition.from).bind(partition.to);
        }
        Ok(query.fetch_one(&self.pool).await? == 1)
    }

    /// A transaction in which these cases, in order of their numbers, are changed by nobody else.
    async fn begin_for(&self, cases: &[i64]) -> Result<Transaction<'static, Any>, Error> {
        let mut transaction = self.begin(Turn::New).await?;
        if self.is_shared {
            let mut cases = cases.to_vec();
            cases.sort_unstable();
            for case in cases {
                super::take_turn(&mut transaction, case).await?;
            }
        }
        Ok(transaction)
    }
}

/// Without the rows that go with their partition.
fn but_for(whole: &[(History, Partition)], of: History) -> String {
    let own = whole.iter().filter(|(other, _)| *other == of);
    let bounds = own.map(|(_, Partition { from, to, .. })| {
        // The first one begins before all numbers.
        let from = (*from).max(-i64::MAX);
        format!(" AND NOT ({key} >= {from} AND {key} < {to})", key = of.key())
    });
    bounds.collect()
}

fn list(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    numbers.join(", ")
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

async fn execute(transaction: &mut Transaction<'static, Any>, sql: String) -> Result<(), Error> {
    sqlx::query(AssertSqlSafe(sql))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn reports_of<'c>(place: impl sqlx::Executor<'c, Database = Any>, runs: &[i64]) -> Result<i64, Error> {
    if runs.is_empty() {
        return Ok(0);
    }
    let sql = format!("SELECT count(*) FROM report WHERE run_id IN ({})", list(runs));
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(place).await?)
}

/// How much belongs to these cases.
async fn counted<'c>(place: impl sqlx::Executor<'c, Database = Any>, cases: &[i64]) -> Result<Tidied, Error> {
    if cases.is_empty() {
        return Ok(Tidied::default());
    }
    let those = list(cases);
    let of = |table: &str| format!("(SELECT count(*) FROM {table} WHERE case_id IN ({those}))");
    let sql = format!(
        "SELECT {} AS entities, {} AS runs, {} AS wall, {} AS attachments, \
         (SELECT count(*) FROM report WHERE run_id IN (SELECT id FROM run WHERE case_id IN ({those}))) AS reports",
        of("entity"),
        of("run"),
        of("wall"),
        of("attachment"),
    );
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(place).await?;
    Ok(Tidied {
        cases: whole(cases.len()),
        entities: row.try_get("entities")?,
        runs: row.try_get("runs")?,
        wall: row.try_get("wall")?,
        attachments: row.try_get("attachments")?,
        reports: row.try_get("reports")?,
        ..Tidied::default()
    })
}
