//! The journal of one run: what VirusTotal has answered and what was submitted to it, so that a run that was cut off
//! goes on where it was.
//!
//! An answer is written down before it is used, a submission before it is sent. After a crash a submission may be
//! written down without its answer: then nobody knows whether it arrived, and [`Submission::Unknown`] says so.
//!
//! A run of a single call leaves nothing to go on with, so its answers are only written should it end unfinished.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::{from_millis, millis};
use crate::store::{self, Connection, Schema, Site, Store, values};
use crate::stored::{self, Packed, Stored};
use crate::{Answer, Clock, Database, Notify, Submission};

const SCHEMA: Schema = Schema {
    name: "journal",
    version: 2,
    durable: true,
    is_for_one_run: true,
    // Few journals are read again: most go with their run.
    log_pages: 4096,
    without: "it can't be resumed",
    create: "
        CREATE TABLE IF NOT EXISTS run (command TEXT NOT NULL, begun_at INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS answer (
            question TEXT PRIMARY KEY, state TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
    ",
    steps: &[],
    namespace: "vtsecops_journal",
    // A question begins with the name of its run.
    create_on_server: "
        CREATE TABLE answer (
            question TEXT PRIMARY KEY, state TEXT NOT NULL, at BIGINT NOT NULL, body BYTEA NOT NULL,
            run TEXT NOT NULL GENERATED ALWAYS AS (split_part(question, ' ', 1)) STORED
        );
        CREATE INDEX answer_by_run ON answer (run);
    ",
};

/// One run's journal. Nobody else writes into it meanwhile.
pub struct Journal {
    place: Home,
    command: String,
    clock: Clock,
    notify: Notify,
    /// There is an earlier run to go on with.
    resumes: bool,
    /// It takes more than one call.
    is_long: AtomicBool,
    writing: Mutex<Writing>,
}

/// Where a journal is.
enum Home {
    File {
        path: PathBuf,
        /// Held for as long as the run goes on; the system lets go of it when the process ends, however it does.
        _lock: File,
    },
    /// Among those of other runs.
    Server {
        run: String,
        /// Who goes on with the run: of two who both believe that it is theirs, one submits.
        owner: String,
    },
}

/// The journals of the runs of many machines, on one server.
pub struct Journals {
    store: Arc<Store>,
    clock: Clock,
    notify: Notify,
}

impl fmt::Debug for Journals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journals")
    }
}

impl Journals {
    /// Those of that database.
    #[must_use]
    pub fn shared(database: &Database, clock: Clock, notify: Notify) -> Self {
        let site = Site::Server(database.clone());
        Self {
            store: Arc::new(Store::open(site, SCHEMA, clock.clone(), notify.clone())),
            clock,
            notify,
        }
    }

    /// That of a run, which is named without spaces. Whoever gives out runs sees to it that only one process goes on with each.
    #[must_use]
    pub fn of(&self, run: &str) -> Journal {
        Journal {
            place: Home::Server {
                run: run.to_owned(),
                owner: format!("{:016x}", rand::random::<u64>()),
            },
            command: String::new(),
            clock: self.clock.clone(),
            notify: self.notify.clone(),
            // Another machine may have begun it.
            resumes: true,
            is_long: AtomicBool::new(false),
            writing: Mutex::new(Writing::Into(Arc::clone(&self.store))),
        }
    }

