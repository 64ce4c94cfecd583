//! How much there is of everything, for those who watch over it.

use std::time::Duration;

use sqlx::Row;

use super::Store;
use crate::Error;

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Runs by state.
    pub(crate) runs: Vec<(String, i64)>,
    pub(crate) open_cases: i64,
    pub(crate) pending_actions: i64,
    /// For how long the run that is due longest has waited.
    pub(crate) late: Duration,
}

impl Store {
    pub(crate) async fn counts(&self) -> Result<Counts, Error> {
        let rows = sqlx::query("SELECT state, count(*) AS runs FROM run GROUP BY state")
            .fetch_all(&self.pool)
            .await?;
        let mut counts = Counts::default();
        for row in &rows {
            counts.runs.push((row.try_get("state")?, row.try_get("runs")?));
        }
        counts.open_cases = sqlx::query_scalar("SELECT count(*) FROM cases WHERE is_open = 1")
            .fetch_one(&self.pool)
            .await?;
        counts.pending_actions =
            sqlx::query_scalar("SELECT count(*) FROM pending_action WHERE decided_at IS NULL")
                .fetch_one(&self.pool)
                .await?;
        let due: Option<i64> =
            sqlx::query_scalar("SELECT min(due_at) FROM run WHERE state IN ('queued', 'waiting')")
                .fetch_one(&self.pool)
                .await?;
        let late = due.map_or(0, |due| self.now().saturating_sub(due).max(0));
        counts.late = Duration::from_millis(u64::try_from(late).unwrap_or_default());
        Ok(counts)
    }
}
