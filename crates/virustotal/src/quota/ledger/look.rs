//! One look at a key: all that must be known of it before a call, in one statement. Where many machines share a server, a question to it is what costs time,
//! and every call of a key waits for its turn.

use jiff::Timestamp;
use jiff::civil::Date;

use super::super::usage::date;
use super::super::{Limits, Window};
use super::{Asking, Stored, period};
use crate::clock::{later, millis};
use crate::store::{Connection, values};

/// Calls and waiting runs are forgotten a little later than they could be, many together.
const LITTER_LIES_FOR: i64 = 60_000;
/// When a key was last used is written down no finer than this, in milliseconds.
const USE_GRAIN: i64 = 1_000;

/// What there is to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Calls that count in each window.
    minute: u32,
    hour: u32,
    pub(super) day: u32,
    month: u32,
    /// VirusTotal has refused a call a moment ago.
    is_closed: bool,
    /// Another run waits for a slot.
    pub(super) others_wait: bool,
    /// This run does.
    pub(super) is_listed: bool,
    /// Something of the key is kept for somebody.
    pub(super) is_shared_out: bool,
    /// The key is written down as it is now.
    pub(super) is_introduced: bool,
    /// Somebody has not lived to write down how a call ended, or a clock was set back.
    pub(super) is_unsettled: bool,
    /// Old calls and runs are to be forgotten.
    pub(super) is_littered: bool,
}

const SQL: &str = "
    SELECT recent.minute, recent.hour,
        coalesce((SELECT calls FROM used WHERE key = ?1 AND period = ?5), 0) + open.before_today,
        coalesce((SELECT calls FROM used WHERE key = ?1 AND period = ?6), 0) + open.before_this_month,
        EXISTS (SELECT 1 FROM key WHERE id = ?1 AND refused_at < ?2 + 60000 AND closed_until > ?2),
        EXISTS (SELECT 1 FROM waiting WHERE key = ?1 AND run <> ?9 AND alive_until > ?2 AND since < ?2 + 60000),
        EXISTS (SELECT 1 FROM waiting WHERE key = ?1 AND run = ?9),
        EXISTS (SELECT 1 FROM share WHERE key = ?1),
        EXISTS (SELECT 1 FROM key WHERE id = ?1 AND label = ?10 AND used_at > ?2 - ?17 AND used_at <= ?2
            AND coalesce(per_minute, -1) = coalesce(?11, -1) AND coalesce(per_hour, -1) = coalesce(?12, -1)
            AND coalesce(per_day, -1) = coalesce(?13, -1) AND coalesce(per_month, -1) = coalesce(?14, -1)),
        open.overdue > 0 OR EXISTS (SELECT 1 FROM call WHERE key = ?1 AND ends_at > ?15 AND (answered = 1 OR taken_at > ?15)),
        EXISTS (SELECT 1 FROM call WHERE key = ?1 AND ends_at < ?16) OR EXISTS (SELECT 1 FROM waiting WHERE key = ?1 AND alive_until < ?2 - ?18)
    FROM
        (SELECT count(*) FILTER (WHERE ends_at > ?3) AS minute, count(*) AS hour FROM call WHERE key = ?1 AND ends_at > ?4) AS recent,
        -- Those that were let go on another day may arrive today.
        (SELECT count(*) FILTER (WHERE ends_at <= ?2) AS overdue,
            count(*) FILTER (WHERE ends_at > ?2 AND (taken_at < ?7 OR taken_at >= ?7 + 86400000)) AS before_today,
            count(*) FILTER (WHERE ends_at > ?2 AND (taken_at < ?8 OR taken_at >= ?19)) AS before_this_month
            FROM call WHERE key = ?1 AND answered = 0) AS open";

impl Look {
    pub(super) fn at(connection: &Connection<'_>, asking: &Asking) -> Stored<Self> {
        let Limits {
            per_minute,
            per_hour,
            per_day,
            per_month,
        } = asking.limits;
        let now = millis(asking.now);
        let span = i64::try_from(asking.limits.longest_slide().as_millis()).unwrap_or(i64::MAX);
        let today = date(asking.now);
        let row = connection.row(
            SQL,
            values![
                &asking.key.0,
                now,
                now.saturating_sub(60_000),
                now.saturating_sub(span),
                &period(Window::Day, asking.now),
                &period(Window::Month, asking.now),
                start_of(today),
                start_of(today.first_of_month()),
                &asking.run,
                &asking.label,
                per_minute,
                per_hour,
                per_day,
                per_month,
                millis(later(asking.now, asking.clocks_differ_by)),
                now.saturating_sub(3_600_000 + LITTER_LIES_FOR),
                USE_GRAIN,
                LITTER_LIES_FOR,
                start_of(today.last_of_month()) + 86_400_000,
            ],
        )?;
        let row = row.ok_or(crate::store::Error::Shape(0))?;
        Ok(Self {
            minute: row.get(0)?,
            hour: row.get(1)?,
            day: row.get(2)?,
            month: row.get(3)?,
            is_closed: row.get(4)?,
            others_wait: row.get(5)?,
            is_listed: row.get(6)?,
            is_shared_out: row.get(7)?,
            is_introduced: row.get(8)?,
            is_unsettled: row.get(9)?,
            is_littered: row.get(10)?,
        })
    }

