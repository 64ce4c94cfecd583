//! When which run is due, in the job library's own file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apalis::prelude::{
    BackendExt, BoxDynError, Data, TaskBuilder, TaskSink, WorkerBuilder, WorkerBuilderExt,
};
use apalis_sqlite::{SqlitePool, SqliteStorage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Shared;
use crate::Error;

/// How often it is looked for steps that have come due.
const LOOK_FOR_DUE: Duration = Duration::from_millis(100);
/// How often it is looked whether steps that were broken off have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A run whose next step is due.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Due {
    run: i64,
}

/// Steps that are due, now or later.
pub(super) struct Queue {
    pool: SqlitePool,
}

impl Queue {
    /// A new one: what the file held is known better by the store.
    pub(super) async fn open(path: &Path) -> Result<Self, Error> {
        for companion in ["", "-wal", "-shm"] {
            // There may be none.
            let _ = std::fs::remove_file(format!("{}{companion}", path.display()));
        }
        let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", path.display())).await?;
        sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await?;
        let prepared = SqliteStorage::setup(&pool).await;
        prepared.map_err(|error| Error::Conflict(format!("the queue can't be made: {error}")))?;
        Ok(Self { pool })
    }

    pub(super) async fn push(&self, run: i64, due_at: Timestamp) -> Result<(), Error> {
        let mut storage: SqliteStorage<Due> = SqliteStorage::new(&self.pool);
        let at = SystemTime::try_from(due_at).unwrap_or(SystemTime::UNIX_EPOCH);
        let task = TaskBuilder::new(Due { run }).run_at_time(at).build();
        let pushed = storage.push_task(task).await;
        pushed.map_err(|error| Error::Conflict(format!("the queue does not take a step: {error}")))
    }
}

/// Takes steps as they come due, until it is stopped.
pub(super) async fn work(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let storage: SqliteStorage<Due> = SqliteStorage::new(&shared.queue.pool);
    let storage = storage.poll_with_interval(LOOK_FOR_DUE);
    let worker = WorkerBuilder::new("workdesk")
        .backend(storage)
        .data(Arc::clone(&shared))
        .data(stopped.clone())
        .concurrency(shared.pace.at_once.max(1))
        .build(take);
    tokio::select! {
        ended = worker.run() => {
            if let Err(error) = ended {
                tracing::error!(%error, "the queue has ended");
            }
        }
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    // Steps that were broken off end now.
    while !shared.under_way().is_empty() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    shared.queue.pool.close().await;
}

async fn take(
    due: Due,
    shared: Data<Arc<Shared>>,
    stopped: Data<watch::Receiver<bool>>,
) -> Result<(), BoxDynError> {
    let (shared, stopped) = (Arc::clone(&*shared), stopped.clone());
    // A task of its own: a step is seen to its end even when the queue is not.
    let taken = tokio::spawn(async move { shared.take(due.run, &stopped).await }).await?;
    taken.map_err(|error| {
        tracing::error!(run = due.run, %error, "a step could not be taken");
        error.into()
    })
}
