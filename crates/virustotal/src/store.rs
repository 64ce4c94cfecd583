//! A small database in a file that many processes share.
//!
//! One thread owns the connection. What is asked of it while it is busy is done together, in one transaction, so
//! that many small writes cost one write to the disk; what nobody waits for stays a moment for company. An answer comes
//! after the commit: what was answered survives a crash.
//!
//! A store never stops a run. A file that is damaged is kept aside and begun anew; one that can't be used at all
//! (locked for long, no room, no permission) is replaced by a store in memory. Both are told once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::oneshot;

use crate::{Clock, Notify};

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);
/// Look-ups are by key and few: a small cache of pages does.
const PAGE_CACHE_KIBIBYTES: i32 = -256;
/// Tries at a file that is not there for a moment.
const MOST_LOOKS: u32 = 10;
/// Of a copy; a ledger has fewer.
const PAGES_A_STEP: i32 = 1024;
/// Until another try where SQLite does not wait by itself.
const SHORTLY: Duration = Duration::from_millis(20);
/// Until another look at whether somebody has opened the file.
const OPENING_TAKES: Duration = Duration::from_millis(2);
/// Jobs that share a transaction at most, so that no other process waits long.
const MOST_TOGETHER: usize = 256;

/// How long what nobody waits for may stay undone, so that more can be done with it.
const GATHERING: Duration = Duration::from_millis(10);
/// The same for what somebody waits for, where more is sure to come: a few of these are nothing beside a call, and calls
/// that were let go together come back together.
const GATHERING_COMPANY: Duration = Duration::from_millis(2);

/// What a file holds.
#[derive(Clone, Copy)]
pub(crate) struct Schema {
    /// What it is called in a message.
    pub(crate) name: &'static str,
    /// Counts up when the tables change.
    pub(crate) version: u32,
    /// Makes the tables; harmless where they are.
    pub(crate) create: &'static str,
    /// What is lost while the store is in memory, as half a sentence.
    pub(crate) without: &'static str,
    /// Pages of 4 KiB that the log holds before they are worked into the file. The next process reads them all.
    pub(crate) log_pages: u32,
    /// Whether a commit survives a loss of power too, not only the end of the process.
    pub(crate) durable: bool,
}

/// One database. Dropped, it does what is left to do and closes the file.
pub(crate) struct Store {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    tidy: Arc<AtomicBool>,
    has_company: Arc<AtomicBool>,
}

impl Store {
    /// Opens `path`, or a store in memory for `None`. Nothing is read or written before the first job.
    pub(crate) fn open(path: Option<PathBuf>, schema: Schema, clock: Clock, notify: Notify) -> Self {
        let (jobs, queue) = mpsc::channel();
        let tidy = Arc::new(AtomicBool::new(false));
        let has_company = Arc::new(AtomicBool::new(false));
        let keeper = Keeper {
            tidy: Arc::clone(&tidy),
            has_company: Arc::clone(&has_company),
            path,
            schema,
            clock,
            notify,
            opened: None,
        };
        let thread = std::thread::Builder::new()
            .name(schema.name.to_owned())
            .spawn(move || keeper.work(&queue));
        Self {
            jobs: thread.is_ok().then_some(jobs),
            thread: thread.ok(),
            tidy,
            has_company,
        }
    }

