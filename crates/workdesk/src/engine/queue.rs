//! When which run is due. The rows of the store say it; this only wakes up in time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use virustotal::Clock;

use super::Shared;

/// The longest sleep: a clock can be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// Until a step that could not be taken is tried again.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// Runs whose next step is due, now or later; the earliest first.
#[derive(Default)]
pub(super) struct Queue {
    due: Mutex<BinaryHeap<Reverse<(Timestamp, i64)>>>,
    /// Rings when something is added.
    bell: Notify,
}

impl Queue {
    pub(super) fn push(&self, run: i64, due_at: Timestamp) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.push(Reverse((due_at, run)));
        self.bell.notify_one();
    }

    /// Waits until a run is due.
    async fn next(&self, clock: &Clock) -> i64 {
        loop {
            let now = clock.now();
            let sleep = {
                let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
                match due.peek() {
                    Some(Reverse((at, run))) if *at <= now => {
                        let run = *run;
                        due.pop();
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

/// Takes steps as they come due, a bounded number at a time, until it is stopped and the last of them has ended.
pub(super) async fn work(shared: Arc<Shared>) {
    let at_once = u32::try_from(shared.pace.at_once.max(1)).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(at_once as usize));
    loop {
        // The place first: a run that is taken out of the queue is begun.
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, shared.queue.next(shared.store.clock()).await)
        };
        let (place, run) = tokio::select! {
            next = next => next,
            () = shared.halted() => break,
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            if let Err(error) = shared.take(run).await {
                tracing::error!(run, %error, "a step could not be taken; it is tried again");
                // If this fails too, the next start of the engine does it.
                let _ = shared.store.release(run).await;
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
    use jiff::{SignedDuration, Timestamp};
    use virustotal::Clock;

    use super::Queue;

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