    /// Takes over what the journals in `folder` know, each under the name of its run; gives their number. They are left as they are.
    ///
    /// # Errors
    /// One can't be read, or the database is away.
    pub async fn take_over(&self, folder: &Path) -> std::io::Result<usize> {
        let unusable = |words: String| std::io::Error::other(words);
        let mut number = 0;
        for run in unfinished(folder) {
            let path = folder.join(format!("{}.db", run.id));
            let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
            let connection = rusqlite::Connection::open_with_flags(&path, flags)
                .map_err(|error| unusable(error.to_string()))?;
            let sql = "SELECT question, state, at, body FROM answer";
            let rows = Connection::File(&connection).rows(sql, &[]);
            let mut known: Vec<(String, String, i64, Vec<u8>)> = Vec::new();
            for row in rows.map_err(|error| unusable(error.to_string()))? {
                let read =
                    || Ok::<_, store::Error>((row.get::<String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
                let (question, state, at, body): (String, String, i64, Vec<u8>) =
                    read().map_err(|error| unusable(error.to_string()))?;
                // One that is damaged would not be taken here either.
                let Some(text) = Packed::open(&question, &body) else {
                    continue;
                };
                let question = format!("{} {question}", run.id);
                let body = Packed::of(&text).sealed(&question);
                known.push((question, state, at, body));
            }
            let written = self.store.run(None, move |connection| {
                known.iter().try_for_each(|(question, state, at, body)| {
                    let sql = "INSERT INTO answer (question, state, at, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
                    connection.execute(sql, values![question, state, *at, body]).map(drop)
                })
            });
            written
                .await
                .ok_or_else(|| unusable("the database does not answer".to_owned()))?;
            number += 1;
        }
        Ok(number)
    }

    /// Runs that have a journal.
    pub async fn runs(&self) -> Vec<String> {
        let runs = self.store.run(None, |connection| {
            let rows = connection.rows("SELECT DISTINCT run FROM answer", &[])?;
            rows.iter().map(|row| row.get(0)).collect()
        });
        runs.await.unwrap_or_default()
    }

    /// A run is over. While the database is away it is not heard of: [`runs`](Self::runs) tells what is left.
    pub fn forget(&self, run: &str) {
        let run = run.to_owned();
        self.store.post(None, move |connection| {
            connection
                .execute("DELETE FROM answer WHERE run = ?1", values![&run])
                .map(drop)
        });
    }
}

enum Writing {
    /// Nothing is written yet; the rows of the first call.
    NotYet(Vec<Row>),
    Into(Arc<Store>),
}

/// A run that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Names it.
    pub id: String,
    /// What its owner told [`Journal::begin`].
    pub command: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// Answers that it has.
    pub answers: u64,
    /// Submissions that it has made.
    pub submissions: u64,
    /// It goes on in another process.
    pub is_running: bool,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The newest report of an object.
    Report,
    /// How an analysis is getting on.
    Poll,
    /// A new analysis.
    Submission,
    /// What people say of an object.
    Comments,
}

/// What a journal knows of a submission.
#[derive(Clone, Debug)]
pub(crate) enum Recalled {
    Answered(Submission),
    /// It was about to be sent at this moment; what became of it is not known.
    Sent(Timestamp),
}

struct Row {
    question: String,
    state: &'static str,
    at: i64,
    packed: Packed,
}

const SENT: &str = "sent";
const SUBMITTED: &str = "submitted";
const TEXT: &str = "text";

#[derive(Serialize, Deserialize)]
struct WireSubmission {
    scan_id: Option<String>,
    permalink: Option<String>,
    refused: Option<String>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// The journal of the run `id` in `folder`: a new one, or that of an earlier run which was cut off.
    ///
    /// `command` is what the run needs to be begun again; it is kept as it is.
    ///
    /// # Errors
    /// The folder can't be written, or the run goes on in another process ([`std::io::ErrorKind::WouldBlock`]).
    pub fn begin(
        folder: &Path,
        id: &str,
        command: String,
        clock: Clock,
        notify: Notify,
    ) -> std::io::Result<Self> {
        let path = folder.join(format!("{id}.db"));
        // Somebody who lists the runs holds each for a moment.
        let lock = lock(&path).or_else(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            lock(&path)
        })?;
        Ok(Self {
            resumes: path.exists(),
            is_long: AtomicBool::new(false),
            place: Home::File { path, _lock: lock },
            command,
            clock,
            notify,
            writing: Mutex::new(Writing::NotYet(Vec::new())),
        })
    }

    /// What there is of an earlier run, if there was one.
    pub async fn earlier(&self) -> Option<Unfinished> {
        let Home::File { path, .. } = &self.place else {
            return None;
        };
        if !self.resumes {
            return None;
        }
        let id = id_of(path)?;
        let found = self.store().run(None, summary).await.flatten();
        found.map(|summary| Unfinished { id, ..summary })
    }

    /// Forgets the earlier run.
    ///
    /// # Errors
    /// Its file can't be removed.
    pub fn restart(&mut self) -> std::io::Result<()> {
        let Home::File { path, .. } = &self.place else {
            return Ok(());
        };
        self.resumes = false;
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = Writing::NotYet(Vec::new());
        remove(path)
    }