    /// Does `work` in a transaction, and gives its value once that is committed.
    ///
    /// `work` runs again when the transaction fails. `None`: it failed even in memory, or the thread is gone.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.send(work, Some(reply));
        answer.await.ok()
    }

    /// Does `work` some time; for what nobody waits for.
    pub(crate) fn post(&self, work: impl FnMut(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        self.send(work, None);
    }

    /// Works the log into the file when the store is closed, which gives back the room of what was deleted.
    pub(crate) fn tidy(&self) {
        self.tidy.store(true, Ordering::Relaxed);
    }

    /// Many jobs are to come, several of them at about the same time.
    pub(crate) fn expect_company(&self) {
        self.has_company.store(true, Ordering::Relaxed);
    }

    fn send<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
        reply: Option<oneshot::Sender<T>>,
    ) {
        let value = None;
        let job = Box::new(Ask { work, value, reply });
        // Without its thread the job goes, and whoever waits for its answer learns that there is none.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.jobs = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Something to do, and somebody who waits for it.
trait Job: Send {
    fn is_waited_for(&self) -> bool;
    fn perform(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn committed(self: Box<Self>);
}

struct Ask<T, F> {
    work: F,
    value: Option<T>,
    reply: Option<oneshot::Sender<T>>,
}

impl<T: Send, F: FnMut(&Connection) -> rusqlite::Result<T> + Send> Job for Ask<T, F> {
    fn is_waited_for(&self) -> bool {
        self.reply.is_some()
    }

    fn perform(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.value = Some((self.work)(connection)?);
        Ok(())
    }

    fn committed(self: Box<Self>) {
        if let (Some(reply), Some(value)) = (self.reply, self.value) {
            // Whoever asked may have gone.
            let _ = reply.send(value);
        }
    }
}

/// The thread that owns the connection.
struct Keeper {
    /// `None`: in memory.
    path: Option<PathBuf>,
    schema: Schema,
    clock: Clock,
    notify: Notify,
    opened: Option<Opened>,
    tidy: Arc<AtomicBool>,
    has_company: Arc<AtomicBool>,
}

/// What is done together with `first`.
fn gathered(
    first: Box<dyn Job>,
    queue: &mpsc::Receiver<Box<dyn Job>>,
    has_company: bool,
) -> Vec<Box<dyn Job>> {
    let begun = Instant::now();
    let mut jobs = vec![first];
    loop {
        jobs.extend(queue.try_iter().take(MOST_TOGETHER - jobs.len()));
        let patience = match jobs.iter().any(|job| job.is_waited_for()) {
            false => GATHERING,
            true if has_company => GATHERING_COMPANY,
            true => Duration::ZERO,
        };
        let left = patience.saturating_sub(begun.elapsed());
        if jobs.len() >= MOST_TOGETHER || left.is_zero() {
            return jobs;
        }
        match queue.recv_timeout(left) {
            Ok(job) => jobs.push(job),
            // The time is over, or the store is being closed.
            Err(_) => return jobs,
        }
    }
}

struct Opened {
    connection: Connection,
    /// Which file it is, whatever its name becomes.
    identity: Option<(u64, u64)>,
}

impl Keeper {
    fn work(mut self, queue: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut jobs = gathered(first, queue, self.has_company.load(Ordering::Relaxed));
            self.perform(&mut jobs);
            jobs.into_iter().for_each(Job::committed);
        }
        if let (true, Some(opened)) = (self.tidy.load(Ordering::Relaxed), &self.opened) {
            // Others may be using the file: then it stays as large as it is.
            let _ = opened
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    /// Does the jobs in one transaction, mending or replacing the store where it can't. What even then fails is dropped.
    fn perform(&mut self, jobs: &mut Vec<Box<dyn Job>>) {
        // Twice for a file that is mended, once more for the store in memory. Others may be mending it at the same time.
        let (mut mends, mut looks) = (0, 0);
        while mends < 3 {
            match self.attempt(jobs) {
                Ok(()) => return,
                Err(error) if looks < MOST_LOOKS && self.path.is_some() && is_passing(&error) => {
                    looks += 1;
                    self.opened = None;
                    std::thread::sleep(SHORTLY);
                }
                Err(error) => {
                    mends += 1;
                    self.mend(&error);
                }
            }
        }
        // One of them is the trouble: alone, the others can be done.
        jobs.retain_mut(|job| self.attempt(std::slice::from_mut(job)).is_ok());
    }

    fn attempt(&mut self, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
        // Another process may have kept the file aside and begun it anew.
        if let (Some(opened), Some(path)) = (&self.opened, &self.path)
            && opened.identity != identity(path)
        {
            self.opened = None;
        }
        let opened = match self.opened.take() {
            Some(opened) => self.opened.insert(opened),
            None => {
                let opened = self.open()?;
                self.opened.insert(opened)
            }
        };
        let transaction = opened
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        jobs.iter_mut().try_for_each(|job| job.perform(&transaction))?;
        transaction.commit()
    }

    fn open(&self) -> rusqlite::Result<Opened> {
        let Some(path) = &self.path else {
            let connection = Connection::open_in_memory()?;
            connection.execute_batch(self.schema.create)?;
            return Ok(Opened {
                connection,
                identity: None,
            });
        };
        prepare_folder(path).map_err(|error| cannot_open(&error))?;
        let _alone = alone(path);
        self.open_file(path)
    }

    /// Opens the file and begins it where it is new. The caller is [`alone`] with it.
    fn open_file(&self, path: &Path) -> rusqlite::Result<Opened> {
        // SQLite makes the file: to open and close it beside SQLite would let go of the locks that this process holds on it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection =
            Connection::open_with_flags(path, flags).map_err(|error| match fs::File::open(path) {
                Err(reason) => cannot_open(&reason),
                Ok(_) => error,
            })?;
        for_owner_only(path);
        connection.busy_timeout(PATIENCE)?;
        // Only counts for a new file: what is deleted can give its room back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        // Many readers beside a writer. Two who change a new file at once are not made to wait by SQLite itself.
        let begun = Instant::now();
        loop {
            match connection.pragma_update(None, "journal_mode", "WAL") {
                Err(error) if is_busy(&error) && begun.elapsed() < PATIENCE => std::thread::sleep(SHORTLY),
                changed => break changed?,
            }
        }
        // A run is often one call: the log stays where it is when the run ends, and is worked in once it has grown.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "wal_autocheckpoint", self.schema.log_pages)?;
        connection.pragma_update(None, "cache_size", PAGE_CACHE_KIBIBYTES)?;
        let synchronous = if self.schema.durable { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", synchronous)?;
        let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > self.schema.version {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISUSE);
            let detail = "a later version of vtsecops has written it".to_owned();
            return Err(rusqlite::Error::SqliteFailure(code, Some(detail)));
        }
        if found < self.schema.version {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(self.schema.create)?;
            transaction.pragma_update(None, "user_version", self.schema.version)?;
            transaction.commit()?;
        }
        Ok(Opened {
            connection,
            identity: identity(path),
        })
    }

    /// Makes the next attempt worth while.
    fn mend(&mut self, error: &rusqlite::Error) {
        let opened = self.opened.take();
        let Some(path) = self.path.clone() else { return };
        let Schema { name, without, .. } = self.schema;
        if is_damage(error) {
            match self.keep_aside(&path) {
                Ok(None) => return,
                Ok(Some(aside)) => {
                    self.notify.warn(&format!(
                        "the {name} is damaged ({error}). It is kept as {}; a new one is begun.",
                        aside.display()
                    ));
                    return;
                }
                Err(error) => tracing::warn!(%error, "the damaged file can't be kept aside"),
            }
        }
        self.path = None;
        // What is known so far is known in memory too, if it can be read.
        self.opened = opened.and_then(|opened| in_memory(&opened.connection).ok());
        self.notify.warn(&format!(
            "the {name} {} can't be used: {error}. This run goes on without it: {without}.",
            path.display()
        ));
    }

    /// Renames a damaged file; `None` when somebody has mended it meanwhile.
    fn keep_aside(&self, path: &Path) -> std::io::Result<Option<PathBuf>> {
        let _alone = alone(path);
        match self.open_file(path).and_then(|opened| check(&opened.connection)) {
            Err(error) if is_damage(&error) => keep_aside(path, self.clock.now()).map(Some),
            // Sound, or just being begun by somebody.
            _ => Ok(None),
        }
    }
}

/// One process at a time opens the file, begins it or keeps it aside: a new file's journal must not be taken for the
/// journal of a damaged one that somebody still holds by the same name. Lasts as long as the value.
fn alone(path: &Path) -> Option<fs::File> {
    // The lock's file stays: another one of that name would be another lock.
    let lock = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(named(path, ".lock"))
        .ok()?;
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Some(lock),
            // Whoever has it may have been stopped, and a file system may know no locks.
            Err(fs::TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(OPENING_TAKES);
            }
            Err(_) => return None,
        }
    }
}

/// Whether the file can be read at all.
fn check(connection: &Connection) -> rusqlite::Result<()> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            Err(rusqlite::Error::SqliteFailure(code, Some(found)))
        }
    }
}

