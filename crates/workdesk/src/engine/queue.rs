//! When which run is due. The rows of the store say it; this only wakes up in time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use virustotal::Clock;

use super::Shared;
use crate::{Run, StoredEntity};

/// The longest sleep: a clock can be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// So that trouble that lasts is not met all the time.
const PAUSE: Duration = Duration::from_millis(500);
/// How often is looked for what becomes due without anybody saying so.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often the others hear that our steps are being taken.
const HEARD_OF: Duration = Duration::from_secs(2);
/// How long it may take until a step that was claimed is under way.
const BEGINNING_TAKES: Duration = Duration::from_secs(6);
/// Until a step that could not be taken is tried again.
pub(super) const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// Steps that are due, and their runs; the earliest first.
#[derive(Default)]
struct Due {
    runs: BinaryHeap<Reverse<(Timestamp, i64)>>,
    /// What the clock said last.
    seen: Option<Timestamp>,
}

/// Runs whose next step is due, now or later.
#[derive(Default)]
pub(super) struct Queue {
    due: Mutex<Due>,
    /// Rings when something is added.
    bell: Notify,
}

impl Queue {
    pub(super) fn push(&self, run: i64, due_at: Timestamp) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.runs.push(Reverse((due_at, run)));
        self.bell.notify_one();
    }

    /// Waits until a run is due.
    async fn next(&self, clock: &Clock) -> i64 {
        loop {
            let now = clock.now();
            let sleep = {
                let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
                due.look_at_clock(now);
                match due.runs.peek() {
                    Some(Reverse((at, run))) if *at <= now => {
                        let run = *run;
                        due.runs.pop();
                        return run;
                    }
                    Some(Reverse((at, _))) => Duration::try_from(at.duration_since(now)).unwrap_or_default(),
                    None => LONGEST_SLEEP,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(sleep.min(LONGEST_SLEEP)) => {}
                () = self.bell.notified() => {}
            }
        }
    }
}

impl Due {
    /// Where the clock was set back, nobody waits longer for it.
    fn look_at_clock(&mut self, now: Timestamp) {
        if let Some(by) = self.seen.map(|seen| seen.duration_since(now))
            && by.is_positive()
        {
            let earlier = |Reverse((at, run)): Reverse<(Timestamp, i64)>| {
                let at = at.checked_sub(by).unwrap_or(Timestamp::MIN);
                Reverse((at, run))
            };
            self.runs = self.runs.drain().map(earlier).collect();
        }
        self.seen = Some(now);
    }
}

/// What is to be taken next.
pub(super) enum Next {
    /// A step of this run, if nobody has taken it meanwhile.
    Due(i64),
    /// A step that is ours.
    Begun(Box<(Run, Vec<StoredEntity>)>),
}

impl Next {
    fn run(&self) -> i64 {
        match self {
            Self::Due(run) => *run,
            Self::Begun(begun) => begun.0.id,
        }
    }
}

/// Waits until a step is due: by our own list, or, where other processes ask for runs and take steps too, by the store's.
async fn next(shared: &Shared) -> Next {
    if !shared.store.is_shared() {
        return Next::Due(shared.queue.next(shared.store.clock()).await);
    }
    let mut changes = shared.store.watch();
    loop {
        match shared.store.begin_any_step().await {
            Ok(Some(begun)) => return Next::Begun(Box::new(begun)),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "no step can be taken; it is tried again");
                tokio::time::sleep(LONGEST_SLEEP).await;
            }
        }
        // A run that was asked for here or elsewhere is a change; one that has waited becomes due without a word.
        let heard = async {
            while let Ok(changed) = changes.recv().await {
                if changed.run.is_some() {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(LOOK_AGAIN, heard).await;
    }
}

/// Says that our steps are being taken, ends those that are not ours any more or are to end, and makes due again what somebody died over.
pub(super) async fn hold(shared: Arc<Shared>) {
    // Steps that are ours and that nobody here is taking, and since when.
    let mut strays: HashMap<i64, Instant> = HashMap::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARD_OF) => {}
            () = shared.halted() => return,
        }
        // Those that begin while we ask are not meant.
        let known: Vec<i64> = shared.under_way().keys().copied().collect();
        match shared.store.hold_steps().await {
            Ok(ours) => {
                // The answer to a claim was lost with the connection: while we hold it nobody else can take it.
                strays = shared.not_under_way(&ours, &strays);
                for (run, since) in &strays {
                    if since.elapsed() > BEGINNING_TAKES
                        && let Err(error) = shared.store.release(*run).await
                    {
                        tracing::error!(run, %error, "a step that nobody takes can't be given back; it is tried again");
                    }
                }
                let under_way = shared.under_way();
                for run in known {
                    let held = ours.iter().find(|(own, _)| *own == run);
                    if held.is_none_or(|(_, cancel_asked)| *cancel_asked)
                        && let Some(under_way) = under_way.get(&run)
                    {
                        under_way.canceller.cancel();
                    }
                }
            }
            Err(error) => tracing::error!(%error, "the others can't be told that this process is at work"),
        }
        match shared.store.take_over_steps().await {
            Ok(0) => {}
            Ok(steps) => tracing::warn!(
                steps,
                "a process that was taking steps is gone; they are taken again"
            ),
            Err(error) => tracing::error!(%error, "it can't be seen who is gone"),
        }
    }
}