    /// The run is over, and there is nothing to go on with.
    pub fn finish(&self) {
        // On a server it goes when the end of its run is sure.
        let Home::File { path, .. } = &self.place else {
            return;
        };
        let is_written = {
            let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            // The file is closed before it goes.
            matches!(
                std::mem::replace(&mut *writing, Writing::NotYet(Vec::new())),
                Writing::Into(_)
            )
        };
        let gone = match is_written || self.resumes {
            true => remove(path),
            false => Ok(()),
        };
        let _ = fs::remove_file(lock_path(path));
        if let Err(error) = gone {
            self.notify.warn(&format!(
                "the journal {} can't be removed: {error}. Remove it, or the next run like this goes on with it.",
                path.display()
            ));
        }
    }

    /// The run ends unfinished: what was not worth writing down so far is.
    pub async fn keep(&self) {
        let first = match &mut *self.writing.lock().unwrap_or_else(PoisonError::into_inner) {
            Writing::NotYet(first) => std::mem::take(first),
            Writing::Into(_) => Vec::new(),
        };
        self.insert(first).await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether there is an earlier run that this one goes on with.
    #[must_use]
    pub fn resumes(&self) -> bool {
        self.resumes
    }

    /// Names the run.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.place {
            Home::File { path, .. } => id_of(path).unwrap_or_default(),
            Home::Server { run, .. } => run.clone(),
        }
    }

    /// What is asked, as it is named in the store.
    fn question(&self, asked: Asked, name: &str) -> String {
        let question = question(asked, name);
        match &self.place {
            Home::File { .. } => question,
            Home::Server { run, .. } => format!("{run} {question}"),
        }
    }

    /// The run takes more than one call: what is answered is written down at once.
    pub(crate) fn takes_long(&self) {
        self.is_long.store(true, Ordering::Relaxed);
    }

    /// The answers that an earlier run got.
    pub(crate) async fn answers(&self, asked: Asked, names: &[String]) -> Vec<Option<Answer>> {
        let read = |question: &str, state: &str, _, body: &[u8]| {
            stored::answer(state, Packed::open(question, body)?)
        };
        let recalled = self.recall(asked, names, read).await;
        recalled.unwrap_or_else(|| names.iter().map(|_| None).collect())
    }

    /// The submissions that an earlier run made; `None` where nobody can say: then nothing must be submitted.
    pub(crate) async fn submissions(&self, names: &[String]) -> Option<Vec<Option<Recalled>>> {
        self.recall(
            Asked::Submission,
            names,
            |question, state, at, body| match state {
                SENT => Some(Recalled::Sent(from_millis(at))),
                SUBMITTED => {
                    let wire: WireSubmission = serde_json::from_str(&Packed::open(question, body)?).ok()?;
                    Some(Recalled::Answered(match (wire.scan_id, wire.refused) {
                        (Some(scan_id), _) => Submission::Queued {
                            scan_id,
                            permalink: wire.permalink,
                        },
                        (None, Some(why)) => Submission::Refused(why),
                        (None, None) => Submission::Missing,
                    }))
                }
                _ => None,
            },
        )
        .await
    }

    async fn recall<T: Send + 'static>(
        &self,
        asked: Asked,
        names: &[String],
        read: fn(&str, &str, i64, &[u8]) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        let nothing = || names.iter().map(|_| None).collect();
        if !self.resumes || names.is_empty() {
            return Some(nothing());
        }
        let questions: Vec<String> = names.iter().map(|name| self.question(asked, name)).collect();
        let store = self.store();
        let run = match &self.place {
            Home::File { .. } => None,
            Home::Server { run, .. } => Some(run.clone()),
        };
        let recalled = store.run(None, move |connection| {
            // Most runs are new: one question instead of many.
            if let Some(run) = &run {
                let any = "SELECT count(*) FROM (SELECT 1 FROM answer WHERE run = ?1 LIMIT 1) AS any_answer";
                if connection.value(any, values![run])? == Some(0_i64) {
                    return Ok(questions.iter().map(|_| None).collect());
                }
            }
            let recall = |question: &String| {
                let sql = "SELECT state, at, body FROM answer WHERE question = ?1";
                let Some(row) = connection.row(sql, values![question])? else {
                    return Ok(None);
                };
                let (state, at, body): (String, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(read(question, &state, at, &body))
            };
            questions
                .iter()
                .map(recall)
                .collect::<Result<Vec<_>, store::Error>>()
        });
        match (recalled.await, &self.place) {
            // A file that can't be read is begun anew.
            (None, Home::File { .. }) => Some(nothing()),
            (recalled, _) => recalled,
        }
    }

    /// An answer that is neither a report nor a submission.
    pub(crate) async fn text(&self, asked: Asked, name: &str) -> Option<String> {
        let read = |question: &str, state: &str, _, body: &[u8]| {
            (state == TEXT).then(|| Packed::open(question, body)).flatten()
        };
        self.recall(asked, &[name.to_owned()], read)
            .await?
            .pop()
            .flatten()
    }

    pub(crate) async fn record_text(&self, asked: Asked, name: &str, text: String) {
        let row = Row {
            question: self.question(asked, name),
            state: TEXT,
            at: millis(self.clock.now()),
            packed: Packed::of(&text),
        };
        self.write(vec![row], false).await;
    }

    /// Writes answers down. They are on the disk when this returns.
    pub(crate) async fn record(&self, asked: Asked, answers: Vec<(String, Stored)>) {
        let now = millis(self.clock.now());
        let row = |(name, stored): (String, Stored)| Row {
            question: self.question(asked, &name),
            state: stored.state(),
            at: now,
            packed: stored.packed,
        };
        self.write(answers.into_iter().map(row).collect(), false).await;
    }

    /// Writes down that these are about to be submitted. Where it can't be written down for others to see, or another has done so, they must not
    /// be submitted.
    #[must_use]
    pub(crate) async fn sending(&self, names: &[String]) -> bool {
        let at = millis(self.clock.now());
        let owner = match &self.place {
            Home::File { .. } => "",
            Home::Server { owner, .. } => owner,
        };
        let row = |name: &String| Row {
            question: self.question(Asked::Submission, name),
            state: SENT,
            at,
            packed: Packed::of(owner),
        };
        let rows: Vec<Row> = names.iter().map(row).collect();
        if let Home::File { .. } = self.place {
            self.write(rows, true).await;
            return true;
        }
        let store = self.store();
        let claimed = store.run(None, move |connection| {
            let mut claimed = 0;
            for row in &rows {
                claimed += connection.execute(
                    "INSERT INTO answer (question, state, at, body) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (question) DO UPDATE SET at = ?3 WHERE answer.state = ?2 AND answer.body = ?4",
                    values![&row.question, row.state, row.at, &row.packed.sealed(&row.question)],
                )?;
            }
            Ok(claimed == rows.len() as u64)
        });
        claimed.await.unwrap_or(false)
    }

    /// Writes down what became of submissions; `None` for those that surely did not arrive.
    pub(crate) async fn submitted(&self, submissions: Vec<(String, Option<Submission>)>) {
        let at = millis(self.clock.now());
        let (mut rows, mut gone) = (Vec::new(), Vec::new());
        for (name, submission) in submissions {
            let question = self.question(Asked::Submission, &name);
            let Some(submission) = submission else {
                gone.push(question);
                continue;
            };
            let (scan_id, permalink, refused) = match submission {
                Submission::Queued { scan_id, permalink } => (Some(scan_id), permalink, None),
                Submission::Refused(why) => (None, None, Some(why)),
                Submission::Missing => (None, None, None),
                // Nothing new is known.
                Submission::Unknown { .. } => continue,
            };
            let wire = WireSubmission {
                scan_id,
                permalink,
                refused,
            };
            rows.push(Row {
                question,
                state: SUBMITTED,
                at,
                packed: Packed::of(&serde_json::to_string(&wire).unwrap_or_default()),
            });
        }
        self.write(rows, true).await;
        if !gone.is_empty() {
            let store = self.store();
            let forgotten = store.run(None, move |connection| {
                let sql = "DELETE FROM answer WHERE question = ?1";
                gone.iter()
                    .try_for_each(|question| connection.execute(sql, values![question]).map(drop))
            });
            let _: Option<()> = forgotten.await;
        }
    }

    async fn write(&self, rows: Vec<Row>, at_once: bool) {
        if rows.is_empty() {
            return;
        }
        let rows = {
            let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *writing {
                Writing::NotYet(first)
                    if first.is_empty()
                        && !at_once
                        && !self.resumes
                        && !self.is_long.load(Ordering::Relaxed) =>
                {
                    *first = rows;
                    return;
                }
                Writing::NotYet(first) => std::mem::take(first).into_iter().chain(rows).collect(),
                Writing::Into(_) => rows,
            }
        };
        self.insert(rows).await;
    }

    async fn insert(&self, rows: Vec<Row>) {
        let store = self.store();
        let written = store.run(None, move |connection| {
            rows.iter().try_for_each(|row| {
                connection
                    .execute(
                        "INSERT INTO answer (question, state, at, body) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (question) DO UPDATE SET state = ?2, at = ?3, body = ?4",
                        values![
                            &row.question,
                            row.state,
                            row.at,
                            &row.packed.sealed(&row.question)
                        ],
                    )
                    .map(drop)
            })
        });
        let _: Option<()> = written.await;
    }

    /// The file, begun if it is not there.
    fn store(&self) -> Arc<Store> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Writing::Into(store) = &*writing {
            return Arc::clone(store);
        }
        let place = match &self.place {
            Home::File { path, .. } => Site::File(path.clone()),
            // One on a server has its store from the start.
            Home::Server { .. } => Site::Memory,
        };
        let store = Arc::new(Store::open(
            place,
            SCHEMA,
            self.clock.clone(),
            self.notify.clone(),
        ));
        if self.is_long.load(Ordering::Relaxed) {
            store.expect_company();
        }
        let (command, begun_at) = (self.command.clone(), millis(self.clock.now()));
        store.post(None, move |connection| {
            let sql =
                "INSERT INTO run (command, begun_at) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM run)";
            connection.execute(sql, values![&command, begun_at]).map(drop)
        });
        *writing = Writing::Into(Arc::clone(&store));
        store
    }
}

