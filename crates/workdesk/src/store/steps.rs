//! The steps that bring the tables of a database to this version's form.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, SqlStr};

use super::Store;
use crate::Error;

/// Number, name and statements of each step.
pub(super) type Steps = &'static [(i64, &'static str, &'static str)];

pub(super) const SQLITE: Steps = &[
    (1, "cases", include_str!("../../migrations/sqlite/1_cases.sql")),
    (2, "people", include_str!("../../migrations/sqlite/2_people.sql")),
    (
        3,
        "platform",
        include_str!("../../migrations/sqlite/3_platform.sql"),
    ),
    (
        4,
        "playbooks",
        include_str!("../../migrations/sqlite/4_playbooks.sql"),
    ),
    (
        6,
        "reports",
        include_str!("../../migrations/sqlite/6_reports.sql"),
    ),
    (
        7,
        "single_sign_on",
        include_str!("../../migrations/sqlite/7_single_sign_on.sql"),
    ),
    (
        8,
        "workers",
        include_str!("../../migrations/sqlite/8_workers.sql"),
    ),
    (
        9,
        "history",
        include_str!("../../migrations/sqlite/9_history.sql"),
    ),
    (
        10,
        "sessions",
        include_str!("../../migrations/sqlite/10_sessions.sql"),
    ),
];

pub(super) const POSTGRES: Steps = &[
    (
        8,
        "everything",
        include_str!("../../migrations/postgres/8_everything.sql"),
    ),
    (
        9,
        "history",
        include_str!("../../migrations/postgres/9_history.sql"),
    ),
    (
        10,
        "sessions",
        include_str!("../../migrations/postgres/10_sessions.sql"),
    ),
];

/// The step from which on history lies in partitions on a server.
pub(super) const HISTORY: i64 = 9;

/// How far the tables are.
pub(super) const NEWEST: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";

/// A step that others are in the way of is tried again so often, and so long after.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

impl Store {
    /// The step that this version brings a database to.
    pub const STEP: i64 = newest(SQLITE);
}

const fn newest(steps: Steps) -> i64 {
    match steps.last() {
        Some((number, ..)) => *number,
        None => 0,
    }
}

/// How far the tables are; 0 for a database without any.
pub(super) async fn found(pool: &AnyPool, is_shared: bool) -> Result<i64, Error> {
    let there = match is_shared {
        true => {
            "SELECT count(*) FROM pg_catalog.pg_tables WHERE tablename = '_sqlx_migrations' AND schemaname = current_schema()"
        }
        false => "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
    };
    let there: i64 = sqlx::query_scalar(there).fetch_one(pool).await?;
    if there == 0 {
        return Ok(0);
    }
    let step: Option<i64> = sqlx::query_scalar(NEWEST).fetch_one(pool).await?;
    Ok(step.unwrap_or_default())
}

/// Takes the steps up to `last` that are missing. On a server a database may be a step ahead: each step leaves what the version before it needs. The
/// one after may not.
pub(super) async fn take(pool: &AnyPool, is_shared: bool, last: i64) -> Result<(), Error> {
    let steps = if is_shared { POSTGRES } else { SQLITE };
    let borne = if is_shared { last + 1 } else { last };
    let check = |found: i64| match found > borne {
        true => Err(Error::TooNew { found, borne }),
        false => Ok(()),
    };
    check(found(pool, is_shared).await?)?;
    let own = steps.iter().filter(|(number, ..)| *number <= last);
    let own = own.map(|(number, name, sql)| {
        Migration::new(
            *number,
            Cow::Borrowed(*name),
            MigrationType::Simple,
            SqlStr::from_static(sql),
            false,
        )
    });
    let migrator = Migrator {
        migrations: Cow::Owned(own.collect()),
        ignore_missing: is_shared,
        ..Migrator::DEFAULT
    };
    let mut tries = 0;
    while let Err(error) = migrator.run(pool).await {
        let error = Error::from(error);
        tries += 1;
        if tries == TRIES || !error.is_passing() {
            return Err(error);
        }
        tracing::info!(%error, "others are in the way of the tables' new form; it is tried again");
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    // Somebody newer may have come meanwhile.
    check(found(pool, is_shared).await?)
}
