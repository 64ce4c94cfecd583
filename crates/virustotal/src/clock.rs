//! The time, passed in: only the binary reads the system's clock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Tells the time, and waits. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    rate: u32,
}

impl Clock {
    /// A clock that shows what `now` says and runs at the pace of the world.
    #[must_use]
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            now: Arc::new(now),
            rate: 1,
        }
    }

    /// A clock that begins at `start` and runs `rate` times as fast as the world: a day in seconds, for simulations.
    #[must_use]
    pub fn fast(start: Timestamp, rate: u32) -> Self {
        let began = std::time::Instant::now();
        Self {
            now: Arc::new(move || {
                let elapsed = began.elapsed().saturating_mul(rate);
                start
                    .saturating_add(SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX))
                    .unwrap_or(start)
            }),
            rate: rate.max(1),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// How far this clock moves while the world moves by `real`.
    #[must_use]
    pub fn during(&self, real: Duration) -> Duration {
        real.saturating_mul(self.rate)
    }

    /// How long the world takes until this clock has moved by `shown`.
    pub(crate) fn real(&self, shown: Duration) -> Duration {
        shown / self.rate
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

/// Milliseconds since 1970, as the stores keep a time.
pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The reverse of [`millis`]; a number that is no time is the latest one.
pub(crate) fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// `at` and that much later; the end of time where there is none.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// From `now` until `at`; zero when it is past.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}
