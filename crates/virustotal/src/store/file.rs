//! The store in a file (SQLite), for the processes of one machine.
//!
//! A file that is damaged is kept aside and begun anew; one that can't be used at all (locked for long, no room, no permission) is replaced
//! by a store in memory. Both are told once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{ErrorCode, OpenFlags, TransactionBehavior};

use super::{Connection, Error, Job, Schema};
use crate::clock::until;
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
/// Until a file that could not be used is tried again.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Until another look at whether somebody has opened the file.
const OPENING_TAKES: Duration = Duration::from_millis(2);

/// Owns the connection.
pub(super) struct Keeper {
    /// `None`: in memory.
    path: Option<PathBuf>,
    schema: Schema,
    clock: Clock,
    notify: Notify,
    opened: Option<Opened>,
    /// The file that memory stands in for, and since when it was last tried.
    left: Option<(PathBuf, Timestamp)>,
    /// The same, for others to see.
    is_apart: Arc<AtomicBool>,
}

struct Opened {
    connection: rusqlite::Connection,
    /// Which file it is, whatever its name becomes.
    identity: Option<(u64, u64)>,
}

impl Keeper {
    pub(super) fn new(
        path: Option<PathBuf>,
        schema: Schema,
        clock: Clock,
        notify: Notify,
        is_apart: Arc<AtomicBool>,
    ) -> Self {
        Self {
            path,
            schema,
            clock,
            notify,
            opened: None,
            left: None,
            is_apart,
        }
    }

    /// Works the log into the file.
    pub(super) fn tidy(&self) {
        if let Some(opened) = &self.opened {
            // Others may be using the file: then it stays as large as it is.
            let _ = opened
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    /// Does the jobs in one transaction, mending or replacing the store where it can't. What even then fails is dropped.
    pub(super) fn perform(&mut self, jobs: &mut Vec<Box<dyn Job>>) {
        self.return_to_file();
        // Twice for a file that is mended, once more for the store in memory. Others may be mending it at the same time.
        let (mut mends, mut looks) = (0, 0);
        while mends < 3 {
            match self.attempt(jobs) {
                Ok(()) => return,
                Err(Error::File(error))
                    if looks < MOST_LOOKS && self.path.is_some() && is_passing(&error) =>
                {
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

    fn attempt(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
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
        let connection = Connection::File(&transaction);
        jobs.iter_mut().try_for_each(|job| job.perform(&connection))?;
        Ok(transaction.commit()?)
    }

    fn open(&self) -> rusqlite::Result<Opened> {
        let Some(path) = &self.path else {
            let connection = rusqlite::Connection::open_in_memory()?;
            connection.execute_batch(self.schema.create)?;
            return Ok(Opened {
                connection,
                identity: None,
            });
        };
        self.open_alone(path, PATIENCE)
    }

    fn open_alone(&self, path: &Path, patience: Duration) -> rusqlite::Result<Opened> {
        prepare_folder(path).map_err(|error| cannot_open(&error))?;
        let _alone = alone(path);
        self.open_file(path, patience)
    }

    /// Opens the file and begins it where it is new. The caller is [`alone`] with it.
    fn open_file(&self, path: &Path, patience: Duration) -> rusqlite::Result<Opened> {
        // SQLite makes the file: to open and close it beside SQLite would let go of the locks that this process holds on it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| {
            match fs::File::open(path) {
                Err(reason) => cannot_open(&reason),
                Ok(_) => error,
            }
        })?;
        for_owner_only(path);
        connection.busy_timeout(patience)?;
        // Only counts for a new file: what is deleted can give its room back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        // Many readers beside a writer. Two who change a new file at once are not made to wait by SQLite itself.
        let begun = Instant::now();
        loop {
            match connection.pragma_update(None, "journal_mode", "WAL") {
                Err(error) if is_busy(&error) && begun.elapsed() < patience => std::thread::sleep(SHORTLY),
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
        if !self.schema.bears(found.into()) {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISUSE);
            let detail = "a later version of vtsecops has written it".to_owned();
            return Err(rusqlite::Error::SqliteFailure(code, Some(detail)));
        }
        if found < self.schema.version {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if found > 0 {
                let mut steps = self.schema.steps_from(found.into());
                steps.try_for_each(|sql| transaction.execute_batch(sql))?;
            }
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
    fn mend(&mut self, error: &Error) {
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
        self.left = Some((path.clone(), self.clock.now()));
        self.is_apart.store(true, Ordering::Relaxed);
        // What is known so far is known in memory too, if it can be read.
        self.opened = opened.and_then(|opened| in_memory(&opened.connection).ok());
        self.notify.warn(&format!(
            "the {name} {} can't be used: {error}. This run goes on without it: {without}.",
            path.display()
        ));
    }

    /// Uses the file again that could not be used a while ago: a process that serves for weeks is not to be apart from the others because
    /// of a moment.
    fn return_to_file(&mut self) {
        let now = self.clock.now();
        let again = self.clock.during(TRIED_AGAIN_AFTER);
        let Some((path, tried_at)) = self.left.take() else {
            return;
        };
        // A clock may have been set back.
        if self.schema.is_for_one_run || (now >= tried_at && until(now, tried_at) < again) {
            self.left = Some((path, tried_at));
            return;
        }
        // Whether it can be written, and at once: those who ask are not made to wait for it.
        let opened = self.open_alone(&path, SHORTLY).and_then(|mut opened| {
            let behavior = TransactionBehavior::Immediate;
            opened.connection.transaction_with_behavior(behavior)?.commit()?;
            opened.connection.busy_timeout(PATIENCE)?;
            Ok(opened)
        });
        match opened {
            Ok(opened) => {
                self.notify.warn(&format!(
                    "the {} {} can be used again, and is; what was written down meanwhile is not in it.",
                    self.schema.name,
                    path.display()
                ));
                self.opened = Some(opened);
                self.path = Some(path);
                self.is_apart.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::debug!(%error, store = self.schema.name, "the file still can't be used");
                self.left = Some((path, now));
            }
        }
    }

    /// Renames a damaged file; `None` when somebody has mended it meanwhile.
    fn keep_aside(&self, path: &Path) -> std::io::Result<Option<PathBuf>> {
        let _alone = alone(path);
        let checked = self
            .open_file(path, PATIENCE)
            .and_then(|opened| check(&opened.connection));
        match checked.map_err(Error::from) {
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
fn check(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
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
fn in_memory(connection: &rusqlite::Connection) -> rusqlite::Result<Opened> {
    let mut copy = rusqlite::Connection::open_in_memory()?;
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
fn is_damage(error: &Error) -> bool {
    match error {
        Error::File(rusqlite::Error::SqliteFailure(failure, _)) => matches!(
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
