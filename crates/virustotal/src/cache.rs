//! The report cache: what VirusTotal has said, kept for every process of the machine.
//!
//! One entry an object: all hashes of a file lead to one. An entry is packed, checked when it is read, and asked anew
//! when it is no longer fresh. Who is about to ask VirusTotal claims the object first, so that two processes that
//! want the same thing at once make one call; a claim whose owner is not heard of any more lapses.

mod freshness;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::Value;

pub use freshness::Freshness;

use crate::clock::{from_millis, later, millis, until};
use crate::quota::Priority;
use crate::report::{FileReport, IpReport, Report, UrlReport};
use crate::store::{Schema, Store};
use crate::stored::{self, FOUND, MISSING, Packed, QUEUED, Stored};
use crate::{Answer, Clock, FileHash, Notify, Tier};

const SCHEMA: Schema = Schema {
    name: "report cache",
    version: 2,
    durable: false,
    log_pages: 256,
    without: "every report is asked for anew",
    create: "
        CREATE TABLE IF NOT EXISTS entry (
            id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, flagged INTEGER NOT NULL,
            asked_at INTEGER NOT NULL, used_at INTEGER NOT NULL, body BLOB NOT NULL
        ) STRICT;
        CREATE INDEX IF NOT EXISTS entry_by_use ON entry (used_at);
        -- Scope, kind and name of an object: all hashes of a file lead to its one entry.
        CREATE TABLE IF NOT EXISTS name (name TEXT PRIMARY KEY, entry INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS name_by_entry ON name (entry);
        CREATE TABLE IF NOT EXISTS claim (
            name TEXT PRIMARY KEY, owner TEXT NOT NULL, priority INTEGER NOT NULL, alive_until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS count (what TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;
    ",
};

/// How long an owner's claim lasts after it was last heard of.
const CLAIM: Duration = Duration::from_secs(10);
/// How often an owner is heard of.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// When an entry was last used is written down no finer than this, so that reading does not mean writing.
const USE_GRAIN: Duration = Duration::from_secs(3600);

/// What kind of object an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A file.
    File,
    /// A URL.
    Url,
    /// A domain.
    Domain,
    /// An IP address.
    Ip,
}

impl Kind {
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Url => "url",
            Self::Domain => "domain",
            Self::Ip => "ip",
        }
    }
}

/// Which kept reports are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Those that are fresh by the rules of the cache.
    Fresh,
    /// Of these, those whose analysis was made at this moment or later.
    ScannedSince(Timestamp),
    /// None: VirusTotal is asked.
    Nothing,
}

/// How large the cache is and what it has saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// Reports.
    pub found: u64,
    /// Objects that VirusTotal did not know.
    pub missing: u64,
    /// Objects whose analysis was under way.
    pub queued: u64,
    /// Bytes of the file that hold entries.
    pub bytes: u64,
    /// Bytes from which the least recently used go.
    pub most_bytes: u64,
    /// Look-ups that were answered from the cache, since it was begun.
    pub hits: u64,
    /// Look-ups that were not.
    pub misses: u64,
    /// When the oldest entry was asked for.
    pub oldest: Option<Timestamp>,
}

/// What has been asked before.
pub struct Cache {
    store: Store,
    clock: Clock,
    freshness: Freshness,
    most_bytes: u64,
}

/// What the cache says to one question.
#[derive(Debug)]
pub(crate) enum Kept {
    /// A fresh answer.
    Answer(Answer),
    /// None; the asker has claimed the object and asks VirusTotal.
    Yours,
    /// None yet; somebody else is asking.
    Elsewhere,
}

/// The objects that one call is about. Dropped, they are free again.
pub(crate) struct Claims<'a> {
    cache: &'a Cache,
    owner: String,
    priority: Priority,
    has_some: bool,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

impl Cache {
    /// The cache in a file, or one of this process alone for `None`.
    #[must_use]
    pub fn open(
        path: Option<PathBuf>,
        freshness: Freshness,
        most_bytes: u64,
        clock: Clock,
        notify: Notify,
    ) -> Self {
        Self {
            store: Store::open(path, SCHEMA, clock.clone(), notify),
            clock,
            freshness,
            most_bytes,
        }
    }

    /// How large it is and what it has saved.
    pub async fn stats(&self) -> CacheStats {
        let most_bytes = self.most_bytes;
        let stats = self
            .store
            .run(move |connection| stats(connection, most_bytes))
            .await;
        stats.unwrap_or_default()
    }