impl Shared {
    /// Those of our steps that nobody here is taking, each since when.
    fn not_under_way(&self, ours: &[(i64, bool)], before: &HashMap<i64, Instant>) -> HashMap<i64, Instant> {
        let under_way = self.under_way();
        let strays = ours
            .iter()
            .map(|(run, _)| *run)
            .filter(|run| !under_way.contains_key(run));
        let since = |run: i64| before.get(&run).copied().unwrap_or_else(Instant::now);
        strays.map(|run| (run, since(run))).collect()
    }
}

/// Takes steps as they come due, a bounded number at a time, until it is stopped and the last of them has ended.
pub(super) async fn work(shared: Arc<Shared>) {
    let at_once = u32::try_from(shared.pace.at_once.max(1)).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(at_once as usize));
    loop {
        // The place first: a run that is taken out of the queue is begun.
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, next(&shared).await)
        };
        let (place, next) = tokio::select! {
            next = next => next,
            () = shared.halted() => break,
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let run = next.run();
            if let Err(error) = shared.take(next).await {
                tracing::error!(run, %error, "a step could not be taken; it is tried again");
                // If this fails too, the next start of the engine does it, or another process.
                let _ = shared.store.release(run).await;
                tokio::time::sleep(PAUSE).await;
                shared.queue.push(run, shared.now() + AFTER_TROUBLE);
            }
            drop(place);
        });
    }
    // Whoever has all places knows that nobody is at work.
    let _ = places.acquire_many(at_once).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};
    use virustotal::Clock;

    use super::Queue;

    #[tokio::test]
    async fn a_clock_that_is_set_back_keeps_nobody_waiting() {
        let start: Timestamp = "2026-01-10T10:00:00Z".parse().unwrap();
        let hours = |hours| SignedDuration::from_hours(hours);
        let looks = Arc::new(AtomicI64::new(0));
        let counted = Arc::clone(&looks);
        // A second passes with each look, and after the first it is a day earlier.
        let clock = Clock::new(move || {
            let look = counted.fetch_add(1, Ordering::Relaxed);
            let set_back = if look < 1 { hours(0) } else { hours(24) };
            start + SignedDuration::from_secs(look) - set_back
        });
        let queue = Arc::new(Queue::default());
        queue.push(7, start + SignedDuration::from_secs(2));
        let waiting = {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.next(&clock).await })
        };
        let found = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        assert_eq!(found.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn the_earliest_comes_first_and_none_before_its_time() {
        let start: Timestamp = "2026-01-10T10:00:00Z".parse().unwrap();
        // A thousand seconds pass in one.
        let clock = Clock::fast(start, 1000);
        let queue = Queue::default();
        for (run, seconds) in [(1, 200), (2, 50), (3, 120), (4, 0)] {
            queue.push(run, start + SignedDuration::from_secs(seconds));
        }
        for (run, seconds) in [(4, 0), (2, 50), (3, 120), (1, 200)] {
            assert_eq!(queue.next(&clock).await, run);
            assert!(clock.now() >= start + SignedDuration::from_secs(seconds), "{run}");
        }
    }
}
