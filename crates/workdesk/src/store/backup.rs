//! Copies of a store in a file: made while it is used, and looked at before one takes its place.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection};

use super::instances::place;
use super::{Store, for_owner_only, steps};
use crate::{Error, Sealer};

/// What a copy holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// How far its tables are; the next start brings them to this version's form.
    pub step: i64,
    /// Cases.
    pub cases: i64,
    /// Runs.
    pub runs: i64,
    /// People.
    pub people: i64,
    /// Runs that had not ended.
    pub unfinished: Vec<i64>,
    /// Names and sealed settings of the instances.
    sealed: Vec<(String, String)>,
}

impl Backup {
    /// Instances whose settings that key does not open; all of them for no key.
    #[must_use]
    pub fn not_opened_by(&self, sealer: Option<&Sealer>) -> Vec<String> {
        let opens =
            |name: &str, sealed: &str| sealer.is_some_and(|sealer| sealer.open(&place(name), sealed).is_ok());
        let closed = self.sealed.iter().filter(|(name, sealed)| !opens(name, sealed));
        closed.map(|(name, _)| name.clone()).collect()
    }
}

/// Writes what the file holds at this moment into a new file, which only its owner can read. Others may go on writing into the first one meanwhile.
///
/// # Errors
/// [`Error::Database`] where there is no such file, or `to` is there already and not empty; [`Error::Damaged`] for what is no store.
pub async fn back_up(from: &Path, to: &Path) -> Result<(), Error> {
    let mut connection = open(from).await?;
    step_of(&mut connection).await?;
    let name = to.to_str().ok_or_else(|| {
        Error::Invalid(format!(
            "the name of the file {} has characters that are no text",
            to.display()
        ))
    })?;
    sqlx::query("VACUUM INTO $1")
        .bind(name)
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    for_owner_only(to);
    Ok(())
}

/// Works what was written last into the file itself, so that it is whole without the files beside it. Nobody else may use it.
///
/// # Errors
/// [`Error::Database`]: it is as it was.
pub async fn fold(file: &Path) -> Result<(), Error> {
    let mut connection = open(file).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_all(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

/// Looks through a copy: whether it is whole, and what is in it.
///
/// # Errors
/// [`Error::Damaged`] where it is not a store or not whole; [`Error::TooNew`] where a later version has written it.
pub async fn check_backup(file: &Path) -> Result<Backup, Error> {
    let unreadable = |error: Error| match error {
        Error::Database(error) => Error::Damaged(error.to_string()),
        other => other,
    };
    look_through(file).await.map_err(unreadable)
}

async fn look_through(file: &Path) -> Result<Backup, Error> {
    let mut connection = open(file).await?;
    let step = step_of(&mut connection).await?;
    let borne = Store::STEP;
    if step > borne {
        return Err(Error::TooNew { found: step, borne });
    }
    let problems: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)")
        .fetch_all(&mut connection)
        .await?;
    if problems != ["ok"] {
        return Err(Error::Damaged(problems.join("; ")));
    }
    let strays = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(&mut connection)
        .await?;
    if let Some(stray) = strays.first() {
        let table: String = stray.try_get(0)?;
        return Err(Error::Damaged(format!(
            "{} rows belong to something that is not there, the first in {table}",
            strays.len()
        )));
    }
    let mut backup = Backup {
        step,
        ..Backup::default()
    };
    for (sql, number) in [
        ("SELECT count(*) FROM cases", &mut backup.cases),
        ("SELECT count(*) FROM run", &mut backup.runs),
        ("SELECT count(*) FROM person", &mut backup.people),
    ] {
        *number = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    }
    backup.unfinished = sqlx::query_scalar("SELECT id FROM run WHERE ended_at IS NULL ORDER BY id")
        .fetch_all(&mut connection)
        .await?;
    for row in sqlx::query("SELECT name, sealed FROM instance ORDER BY name")
        .fetch_all(&mut connection)
        .await?
    {
        backup.sealed.push((row.try_get(0)?, row.try_get(1)?));
    }
    connection.close().await?;
    Ok(backup)
}

async fn open(file: &Path) -> Result<SqliteConnection, Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(std::time::Duration::from_secs(10));
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// How far the tables are.
async fn step_of(connection: &mut SqliteConnection) -> Result<i64, Error> {
    let step = sqlx::query_scalar(steps::NEWEST).fetch_one(connection).await;
    let step: Option<i64> =
        step.map_err(|error| Error::Damaged(format!("it is no store of a workdesk ({error})")))?;
    step.ok_or_else(|| Error::Damaged("it is no store of a workdesk".to_owned()))
}

impl Store {
    /// Instances whose settings can't be opened: they were sealed with another key.
    ///
    /// # Errors
    /// The database's.
    pub async fn sealed_otherwise(&self) -> Result<Vec<String>, Error> {
        let rows = sqlx::query("SELECT name, sealed FROM instance ORDER BY name")
            .fetch_all(&self.pool)
            .await?;
        let mut known = Backup::default();
        for row in &rows {
            known.sealed.push((row.try_get(0)?, row.try_get(1)?));
        }
        Ok(known.not_opened_by(Some(&self.sealer)))
    }
}
