//! Takes everything that a store holds into another one.

use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{AssertSqlSafe, Column, Row, ValueRef};

use super::{Store, Turn};
use crate::Error;
use crate::text::storable;

/// What is moved, each after what it belongs to. Sessions are not: people log in again.
const TABLES: [&str; 17] = [
    "environment",
    "cases",
    "alert",
    "entity",
    "run",
    "enrichment",
    "insight",
    "report",
    "wall",
    "attachment",
    "context_property",
    "instance",
    "person",
    "api_token",
    "playbook",
    "playbook_run",
    "pending_action",
];
/// The last of them, which nothing belongs to.
const AUDIT: &str = "audit";
/// Rows that are in memory at once.
const AT_ONCE: i64 = 500;

/// A value on its way.
enum Cell {
    Number(Option<i64>),
    Text(Option<String>),
}

impl Store {
    /// Takes everything into `to`, which is on a server and must be new. All or nothing; gives the rows of each table.
    ///
    /// # Errors
    /// [`Error::Conflict`] where there is something already.
    pub async fn copy_into(&self, to: &Self) -> Result<Vec<(&'static str, u64)>, Error> {
        // So that what is old lies by month there, too.
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT min(at) FROM (SELECT min(at) AS at FROM audit UNION ALL SELECT min(at) FROM wall UNION ALL SELECT min(at) FROM enrichment)",
        )
        .fetch_one(&self.pool)
        .await?;
        let newest_run: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM run")
            .fetch_one(&self.pool)
            .await?;
        to.make_partitions(
            oldest.unwrap_or_else(|| to.now()),
            0..=newest_run.unwrap_or_default(),
        )
        .await?;
        let mut transaction = to.begin(Turn::House).await?;
        for table in ["cases", "person"] {
            let sql = format!("SELECT count(*) FROM {table}");
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_one(&mut *transaction)
                .await?;
            if rows > 0 {
                return Err(Error::Conflict(format!(
                    "there is a workdesk in the database already ({rows} rows in {table}); nothing was changed"
                )));
            }
        }
        // A server that has been started once has made its own.
        sqlx::query("DELETE FROM playbook")
            .execute(&mut *transaction)
            .await?;
        let mut moved = Vec::new();
        for table in TABLES.into_iter().chain([AUDIT]) {
            let (mut rows, mut after) = (0, 0);
            loop {
                // SQLite numbers the rows of every table itself.
                let sql = format!(
                    "SELECT rowid AS place_of_row, * FROM {table} WHERE rowid > $1 ORDER BY rowid LIMIT $2"
                );
                let page = sqlx::query(AssertSqlSafe(sql))
                    .bind(after)
                    .bind(AT_ONCE)
                    .fetch_all(&self.pool)
                    .await?;
                let Some(last) = page.last() else { break };
                after = last.try_get::<i64, _>(0)?;
                for row in &page {
                    insert(&mut transaction, table, row).await?;
                    rows += 1;
                }
            }
            moved.push((table, rows));
        }
        for table in TABLES.into_iter().chain([AUDIT]) {
            // What is added from now on comes behind what there is.
            let sql = format!(
                "SELECT CAST(setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table})) AS TEXT) \
                 WHERE EXISTS (SELECT 1 FROM {table})"
            );
            if has_number(table) {
                sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
            }
        }
        // Nobody is taking a step: the workdesk has ended.
        sqlx::query("UPDATE run SET state = CASE WHEN step = 0 THEN 'queued' ELSE 'waiting' END, worker = NULL WHERE state = 'running'")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(moved)
    }
}

/// Whether rows are numbered by the database.
fn has_number(table: &str) -> bool {
    !["environment", "report", "context_property", "instance"].contains(&table)
}

async fn insert(
    transaction: &mut sqlx::Transaction<'static, sqlx::Any>,
    table: &str,
    row: &AnyRow,
) -> Result<(), Error> {
    let columns = row.columns().iter().skip(1);
    let mut names = Vec::new();
    let mut cells = Vec::new();
    for column in columns {
        let place = column.ordinal();
        let value = row.try_get_raw(place)?;
        // An empty cell is left out: it is empty there too.
        if value.is_null() {
            continue;
        }
        cells.push(match value.type_info().kind() {
            AnyTypeInfoKind::Text => Cell::Text(row.try_get(place)?),
            _ => Cell::Number(row.try_get(place)?),
        });
        names.push(column.name());
    }
    let places: Vec<String> = (1..=names.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        names.join(", "),
        places.join(", ")
    );
    let query = cells
        .into_iter()
        .fold(sqlx::query(AssertSqlSafe(sql)), |query, cell| match cell {
            Cell::Number(number) => query.bind(number),
            Cell::Text(text) => query.bind(text.map(|text| storable(&text))),
        });
    query.execute(&mut **transaction).await?;
    Ok(())
}
