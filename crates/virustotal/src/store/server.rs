//! The store on a server (PostgreSQL), for the processes of many machines.
//!
//! A server may be away for a moment: it is restarted, or the network is. What was asked meanwhile is done when it is back. In place of it
//! nothing else is used: two halves of a quota would be two quotas.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Column, Connection as _, Executor, PgConnection, Postgres, Row as _, TypeInfo, ValueRef,
};
use tokio::runtime::Runtime;

use super::sql::Cell;
use super::{Connection, Error, Job, Row, Schema, Value};
use crate::{Clock, Database, Notify};

/// How long the server may be away until those who wait are told that there is no answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same when this process is about to end.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(3);
/// Until another try: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often the two clocks are compared.
const COMPARED_FOR: Duration = Duration::from_secs(60);
/// How long a statement may take, another's turn included.
const LONGEST_STATEMENT: Duration = Duration::from_secs(10);
/// How much longer than the server itself we believe in its answer.
const GRACE: Duration = Duration::from_secs(2);

/// Owns the connection.
pub(super) struct Keeper {
    database: Database,
    schema: Schema,
    notify: Notify,
    runtime: Option<Arc<Runtime>>,
    link: Option<Link>,
    is_closed: Arc<AtomicBool>,
    /// Since when the server has been away.
    away_since: Option<Instant>,
}

/// A connection, and what belongs to it.
pub(crate) struct Link {
    runtime: Arc<Runtime>,
    connection: RefCell<PgConnection>,
    /// Statements as the server wants them.
    translated: RefCell<HashMap<&'static str, Arc<str>>>,
    /// How far the server's clock is ahead of this machine's.
    ahead: SignedDuration,
    compared_at: Instant,
}

impl Keeper {
    pub(super) fn new(
        database: Database,
        schema: Schema,
        notify: Notify,
        is_closed: Arc<AtomicBool>,
    ) -> Self {
        Self {
            database,
            schema,
            notify,
            runtime: None,
            link: None,
            is_closed,
            away_since: None,
        }
    }

    /// Does the jobs in one transaction. What can't be done after all is dropped.
    pub(super) fn perform(&mut self, jobs: &mut Vec<Box<dyn Job>>) {
        let Err(error) = self.try_for_long(jobs) else {
            return;
        };
        if is_passing(&error) {
            tracing::error!(store = self.schema.name, %error, "the database is away; what was asked of it is not done");
            jobs.clear();
            return;
        }
        // One of them is the trouble: alone, the others can be done.
        let mut is_away = false;
        jobs.retain_mut(|job| {
            // Each would wait as long.
            if is_away {
                return false;
            }
            let done = self.try_for_long(std::slice::from_mut(job));
            is_away = done.as_ref().is_err_and(is_passing);
            if let Err(error) = &done {
                tracing::error!(store = self.schema.name, %error, "something could not be stored");
            }
            done.is_ok()
        });
    }

