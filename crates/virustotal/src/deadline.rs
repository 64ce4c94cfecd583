//! Until when a caller waits, and how it changes its mind.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Why work was not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The deadline passed, or would pass before the next step can be done.
    #[error("time ran out")]
    Deadline,
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// A moment after which nothing is waited for, and a way to stop earlier. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Deadline {
    at: Option<Instant>,
    cancelled: Option<watch::Receiver<bool>>,
    waits_for_quota: bool,
    /// Until when the quota is waited for, where that ends earlier than everything else.
    quota_until: Option<Instant>,
}

/// Stops everything that waits under the deadlines it was given to.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

impl Canceller {
    /// A canceller that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Stops; calls in flight are dropped, answers that are in stay.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Default for Canceller {
    fn default() -> Self {
        Self::new()
    }
}

impl Deadline {
    /// No deadline; pauses that only a deadline ends are still bounded.
    #[must_use]
    pub fn none() -> Self {
        Self {
            at: None,
            cancelled: None,
            waits_for_quota: true,
            quota_until: None,
        }
    }

    /// A deadline that far from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self {
            at: Instant::now().checked_add(duration),
            cancelled: None,
            waits_for_quota: true,
            quota_until: None,
        }
    }

    /// The same deadline, also ended by `canceller`.
    #[must_use]
    pub fn with_canceller(mut self, canceller: &Canceller) -> Self {
        self.cancelled = Some(canceller.0.subscribe());
        self
    }

    /// The same canceller, but ending that much earlier.
    #[must_use]
    pub fn earlier_by(mut self, margin: Duration) -> Self {
        self.at = self.at.map(|at| at.checked_sub(margin).unwrap_or(at));
        self
    }

    /// The same, but a used-up quota is not waited for: what it does not let through at once has no answer.
    #[must_use]
    pub fn without_quota_waits(mut self) -> Self {
        self.waits_for_quota = false;
        self
    }

    /// The same, but the quota is waited for no longer than that from now.
    #[must_use]
    pub fn with_quota_wait(mut self, longest: Duration) -> Self {
        self.quota_until = Instant::now().checked_add(longest);
        self
    }

    /// How long the quota may be waited for; `None` without a deadline.
    #[must_use]
    pub fn left_for_quota(&self) -> Option<Duration> {
        if !self.waits_for_quota {
            return Some(Duration::ZERO);
        }
        let until = [self.at, self.quota_until].into_iter().flatten().min();
        until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// Time left; `None` without a deadline.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether there is no point in starting anything.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        if self
            .cancelled
            .as_ref()
            .is_some_and(|cancelled| *cancelled.borrow())
        {
            return Some(Stop::Cancelled);
        }
        self.left()
            .is_some_and(|left| left.is_zero())
            .then_some(Stop::Deadline)
    }

    /// Runs `work` to its end, or until the deadline or the canceller ends it.
    ///
    /// # Errors
    /// Tells which of the two it was.
    pub async fn run<F: Future>(&self, work: F) -> Result<F::Output, Stop> {
        if let Some(stop) = self.stopped() {
            return Err(stop);
        }
        tokio::select! {
            biased;
            stop = self.reached() => Err(stop),
            output = work => Ok(output),
        }
    }

    /// Sleeps; a sleep that would end after the deadline is not even begun.
    ///
    /// # Errors
    /// As for [`Deadline::run`].
    pub async fn sleep(&self, duration: Duration) -> Result<(), Stop> {
        if self.left().is_some_and(|left| left <= duration) {
            return Err(self.stopped().unwrap_or(Stop::Deadline));
        }
        self.run(tokio::time::sleep(duration)).await
    }

    async fn reached(&self) -> Stop {
        tokio::select! {
            () = until(self.at) => Stop::Deadline,
            () = cancelled(self.cancelled.clone()) => Stop::Cancelled,
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn cancelled(receiver: Option<watch::Receiver<bool>>) {
    if let Some(mut receiver) = receiver
        && receiver.wait_for(|cancelled| *cancelled).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Canceller, Deadline, Stop};

    #[tokio::test(start_paused = true)]
    async fn work_ends_at_the_deadline_or_when_cancelled() {
        let deadline = Deadline::after(Duration::from_secs(1));
        assert_eq!(deadline.run(async { 7 }).await, Ok(7));
        assert_eq!(
            deadline.run(std::future::pending::<()>()).await,
            Err(Stop::Deadline)
        );

        let canceller = Canceller::new();
        let deadline = Deadline::none().with_canceller(&canceller);
        let (result, ()) = tokio::join!(deadline.run(std::future::pending::<()>()), async {
            canceller.cancel();
        });
        assert_eq!(result, Err(Stop::Cancelled));
        assert_eq!(deadline.stopped(), Some(Stop::Cancelled));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_past_the_deadline_is_not_begun() {
        let start = tokio::time::Instant::now();
        let deadline = Deadline::after(Duration::from_secs(5));
        assert_eq!(deadline.sleep(Duration::from_secs(6)).await, Err(Stop::Deadline));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(deadline.sleep(Duration::from_secs(2)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_quota_may_be_waited_for_less_long_than_the_answer() {
        let deadline = Deadline::after(Duration::from_secs(60)).with_quota_wait(Duration::from_secs(5));
        assert_eq!(deadline.left_for_quota(), Some(Duration::from_secs(5)));
        assert_eq!(deadline.left(), Some(Duration::from_secs(60)));
        let deadline = Deadline::after(Duration::from_secs(3)).with_quota_wait(Duration::from_secs(5));
        assert_eq!(deadline.left_for_quota(), Some(Duration::from_secs(3)));
        assert_eq!(
            deadline.without_quota_waits().left_for_quota(),
            Some(Duration::ZERO)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_canceller_stops_nothing() {
        let deadline = {
            let canceller = Canceller::new();
            Deadline::after(Duration::from_secs(3)).with_canceller(&canceller)
        };
        assert_eq!(
            deadline.run(tokio::time::sleep(Duration::from_secs(1))).await,
            Ok(())
        );
    }
}