    /// Forgets everything; gives the number of entries that were there.
    pub async fn clear(&self) -> u64 {
        self.store.tidy();
        self.store.run(clear).await.unwrap_or(0)
    }

    /// Many calls are to come.
    pub(crate) fn takes_long(&self) {
        self.store.expect_company();
    }

    /// What is kept about each object; nothing is claimed.
    pub(crate) async fn peek(&self, asking: Asking) -> Vec<Option<Answer>> {
        let (names, now) = (asking.names.len(), self.clock.now());
        let freshness = self.freshness.clone();
        let kept = self.store.run(move |connection| {
            let fresh = |name: &String| asking.fresh(connection, name, &freshness, now);
            let kept: Vec<_> = asking.names.iter().map(fresh).collect::<rusqlite::Result<_>>()?;
            count(connection, "hits", kept.iter().flatten().count())?;
            Ok(kept)
        });
        kept.await.unwrap_or_else(|| (0..names).map(|_| None).collect())
    }

    /// Forgets what is kept about objects that are being analysed anew.
    pub(crate) async fn forget(&self, scope: &Scope, kind: Kind, names: &[String]) {
        let names: Vec<String> = names.iter().map(|name| scope.name(kind, name)).collect();
        let forgotten = self.store.run(move |connection| {
            let mut forget = connection
                .prepare_cached("DELETE FROM entry WHERE id = (SELECT entry FROM name WHERE name = ?1)")?;
            names
                .iter()
                .try_for_each(|name| forget.execute(params![name]).map(drop))
        });
        let _: Option<()> = forgotten.await;
    }

    /// For one call.
    pub(crate) fn claims(&self, priority: Priority) -> Claims<'_> {
        Claims {
            cache: self,
            priority,
            owner: format!("{:016x}", rand::random::<u64>()),
            has_some: false,
        }
    }

    /// Keeps answers. Every process sees them when this returns.
    pub(crate) async fn keep(&self, scope: &Scope, kind: Kind, answers: Vec<(String, Stored)>) {
        let (scope, now, most_bytes) = (scope.clone(), self.clock.now(), self.most_bytes);
        let kept = self.store.run(move |connection| {
            for (name, answer) in &answers {
                Entry::new(&scope, kind, name, answer).write(connection, now)?;
            }
            shrink(connection, most_bytes)
        });
        let _: Option<()> = kept.await;
    }
}

impl Claims<'_> {
    /// What is kept about each object, claiming those that VirusTotal must be asked about.
    ///
    /// The claim of somebody whose turn comes after ours is taken over: we would wait for longer than they.
    pub(crate) async fn look_up(&mut self, asking: Asking) -> Vec<Kept> {
        self.claim(asking, true).await
    }

    /// The same, but nothing is claimed: [`Kept::Yours`] is what nobody is asking about.
    pub(crate) async fn watch(&mut self, asking: Asking) -> Vec<Kept> {
        self.claim(asking, false).await
    }

    async fn claim(&mut self, asking: Asking, for_real: bool) -> Vec<Kept> {
        let (names, now) = (asking.names.len(), self.cache.clock.now());
        let claiming = Claiming {
            asking,
            for_real,
            owner: self.owner.clone(),
            priority: self.priority.rank(),
            freshness: self.cache.freshness.clone(),
            now,
            alive_until: later(now, self.cache.clock.during(CLAIM)),
        };
        let kept = self
            .cache
            .store
            .run(move |connection| claiming.look_up(connection))
            .await;
        let kept = kept.unwrap_or_else(|| (0..names).map(|_| Kept::Yours).collect());
        self.has_some |= for_real && kept.iter().any(|kept| matches!(kept, Kept::Yours));
        kept
    }

    /// Is heard of for as long as `work` takes.
    pub(crate) async fn while_asking<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                output = &mut work => return output,
                () = tokio::time::sleep(HEARTBEAT) => self.renew(),
            }
        }
    }

    /// Lets go of everything: what was asked about in vain is free for others.
    pub(crate) fn release(&mut self) {
        if !std::mem::take(&mut self.has_some) {
            return;
        }
        let owner = self.owner.clone();
        self.cache.store.post(move |connection| {
            connection
                .prepare_cached("DELETE FROM claim WHERE owner = ?1")?
                .execute(params![owner])
                .map(drop)
        });
    }

    fn renew(&self) {
        let owner = self.owner.clone();
        let alive_until = millis(later(self.cache.clock.now(), self.cache.clock.during(CLAIM)));
        self.cache.store.post(move |connection| {
            connection
                .prepare_cached("UPDATE claim SET alive_until = ?2 WHERE owner = ?1")?
                .execute(params![owner, alive_until])
                .map(drop)
        });
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

/// One question to the cache.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) scope: Scope,
    pub(crate) kind: Kind,
    pub(crate) names: Vec<String>,
    pub(crate) accept: Accept,
    /// Overrides the rules by kind and verdict.
    pub(crate) max_age: Option<Duration>,
}