    fn try_for_long(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let error = match self.attempt(jobs) {
                Ok(()) => {
                    if let Some(since) = self.away_since.take() {
                        tracing::info!(
                            store = self.schema.name,
                            seconds = since.elapsed().as_secs(),
                            "the database is back"
                        );
                    }
                    return Ok(());
                }
                Err(error) => error,
            };
            // In doubt a connection is made anew: nothing of an earlier transaction is left in it.
            self.link = None;
            let patience = match self.is_closed.load(Ordering::Relaxed) {
                true => PATIENCE_AT_THE_END,
                false => PATIENCE,
            };
            if !is_passing(&error) || begun.elapsed() >= patience {
                return Err(error);
            }
            if !is_conflict(&error) && self.away_since.is_none() {
                self.away_since = Some(begun);
                self.notify.warn(&format!(
                    "the database does not answer ({error}); the {} waits for it.",
                    self.schema.name
                ));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn attempt(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
        let link = match self.link.take() {
            Some(link) => self.link.insert(link),
            None => {
                let link = self.open()?;
                self.link.insert(link)
            }
        };
        link.compare_clocks()?;
        let mut turns: Vec<i64> = jobs.iter().filter_map(|job| job.turn()).collect();
        turns.sort_unstable();
        turns.dedup();
        link.begin(&turns)?;
        let connection = Connection::Server(link);
        jobs.iter_mut().try_for_each(|job| job.perform(&connection))?;
        link.simple("COMMIT")
    }

    fn open(&mut self) -> Result<Link, Error> {
        let runtime = match self.runtime.take() {
            Some(runtime) => self.runtime.insert(runtime),
            None => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                self.runtime.insert(Arc::new(runtime.map_err(sqlx::Error::Io)?))
            }
        };
        let schema = self.schema;
        let options = self.database.options(schema.name, LONGEST_STATEMENT);
        let connection = runtime.block_on(async {
            let opened = async {
                let mut connection = PgConnection::connect_with(&options).await?;
                prepare(&mut connection, schema).await?;
                Ok::<_, Error>(connection)
            };
            // A server that can't be reached any more says nothing.
            let opened = tokio::time::timeout(LONGEST_STATEMENT, opened).await;
            opened.map_err(|_| sqlx::Error::PoolTimedOut)?
        })?;
        Ok(Link {
            runtime: Arc::clone(runtime),
            connection: RefCell::new(connection),
            translated: RefCell::default(),
            ahead: SignedDuration::ZERO,
            // So that they are compared at once.
            compared_at: Instant::now() - COMPARED_FOR,
        })
    }
}

/// Makes the tables where they are not; several may come to do so at once.
async fn prepare(connection: &mut PgConnection, schema: Schema) -> Result<(), Error> {
    let Schema {
        namespace, version, ..
    } = schema;
    let path = format!("SET search_path TO {namespace}");
    let lock = "SELECT pg_advisory_xact_lock(hashtext('vtsecops tables'))";
    let known: Option<String> = sqlx::query_scalar("SELECT to_regclass($1)::text")
        .bind(format!("{namespace}.version"))
        .fetch_one(&mut *connection)
        .await?;
    if known.is_none() {
        let create = format!(
            "BEGIN; {lock};
             CREATE SCHEMA IF NOT EXISTS {namespace}; {path};
             CREATE TABLE IF NOT EXISTS version (number BIGINT PRIMARY KEY);
             {} INSERT INTO version VALUES ({version}) ON CONFLICT DO NOTHING; COMMIT;",
            schema.create_on_server
        );
        connection.execute(AssertSqlSafe(create)).await?;
    }
    connection.execute(AssertSqlSafe(path)).await?;
    // Every statement names its rows by a key. What the server believes of the sizes of these tables is old within seconds, and only reading along an index passes
    // by rows that were replaced.
    connection
        .execute("SET enable_seqscan TO off; SET enable_bitmapscan TO off")
        .await?;
    let found = found_version(connection).await?;
    if found < i64::from(version) {
        connection.execute("BEGIN").await?;
        connection.execute(lock).await?;
        // Somebody else may have done it while we stood in line.
        let found = found_version(connection).await?;
        for sql in schema.steps_from(found) {
            connection.execute(sql).await?;
        }
        let done = format!("INSERT INTO version VALUES ({version}) ON CONFLICT DO NOTHING; COMMIT");
        connection.execute(AssertSqlSafe(done)).await?;
    }
    match schema.bears(found) {
        false => Err(sqlx::Error::Configuration("a later version of vtsecops has written it".into()).into()),
        true => Ok(()),
    }
}

async fn found_version(connection: &mut PgConnection) -> Result<i64, Error> {
    let sql = "SELECT max(number) FROM version";
    Ok(sqlx::query_scalar(sql).fetch_one(connection).await?)
}

impl Link {
    /// Begins a transaction when it is everybody's turn that is named: one question, whoever is named.
    fn begin(&self, turns: &[i64]) -> Result<(), Error> {
        let mut sql = "BEGIN".to_owned();
        // In one order, so that two never wait for each other.
        for turn in turns {
            sql.push_str(&format!("; SELECT pg_advisory_xact_lock({turn})"));
        }
        let mut connection = self.connection.borrow_mut();
        self.wait(connection.execute(AssertSqlSafe(sql))).map(drop)
    }

    fn simple(&self, sql: &'static str) -> Result<(), Error> {
        let mut connection = self.connection.borrow_mut();
        self.wait(connection.execute(sql)).map(drop)
    }

