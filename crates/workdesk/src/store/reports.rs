//! Reports, as their source sent them: the JSON result of a run, entity by entity.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::entities::Origin;
use super::{Store, time, to_json};
use crate::Error;
use crate::text::storable;

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
        let rows = sqlx::query(
            "SELECT * FROM report WHERE entity_id = $1 AND run_id = (SELECT max(newer.run_id) FROM report AS newer \
             WHERE newer.entity_id = $1 AND newer.action = report.action) ORDER BY run_id DESC",
        )
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

    /// The JSON result of a run, in the form of the platform: a list of `{"EntityResult": …, "Entity": …}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the run.
    pub async fn json_result(&self, run: i64) -> Result<String, Error> {
        self.run(run).await?;
        let rows = sqlx::query(
            "SELECT identifier, body FROM report JOIN entity ON entity.id = entity_id WHERE run_id = $1 ORDER BY entity_id",
        )
        .bind(run)
        .fetch_all(&self.pool)
        .await?;
        let mut text = "[".to_owned();
        for (place, row) in rows.iter().enumerate() {
            let name = to_json(&row.try_get::<String, _>("identifier")?)?;
            let comma = if place == 0 { "" } else { "," };
            text.push_str(&format!("{comma}{{\"EntityResult\":"));
            text.push_str(&row.try_get::<String, _>("body")?);
            text.push_str(&format!(",\"Entity\":{name}}}"));
        }
        text.push(']');
        Ok(text)
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
            "INSERT INTO report (run_id, entity_id, action, at, body) \
             SELECT $4, id, $3, $5, $6 FROM entity WHERE case_id = $1 AND identifier = $2 \
             ON CONFLICT (run_id, entity_id) DO NOTHING",
        )
        .bind(origin.case)
        .bind(storable(identifier))
        .bind(action)
        .bind(run)
        .bind(origin.now)
        .bind(body.get())
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}
