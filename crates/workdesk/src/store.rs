//! The store: everything the workdesk knows, in one database.
//!
//! One set of statements for every database: times are milliseconds, flags numbers, structures are texts of JSON, and each database has
//! only its own form of the tables (`migrations/`). A change is one transaction; when a call returns, it is committed.

mod argon;
mod backup;
mod cases;
mod counts;
mod entities;
mod instances;
mod moving;
mod partitions;
mod passwords;
mod people;
mod platform;
mod playbooks;
mod record;
mod reports;
mod runs;
mod sessions;
mod steps;
mod tidy;
mod tokens;
mod wall;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::postgres::PgListener;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row, Transaction};
use tokio::sync::{Notify, broadcast};
use virustotal::{Clock, Database};

use crate::{Error, Sealer};
use passwords::Hashing;

pub use backup::{Backup, back_up, check_backup, fold};
pub use cases::{Case, CaseFilter, CasePage, NewAlert, NewCase, Priority};
pub(crate) use entities::NewInsight;
pub use entities::{Change, Enrichment, StoredEntity, StoredInsight};
pub use instances::Instance;
pub(crate) use people::new_token;
pub use people::{AuditEntry, Member, Person, Role};
pub(crate) use platform::CaseChange;
pub use platform::{Attachment, NewAttachment, Property, StoredAlert};
pub use playbooks::{PendingAction, PlaybookOutcome, PlaybookRun, StoredPlaybook};
pub use reports::Report;
pub(crate) use runs::AskedFor;
pub use runs::{Ended, NewRun, Run, RunState};
pub use sessions::Session;
pub use tidy::{Retention, Tidied};
pub use tokens::{ApiToken, Bearer, Scope};
pub use wall::{WallEntry, WallKind};

/// Connections to the database; SQLite lets one of them write at a time.
const CONNECTIONS: u32 = 8;
/// Changes that a slow listener may be behind before it must look at everything anew.
const CHANGES: usize = 1024;
/// Of our locks, where those of others may be too.
const LOCKS: i32 = 0x7674;

/// Everything the workdesk knows.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    clock: Clock,
    sealer: Sealer,
    hashing: Hashing,
    /// Whether other processes work on it too.
    is_shared: bool,
    /// How far the server's clock is ahead of ours, in milliseconds.
    ahead: i64,
    /// Names this process, where several take steps.
    worker: Arc<str>,
    changes: broadcast::Sender<Changed>,
    /// Rings when something may have happened to a playbook.
    playbook_bell: Arc<Notify>,
}

/// Something that has changed, for those who watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// In which case.
    pub case: i64,
    /// Which run it was about, if any.
    pub run: Option<i64>,
}

/// The name space of our tables on a server that others may use too.
const NAMESPACE: &str = "vtsecops_desk";
/// Of what one process tells the others of.
const CHANNEL: &str = "vtsecops_desk";
/// Until another try to hear of the others' changes.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// What changes in one transaction must not change in two at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Something of its own, which nobody else can be changing.
    New,
    /// A case, with all that belongs to it.
    Case(i64),
    /// People and what lets them in, instances, playbooks.
    House,
}

impl Store {
    /// Opens the file, and brings it to this version's form. A new one is made, readable by its owner only. What must not
    /// stand in it as it is, is sealed.
    ///
    /// # Errors
    /// [`Error::Database`] where the file can't be used; [`Error::TooNew`] where a later version has written it.
    pub async fn open(path: &Path, clock: Clock, sealer: Sealer) -> Result<Self, Error> {
        let pool = file(path, "rwc").await?;
        for_owner_only(path);
        steps::take(&pool, false, Self::STEP).await?;
        Ok(Self::new(pool, false, clock, sealer))
    }

