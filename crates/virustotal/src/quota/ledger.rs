//! The quota ledger: which slots are taken, for every process that shares a key.
//!
//! A slot is written down before its call is sent. A process that dies in between has spent it: the ledger may count
//! a call that VirusTotal never saw, never the reverse.
//!
//! Whoever finds no slot stands in line, seen by all processes; who goes first is said in [`shares`](super::shares). One that stops asking
//! (it died) is forgotten after [`ALIVE`].

mod look;
mod taking_over;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Notify as Bell;

use super::shares::{Entrant, Environments, Served, ShareError, Shares, share};
use super::usage::{Use, WindowUse, date, start_of_next};
use super::{Limits, Priority, Window};
use crate::clock::{from_millis, later, millis, until};
use crate::store::{self, Connection, Schema, Site, Store, values};
use crate::{ApiKey, Clock, Database, Deadline, Error, Notify, Trouble};
use look::Look;

const SCHEMA: Schema = Schema {
    name: "quota ledger",
    version: 2,
    durable: true,
    is_for_one_run: false,
    log_pages: 128,
    without: "other runs with this key do not see its calls",
    create: "
        CREATE TABLE IF NOT EXISTS key (
            id TEXT PRIMARY KEY, label TEXT NOT NULL,
            per_minute INTEGER, per_hour INTEGER, per_day INTEGER, per_month INTEGER,
            refusals INTEGER NOT NULL DEFAULT 0, refused_at INTEGER, closed_until INTEGER, used_at INTEGER NOT NULL
        ) STRICT;
        -- Calls of the last hour. ends_at: when it was answered, or the latest moment at which it can be.
        CREATE TABLE IF NOT EXISTS call (
            id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, run TEXT NOT NULL,
            taken_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, answered INTEGER NOT NULL DEFAULT 0,
            environment TEXT NOT NULL DEFAULT ''
        ) STRICT;
        CREATE INDEX IF NOT EXISTS call_by_key ON call (key, ends_at);
        CREATE INDEX IF NOT EXISTS call_without_answer ON call (key, ends_at) WHERE answered = 0;
        -- period: a UTC date or month.
        CREATE TABLE IF NOT EXISTS used (
            key TEXT NOT NULL, period TEXT NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (key, period)
        ) STRICT;
        CREATE TABLE IF NOT EXISTS waiting (
            run TEXT NOT NULL, key TEXT NOT NULL, priority INTEGER NOT NULL, wants INTEGER NOT NULL,
            since INTEGER NOT NULL, alive_until INTEGER NOT NULL, environment TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (run, key)
        ) STRICT;
        -- Of `used`, what each environment has used.
        CREATE TABLE IF NOT EXISTS used_by (
            key TEXT NOT NULL, period TEXT NOT NULL, environment TEXT NOT NULL, calls INTEGER NOT NULL,
            PRIMARY KEY (key, period, environment)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS share (
            key TEXT NOT NULL, environment TEXT NOT NULL, percent INTEGER NOT NULL, PRIMARY KEY (key, environment)
        ) STRICT, WITHOUT ROWID;
    ",
    steps: &[(2, OWNERS)],
    namespace: "vtsecops_quota",
    create_on_server: "
        CREATE TABLE key (
            id TEXT PRIMARY KEY, label TEXT NOT NULL,
            per_minute BIGINT, per_hour BIGINT, per_day BIGINT, per_month BIGINT,
            refusals BIGINT NOT NULL DEFAULT 0, refused_at BIGINT, closed_until BIGINT, used_at BIGINT NOT NULL
        );
        CREATE TABLE call (
            id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key TEXT NOT NULL, run TEXT NOT NULL,
            taken_at BIGINT NOT NULL, ends_at BIGINT NOT NULL, answered BIGINT NOT NULL DEFAULT 0,
            environment TEXT NOT NULL DEFAULT ''
        );
        CREATE INDEX call_by_key ON call (key, ends_at);
        CREATE INDEX call_by_run ON call (key, run);
        CREATE INDEX call_without_answer ON call (key, ends_at) WHERE answered = 0;
        CREATE TABLE used (
            key TEXT NOT NULL, period TEXT NOT NULL, calls BIGINT NOT NULL, PRIMARY KEY (key, period)
        );
        CREATE TABLE waiting (
            run TEXT NOT NULL, key TEXT NOT NULL, priority BIGINT NOT NULL, wants BIGINT NOT NULL,
            since BIGINT NOT NULL, alive_until BIGINT NOT NULL, environment TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (run, key)
        );
        CREATE TABLE used_by (
            key TEXT NOT NULL, period TEXT NOT NULL, environment TEXT NOT NULL, calls BIGINT NOT NULL,
            PRIMARY KEY (key, period, environment)
        );
        CREATE TABLE share (
            key TEXT NOT NULL, environment TEXT NOT NULL, percent BIGINT NOT NULL, PRIMARY KEY (key, environment)
        );
    ",
};

/// Brings the tables of version 1 to 2: whose call it was.
const OWNERS: &str = "
    ALTER TABLE call ADD COLUMN environment TEXT NOT NULL DEFAULT '';
    ALTER TABLE waiting ADD COLUMN environment TEXT NOT NULL DEFAULT '';
    CREATE TABLE IF NOT EXISTS used_by (
        key TEXT NOT NULL, period TEXT NOT NULL, environment TEXT NOT NULL, calls BIGINT NOT NULL,
        PRIMARY KEY (key, period, environment)
    );
    CREATE TABLE IF NOT EXISTS share (
        key TEXT NOT NULL, environment TEXT NOT NULL, percent BIGINT NOT NULL, PRIMARY KEY (key, environment)
    );
";

/// What a transaction gives.
type Stored<T> = Result<T, store::Error>;

/// How long one who waits is believed to, after it was last heard of.
const ALIVE: Duration = Duration::from_secs(6);
/// How often one who waits looks again: somebody may have answered sooner or gone.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Until another look at a shared ledger that does not answer.
const LEDGER_IS_AWAY: Duration = Duration::from_secs(5);
/// When a slot is free but it is somebody else's turn.
const SOMEBODY_FIRST: Duration = Duration::from_millis(100);
/// What was written down by more than this in the future was written by a clock that has been set back since.
const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(60);
/// A wait worth telling people about.
const LONG_WAIT: Duration = Duration::from_secs(2);
/// After a refusal without a hint: the shortest window is new by then.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);
/// A day that is believed to be used up is tried again this often: somebody else may only have used the minutes.
const AFTER_REPEATED_REFUSAL: Duration = Duration::from_secs(3600);

/// Names a key without being one: a hash of the key and of the address it is used at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// The same for the same key at the same address (scheme, host and port), so that a simulator's calls don't
    /// count as VirusTotal's.
    #[must_use]
    pub fn of(key: &ApiKey, address: &str) -> Self {
        let origin = url::Url::parse(address)
            .map_or_else(|_| address.to_owned(), |url| url.origin().ascii_serialization());
        let mut digest = Sha256::new();
        digest.update(b"vtsecops key\0");
        digest.update(origin.as_bytes());
        digest.update(b"\0");
        digest.update(key.expose().as_bytes());
        let hash = digest.finalize();
        Self(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// 16 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Machines that share a server change what is known of a key one after the other.
    fn turn(&self) -> Option<i64> {
        u64::from_str_radix(&self.0, 16).ok().map(u64::cast_signed)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the ledger knows of one key.
#[derive(Clone, Debug)]
pub struct KeyUse {
    /// The key.
    pub id: KeyId,
    /// What its owner calls it.
    pub label: String,
    /// Each window, shortest first.
    pub windows: [WindowUse; 4],
    /// Calls of each of the last thirty days (UTC), oldest first.
    pub days: Vec<(Date, u32)>,
    /// When the next call can be made.
    pub next_free: Timestamp,
    /// VirusTotal has refused a call: nothing is sent before this.
    pub closed_until: Option<Timestamp>,
    /// When it was last used.
    pub used_at: Timestamp,
    /// Who waits for a slot, first come first.
    pub waiting: Vec<Waiting>,
    /// What each environment is sure of, and has used today, by name.
    pub environments: Vec<EnvironmentUse>,
}

impl KeyUse {
    /// Whether it is used for environments, or kept for them, at all.
    #[must_use]
    pub fn is_shared_out(&self) -> bool {
        self.environments.iter().any(|own| !own.name.is_empty())
    }
}

/// One environment's part of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentUse {
    /// Its name; empty for calls that were nobody's in particular.
    pub name: String,
    /// Percent of the key's calls that it is sure of.
    pub share: Option<u8>,
    /// Calls of the UTC day.
    pub today: u32,
    /// Calls of the UTC month.
    pub this_month: u32,
}

/// One run that waits for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its place among the others.
    pub priority: Priority,
    /// Whose run it is; empty is nobody's in particular.
    pub environment: String,
    /// Calls it wants to make now.
    pub wants: u32,
    /// Since when.
    pub since: Timestamp,
}

/// Who asks for slots: one run with one key.
pub(crate) struct Turn {
    pub(crate) key: KeyId,
    pub(crate) label: String,
    pub(crate) limits: Limits,
    pub(crate) run: String,
    pub(crate) priority: Priority,
    /// Whose run it is; empty is nobody's in particular.
    pub(crate) environment: String,
    /// Calls of this run that want a slot.
    wants: AtomicU32,
    /// Of these, those that found none at first. They go on one after the other, in the order they came.
    in_line: AtomicU32,
    order: tokio::sync::Mutex<()>,
    /// Stands in the ledger as one who waits.
    is_listed: AtomicBool,
    told: AtomicBool,
}

impl Turn {
    pub(crate) fn new(
        key: KeyId,
        label: String,
        limits: Limits,
        priority: Priority,
        environment: &str,
    ) -> Self {
        Self {
            key,
            label,
            limits,
            run: format!("{:016x}", rand::random::<u64>()),
            priority,
            environment: storable(environment),
            wants: AtomicU32::new(0),
            in_line: AtomicU32::new(0),
            order: tokio::sync::Mutex::default(),
            is_listed: AtomicBool::new(false),
            told: AtomicBool::new(false),
        }
    }

    fn is_private(&self) -> bool {
        self.limits.per_minute.is_none_or(|limit| limit > 4)
    }
}

/// The ledger of every key on this machine.
pub struct Ledger {
    store: Store,
    clock: Clock,
    notify: Notify,
    /// Rings when a call of this process is answered: a slot may come free earlier than planned.
    answered: Bell,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger")
    }
}

enum Taken {
    Slot(i64),
    /// For that long.
    Wait(Duration),
    /// For that long, as nobody can say whether there is one.
    Away(Duration),
}

impl Ledger {
    /// The ledger in a file, or one of this process alone for `None`. A file that can't be used is replaced by the
    /// latter, which `notify` is told.
    #[must_use]
    pub fn open(path: Option<PathBuf>, clock: Clock, notify: Notify) -> Self {
        Self::at(path.into(), clock, notify)
    }

    /// The ledger that many machines share. While the database is away, no call is made.
    #[must_use]
    pub fn shared(database: &Database, clock: Clock, notify: Notify) -> Self {
        Self::at(Site::Server(database.clone()), clock, notify)
    }

    fn at(site: Site, clock: Clock, notify: Notify) -> Self {
        Self {
            store: Store::open(site, SCHEMA, clock.clone(), notify.clone()),
            clock,
            notify,
            answered: Bell::new(),
        }
    }

    /// Whether its file can't be used for the moment, so that calls of other processes are not seen.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.store.is_apart()
    }

    /// What is known of each key, most recently used first.
    pub async fn keys(&self) -> Vec<KeyUse> {
        self.known_keys().await.unwrap_or_default()
    }

    /// The same; `None` where the shared ledger does not answer.
    pub async fn known_keys(&self) -> Option<Vec<KeyUse>> {
        let (clock, clocks_differ_by) = (self.clock.clone(), self.clock.during(CLOCKS_DIFFER_BY));
        self.store
            .run(None, move |connection| {
                keys(connection, connection.now(&clock), clocks_differ_by)
            })
            .await
    }

    /// Keeps `percent` of a key's calls for an environment from now on, or none; gives all shares of that key.
    ///
    /// # Errors
    /// [`ShareError`] for what can't be kept, [`ShareError::Away`] when the ledger does not answer.
    pub async fn keep(
        &self,
        key: &KeyId,
        environment: &str,
        percent: Option<u8>,
    ) -> Result<Shares, ShareError> {
        let (name, environment) = (key.clone(), storable(environment));
        let kept = self.store.run(key.turn(), move |connection| {
            let shares = match shares_of(connection, &name)?.with(&environment, percent) {
                Ok(shares) => shares,
                Err(error) => return Ok(Err(error)),
            };
            let values = values![&name.0, &environment];
            connection.execute("DELETE FROM share WHERE key = ?1 AND environment = ?2", values)?;
            if let Some(percent) = percent {
                let sql = "INSERT INTO share (key, environment, percent) VALUES (?1, ?2, ?3)";
                connection.execute(sql, values![&name.0, &environment, percent])?;
            }
            Ok(Ok(shares))
        });
        kept.await.unwrap_or(Err(ShareError::Away))
    }

    /// Many calls are to come.
    pub(crate) fn takes_long(&self) {
        self.store.expect_company();
    }

    /// How many of `calls` find a slot within `time` if nobody else asks; `None` is as long as `patience` lasts for each.
    pub(crate) async fn fitting(
        &self,
        turn: &Turn,
        calls: u32,
        time: Option<Duration>,
        patience: Duration,
    ) -> u32 {
        let (time, patience) = match time {
            Some(time) => (Some(self.clock.during(time)), Duration::MAX),
            None => (None, patience),
        };
        let (key, limits, clock) = (turn.key.clone(), turn.limits, self.clock.clone());
        let environment = turn.environment.clone();
        let found = self.store.run(None, move |connection| {
            let now = connection.now(&clock);
            let end = time.map_or(Timestamp::MAX, |time| later(now, time));
            let known = load(connection, &key, now, limits.longest_slide())?;
            let shares = shares_of(connection, &key)?;
            let limits = limits_of(connection, &key, &shares, &environment, &limits, now)?;
            Ok(known.fitting(&limits, end, patience, calls))
        });
        found.await.unwrap_or(calls)
    }

    /// Waits for a slot; `longest` bounds the call itself, `patience` the wait where there is no deadline.
    ///
    /// # Errors
    /// [`Error::Quota`] as soon as it is known that no slot comes in time; [`Error::Transient`] where the shared ledger does not answer in
    /// time; [`Error::Stopped`] when cancelled.
    pub(crate) async fn take(
        self: &Arc<Self>,
        turn: &Turn,
        longest: Duration,
        deadline: &Deadline,
        patience: Duration,
    ) -> Result<Slot, Error> {
        let _wish = Wish::new(self, turn);
        let mut taken = match turn.in_line.load(Ordering::SeqCst) {
            0 => Some(self.try_to_take(turn, longest).await),
            _ => None,
        };
        if let Some(Taken::Slot(id)) = taken {
            return Ok(self.slot(turn, id));
        }
        let _place = Place::new(&turn.in_line);
        let _order = deadline.run(turn.order.lock()).await.map_err(lost_to_quota)?;
        let begun = self.clock.now();
        loop {
            // One that is away has been waited for already.
            let known = taken.take().filter(|taken| matches!(taken, Taken::Away(_)));
            let found = match known {
                Some(away) => away,
                None => self.try_to_take(turn, longest).await,
            };
            let (wait, is_away) = match found {
                Taken::Slot(id) => return Ok(self.slot(turn, id)),
                Taken::Wait(wait) => (wait, false),
                Taken::Away(wait) => (wait, true),
            };
            let now = self.clock.now();
            let time = deadline.left_for_quota().map_or_else(
                || patience.saturating_sub(until(now, begun)),
                |left| self.clock.during(left),
            );
            if wait >= time && is_away {
                return Err(Error::Transient {
                    trouble: Trouble::NotCounted,
                    attempts: 0,
                });
            }
            if wait >= time {
                return Err(Error::Quota {
                    retry_after: Some(wait),
                });
            }
            if wait > LONG_WAIT && !is_away && !turn.told.swap(true, Ordering::Relaxed) {
                self.notify.hint(&waiting_words(turn, wait));
            }
            let nap = self.clock.real(wait.clamp(SOMEBODY_FIRST, LOOK_AGAIN));
            let answered = self.answered.notified();
            deadline
                .run(async {
                    tokio::select! {
                        () = tokio::time::sleep(nap) => {}
                        () = answered => {}
                    }
                })
                .await
                .map_err(lost_to_quota)?;
        }
    }

    async fn try_to_take(&self, turn: &Turn, longest: Duration) -> Taken {
        let clock = self.clock.clone();
        let asking = Asking {
            key: turn.key.clone(),
            label: turn.label.clone(),
            limits: turn.limits,
            run: turn.run.clone(),
            priority: turn.priority,
            environment: turn.environment.clone(),
            wants: turn.wants.load(Ordering::SeqCst),
            now: clock.now(),
            longest: clock.during(longest),
            alive_for: clock.during(Duration::from_secs(1)).max(ALIVE),
            clocks_differ_by: clock.during(CLOCKS_DIFFER_BY),
        };
        let taken = self.store.run(turn.key.turn(), move |connection| {
            // The time at which it is this job's turn: the store may have been busy.
            let asking = Asking {
                now: connection.now(&clock),
                ..asking.clone()
            };
            asking.take(connection)
        });
        let taken = taken.await;
        if let Some(Taken::Wait(_)) = taken {
            turn.is_listed.store(true, Ordering::SeqCst);
        }
        taken.unwrap_or(match self.store.is_shared() {
            // Others may be using the quota up, unseen.
            true => Taken::Away(self.clock.during(LEDGER_IS_AWAY)),
            // Without a ledger VirusTotal's own refusals are what is left.
            false => Taken::Slot(0),
        })
    }

    fn slot(self: &Arc<Self>, turn: &Turn, id: i64) -> Slot {
        Slot {
            ledger: Arc::clone(self),
            key: turn.key.clone(),
            run: turn.run.clone(),
            id,
            end: Some(End::Unknown),
        }
    }
}

