//! Whether and when to try again: a pure decision.
//!
//! | met | tried again | pause |
//! |---|---|---|
//! | no connection, broken connection, time-out, 5xx, unusable body | up to [`RetryPolicy::attempts`] in all | doubling from [`RetryPolicy::first_pause`] with jitter |
//! | quota (204, 429) | while the pause fits before the deadline | the server's hint, else doubling from [`RetryPolicy::first_quota_pause`] to a minute |
//! | anything else, such as an answer beyond the bound | no | – |
//!
//! A pause that would end after the deadline is not begun. Without a deadline the quota is waited for until
//! [`RetryPolicy::longest_quota_wait`] in all.

use std::time::Duration;

/// The figures of the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls in all for one question, the first included.
    pub attempts: u32,
    /// Pause after the first failure.
    pub first_pause: Duration,
    /// No pause is longer than this.
    pub longest_pause: Duration,
    /// Pause after the first refusal for quota. 15 s: a public key gets 4 calls a minute.
    pub first_quota_pause: Duration,
    /// No pause for quota is longer than this, unless the server asks for it. One minute: then the window is new.
    pub longest_quota_pause: Duration,
    /// Without a deadline, the quota is waited for no longer than this in all.
    pub longest_quota_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(8),
            first_quota_pause: Duration::from_secs(15),
            longest_quota_pause: Duration::from_secs(60),
            longest_quota_wait: Duration::from_secs(600),
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this pause.
    Wait(Duration),
    /// Report the failure.
    GiveUp,
}

impl RetryPolicy {
    /// After something transient. `attempt` counts from 1; `jitter` is uniform in 0..1.
    ///
    /// The pause is between half and the whole of the doubled one, so that many clients do not return at once.
    #[must_use]
    pub fn after_trouble(&self, attempt: u32, jitter: f64, left: Option<Duration>) -> Decision {
        if attempt >= self.attempts {
            return Decision::GiveUp;
        }
        let full = doubled(self.first_pause, attempt).min(self.longest_pause);
        fits(full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0), left)
    }

    /// How long to keep still after a refusal for quota; `refusals` counts those in a row from 1.
    #[must_use]
    pub fn quota_pause(&self, refusals: u32, hint: Option<Duration>) -> Duration {
        hint.unwrap_or_else(|| doubled(self.first_quota_pause, refusals).min(self.longest_quota_pause))
    }

    /// Whether that pause is worth waiting for; `waited` is the time this question has lost to the quota so far.
    #[must_use]
    pub fn after_quota(&self, pause: Duration, waited: Duration, left: Option<Duration>) -> Decision {
        fits(
            pause,
            left.or_else(|| Some(self.longest_quota_wait.saturating_sub(waited))),
        )
    }
}

fn doubled(first: Duration, attempt: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX))
}

fn fits(pause: Duration, left: Option<Duration>) -> Decision {
    match left {
        Some(left) if pause >= left => Decision::GiveUp,
        _ => Decision::Wait(pause),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Decision, RetryPolicy};

    #[test]
    fn trouble_is_retried_with_doubling_pauses_a_bounded_number_of_times() {
        let policy = RetryPolicy::default();
        let pauses: Vec<_> = (1..5)
            .map(|attempt| policy.after_trouble(attempt, 1.0, None))
            .collect();
        let wait = |ms| Decision::Wait(Duration::from_millis(ms));
        assert_eq!(pauses, [wait(500), wait(1000), wait(2000), Decision::GiveUp]);
        assert_eq!(policy.after_trouble(1, 0.0, None), wait(250));
    }

    #[test]
    fn the_servers_hint_comes_first_and_a_wait_without_deadline_ends() {
        let policy = RetryPolicy::default();
        let seconds = Duration::from_secs;
        assert_eq!(policy.quota_pause(1, Some(seconds(7))), seconds(7));
        assert_eq!(
            [1, 2, 3, 9].map(|refusals| policy.quota_pause(refusals, None)),
            [15, 30, 60, 60].map(seconds)
        );
        assert_eq!(
            policy.after_quota(seconds(60), Duration::ZERO, None),
            Decision::Wait(seconds(60))
        );
        assert_eq!(
            policy.after_quota(seconds(60), seconds(560), None),
            Decision::GiveUp
        );
    }

    proptest! {
        #[test]
        fn no_pause_reaches_the_deadline(attempt in 1_u32..100, jitter in 0.0..1.0, left_ms in 0_u64..200_000, hint_s in prop::option::of(0_u64..1_000)) {
            let (policy, left) = (RetryPolicy::default(), Duration::from_millis(left_ms));
            for decision in [
                policy.after_trouble(attempt, jitter, Some(left)),
                policy.after_quota(policy.quota_pause(attempt, hint_s.map(Duration::from_secs)), Duration::ZERO, Some(left)),
            ] {
                if let Decision::Wait(pause) = decision {
                    prop_assert!(pause < left);
                }
            }
        }
    }
}
