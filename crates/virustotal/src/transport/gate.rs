//! Who may send now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::retry::{Decision, RetryPolicy};
use crate::{Deadline, Error, Stop};

/// How long calls go one at a time after a refusal: the shortest quota window.
const CAUTION: Duration = Duration::from_secs(60);

/// How long the others wait for the first call to prove the key. A refusal comes sooner.
const PROOF_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Gate {
    slots: Arc<Semaphore>,
    alone: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    policy: RetryPolicy,
    /// How long a refused key rests; `None` is for ever.
    rest: Option<Duration>,
}

#[derive(Default)]
struct State {
    key: Key,
    /// Refusals for quota since the last good answer; those of calls in flight together count once.
    refusals: u32,
    refused_at: Option<Instant>,
    closed_until: Option<Instant>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Untried,
    Good,
    /// Since then.
    Refused(Instant),
}

/// The right to make one call; given back when dropped.
pub(super) struct Pass {
    _slot: OwnedSemaphorePermit,
    _alone: Option<OwnedMutexGuard<()>>,
}

impl Gate {
    pub(super) fn new(max_in_flight: usize, policy: RetryPolicy, rest: Option<Duration>) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(max_in_flight)),
            alone: Arc::default(),
            state: Mutex::default(),
            policy,
            rest,
        }
    }

    /// Waits for a slot; `waited` adds up what was spent waiting for the quota.
    pub(super) async fn admit(&self, deadline: &Deadline, waited: &mut Duration) -> Result<Pass, Error> {
        let alone = self.alone_if_cautious(deadline).await?;
        let slot = deadline.run(Arc::clone(&self.slots).acquire_owned()).await?;
        let slot = slot.map_err(|_| Error::Settings("the client is shut down".to_owned()))?;
        while let Some(pause) = self.check()? {
            match self.policy.after_quota(pause, *waited, deadline.left_for_quota()) {
                Decision::Wait(pause) => deadline.sleep(pause).await?,
                Decision::GiveUp => {
                    return Err(Error::Quota {
                        retry_after: Some(pause),
                    });
                }
            }
            *waited += pause;
        }
        Ok(Pass {
            _slot: slot,
            _alone: alone,
        })
    }

    async fn alone_if_cautious(&self, deadline: &Deadline) -> Result<Option<OwnedMutexGuard<()>>, Error> {
        let caution = self.state().caution();
        let lock = Arc::clone(&self.alone).lock_owned();
        let guard = match caution {
            Caution::None => return Ok(None),
            Caution::Quota => deadline.run(lock).await.map(Some),
            // A first call that hangs says nothing about the key: the others don't wait for its time-out.
            Caution::Key => deadline.run(timeout(PROOF_PATIENCE, lock)).await.map(Result::ok),
        };
        let guard = guard.map_err(|stop| self.why(stop))?;
        // Whoever was before may have proven the key meanwhile.
        Ok(guard.filter(|_| self.state().caution() != Caution::None))
    }

    /// Time that ran out behind a refusal for quota was lost to the quota.
    fn why(&self, stop: Stop) -> Error {
        match stop == Stop::Deadline && self.state().refusals > 0 {
            true => Error::Quota {
                retry_after: self.state().closed_for(),
            },
            false => stop.into(),
        }
    }

    /// When the last refusal for quota came, to see whether there was another.
    pub(super) fn refused_at(&self) -> Option<Instant> {
        self.state().refused_at
    }

    /// How long the gate stays closed, if it is. A refused key that has rested is tried by the one who asks.
    fn check(&self) -> Result<Option<Duration>, Error> {
        let mut state = self.state();
        let closed_for = state.closed_for();
        if let Key::Refused(at) = state.key {
            if !has_rested(at, self.rest) {
                return Err(Error::Key);
            }
            if closed_for.is_none() {
                state.key = Key::Refused(Instant::now());
            }
        }
        Ok(closed_for)
    }

    /// Whether the key was refused and nobody asks with it now.
    pub(super) fn key_rests(&self) -> bool {
        matches!(self.state().key, Key::Refused(at) if !has_rested(at, self.rest))
    }

    /// Whether the key has proven good.
    pub(super) fn has_good_key(&self) -> bool {
        self.state().key == Key::Good
    }

    pub(super) fn key_is_good(&self) {
        self.state().key = Key::Good;
    }

    /// One that was good before is believed bad when the next call is refused too: an endpoint may not be for it.
    pub(super) fn key_is_refused(&self) {
        let mut state = self.state();
        state.key = match state.key {
            Key::Good => Key::Untried,
            Key::Untried | Key::Refused(_) => Key::Refused(Instant::now()),
        };
    }

    /// A good answer: the quota has room again.
    pub(super) fn open(&self) {
        let mut state = self.state();
        state.refusals = 0;
        state.closed_until = None;
    }

    /// A refusal for quota: nobody sends until the pause is over.
    pub(super) fn refused(&self, hint: Option<Duration>) {
        let now = Instant::now();
        let mut state = self.state();
        state.refused_at = Some(now);
        let already_closed = state.closed_until.is_some_and(|until| until > now);
        if !already_closed {
            state.refusals += 1;
            state.closed_until = now.checked_add(self.policy.quota_pause(state.refusals, hint));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why calls go one at a time.
#[derive(PartialEq, Eq)]
enum Caution {
    None,
    /// The key has not proven good.
    Key,
    /// The quota was used up a moment ago.
    Quota,
}

/// Whether a key that was refused then may be tried again.
pub(super) fn has_rested(refused_at: Instant, rest: Option<Duration>) -> bool {
    rest.is_some_and(|rest| refused_at.elapsed() >= rest)
}

impl State {
    /// How long nobody sends, if so.
    fn closed_for(&self) -> Option<Duration> {
        let left = self
            .closed_until
            .map(|until| until.saturating_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero())
    }

    fn caution(&self) -> Caution {
        if self.refused_at.is_some_and(|at| at.elapsed() < CAUTION) {
            Caution::Quota
        } else if self.key == Key::Untried {
            Caution::Key
        } else {
            Caution::None
        }
    }
}