/// A name as every store takes it.
fn storable(name: &str) -> String {
    const LONGEST_NAME: usize = 200;
    name.trim()
        .chars()
        .filter(|char| *char != '\0')
        .take(LONGEST_NAME)
        .collect()
}

fn lost_to_quota(stop: crate::Stop) -> Error {
    match stop {
        crate::Stop::Deadline => Error::Quota { retry_after: None },
        crate::Stop::Cancelled => stop.into(),
    }
}

fn waiting_words(turn: &Turn, wait: Duration) -> String {
    let advice = match turn.is_private() {
        true => "",
        false => " Is it a private key? Then say so: vtsecops config set tier private",
    };
    let mut limits = String::new();
    for window in Window::ALL {
        if let Some(limit) = turn.limits.of_window(window) {
            let start = if limits.is_empty() { " (" } else { ", " };
            limits.push_str(&format!("{start}{limit} a {}", window.name()));
        }
    }
    if !limits.is_empty() {
        limits.push(')');
    }
    format!(
        "Waiting for the key's quota of calls{limits}: the next one goes in {}.{advice}",
        in_words(wait)
    )
}

/// A wait for people: `43 s`, `12 min`, `3 h 20 min`.
#[must_use]
pub fn in_words(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60, seconds) {
        (0, 0..=1, seconds) => format!("{seconds} s"),
        (0, minutes, _) => format!("{minutes} min"),
        (hours, minutes, _) => format!("{hours} h {} min", minutes % 60),
    }
}

