//! The store: everything the workdesk knows, in one database.
//!
//! One set of statements for every database: times are milliseconds, flags numbers, structures are texts of JSON, and each database has
//! only its own form of the tables (`migrations/`). A change is one transaction; when a call returns, it is committed.

mod cases;
mod counts;
mod entities;
mod instances;
mod people;
mod platform;
mod playbooks;
mod record;
mod reports;
mod runs;
mod tokens;
mod wall;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyPool, Executor, Row, SqlStr, Transaction};
use tokio::sync::{Notify, broadcast};
use virustotal::Clock;

use crate::{Error, Sealer};

pub use cases::{Case, CaseFilter, CasePage, NewAlert, NewCase, Priority};
pub(crate) use entities::NewInsight;
pub use entities::{Change, Enrichment, StoredEntity, StoredInsight};
pub use instances::Instance;
pub(crate) use people::new_token;
pub use people::{AuditEntry, Person, Role};
pub(crate) use platform::CaseChange;
pub use platform::{Attachment, NewAttachment, Property, StoredAlert};
pub use playbooks::{PendingAction, PlaybookOutcome, PlaybookRun, StoredPlaybook};
pub use reports::Report;
pub use runs::{Ended, NewRun, Run, RunState};
pub use tokens::{ApiToken, Bearer, Scope};
pub use wall::{WallEntry, WallKind};

/// Connections to the database; SQLite lets one of them write at a time.
const CONNECTIONS: u32 = 8;
/// Changes that a slow listener may be behind before it must look at everything anew.
const CHANGES: usize = 1024;

/// Everything the workdesk knows.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    clock: Clock,
    sealer: Sealer,
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

const SQLITE: [(i64, &str, &str); 6] = [
    (1, "cases", include_str!("../migrations/sqlite/1_cases.sql")),
    (2, "people", include_str!("../migrations/sqlite/2_people.sql")),
    (3, "platform", include_str!("../migrations/sqlite/3_platform.sql")),
    (
        4,
        "playbooks",
        include_str!("../migrations/sqlite/4_playbooks.sql"),
    ),
    (6, "reports", include_str!("../migrations/sqlite/6_reports.sql")),
    (
        7,
        "single_sign_on",
        include_str!("../migrations/sqlite/7_single_sign_on.sql"),
    ),
];

impl Store {
    /// Opens the file, and brings it to this version's form. A new one is made, readable by its owner only. What must not
    /// stand in it as it is, is sealed.
    ///
    /// # Errors
    /// [`Error::Database`] where the file can't be used; [`Error::Migration`] where a later version has written it.
    pub async fn open(path: &Path, clock: Clock, sealer: Sealer) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let address = format!("sqlite://{}?mode=rwc", path.display());
        // Nothing acknowledged is lost to a loss of power either.
        let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                       PRAGMA busy_timeout = 10000;";
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .after_connect(move |connection, _| {
                Box::pin(async move { connection.execute(pragmas).await.map(drop) })
            })
            .connect(&address)
            .await?;
        for_owner_only(path);
        let migrations = SQLITE.map(|(version, name, sql)| {
            Migration::new(
                version,
                Cow::Borrowed(name),
                MigrationType::Simple,
                SqlStr::from_static(sql),
                false,
            )
        });
        let migrator = Migrator {
            migrations: Cow::Owned(migrations.to_vec()),
            ..Migrator::DEFAULT
        };
        migrator.run(&pool).await?;
        Ok(Self {
            pool,
            clock,
            sealer,
            changes: broadcast::Sender::new(CHANGES),
            playbook_bell: Arc::default(),
        })
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
        self.clock.now().as_millisecond()
    }

    /// A transaction that writes. It takes its place in line at once, so that two can't be in each other's way later.
    async fn begin(&self) -> Result<Transaction<'static, Any>, Error> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    fn changed(&self, case: i64, run: Option<i64>) {
        // Nobody may be watching.
        let _ = self.changes.send(Changed { case, run });
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