    /// Opens the file beside the process that serves it, as it is.
    ///
    /// # Errors
    /// [`Error::Database`] where there is none; [`Error::Conflict`] where another version has written it.
    pub async fn open_beside(path: &Path, clock: Clock, sealer: Sealer) -> Result<Self, Error> {
        let pool = file(path, "rw").await?;
        let found = steps::found(&pool, false).await?;
        match found == Self::STEP {
            true => Ok(Self::new(pool, false, clock, sealer)),
            false => Err(Error::Conflict(format!(
                "its tables are at step {found}, and this version needs step {}: restart the workdesk with this version first",
                Self::STEP
            ))),
        }
    }

    /// Opens the tables on a server that other processes share, on this machine or others, and brings them to this version's form. Those of the
    /// version before may go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Database`] where the server can't be used; [`Error::TooNew`] where a version later than the next has changed it.
    pub async fn open_shared(database: &Database, clock: Clock, sealer: Sealer) -> Result<Self, Error> {
        Self::open_shared_at(database, clock, sealer, Self::STEP).await
    }

    /// As a version would that knows the steps up to `step` only; for tests of versions side by side.
    ///
    /// # Errors
    /// As for [`Store::open_shared`].
    #[doc(hidden)]
    pub async fn open_shared_at(
        database: &Database,
        clock: Clock,
        sealer: Sealer,
        step: i64,
    ) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let mut first = sqlx::PgConnection::connect(database.expose()).await?;
        // Two who come at once would both make it.
        let prepare = format!(
            "BEGIN; SELECT pg_advisory_xact_lock(hashtext('{NAMESPACE}')); CREATE SCHEMA IF NOT EXISTS {NAMESPACE}; COMMIT"
        );
        first.execute(AssertSqlSafe(prepare)).await?;
        let server: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            .fetch_one(&mut first)
            .await?;
        // Machines' clocks differ: who is late is told by one of them.
        let ahead = server - clock.now().as_millisecond();
        first.close().await?;
        let settings = format!(
            "SET search_path TO {NAMESPACE}; SET application_name TO 'vtsecops workdesk'; SET statement_timeout TO '60s'; \
             SET idle_in_transaction_session_timeout TO '10s'"
        );
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(Duration::from_secs(20))
            .after_connect(move |connection, _| {
                let settings = AssertSqlSafe(settings.clone());
                Box::pin(async move { connection.execute(settings).await.map(drop) })
            })
            .connect(database.expose())
            .await?;
        steps::take(&pool, true, step).await?;
        let store = Self {
            ahead,
            ..Self::new(pool, true, clock, sealer)
        };
        if step >= steps::HISTORY {
            store.make_partitions_ahead().await;
        }
        tokio::spawn(listen(store.clone(), database.clone()));
        Ok(store)
    }

    fn new(pool: AnyPool, is_shared: bool, clock: Clock, sealer: Sealer) -> Self {
        Self {
            pool,
            clock,
            sealer,
            hashing: Hashing::default(),
            is_shared,
            ahead: 0,
            worker: new_token().into(),
            changes: broadcast::Sender::new(CHANGES),
            playbook_bell: Arc::default(),
        }
    }

    /// Whether other processes work on it too.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Closes the connections; what was acknowledged is on the disk in any case.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Every change from now on. Who falls too far behind is told, and looks anew.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond() + self.ahead
    }

    /// A transaction that writes. It takes its place in line at once, so that two can't be in each other's way later: in a file all stand in one
    /// line, on a server those whose turn is the same.
    async fn begin(&self, turn: Turn) -> Result<Transaction<'static, Any>, Error> {
        if !self.is_shared {
            return Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?);
        }
        let mut transaction = self.pool.begin().await?;
        let key = match turn {
            Turn::New => return Ok(transaction),
            Turn::Case(case) => case,
            Turn::House => 0,
        };
        take_turn(&mut transaction, key).await?;
        Ok(transaction)
    }

    /// Says so to whoever watches, here and in other processes.
    async fn changed(&self, case: i64, run: Option<i64>) {
        // Nobody may be watching.
        let _ = self.changes.send(Changed { case, run });
        if self.is_shared {
            let text = format!("{} {case} {}", self.worker, run.unwrap_or_default());
            let told = sqlx::query("SELECT CAST(pg_notify($1, $2) AS TEXT)")
                .bind(CHANNEL)
                .bind(text)
                .execute(&self.pool)
                .await;
            if let Err(error) = told {
                tracing::debug!(%error, "the others have not heard of a change; they look for themselves");
            }
        }
    }
}