    /// Calls that may be made now; `None` is any number.
    pub(super) fn free(&self, limits: &Limits) -> Option<u32> {
        if self.is_closed {
            return Some(0);
        }
        let used = |window| match window {
            Window::Minute => self.minute,
            Window::Hour => self.hour,
            Window::Day => self.day,
            Window::Month => self.month,
        };
        let left = |window| Some(limits.of_window(window)?.saturating_sub(used(window)));
        Window::ALL.into_iter().filter_map(left).min()
    }
}

/// 00:00 UTC of that day, in milliseconds since 1970.
fn start_of(day: Date) -> i64 {
    use jiff::tz::TimeZone;
    let start: Result<Timestamp, _> = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    start.map_or(0, millis)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::super::Priority;
    use super::super::{KeyId, SCHEMA, load};
    use super::*;

    const KEY: &str = "00112233aabbccdd";

    fn asking(now: Timestamp, limits: Limits) -> Asking {
        Asking {
            key: KeyId(KEY.to_owned()),
            label: "default".to_owned(),
            limits,
            run: "one".to_owned(),
            priority: Priority::default(),
            environment: String::new(),
            wants: 1,
            now,
            longest: Duration::from_secs(60),
            alive_for: Duration::from_secs(6),
            clocks_differ_by: Duration::from_secs(60),
        }
    }

    /// Seconds from now at which a call was let go and is answered, and whether it was.
    fn calls() -> impl Strategy<Value = Vec<(i64, i64, bool)>> {
        let call = (-90_000..30_i64, 0..4_000_i64, any::<bool>());
        prop::collection::vec(call, 0..40)
    }

    proptest! {
        #[test]
        fn as_many_calls_are_free_as_when_every_call_is_read(
            calls in calls(),
            // Around midnight of the first of a month, and elsewhere.
            now in prop_oneof![1_769_900_000..1_769_910_000_i64, 1_770_000_000..1_770_090_000_i64],
            limits in prop::array::uniform4(prop::option::of(0..60_u32)),
            used in prop::option::of(0..60_i64),
            closed in prop::option::of(-30..30_i64),
        ) {
            let file = rusqlite::Connection::open_in_memory().unwrap();
            file.execute_batch(SCHEMA.create).unwrap();
            let connection = Connection::File(&file);
            let now = Timestamp::from_second(now).unwrap();
            for (taken, took, answered) in calls {
                let taken = millis(now) + taken * 1000;
                let sql = "INSERT INTO call (key, run, taken_at, ends_at, answered) VALUES (?1, 'two', ?2, ?3, ?4)";
                connection.execute(sql, values![KEY, taken, taken + took * 1000, answered]).unwrap();
            }
            if let Some(used) = used {
                for period in [period(Window::Day, now), period(Window::Month, now)] {
                    connection.execute("INSERT INTO used (key, period, calls) VALUES (?1, ?2, ?3)", values![KEY, &period, used]).unwrap();
                }
            }
            if let Some(closed) = closed {
                let sql = "INSERT INTO key (id, label, used_at, refused_at, closed_until) VALUES (?1, '', 1, ?2, ?3)";
                connection.execute(sql, values![KEY, millis(now) - 1000, millis(now) + closed * 1000]).unwrap();
            }
            let [per_minute, per_hour, per_day, per_month] = limits;
            let limits = Limits { per_minute, per_hour, per_day, per_month };
            let asking = asking(now, limits);
            let look = asking.look(&connection).unwrap();
            let known = load(&connection, &asking.key, now, limits.longest_slide()).unwrap();
            prop_assert_eq!(look.free(&limits), known.free(&limits), "{:?}", look);
            prop_assert!(!Look::at(&connection, &asking).unwrap().is_unsettled, "once is enough");
        }
    }
}