/// One question of somebody who is about to ask VirusTotal.
struct Claiming {
    asking: Asking,
    /// Else it is only looked at.
    for_real: bool,
    owner: String,
    priority: u8,
    freshness: Freshness,
    now: Timestamp,
    alive_until: Timestamp,
}

impl Claiming {
    fn look_up(&self, connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
        let kept: Vec<Kept> = self
            .asking
            .names
            .iter()
            .map(|name| self.look_up_one(connection, name))
            .collect::<rusqlite::Result<_>>()?;
        let hits = kept.iter().filter(|kept| matches!(kept, Kept::Answer(_))).count();
        count(connection, "hits", hits)?;
        if self.for_real {
            let misses = kept.iter().filter(|kept| matches!(kept, Kept::Yours)).count();
            count(connection, "misses", misses)?;
        }
        Ok(kept)
    }

    fn look_up_one(&self, connection: &Connection, name: &str) -> rusqlite::Result<Kept> {
        let asking = &self.asking;
        if let Some(answer) = asking.fresh(connection, name, &self.freshness, self.now)? {
            return Ok(Kept::Answer(answer));
        }
        let name = asking.scope.name(asking.kind, name);
        let owner: Option<String> = connection
            .prepare_cached(
                "SELECT owner FROM claim
                 WHERE name = ?1 AND alive_until > ?2 AND alive_until <= ?3 + 60000 AND priority <= ?4",
            )?
            .query_row(
                // Much later than ours is a claim of a clock that has been set back since.
                params![name, millis(self.now), millis(self.alive_until), self.priority],
                |row| row.get(0),
            )
            .optional()?;
        if owner.is_some_and(|owner| owner != self.owner) {
            return Ok(Kept::Elsewhere);
        }
        if !self.for_real {
            return Ok(Kept::Yours);
        }
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO claim (name, owner, priority, alive_until) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![name, self.owner, self.priority, millis(self.alive_until)])?;
        Ok(Kept::Yours)
    }
}

/// Look-ups are counted, to tell what the cache saves.
fn count(connection: &Connection, what: &str, number: usize) -> rusqlite::Result<()> {
    if number == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO count (what, number) VALUES (?1, ?2) ON CONFLICT (what) DO UPDATE SET number = number + ?2",
        )?
        .execute(params![what, i64::try_from(number).unwrap_or(0)])
        .map(drop)
}

impl Asking {
    fn fresh(
        &self,
        connection: &Connection,
        name: &str,
        freshness: &Freshness,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Answer>> {
        if self.accept == Accept::Nothing {
            return Ok(None);
        }
        let found = connection
            .prepare_cached(
                "SELECT id, state, flagged, asked_at, used_at, body FROM name JOIN entry ON id = entry WHERE name = ?1",
            )?
            .query_row(params![self.scope.name(self.kind, name)], Row::read)
            .optional()?;
        let Some(row) = found else { return Ok(None) };
        let age = until(now, from_millis(row.asked_at));
        let usual = freshness.of(self.kind, &row.state, row.flagged);
        // Whoever takes older reports does not want to hear for longer that there is none.
        let most = match self.max_age {
            Some(max_age) if row.state == FOUND => max_age,
            Some(max_age) => usual.min(max_age),
            None => usual,
        };
        // What was asked in the future was asked by a clock that was wrong.
        if age >= most || row.asked_at > millis(now) {
            return Ok(None);
        }
        let Some(answer) = row.answer() else {
            connection
                .prepare_cached("DELETE FROM entry WHERE id = ?1")?
                .execute(params![row.id])?;
            return Ok(None);
        };
        if !self.accepts(&answer) {
            return Ok(None);
        }
        if until(now, from_millis(row.used_at)) > USE_GRAIN {
            connection
                .prepare_cached("UPDATE entry SET used_at = ?2 WHERE id = ?1")?
                .execute(params![row.id, millis(now)])?;
        }
        Ok(Some(answer))
    }

    fn accepts(&self, answer: &Answer) -> bool {
        match (self.accept, answer) {
            (Accept::ScannedSince(since), Answer::Found(report)) => {
                scanned_at(self.kind, report).is_some_and(|at| at >= since)
            }
            _ => true,
        }
    }
}

/// When the report's analysis was made.
fn scanned_at(kind: Kind, report: &Report) -> Option<Timestamp> {
    let date = match kind {
        Kind::File => FileReport::read(report).scan_date,
        Kind::Url => UrlReport::read(report).scan_date,
        Kind::Domain | Kind::Ip => None,
    };
    TimeZone::UTC.to_timestamp(date?).ok()
}

/// What one machine may share: a server, seen with the rights of a tier.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    hash: u32,
    /// Of whole answers of API v3, which are kept beside the reports.
    holds_bodies: bool,
}