/// Waits, on a server, until nobody else changes that case.
async fn take_turn(transaction: &mut Transaction<'static, Any>, case: i64) -> Result<(), Error> {
    // Away from the ledger's and the cache's, which are large numbers or none.
    sqlx::query("SELECT CAST(pg_advisory_xact_lock($1, CAST($2 AS INTEGER)) AS TEXT)")
        .bind(LOCKS)
        .bind(case)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Connections to a file.
async fn file(path: &Path, mode: &str) -> Result<AnyPool, Error> {
    sqlx::any::install_default_drivers();
    let address = format!("sqlite://{}?mode={mode}", path.display());
    // Nothing acknowledged is lost to a loss of power either.
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000;";
    // A pool would try again and again to use a file that is none.
    let mut first = AnyConnection::connect(&address).await?;
    first.execute(pragmas).await?;
    first.execute("SELECT count(*) FROM sqlite_master").await?;
    first.close().await?;
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(pragmas).await.map(drop) })
        })
        .after_release(|connection, _| {
            Box::pin(async move {
                // What it was to do before is done by then.
                connection.ping().await?;
                // A disk that is full ends a transaction by itself; the library waits for its end for ever, and begins no other one.
                Ok(!connection.is_in_transaction())
            })
        })
        .connect(&address)
        .await?;
    Ok(pool)
}

/// Hears what other processes have changed, for as long as the store is used.
async fn listen(store: Store, database: Database) {
    let (changes, bell, own) = (
        store.changes.clone(),
        Arc::clone(&store.playbook_bell),
        Arc::clone(&store.worker),
    );
    let pool = store.pool.clone();
    drop(store);
    while !pool.is_closed() {
        let listened = async {
            let mut listener = PgListener::connect(database.expose()).await?;
            listener.listen(CHANNEL).await?;
            loop {
                let told = tokio::select! {
                    told = listener.recv() => told?,
                    () = pool.close_event() => return Ok(()),
                };
                let mut words = told.payload().split(' ');
                if words.next() == Some(&*own) {
                    continue;
                }
                let mut number = || words.next()?.parse::<i64>().ok();
                if let (Some(case), Some(run)) = (number(), number()) {
                    let run = Some(run).filter(|run| *run > 0);
                    // Nobody may be watching.
                    let _ = changes.send(Changed { case, run });
                    bell.notify_one();
                }
            }
        };
        let listened: Result<(), sqlx::Error> = listened.await;
        if let Err(error) = listened {
            tracing::warn!(%error, "changes by other processes are not heard of; it is tried again");
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }
}

#[cfg(unix)]
fn for_owner_only(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // Of a file system without rights there is nothing to take away.
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
}

#[cfg(not(unix))]
fn for_owner_only(_: &Path) {}

fn to_json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Invalid(error.to_string()))
}

fn from_json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T, Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|error| Error::Damaged(format!("{column}: {error}")))
}

fn flag(row: &AnyRow, column: &str) -> Result<bool, Error> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

fn time(row: &AnyRow, column: &str) -> Result<Timestamp, Error> {
    timestamp(row.try_get(column)?)
}

fn maybe_time(row: &AnyRow, column: &str) -> Result<Option<Timestamp>, Error> {
    row.try_get::<Option<i64>, _>(column)?.map(timestamp).transpose()
}

fn timestamp(milliseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| Error::Damaged(error.to_string()))
}
