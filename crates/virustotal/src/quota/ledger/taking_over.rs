//! What one ledger has counted, counted on by another: for who moves from a file to a server.

use std::path::Path;

use jiff::Timestamp;

use super::super::shares::Shares;
use super::super::{Limits, Window};
use super::{
    KeyId, Ledger, PERIODS, Stored, count_all, count_for, limits_in, period, shares_of, used_in, write_key,
};
use crate::clock::millis;
use crate::store::{Connection, values};

impl Ledger {
    /// Takes over what the ledger in `file` has counted of the hour, the day and the month that are not over, added to what is counted here; gives
    /// the calls of this day. The file is left as it is; without one there is nothing to take over.
    ///
    /// # Errors
    /// The file can't be read, or this ledger does not answer.
    pub async fn take_over(&self, file: &Path) -> std::io::Result<u64> {
        if !file.exists() {
            return Ok(0);
        }
        let now = self.clock.now();
        let counted = counted_in(file, now).map_err(|error| std::io::Error::other(error.to_string()))?;
        let (day, mut today) = (period(Window::Day, now), 0);
        for known in counted {
            let of_day = known.used.iter().filter(|(period, _)| *period == day);
            today += of_day.map(|(_, calls)| u64::from(*calls)).sum::<u64>();
            let written = self
                .store
                .run(known.key.turn(), move |connection| known.write(connection));
            written
                .await
                .ok_or_else(|| std::io::Error::other("the ledger does not answer"))?;
        }
        Ok(today)
    }
}

/// What a ledger knows of a key, for another one.
struct Counted {
    key: KeyId,
    label: String,
    limits: Limits,
    used_at: i64,
    /// Periods that are not over, with their calls.
    used: Vec<(String, u32)>,
    /// Of these, whose they were: period, environment, calls.
    used_by: Vec<(String, String, u32)>,
    shares: Shares,
    /// Calls of the last hour: by whom, when taken, when ended, whether answered.
    calls: Vec<(String, i64, i64, bool)>,
}

fn counted_in(file: &Path, now: Timestamp) -> Stored<Vec<Counted>> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = rusqlite::Connection::open_with_flags(file, flags)?;
    let connection = Connection::File(&connection);
    // A file that no process of this version has opened yet knows no environments.
    let tables: Option<i64> = connection.value(
        "SELECT count(*) FROM sqlite_master WHERE name IN ('used_by', 'share')",
        &[],
    )?;
    let knows_environments = tables == Some(2);
    let mut counted = Vec::new();
    for row in connection.rows(
        "SELECT id, label, per_minute, per_hour, per_day, per_month, used_at FROM key",
        &[],
    )? {
        let key = KeyId(row.get(0)?);
        let mut used = Vec::new();
        for window in PERIODS {
            let period = period(window, now);
            let calls = used_in(&connection, &key, &period)?;
            used.push((period, calls));
        }
        used.retain(|(_, calls)| *calls > 0);
        let (mut used_by, mut shares) = (Vec::new(), Shares::default());
        if knows_environments {
            for (period, _) in &used {
                let of_period = super::used_by(&connection, &key, period)?;
                used_by.extend(
                    of_period
                        .into_iter()
                        .map(|(name, calls)| (period.clone(), name, calls)),
                );
            }
            shares = shares_of(&connection, &key)?;
        }
        let calls = connection.rows(
            "SELECT run, taken_at, ends_at, answered FROM call WHERE key = ?1 AND ends_at > ?2",
            values![&key.0, millis(now).saturating_sub(3_600_000)],
        )?;
        let calls = calls
            .iter()
            .map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        counted.push(Counted {
            label: row.get(1)?,
            limits: limits_in(&row, 2)?,
            used_at: row.get(6)?,
            used,
            used_by,
            shares,
            calls: calls.collect::<Stored<_>>()?,
            key,
        });
    }
    Ok(counted)
}

impl Counted {
    fn write(&self, connection: &Connection<'_>) -> Stored<()> {
        let of_this_ledger = connection.row("SELECT id FROM key WHERE id = ?1", values![&self.key.0])?;
        if of_this_ledger.is_none() {
            write_key(connection, &self.key, &self.label, &self.limits, self.used_at)?;
        }
        for (period, calls) in &self.used {
            count_all(connection, &self.key, period, i64::from(*calls))?;
        }
        for (period, environment, calls) in &self.used_by {
            count_for(connection, &self.key, environment, period, i64::from(*calls))?;
        }
        for (environment, percent) in self.shares.iter() {
            connection.execute(
                "INSERT INTO share (key, environment, percent) VALUES (?1, ?2, ?3) ON CONFLICT (key, environment) DO NOTHING",
                values![&self.key.0, environment, percent],
            )?;
        }
        for (run, taken_at, ends_at, answered) in &self.calls {
            connection.execute(
                "INSERT INTO call (key, run, taken_at, ends_at, answered) VALUES (?1, ?2, ?3, ?4, ?5)",
                values![&self.key.0, run, *taken_at, *ends_at, *answered],
            )?;
        }
        Ok(())
    }
}