/// A call that wants a slot, for as long as it does.
struct Wish<'a> {
    ledger: &'a Ledger,
    turn: &'a Turn,
}

impl<'a> Wish<'a> {
    fn new(ledger: &'a Ledger, turn: &'a Turn) -> Self {
        turn.wants.fetch_add(1, Ordering::SeqCst);
        Self { ledger, turn }
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        let was_the_last = self.turn.wants.fetch_sub(1, Ordering::SeqCst) == 1;
        // Nobody is to wait for a run that wants nothing any more.
        if was_the_last && self.turn.is_listed.swap(false, Ordering::SeqCst) {
            let (run, key) = (self.turn.run.clone(), self.turn.key.clone());
            self.ledger.store.post(key.turn(), move |connection| {
                let sql = "DELETE FROM waiting WHERE run = ?1 AND key = ?2";
                connection.execute(sql, values![&run, &key.0]).map(drop)
            });
        }
    }
}

struct Place<'a>(&'a AtomicU32);

impl<'a> Place<'a> {
    fn new(counter: &'a AtomicU32) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The right to make one call. Dropped without a word, the call counts as made.
pub(crate) struct Slot {
    ledger: Arc<Ledger>,
    key: KeyId,
    run: String,
    id: i64,
    end: Option<End>,
}

/// How a call ended, for the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// VirusTotal let it pass.
    Answered,
    /// It may have arrived.
    Unknown,
    /// It has surely not arrived.
    NotSent,
    /// VirusTotal refused it, perhaps with a hint.
    Refused(Option<Duration>),
}

impl Slot {
    pub(crate) fn end(mut self, end: End) {
        self.end = Some(end);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(end) = self.end.take() else { return };
        let (id, key, run) = (self.id, self.key.clone(), self.run.clone());
        // When it was answered, not when that is written down.
        let (clock, ended_at) = (self.ledger.clock.clone(), self.ledger.clock.now());
        self.ledger.store.post(key.turn(), move |connection| {
            let since = until(clock.now(), ended_at);
            let now = connection.now(&clock);
            let ended_at = now.saturating_sub(SignedDuration::try_from(since).unwrap_or_default());
            finish(connection, &key, (id, &run), end, ended_at.unwrap_or(now))
        });
        self.ledger.answered.notify_waiters();
    }
}

fn period(window: Window, at: Timestamp) -> String {
    let date = date(at);
    match window {
        Window::Month => format!("{:04}-{:02}", date.year(), date.month()),
        _ => date.to_string(),
    }
}

const PERIODS: [Window; 2] = [Window::Day, Window::Month];

/// Puts right what nobody is there to put right.
fn settle(
    connection: &Connection<'_>,
    key: &KeyId,
    now: Timestamp,
    clocks_differ_by: Duration,
) -> Stored<()> {
    let future = millis(later(now, clocks_differ_by));
    // Made in the future: by a clock that has been set back since.
    connection.execute(
        "UPDATE call SET taken_at = ?2, ends_at = ?2, answered = 1 WHERE key = ?1 AND ends_at > ?3 AND taken_at > ?3",
        values![&key.0, millis(now), future],
    )?;
    connection.execute(
        "UPDATE call SET ends_at = ?2 WHERE key = ?1 AND answered = 1 AND ends_at > ?3",
        values![&key.0, millis(now), future],
    )?;
    // Whoever made it did not live to write down that it was answered. It may have arrived on either side of midnight.
    let overdue = connection.rows(
        "SELECT id, taken_at, ends_at, environment FROM call WHERE key = ?1 AND answered = 0 AND ends_at <= ?2",
        values![&key.0, millis(now)],
    )?;
    for row in overdue {
        let (id, taken_at, ends_at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let environment: String = row.get(3)?;
        // Somebody who only looks may be settling it too.
        let sql = "UPDATE call SET answered = 1 WHERE id = ?1 AND answered = 0";
        if connection.execute(sql, values![id])? == 0 {
            continue;
        }
        for window in PERIODS {
            let ended = period(window, from_millis(ends_at));
            if period(window, from_millis(taken_at)) != ended {
                count(connection, key, &environment, &ended, 1)?;
            }
        }
    }
    Ok(())
}

/// What is known of a key's use; `span` is how far back a call may count.
fn load(connection: &Connection<'_>, key: &KeyId, now: Timestamp, span: Duration) -> Stored<Use> {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let hour = millis(now).saturating_sub(span);
    let mut answered = Vec::new();
    let (mut in_flight, mut overdue) = (0, [0_u32; 2]);
    let today = date(now);
    let calls = connection.rows(
        "SELECT taken_at, ends_at, answered FROM call WHERE key = ?1 AND ends_at > ?2",
        values![&key.0, hour],
    )?;
    for row in calls {
        let (taken_at, ends_at, is_answered): (i64, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // A call whose time is over has been answered to somebody who did not live to write it down.
        if is_answered || ends_at <= millis(now) {
            answered.push(from_millis(ends_at));
            continue;
        }
        in_flight += 1;
        // It may arrive today.
        let taken = date(from_millis(taken_at));
        let arrives_later = [taken != today, taken.first_of_month() != today.first_of_month()];
        for (count, arrives_later) in overdue.iter_mut().zip(arrives_later) {
            *count += u32::from(arrives_later);
        }
    }
    let mut used = [0_u32; 2];
    for (count, window) in used.iter_mut().zip(PERIODS) {
        *count = used_in(connection, key, &period(window, now))?;
    }
    let closed_until: Option<i64> = connection
        .value(
            "SELECT closed_until FROM key WHERE id = ?1 AND refused_at < ?2 + 60000",
            values![&key.0, millis(now)],
        )?
        .flatten();
    let [day, month] = [0, 1].map(|index: usize| {
        let count = |list: &[u32; 2]| list.get(index).copied().unwrap_or(0);
        count(&used).saturating_add(count(&overdue))
    });
    let closed_until = closed_until.map(from_millis);
    Ok(Use::new(now, answered, in_flight, day, month, closed_until))
}

fn used_in(connection: &Connection<'_>, key: &KeyId, period: &str) -> Stored<u32> {
    let sql = "SELECT calls FROM used WHERE key = ?1 AND period = ?2";
    Ok(connection.value(sql, values![&key.0, period])?.unwrap_or(0))
}

/// One request for a slot.
#[derive(Clone)]
struct Asking {
    key: KeyId,
    label: String,
    limits: Limits,
    run: String,
    priority: Priority,
    environment: String,
    wants: u32,
    now: Timestamp,
    /// How long the call can take.
    longest: Duration,
    /// How long the run is believed to wait.
    alive_for: Duration,
    clocks_differ_by: Duration,
}

impl Asking {
    fn take(&self, connection: &Connection<'_>) -> Stored<Taken> {
        let look = self.look(connection)?;
        let shares = match look.is_shared_out {
            true => shares_of(connection, &self.key)?,
            false => Shares::default(),
        };
        let limits = limits_of(
            connection,
            &self.key,
            &shares,
            &self.environment,
            &self.limits,
            self.now,
        )?;
        let slots = look.free(&limits).unwrap_or(u32::MAX);
        let is_free = slots > 0;
        if is_free
            && (!look.others_wait || self.is_first(self.others(connection)?, shares, slots, connection)?)
        {
            if look.day == 0 {
                // Who used what is counted for this month only.
                let sql = "DELETE FROM used_by WHERE key = ?1 AND period < ?2";
                connection.execute(sql, values![&self.key.0, &period(Window::Month, self.now)])?;
            }
            return self.write_down(connection, look.is_listed).map(Taken::Slot);
        }
        connection.execute(
            "INSERT INTO waiting (run, key, priority, wants, since, alive_until, environment)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (run, key) DO UPDATE SET wants = ?4, alive_until = ?6,
             since = CASE WHEN waiting.since < ?5 THEN waiting.since ELSE ?5 END",
            values![
                &self.run,
                &self.key.0,
                self.priority.rank(),
                self.wants,
                millis(self.now),
                millis(later(self.now, self.alive_for)),
                &self.environment
            ],
        )?;
        Ok(Taken::Wait(match is_free {
            true => Duration::ZERO,
            false => {
                let known = load(connection, &self.key, self.now, self.limits.longest_slide())?;
                until(known.next_free(&limits), self.now)
            }
        }))
    }

    /// How the key stands, after what was not put right or forgotten has been.
    fn look(&self, connection: &Connection<'_>) -> Stored<Look> {
        let look = Look::at(connection, self)?;
        if !look.is_introduced {
            // Its limits are for `vtsecops quota`.
            write_key(connection, &self.key, &self.label, &self.limits, millis(self.now))?;
        }
        if look.is_littered {
            self.tidy(connection)?;
        }
        if !look.is_unsettled {
            return Ok(look);
        }
        settle(connection, &self.key, self.now, self.clocks_differ_by)?;
        Look::at(connection, self)
    }

    /// Old calls go, and those who have not been heard of.
    fn tidy(&self, connection: &Connection<'_>) -> Stored<()> {
        connection.execute(
            "DELETE FROM call WHERE key = ?1 AND ends_at < ?2",
            values![&self.key.0, millis(self.now).saturating_sub(3_600_000)],
        )?;
        connection.execute(
            "DELETE FROM waiting WHERE key = ?1 AND alive_until < ?2",
            values![&self.key.0, millis(self.now)],
        )?;
        Ok(())
    }

    /// The other runs that wait.
    fn others(&self, connection: &Connection<'_>) -> Stored<Vec<Entrant>> {
        // Who waits since a time that is yet to come was written down by a clock that has been set back since.
        let rows = connection.rows(
            "SELECT run, priority, wants, since, environment FROM waiting
             WHERE key = ?1 AND run <> ?2 AND alive_until > ?3 AND since < ?3 + 60000",
            values![&self.key.0, &self.run, millis(self.now)],
        )?;
        let entrant = |row: &store::Row| {
            Ok(Entrant {
                run: row.get(0)?,
                priority: row.get(1)?,
                wants: row.get(2)?,
                since: row.get(3)?,
                environment: row.get(4)?,
                served: Served::default(),
            })
        };
        rows.iter().map(entrant).collect()
    }

    fn is_first(
        &self,
        mut entrants: Vec<Entrant>,
        shares: Shares,
        slots: u32,
        connection: &Connection<'_>,
    ) -> Stored<bool> {
        let since: Option<i64> = connection.value(
            "SELECT since FROM waiting WHERE key = ?1 AND run = ?2",
            values![&self.key.0, &self.run],
        )?;
        entrants.push(Entrant {
            run: self.run.clone(),
            environment: self.environment.clone(),
            priority: self.priority.rank(),
            wants: self.wants,
            since: since.unwrap_or(millis(self.now)),
            served: Served::default(),
        });
        let minute_ago = millis(self.now).saturating_sub(60_000);
        for entrant in &mut entrants {
            let served = connection.row(
                "SELECT count(*) FILTER (WHERE taken_at > ?3), max(taken_at) FROM call WHERE key = ?1 AND run = ?2",
                values![&self.key.0, &entrant.run, minute_ago],
            )?;
            if let Some(served) = served {
                entrant.served = read_served(&served, 0)?;
            }
        }
        let mut environments = Environments {
            shares,
            per_minute: self.limits.per_minute,
            ..Environments::default()
        };
        let served = connection.rows(
            "SELECT environment, count(*), max(taken_at) FROM call
             WHERE key = ?1 AND ends_at > ?2 AND taken_at > ?2 GROUP BY environment",
            values![&self.key.0, minute_ago],
        )?;
        for row in &served {
            environments.served.insert(row.get(0)?, read_served(row, 1)?);
        }
        Ok(share(entrants, environments, slots, millis(self.now)).contains(&self.run))
    }

    fn write_down(&self, connection: &Connection<'_>, is_listed: bool) -> Stored<i64> {
        let id = connection.value(
            "INSERT INTO call (key, run, taken_at, ends_at, environment) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
            values![
                &self.key.0,
                &self.run,
                millis(self.now),
                millis(later(self.now, self.longest)),
                &self.environment
            ],
        )?;
        let [day, month] = PERIODS.map(|window| period(window, self.now));
        connection.execute(
            "INSERT INTO used (key, period, calls) VALUES (?1, ?2, 1), (?1, ?3, 1)
             ON CONFLICT (key, period) DO UPDATE SET calls = used.calls + 1",
            values![&self.key.0, &day, &month],
        )?;
        connection.execute(
            "INSERT INTO used_by (key, period, environment, calls) VALUES (?1, ?2, ?4, 1), (?1, ?3, ?4, 1)
             ON CONFLICT (key, period, environment) DO UPDATE SET calls = used_by.calls + 1",
            values![&self.key.0, &day, &month, &self.environment],
        )?;
        if !is_listed {
            return Ok(id.unwrap_or(0));
        }
        connection.execute(
            "UPDATE waiting SET wants = CASE WHEN wants > 0 THEN wants - 1 ELSE 0 END, alive_until = ?3 WHERE run = ?1 AND key = ?2",
            values![
                &self.run,
                &self.key.0,
                millis(later(self.now, self.alive_for))
            ],
        )?;
        Ok(id.unwrap_or(0))
    }
}

/// A key, with what it may do and when it was used last.
fn write_key(
    connection: &Connection<'_>,
    key: &KeyId,
    label: &str,
    limits: &Limits,
    used_at: i64,
) -> Stored<()> {
    let Limits {
        per_minute,
        per_hour,
        per_day,
        per_month,
    } = *limits;
    connection
        .execute(
            "INSERT INTO key (id, label, per_minute, per_hour, per_day, per_month, used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET label = ?2, per_minute = ?3, per_hour = ?4, per_day = ?5, per_month = ?6, used_at = ?7",
            values![&key.0, label, per_minute, per_hour, per_day, per_month, used_at],
        )
        .map(drop)
}

/// What a key may do, from four columns.
fn limits_in(row: &store::Row, first: usize) -> Stored<Limits> {
    Ok(Limits {
        per_minute: row.get(first)?,
        per_hour: row.get(first + 1)?,
        per_day: row.get(first + 2)?,
        per_month: row.get(first + 3)?,
    })
}

/// How many there were, and when the last one was, from two columns.
fn read_served(row: &store::Row, first: usize) -> Stored<Served> {
    Ok(Served {
        slots: row.get(first)?,
        last: row.get(first + 1)?,
    })
}

/// What is kept of a key, and for whom.
fn shares_of(connection: &Connection<'_>, key: &KeyId) -> Stored<Shares> {
    let rows = connection.rows(
        "SELECT environment, percent FROM share WHERE key = ?1",
        values![&key.0],
    )?;
    let shares: Stored<Vec<(String, u8)>> = rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect();
    Ok(Shares::of(shares?))
}

/// What is left of the limits for one environment, whose shares others have.
fn limits_of(
    connection: &Connection<'_>,
    key: &KeyId,
    shares: &Shares,
    environment: &str,
    limits: &Limits,
    now: Timestamp,
) -> Stored<Limits> {
    if shares.is_empty() {
        return Ok(*limits);
    }
    let mut used = BTreeMap::new();
    for window in PERIODS {
        for (name, calls) in used_by(connection, key, &period(window, now))? {
            used.insert((window, name), calls);
        }
    }
    Ok(shares.limits(environment, limits, |window, name| {
        used.get(&(window, name.to_owned())).copied().unwrap_or(0)
    }))
}

/// Calls of each environment in a period.
fn used_by(connection: &Connection<'_>, key: &KeyId, period: &str) -> Stored<Vec<(String, u32)>> {
    let rows = connection.rows(
        "SELECT environment, calls FROM used_by WHERE key = ?1 AND period = ?2",
        values![&key.0, period],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Counts calls in a period: all of the key's, and of these one environment's.
fn count(connection: &Connection<'_>, key: &KeyId, environment: &str, period: &str, by: i64) -> Stored<()> {
    count_all(connection, key, period, by)?;
    count_for(connection, key, environment, period, by)
}

fn count_all(connection: &Connection<'_>, key: &KeyId, period: &str, by: i64) -> Stored<()> {
    connection
        .execute(
            "INSERT INTO used (key, period, calls) VALUES (?1, ?2, CASE WHEN ?3 > 0 THEN ?3 ELSE 0 END)
             ON CONFLICT (key, period) DO UPDATE SET calls = CASE WHEN used.calls + ?3 > 0 THEN used.calls + ?3 ELSE 0 END",
            values![&key.0, period, by],
        )
        .map(drop)
}

fn count_for(
    connection: &Connection<'_>,
    key: &KeyId,
    environment: &str,
    period: &str,
    by: i64,
) -> Stored<()> {
    connection
        .execute(
            "INSERT INTO used_by (key, period, environment, calls) VALUES (?1, ?2, ?4, CASE WHEN ?3 > 0 THEN ?3 ELSE 0 END)
             ON CONFLICT (key, period, environment)
             DO UPDATE SET calls = CASE WHEN used_by.calls + ?3 > 0 THEN used_by.calls + ?3 ELSE 0 END",
            values![&key.0, period, by, environment],
        )
        .map(drop)
}

fn finish(
    connection: &Connection<'_>,
    key: &KeyId,
    (id, run): (i64, &str),
    end: End,
    now: Timestamp,
) -> Stored<()> {
    let is_made = matches!(end, End::Answered | End::Unknown);
    // One that is not known is of a ledger before this one.
    let call = match is_made {
        true => connection.row(
            "UPDATE call SET ends_at = ?4, answered = 1 WHERE id = ?1 AND key = ?2 AND run = ?3
             RETURNING taken_at, environment, EXISTS (SELECT 1 FROM key WHERE id = ?2 AND (refusals > 0 OR closed_until > 0))",
            values![id, &key.0, run, millis(now)],
        ),
        false => connection.row(
            "DELETE FROM call WHERE id = ?1 AND key = ?2 AND run = ?3 RETURNING taken_at, environment, 0 > 1",
            values![id, &key.0, run],
        ),
    };
    let Some(call) = call? else { return Ok(()) };
    let (taken_at, environment, was_refused): (i64, String, bool) =
        (call.get(0)?, call.get(1)?, call.get(2)?);
    for window in PERIODS {
        let (taken, ended) = (period(window, from_millis(taken_at)), period(window, now));
        match is_made {
            false => count(connection, key, &environment, &taken, -1)?,
            // It may have arrived on either side of midnight.
            true if taken != ended => count(connection, key, &environment, &ended, 1)?,
            true => {}
        }
    }
    match end {
        End::Refused(hint) => close(connection, key, taken_at, hint, now),
        End::Answered if was_refused => connection
            .execute(
                "UPDATE key SET refusals = 0, closed_until = NULL WHERE id = ?1 AND (refused_at IS NULL OR refused_at < ?2)",
                values![&key.0, taken_at],
            )
            .map(drop),
        End::Answered | End::NotSent | End::Unknown => Ok(()),
    }
}

/// VirusTotal knows of calls that the ledger does not: those of somebody who does not share it. Nothing is sent until a window is new.
///
/// Which window is used up is not said: first the minute is taken to be, then the day.
fn close(
    connection: &Connection<'_>,
    key: &KeyId,
    taken_at: i64,
    hint: Option<Duration>,
    now: Timestamp,
) -> Stored<()> {
    let known = connection.row(
        "SELECT refusals, refused_at FROM key WHERE id = ?1",
        values![&key.0],
    )?;
    // A ledger begun anew does not know it.
    let Some(known) = known else { return Ok(()) };
    let (refusals, refused_at): (u32, Option<i64>) = (known.get(0)?, known.get(1)?);
    // Calls that were under way together are refused together.
    let anew = refused_at.is_none_or(|refused_at| refused_at < taken_at);
    let refusals = refusals + u32::from(anew);
    let closed_until = match hint {
        Some(hint) => later(now, hint),
        None if refusals <= 1 => later(now, AFTER_REFUSAL),
        None => later(now, AFTER_REPEATED_REFUSAL).min(start_of_next(Window::Day, now)),
    };
    connection
        .execute(
            "UPDATE key SET refusals = ?2, refused_at = ?3,
             closed_until = CASE WHEN coalesce(closed_until, 0) > ?4 THEN closed_until ELSE ?4 END WHERE id = ?1",
            values![&key.0, refusals, millis(now), millis(closed_until)],
        )
        .map(drop)
}

fn keys(connection: &Connection<'_>, now: Timestamp, clocks_differ_by: Duration) -> Stored<Vec<KeyUse>> {
    let mut found = Vec::new();
    let keys = connection.rows(
        "SELECT id, label, per_minute, per_hour, per_day, per_month, used_at FROM key ORDER BY used_at DESC",
        &[],
    )?;
    for row in keys {
        let id = KeyId(row.get(0)?);
        let limits = limits_in(&row, 2)?;
        settle(connection, &id, now, clocks_differ_by)?;
        let known = load(connection, &id, now, Duration::from_secs(3600))?;
        found.push(KeyUse {
            label: row.get(1)?,
            windows: known.windows(&limits),
            days: days(connection, &id, now)?,
            next_free: known.next_free(&limits),
            closed_until: known.closed_until(),
            used_at: from_millis(row.get(6)?),
            waiting: waiting(connection, &id, now)?,
            environments: environments(connection, &id, now)?,
            id,
        });
    }
    Ok(found)
}

/// The last thirty days; those without a call have none.
fn days(connection: &Connection<'_>, key: &KeyId, now: Timestamp) -> Stored<Vec<(Date, u32)>> {
    const DAYS: i64 = 30;
    let today = date(now);
    (0..DAYS)
        .rev()
        .map(|ago| {
            // Before the first date there is, which no clock shows, it is the same one again.
            let day = today.saturating_sub(ago.days());
            Ok((day, used_in(connection, key, &day.to_string())?))
        })
        .collect()
}

fn environments(connection: &Connection<'_>, key: &KeyId, now: Timestamp) -> Stored<Vec<EnvironmentUse>> {
    let mut found: BTreeMap<String, EnvironmentUse> = BTreeMap::new();
    for (name, calls) in used_by(connection, key, &period(Window::Day, now))? {
        found.entry(name).or_default().today = calls;
    }
    for (name, calls) in used_by(connection, key, &period(Window::Month, now))? {
        found.entry(name).or_default().this_month = calls;
    }
    for (name, percent) in shares_of(connection, key)?.iter() {
        found.entry(name.to_owned()).or_default().share = Some(percent);
    }
    let named = found.into_iter();
    Ok(named.map(|(name, own)| EnvironmentUse { name, ..own }).collect())
}

fn waiting(connection: &Connection<'_>, key: &KeyId, now: Timestamp) -> Stored<Vec<Waiting>> {
    let rows = connection.rows(
        "SELECT priority, wants, since, environment FROM waiting WHERE key = ?1 AND alive_until > ?2 AND wants > 0 ORDER BY priority, since",
        values![&key.0, millis(now)],
    )?;
    let read = |row: &store::Row| {
        let rank: u8 = row.get(0)?;
        Ok(Waiting {
            priority: Priority::ALL.get(usize::from(rank)).copied().unwrap_or_default(),
            wants: row.get(1)?,
            since: from_millis(row.get(2)?),
            environment: row.get(3)?,
        })
    };
    rows.iter().map(read).collect()
}