/// The runs in `folder` that were cut off, newest first.
#[must_use]
pub fn unfinished(folder: &Path) -> Vec<Unfinished> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "db"));
    let mut runs: Vec<Unfinished> = paths.filter_map(|path| read_summary(&path)).collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.begun_at));
    runs
}

fn read_summary(path: &Path) -> Option<Unfinished> {
    let is_running = match lock(path) {
        Ok(_) => false,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    };
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = rusqlite::Connection::open_with_flags(path, flags).ok()?;
    let summary = summary(&Connection::File(&connection)).ok()??;
    Some(Unfinished {
        id: id_of(path)?,
        is_running,
        ..summary
    })
}

fn summary(connection: &Connection<'_>) -> Result<Option<Unfinished>, store::Error> {
    let count =
        |sql: &'static str| -> Result<u64, store::Error> { Ok(connection.value(sql, &[])?.unwrap_or(0)) };
    let (answers, submissions) = (
        count("SELECT count(*) FROM answer WHERE state IN ('found', 'missing', 'queued')")?,
        count("SELECT count(*) FROM answer WHERE state IN ('sent', 'submitted')")?,
    );
    let run = connection.row("SELECT command, begun_at FROM run", &[])?;
    let read = |row: store::Row| {
        Ok(Unfinished {
            id: String::new(),
            command: row.get(0)?,
            begun_at: from_millis(row.get(1)?),
            answers,
            submissions,
            is_running: false,
        })
    };
    run.map(read).transpose()
}

/// Removes an unfinished run that nobody goes on with.
///
/// # Errors
/// It goes on in another process, or its file can't be removed.
pub fn forget(folder: &Path, id: &str) -> std::io::Result<()> {
    let path = folder.join(format!("{id}.db"));
    let _lock = lock(&path)?;
    remove(&path)?;
    fs::remove_file(lock_path(&path))
}

fn question(asked: Asked, name: &str) -> String {
    let asked = match asked {
        Asked::Report => "report",
        Asked::Poll => "poll",
        Asked::Submission => "submit",
        Asked::Comments => "comments",
    };
    format!("{asked} {name}")
}

fn id_of(path: &Path) -> Option<String> {
    Some(path.file_stem()?.to_str()?.to_owned())
}

fn lock_path(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

/// Beside the database: closing another handle of the database itself would let go of SQLite's own locks.
fn lock(path: &Path) -> std::io::Result<File> {
    let path = lock_path(path);
    crate::store::prepare_folder(&path)?;
    let file = File::options().create(true).append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(std::io::ErrorKind::WouldBlock.into()),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    for companion in ["db-wal", "db-shm", "db.lock"] {
        // There may be none.
        let _ = fs::remove_file(path.with_extension(companion));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