impl Scope {
    pub(crate) fn new(tier: Tier, address: &str) -> Self {
        let tier: &[u8] = match tier {
            Tier::Public => b"public ",
            Tier::Private => b"private ",
        };
        Self {
            hash: crc32fast::hash(&[tier, address.as_bytes()].concat()),
            holds_bodies: false,
        }
    }

    /// For whole answers of API v3, as they came.
    pub(crate) fn of_bodies(tier: Tier, address: &str) -> Self {
        Self {
            holds_bodies: true,
            ..Self::new(tier, &format!("{address} whole"))
        }
    }

    fn name(&self, kind: Kind, name: &str) -> String {
        format!("{:08x}:{}:{name}", self.hash, kind.prefix())
    }
}

struct Row {
    id: i64,
    state: String,
    flagged: bool,
    asked_at: i64,
    used_at: i64,
    body: Vec<u8>,
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            state: row.get(1)?,
            flagged: row.get(2)?,
            asked_at: row.get(3)?,
            used_at: row.get(4)?,
            body: row.get(5)?,
        })
    }

    /// `None` for a damaged one.
    fn answer(&self) -> Option<Answer> {
        stored::answer(&self.state, Packed::open(&self.id.to_string(), &self.body)?)
    }
}

/// One answer on its way into the file.
struct Entry<'a> {
    /// Under which names it is found.
    names: Vec<String>,
    flagged: bool,
    stored: &'a Stored,
}

impl<'a> Entry<'a> {
    fn new(scope: &Scope, kind: Kind, asked: &str, stored: &'a Stored) -> Self {
        let head = match &stored.answer {
            Answer::Found(report) if scope.holds_bodies => Head::of_body(asked, report),
            Answer::Found(report) => Head::read(kind, report),
            Answer::Missing | Answer::Queued { .. } => Head::default(),
        };
        let other_names = head.hashes.iter().filter(|hash| hash.as_str() != asked);
        let mut names: Vec<String> = other_names.map(|hash| scope.name(kind, hash.as_str())).collect();
        names.push(scope.name(kind, asked));
        Self {
            names,
            flagged: head.flagged,
            stored,
        }
    }

    fn write(&self, connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
        let id = self.id(connection)?;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO entry (id, state, flagged, asked_at, used_at, body) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            )?
            .execute(params![
                id,
                self.stored.state(),
                self.flagged,
                millis(now),
                self.stored.packed.sealed(&id.to_string())
            ])?;
        let mut write =
            connection.prepare_cached("INSERT OR REPLACE INTO name (name, entry) VALUES (?1, ?2)")?;
        self.names
            .iter()
            .try_for_each(|name| write.execute(params![name, id]).map(drop))
    }

    /// The entry that the names lead to, or a new one. Names that led to several turn out to be one object's.
    fn id(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let mut find = connection.prepare_cached("SELECT entry FROM name WHERE name = ?1")?;
        let mut known: Option<i64> = None;
        for name in &self.names {
            let found: Option<i64> = find.query_row(params![name], |row| row.get(0)).optional()?;
            match (found, known) {
                (Some(other), Some(known)) if other != known => {
                    connection.execute("DELETE FROM entry WHERE id = ?1", params![other])?;
                    connection.execute(
                        "UPDATE name SET entry = ?2 WHERE entry = ?1",
                        params![other, known],
                    )?;
                }
                (Some(_), Some(_)) | (None, _) => {}
                (Some(found), None) => known = Some(found),
            }
        }
        match known {
            Some(known) => Ok(known),
            // Never one that was used before: a name may still lead to it.
            None => connection
                .prepare_cached("SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'entry'")?
                .query_row([], |row| row.get(0)),
        }
    }
}

/// What the cache must know of a report.
#[derive(Default)]
struct Head {
    /// Of a file.
    hashes: Vec<FileHash>,
    /// Whether some engine flags it. Domains have no engines.
    flagged: bool,
}

