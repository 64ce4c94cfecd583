//! A small database that many processes share: in a file those of one machine, on a server those of many.
//!
//! One thread owns the connection. What is asked of it while it is busy is done together, in one transaction, so
//! that many small writes cost one write to the disk; what nobody waits for stays a moment for company. An answer comes
//! after the commit: what was answered survives a crash.
//!
//! A file never stops a run: what becomes of one that can't be used is told in `file`. A server that many count on is waited for instead, and
//! whoever asked learns in the end that there was no answer.

mod file;
mod server;
mod sql;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub(crate) use file::prepare_folder;
pub(crate) use sql::{Connection, Error, Row, Value, list, values};

use crate::{Clock, Database, Notify};

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
    /// Counts up when the tables change: by one where the statements of the version before bear it, for the two are used side by side while
    /// machines are upgraded; by two otherwise.
    pub(crate) version: u32,
    /// Makes the tables in a file; harmless where they are.
    pub(crate) create: &'static str,
    /// Each version that older tables are brought to, in their order, and how. What is not named here begins anew with `create`.
    pub(crate) steps: &'static [(u32, &'static str)],
    /// The same on a server, in a name space of their own.
    pub(crate) create_on_server: &'static str,
    /// The name of that.
    pub(crate) namespace: &'static str,
    /// What is lost while the store is in memory, as half a sentence.
    pub(crate) without: &'static str,
    /// Pages of 4 KiB that the log holds before they are worked into the file. The next process reads them all.
    pub(crate) log_pages: u32,
    /// Whether a commit survives a loss of power too, not only the end of the process.
    pub(crate) durable: bool,
    /// One run reads what it has written itself: once apart from its file, it does not return to it.
    pub(crate) is_for_one_run: bool,
}

impl Schema {
    /// Whether tables that a later version has changed can be used all the same.
    fn bears(&self, found: i64) -> bool {
        found <= i64::from(self.version) + 1
    }

    /// What brings tables of the version `found` to this one.
    fn steps_from(&self, found: i64) -> impl Iterator<Item = &'static str> {
        let steps = self.steps.iter();
        steps
            .filter(move |(version, _)| i64::from(*version) > found)
            .map(|(_, sql)| *sql)
    }
}

/// One database. Dropped, it does what is left to do and closes the file.
pub(crate) struct Store {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    tidy: Arc<AtomicBool>,
    has_company: Arc<AtomicBool>,
    /// It is being dropped.
    is_closed: Arc<AtomicBool>,
    is_apart: Arc<AtomicBool>,
    is_shared: bool,
}

/// Where a store is.
#[derive(Clone)]
pub(crate) enum Site {
    /// In this process alone.
    Memory,
    /// In a file.
    File(PathBuf),
    /// On a server that many machines share.
    Server(Database),
}

impl From<Option<PathBuf>> for Site {
    fn from(path: Option<PathBuf>) -> Self {
        path.map_or(Self::Memory, Self::File)
    }
}

/// What does the jobs.
enum Keeper {
    File(Box<file::Keeper>),
    Server(Box<server::Keeper>),
}

impl Keeper {
    /// Does the jobs that it can, and drops the others.
    fn perform(&mut self, jobs: &mut Vec<Box<dyn Job>>) {
        match self {
            Self::File(keeper) => keeper.perform(jobs),
            Self::Server(keeper) => keeper.perform(jobs),
        }
    }

    fn work(mut self, queue: &mpsc::Receiver<Box<dyn Job>>, tidy: &AtomicBool, has_company: &AtomicBool) {
        while let Ok(first) = queue.recv() {
            let mut jobs = gathered(first, queue, has_company.load(Ordering::Relaxed));
            self.perform(&mut jobs);
            jobs.into_iter().for_each(Job::committed);
        }
        if let (true, Self::File(keeper)) = (tidy.load(Ordering::Relaxed), &self) {
            keeper.tidy();
        }
    }
}

impl Store {
    /// Nothing is read or written before the first job.
    pub(crate) fn open(site: Site, schema: Schema, clock: Clock, notify: Notify) -> Self {
        let (jobs, queue) = mpsc::channel();
        let tidy = Arc::new(AtomicBool::new(false));
        let has_company = Arc::new(AtomicBool::new(false));
        let is_closed = Arc::new(AtomicBool::new(false));
        let is_apart = Arc::new(AtomicBool::new(false));
        let is_shared = matches!(site, Site::Server(_));
        let in_file = |path, clock, notify| {
            let keeper = file::Keeper::new(path, schema, clock, notify, Arc::clone(&is_apart));
            Keeper::File(Box::new(keeper))
        };
        let keeper = match site {
            Site::Memory => in_file(None, clock, notify),
            Site::File(path) => in_file(Some(path), clock, notify),
            Site::Server(database) => {
                let closed = Arc::clone(&is_closed);
                Keeper::Server(Box::new(server::Keeper::new(database, schema, notify, closed)))
            }
        };
        let (tidies, gathers) = (Arc::clone(&tidy), Arc::clone(&has_company));
        let thread = std::thread::Builder::new()
            .name(schema.name.to_owned())
            .spawn(move || keeper.work(&queue, &tidies, &gathers));
        Self {
            jobs: thread.is_ok().then_some(jobs),
            thread: thread.ok(),
            tidy,
            has_company,
            is_closed,
            is_apart,
            is_shared,
        }
    }

    /// Whether memory stands in for a file that can't be used.
    pub(crate) fn is_apart(&self) -> bool {
        self.is_apart.load(Ordering::Relaxed)
    }

    /// Whether other machines see it too.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Does `work` in a transaction, and gives its value once that is committed.
    ///
    /// `work` runs again when the transaction fails. `None`: it failed even in memory, the server was away for long, or the thread is
    /// gone. On a server others do theirs at the same time, unless both name the same `turn`.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        turn: Option<i64>,
        work: impl FnMut(&Connection<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.send(turn, work, Some(reply));
        answer.await.ok()
    }

    /// Does `work` some time; for what nobody waits for.
    pub(crate) fn post(
        &self,
        turn: Option<i64>,
        work: impl FnMut(&Connection<'_>) -> Result<(), Error> + Send + 'static,
    ) {
        self.send(turn, work, None);
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
        turn: Option<i64>,
        work: impl FnMut(&Connection<'_>) -> Result<T, Error> + Send + 'static,
        reply: Option<oneshot::Sender<T>>,
    ) {
        let job = Box::new(Ask {
            turn,
            work,
            value: None,
            reply,
        });
        // Without its thread the job goes, and whoever waits for its answer learns that there is none.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.jobs = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Something to do, and somebody who waits for it.
trait Job: Send {
    fn is_waited_for(&self) -> bool;
    /// Whose turn it must be.
    fn turn(&self) -> Option<i64>;
    fn perform(&mut self, connection: &Connection<'_>) -> Result<(), Error>;
    fn committed(self: Box<Self>);
}

struct Ask<T, F> {
    turn: Option<i64>,
    work: F,
    value: Option<T>,
    reply: Option<oneshot::Sender<T>>,
}

impl<T: Send, F: FnMut(&Connection<'_>) -> Result<T, Error> + Send> Job for Ask<T, F> {
    fn is_waited_for(&self) -> bool {
        self.reply.is_some()
    }

    fn turn(&self) -> Option<i64> {
        self.turn
    }

    fn perform(&mut self, connection: &Connection<'_>) -> Result<(), Error> {
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
