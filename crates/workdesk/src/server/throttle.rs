//! Makes guessing passwords slow, name by name: not by address, as behind a proxy, or in an office, everybody has the same one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Wrong passwords for a name before it must wait.
const FREE_TRIES: u32 = 5;
/// How long it must wait then, doubling with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// Names that are remembered.
const MOST_NAMES: usize = 10_000;

/// A name, whatever its length.
type Key = [u8; 32];

/// Tries that have not proven right: how many, and when the last one began.
type Tries = HashMap<Key, (u32, Instant)>;

/// See the module.
#[derive(Default)]
pub(super) struct Throttle(Mutex<Tries>);

impl Throttle {
    /// Begins a try with that name. It counts as a wrong one until it has proven right, so that many at once are no more than one after the other.
    ///
    /// # Errors
    /// How long the name has to wait.
    pub(super) fn begin(&self, name: &str) -> Result<(), Duration> {
        let (mut tries, now) = (self.tries(), Instant::now());
        let key = key(name);
        if let Some(wait) = tries.get(&key).and_then(|(wrong, last)| left(*wrong, *last, now)) {
            return Err(wait);
        }
        if tries.len() >= MOST_NAMES && !tries.contains_key(&key) {
            make_room(&mut tries, now);
        }
        let (wrong, last) = tries.entry(key).or_insert((0, now));
        (*wrong, *last) = (wrong.saturating_add(1), now);
        Ok(())
    }

    /// The try was none: nobody has looked at the password.
    pub(super) fn take_back(&self, name: &str) {
        if let Some((wrong, _)) = self.tries().get_mut(&key(name)) {
            *wrong = wrong.saturating_sub(1);
        }
    }

    /// The password was right.
    pub(super) fn forget(&self, name: &str) {
        self.tries().remove(&key(name));
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left of the wait after so many wrong ones.
fn left(wrong: u32, last: Instant, now: Instant) -> Option<Duration> {
    let over = wrong.checked_sub(FREE_TRIES)?;
    let wait = FIRST_WAIT.saturating_mul(1 << over.min(10)).min(LONGEST_WAIT);
    wait.checked_sub(now.saturating_duration_since(last))
        .filter(|left| !left.is_zero())
}

/// Forgets what is over; where that is nothing, the name with the fewest wrong tries, of several the one that was tried longest ago: whoever makes up
/// names does not make one be forgotten that is guessed at.
fn make_room(tries: &mut Tries, now: Instant) {
    tries.retain(|_, (_, last)| now.saturating_duration_since(*last) < LONGEST_WAIT);
    if tries.len() >= MOST_NAMES {
        let least = tries.iter().min_by_key(|(_, tried)| **tried);
        if let Some(least) = least.map(|(key, _)| *key) {
            tries.remove(&least);
        }
    }
}

fn key(name: &str) -> Key {
    Sha256::digest(name.trim().to_lowercase()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_tries_are_free_then_each_waits_longer_and_a_right_one_ends_it() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            throttle.begin("Ann ").unwrap();
        }
        let wait = throttle.begin("ann").unwrap_err();
        assert!(wait > Duration::from_secs(9) && wait <= FIRST_WAIT, "{wait:?}");
        throttle.begin("ben").unwrap();
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        assert_eq!(left(4, now, now), None);
        assert_eq!(left(6, now, now), Some(Duration::from_secs(20)));
        assert_eq!(left(6, now, now + minute), None);
        assert_eq!(left(u32::MAX, now, now), Some(LONGEST_WAIT));
        throttle.forget("ANN");
        throttle.begin("ann").unwrap();
    }

    #[test]
    fn a_try_that_was_none_does_not_count() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            throttle.begin("ann").unwrap();
            throttle.take_back("ann");
        }
    }

    #[test]
    fn names_of_any_number_and_length_take_little_and_do_not_drive_out_one_that_is_guessed_at() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            throttle.begin("ann").unwrap();
        }
        let long = "x".repeat(10_000);
        for number in 0..MOST_NAMES + 50 {
            throttle.begin(&format!("{number}")).unwrap();
        }
        throttle.begin(&long).unwrap();
        assert_eq!(throttle.tries().len(), MOST_NAMES);
        assert!(throttle.begin("ann").is_err());
    }
}