/// The fields of it, read without building the rest.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    sha256: Value,
    sha1: Value,
    md5: Value,
    positives: Value,
}

/// The fields of a whole answer of API v3.
#[derive(Default, Deserialize)]
#[serde(default)]
struct WireBody {
    data: WireObject,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireObject {
    id: Value,
    attributes: WireAttributes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireAttributes {
    sha256: Value,
    sha1: Value,
    md5: Value,
    last_analysis_stats: WireStats,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireStats {
    malicious: Value,
}

impl Head {
    /// Of a whole answer. Of a page, or an object with more than itself, no other name is known.
    fn of_body(asked: &str, report: &Report) -> Self {
        if asked.contains(['/', '?']) {
            return Self::default();
        }
        let WireObject { id, attributes } = report.read::<WireBody>().data;
        // The id of a URL is a hash, too.
        let hashes = [&id, &attributes.sha256, &attributes.sha1, &attributes.md5];
        let hashes = hashes
            .into_iter()
            .filter_map(|hash| FileHash::parse(hash.as_str()?).ok());
        Self {
            hashes: hashes.collect(),
            flagged: attributes
                .last_analysis_stats
                .malicious
                .as_u64()
                .is_some_and(|malicious| malicious > 0),
        }
    }

    fn read(kind: Kind, report: &Report) -> Self {
        let wire: Wire = match kind {
            Kind::File | Kind::Url => report.read(),
            Kind::Ip | Kind::Domain => Wire::default(),
        };
        let positives = match (kind, wire.positives.as_u64()) {
            (Kind::File | Kind::Url, Some(positives)) => Some(positives),
            (Kind::File, None) => FileReport::read(report).positives,
            (Kind::Url, None) => UrlReport::read(report).positives,
            (Kind::Ip, _) => Some(IpReport::read(report).positives()),
            (Kind::Domain, _) => None,
        };
        let hashes = [&wire.sha256, &wire.sha1, &wire.md5]
            .into_iter()
            .filter(|_| kind == Kind::File);
        let hashes = hashes.filter_map(|hash| FileHash::parse(hash.as_str()?).ok());
        Self {
            hashes: hashes.collect(),
            flagged: positives.is_some_and(|positives| positives > 0),
        }
    }
}

fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let bytes: i64 = connection
        .prepare_cached(
            "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// Lets the least recently used go, a tenth at a time, until there is room.
fn shrink(connection: &Connection, most_bytes: u64) -> rusqlite::Result<()> {
    while used_bytes(connection)? > most_bytes {
        let entries: i64 = connection.query_row("SELECT count(*) FROM entry", [], |row| row.get(0))?;
        if entries == 0 {
            break;
        }
        connection.execute(
            "DELETE FROM entry WHERE id IN (SELECT id FROM entry ORDER BY used_at, id LIMIT ?1)",
            params![entries / 10 + 1],
        )?;
        connection.execute("DELETE FROM name WHERE entry NOT IN (SELECT id FROM entry)", [])?;
    }
    Ok(())
}

fn clear(connection: &Connection) -> rusqlite::Result<u64> {
    let entries = connection.execute("DELETE FROM entry", [])?;
    for table in ["name", "count"] {
        connection.execute(&format!("DELETE FROM {table}"), [])?;
    }
    // The room goes back to the disk, a page a step.
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut steps = vacuum.raw_query();
    while steps.next()?.is_some() {}
    Ok(u64::try_from(entries).unwrap_or(0))
}

fn stats(connection: &Connection, most_bytes: u64) -> rusqlite::Result<CacheStats> {
    let number_of = |sql: &str, what: &str| -> rusqlite::Result<u64> {
        let number: Option<i64> = connection
            .query_row(sql, params![what], |row| row.get(0))
            .optional()?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    };
    let entries = "SELECT count(*) FROM entry WHERE state = ?1";
    let counted = "SELECT number FROM count WHERE what = ?1";
    let oldest: Option<i64> =
        connection.query_row("SELECT min(asked_at) FROM entry", [], |row| row.get(0))?;
    Ok(CacheStats {
        found: number_of(entries, FOUND)?,
        missing: number_of(entries, MISSING)?,
        queued: number_of(entries, QUEUED)?,
        bytes: used_bytes(connection)?,
        most_bytes,
        hits: number_of(counted, "hits")?,
        misses: number_of(counted, "misses")?,
        oldest: oldest.map(from_millis),
    })
}
