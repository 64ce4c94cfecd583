//! The newest report of each entity, as its source sent it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::entities::Origin;
use super::{Store, time};
use crate::Error;

/// A report of an entity.
#[derive(Clone, Debug)]
pub struct Report {
    /// The action that fetched it.
    pub action: String,
    /// In which run.
    pub run: i64,
    /// When.
    pub at: Timestamp,
    /// JSON, to the byte.
    pub body: Box<RawValue>,
}

impl Store {
    /// The newest report of each action that has fetched one, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn reports(&self, entity: i64) -> Result<Vec<Report>, Error> {
        let rows = sqlx::query("SELECT * FROM report WHERE entity_id = $1 ORDER BY at DESC, action")
            .bind(entity)
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| {
            let body = RawValue::from_string(row.try_get("body")?);
            Ok(Report {
                action: row.try_get("action")?,
                run: row.try_get("run_id")?,
                at: time(row, "at")?,
                body: body.map_err(|error| Error::Damaged(format!("a report: {error}")))?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// Keeps reports, each for every entity of the case that has that name.
pub(super) async fn insert_reports(
    transaction: &mut Transaction<'static, Any>,
    origin: Origin<'_>,
    run: i64,
    action: &str,
    reports: &[(String, Arc<RawValue>)],
) -> Result<(), Error> {
    for (identifier, body) in reports {
        sqlx::query(
            "INSERT INTO report (entity_id, action, run_id, at, body) \
             SELECT id, $3, $4, $5, $6 FROM entity WHERE case_id = $1 AND identifier = $2 \
             ON CONFLICT (entity_id, action) DO UPDATE SET run_id = excluded.run_id, at = excluded.at, body = excluded.body",
        )
        .bind(origin.case)
        .bind(identifier)
        .bind(action)
        .bind(run)
        .bind(origin.now)
        .bind(body.get())
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}
