//! Partitions of what grows with the years, on a server: made ahead, dropped by whole.
//!
//! The audit log, case walls and the history of fields lie by month, reports by ranges of their runs' numbers. What has no partition of its own goes
//! into `<table>_other`, so that nothing is ever lost.

use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::{AnyPool, AssertSqlSafe, Executor, Row};

use super::{Store, timestamp};
use crate::Error;

/// Months after this one that have partitions already.
const MONTHS_AHEAD: i32 = 2;
/// Runs whose reports lie together: about a gigabyte, at ten entities a run. The step that has made the table knows it too.
const RUNS: i64 = 20_000;
/// Ranges of runs after the newest run's that have partitions already.
const RANGES_AHEAD: i64 = 2;

/// A table that lies in partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    Audit,
    Wall,
    Enrichment,
    Report,
}

impl History {
    pub(super) const ALL: [Self; 4] = [Self::Audit, Self::Wall, Self::Enrichment, Self::Report];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Wall => "wall",
            Self::Enrichment => "enrichment",
            Self::Report => "report",
        }
    }

    /// What decides in which partition a row lies.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Report => "run_id",
            _ => "at",
        }
    }
}

/// A partition, with its rows' least key and the first one beyond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) name: String,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Partition {
    /// As the server tells its bounds: `FOR VALUES FROM ('1') TO ('2')`. `None` for the one of all the rest.
    fn read(name: String, bounds: &str) -> Option<Self> {
        let (from, to) = bounds
            .strip_prefix("FOR VALUES FROM (")?
            .strip_suffix(')')?
            .split_once(") TO (")?;
        let number = |text: &str| match text {
            "MINVALUE" => Some(i64::MIN),
            "MAXVALUE" => Some(i64::MAX),
            text => text.trim_matches('\'').parse().ok(),
        };
        Some(Self {
            name,
            from: number(from)?,
            to: number(to)?,
        })
    }

    fn month(of: History, first: Date) -> Result<Self, Error> {
        let start = |date: Date| {
            let start = TimeZone::UTC.to_timestamp(date.into());
            let start = start.map_err(|error| Error::Invalid(error.to_string()))?;
            Ok::<_, Error>(start.as_millisecond())
        };
        Ok(Self {
            name: format!("{}_{:04}_{:02}", of.name(), first.year(), first.month()),
            from: start(first)?,
            to: start(first.saturating_add(1.month()))?,
        })
    }

    fn runs(from: i64) -> Self {
        Self {
            name: format!("{}_{from}", History::Report.name()),
            from,
            to: from + RUNS,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// Those of the months from `first` to `last`, both in milliseconds since 1970.
fn months(of: History, first: i64, last: i64) -> Result<Vec<Partition>, Error> {
    let month_of =
        |at: i64| Ok::<_, Error>(TimeZone::UTC.to_datetime(timestamp(at)?).date().first_of_month());
    let (mut month, last) = (month_of(first)?, month_of(last)?);
    let mut wanted = Vec::new();
    while month <= last {
        wanted.push(Partition::month(of, month)?);
        month = month.saturating_add(1.month());
    }
    Ok(wanted)
}

fn ranges(first_run: i64, last_run: i64) -> Vec<Partition> {
    let range = |run: i64| run.div_euclid(RUNS);
    (range(first_run)..=range(last_run))
        .map(|place| Partition::runs(place * RUNS))
        .collect()
}

/// The partitions that there are, but for those of the rest.
pub(super) async fn present(pool: &AnyPool, of: History) -> Result<Vec<Partition>, Error> {
    let rows = sqlx::query(
        "SELECT CAST(child.relname AS TEXT) AS name, pg_get_expr(child.relpartbound, child.oid) AS bounds FROM pg_inherits \
         JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = CAST($1 AS regclass) ORDER BY child.relname",
    )
    .bind(of.name())
    .fetch_all(pool)
    .await?;
    let mut known = Vec::new();
    for row in &rows {
        known.extend(Partition::read(
            row.try_get("name")?,
            &row.try_get::<String, _>("bounds")?,
        ));
    }
    Ok(known)
}

impl Store {
    /// Makes the partitions that will be needed soon. What does not work now is tried again at the next pass: rows have a place all the same.
    pub(super) async fn make_partitions_ahead(&self) {
        let made = async {
            let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM run")
                .fetch_one(&self.pool)
                .await?;
            let newest = newest.unwrap_or_default();
            self.make_partitions(self.now(), newest..=newest).await
        };
        if let Err(error) = made.await {
            tracing::warn!(%error, "partitions can't be made ahead; what comes goes into the tables of the rest until they are");
        }
    }

    /// Makes those that are missing for rows from the time `since` on, and for the reports of these runs and of those after them.
    pub(super) async fn make_partitions(&self, since: i64, runs: RangeInclusive<i64>) -> Result<(), Error> {
        let now = timestamp(self.now())?;
        let until = TimeZone::UTC
            .to_datetime(now)
            .saturating_add(MONTHS_AHEAD.months());
        let until = TimeZone::UTC.to_timestamp(until);
        let until = until.map_err(|error| Error::Invalid(error.to_string()))?;
        let until = until.as_millisecond();
        for of in History::ALL {
            let wanted = match of {
                History::Report => ranges(*runs.start(), *runs.end() + RANGES_AHEAD * RUNS),
                _ => months(of, since.min(self.now()), until)?,
            };
            let known = present(&self.pool, of).await?;
            for partition in wanted {
                if !known.iter().any(|other| other.overlaps(&partition)) {
                    make(&self.pool, of, &partition).await?;
                }
            }
        }
        Ok(())
    }
}

/// Makes one, with the rows that have come before it. Only who writes into the table at that moment waits.
async fn make(pool: &AnyPool, of: History, partition: &Partition) -> Result<(), Error> {
    let Partition { name, from, to } = partition;
    let (table, key) = (of.name(), of.key());
    let mut sql = "SET LOCAL lock_timeout = '2s';".to_owned();
    // Nobody adds to the rest meanwhile, or makes the same one.
    let _ = write!(sql, "LOCK TABLE ONLY {table} IN SHARE ROW EXCLUSIVE MODE;");
    let _ = write!(
        sql,
        "CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES);"
    );
    let _ = write!(
        sql,
        "WITH moved AS (DELETE FROM {table}_other WHERE {key} >= {from} AND {key} < {to} RETURNING *) INSERT INTO {name} SELECT * FROM moved;"
    );
    let _ = write!(
        sql,
        "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to});"
    );
    let mut transaction = pool.begin().await?;
    let made = (&mut *transaction).execute(AssertSqlSafe(sql)).await;
    match made {
        Ok(_) => Ok(transaction.commit().await?),
        Err(error) => {
            transaction.rollback().await?;
            // Another process has made it.
            match present(pool, of).await?.iter().any(|other| other.name == *name) {
                true => Ok(()),
                false => Err(error.into()),
            }
        }
    }
}

/// Drops one with all that is in it.
pub(super) async fn drop_whole(pool: &AnyPool, partition: &Partition) -> Result<(), Error> {
    let sql = format!("SET LOCAL lock_timeout = '2s'; DROP TABLE {partition}");
    let mut transaction = pool.begin().await?;
    (&mut *transaction).execute(AssertSqlSafe(sql)).await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{History, Partition, RUNS, months, ranges};

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn months_follow_each_other_without_a_gap_over_the_end_of_a_year() {
        let made = months(
            History::Wall,
            at("2026-11-30T23:59:59Z"),
            at("2027-02-01T00:00:00Z"),
        );
        let made = made.unwrap();
        let names: Vec<&str> = made.iter().map(|month| month.name.as_str()).collect();
        assert_eq!(
            names,
            ["wall_2026_11", "wall_2026_12", "wall_2027_01", "wall_2027_02"]
        );
        for pair in made.windows(2) {
            assert_eq!(pair[0].to, pair[1].from);
        }
        assert_eq!(made[0].from, at("2026-11-01T00:00:00Z"));
        assert_eq!(made[3].to, at("2027-03-01T00:00:00Z"));
    }

    #[test]
    fn ranges_hold_every_run_from_the_first_to_the_last() {
        let made = ranges(RUNS - 1, 2 * RUNS);
        let bounds: Vec<(i64, i64)> = made.iter().map(|range| (range.from, range.to)).collect();
        assert_eq!(bounds, [(0, RUNS), (RUNS, 2 * RUNS), (2 * RUNS, 3 * RUNS)]);
    }

    #[test]
    fn bounds_are_read_as_the_server_tells_them() {
        let read = |bounds: &str| Partition::read("p".to_owned(), bounds).map(|read| (read.from, read.to));
        assert_eq!(read("FOR VALUES FROM ('1') TO ('20')"), Some((1, 20)));
        assert_eq!(read("FOR VALUES FROM (MINVALUE) TO ('20')"), Some((i64::MIN, 20)));
        assert_eq!(read("DEFAULT"), None);
    }
}