    /// A server that can't be reached any more says nothing.
    fn wait<T>(&self, asked: impl Future<Output = sqlx::Result<T>>) -> Result<T, Error> {
        let silent = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        let asked = async { tokio::time::timeout(LONGEST_STATEMENT + GRACE, asked).await };
        Ok(self.runtime.block_on(asked).map_err(silent)??)
    }

    fn compare_clocks(&mut self) -> Result<(), Error> {
        if self.compared_at.elapsed() < COMPARED_FOR {
            return Ok(());
        }
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let (server, before) = {
            let mut connection = self.connection.borrow_mut();
            let before = system_millis();
            let asked = sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *connection);
            (self.wait(asked)?, before)
        };
        let after = system_millis();
        self.ahead = SignedDuration::from_millis(server - i64::midpoint(before, after));
        // Less than the question took is no difference.
        if self.ahead.abs() <= SignedDuration::from_millis((after - before).abs() + 1) {
            self.ahead = SignedDuration::ZERO;
        }
        self.compared_at = Instant::now();
        Ok(())
    }

    pub(super) fn now(&self, clock: &Clock) -> Timestamp {
        let now = clock.now();
        now.saturating_add(self.ahead).unwrap_or(now)
    }

    pub(super) fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        let query = self.query(sql, values);
        let mut connection = self.connection.borrow_mut();
        let done = self.wait(query.execute(&mut *connection))?;
        Ok(PgQueryResult::rows_affected(&done))
    }

    pub(super) fn rows(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        let query = self.query(sql, values);
        let mut connection = self.connection.borrow_mut();
        let rows = self.wait(query.fetch_all(&mut *connection))?;
        rows.iter().map(read).collect()
    }

    fn query<'q>(&self, sql: &'static str, values: &[Value<'q>]) -> Query<'q, Postgres, PgArguments> {
        let mut translated = self.translated.borrow_mut();
        let translate = || Arc::from(translated_for_server(sql));
        let sql = Arc::clone(translated.entry(sql).or_insert_with(translate));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in values {
            query = match *value {
                Value::Integer(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }
}

/// The two databases differ in how they mark a value, and take a list apart.
fn translated_for_server(sql: &str) -> String {
    let lists = "json_array_elements_text(?1::json) AS json_each (value)";
    sql.replace("json_each(?1)", lists).replace('?', "$")
}

fn read(row: &PgRow) -> Result<Row, Error> {
    let cell = |column: &sqlx::postgres::PgColumn| -> Result<Cell, Error> {
        let place = column.ordinal();
        if row.try_get_raw(place)?.is_null() {
            return Ok(Cell::Null);
        }
        Ok(match column.type_info().name() {
            "INT8" => Cell::Integer(row.try_get(place)?),
            "BOOL" => Cell::Integer(row.try_get::<bool, _>(place)?.into()),
            "TEXT" => Cell::Text(row.try_get(place)?),
            "BYTEA" => Cell::Bytes(row.try_get(place)?),
            _ => return Err(Error::Shape(place)),
        })
    };
    let cells: Result<_, Error> = row.columns().iter().map(cell).collect();
    Ok(Row(cells?))
}

/// What this machine's clock says; its difference to the server's is told by nothing else.
#[expect(
    clippy::disallowed_methods,
    reason = "only the difference of two machines' clocks is taken"
)]
fn system_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Whether two were in each other's way.
fn is_conflict(error: &Error) -> bool {
    let Error::Server(sqlx::Error::Database(error)) = error else {
        return false;
    };
    // Serialization failure, deadlock, a unique name that another has just taken.
    matches!(error.code().as_deref(), Some("40001" | "40P01" | "23505"))
}

/// Whether the same may succeed a moment later.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Server(sqlx::Error::Database(database)) => {
            let code = database.code();
            // Connections (08), resources (53), the operator (57), lock time-outs.
            let is_passing = |code: &str| {
                ["08", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "55P03"
            };
            is_conflict(error) || code.as_deref().is_some_and(is_passing)
        }
        Error::Server(
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
        ) => true,
        _ => false,
    }
}