/// The same content, in memory.
fn in_memory(connection: &Connection) -> rusqlite::Result<Opened> {
    let mut copy = Connection::open_in_memory()?;
    Backup::new(connection, &mut copy)?.run_to_completion(PAGES_A_STEP, Duration::ZERO, None)?;
    Ok(Opened {
        connection: copy,
        identity: None,
    })
}

fn cannot_open(reason: &std::io::Error) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
    rusqlite::Error::SqliteFailure(code, Some(reason.to_string()))
}

/// Whether it may be that somebody is just beginning the file anew.
fn is_passing(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return false;
    };
    matches!(failure.code, ErrorCode::CannotOpen | ErrorCode::SystemIoFailure)
        || failure.extended_code == rusqlite::ffi::SQLITE_READONLY_DBMOVED
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Whether the file's content is the trouble, not its surroundings. A value of a wrong type, or no such table, is damage
/// too.
fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
        ),
        _ => true,
    }
}

/// Makes the folder that `path` is in, for its owner only.
pub(crate) fn prepare_folder(path: &Path) -> std::io::Result<()> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// What SQLite puts beside the file gets the same permissions.
#[cfg(unix)]
fn for_owner_only(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // Where the file is somebody else's, it is theirs to say who may read it.
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
}

#[cfg(not(unix))]
fn for_owner_only(_: &Path) {}

/// `path` with something behind its name.
fn named(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Renames the file and its companions.
fn keep_aside(path: &Path, now: jiff::Timestamp) -> std::io::Result<PathBuf> {
    let aside = named(path, &format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%S%3f")));
    for companion in ["-wal", "-shm"] {
        // There may be none.
        let _ = fs::rename(named(path, companion), named(&aside, companion));
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}
