//! Requests without a token that counts: told together, so that nobody fills the log or the audit trail with them, and
//! bounded, so that somebody who tries tokens costs next to nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// Addresses that are remembered; of more, those that come later are not bounded.
const MOST_ADDRESSES: usize = 10_000;

/// See the module.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Requests since they were last told.
    requests: u64,
    told_at: Option<Instant>,
    /// Somebody will tell them.
    is_awaited: bool,
    /// By address: since when, and how many since then.
    refused: HashMap<IpAddr, (Instant, u32)>,
}

/// What is to be done with the requests that were counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Tell that many.
    Now(u64),
    /// Come back then.
    In(Duration),
    /// Nothing: somebody comes back, or there are none.
    Not,
}

impl Strangers {
    /// One more, from there.
    pub(crate) fn came(&self, from: IpAddr, quiet: Duration) -> Telling {
        let now = Instant::now();
        let mut seen = self.seen();
        let from = network(from);
        if seen.refused.len() >= MOST_ADDRESSES {
            seen.refused
                .retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
        }
        if seen.refused.len() < MOST_ADDRESSES || seen.refused.contains_key(&from) {
            let (since, count) = seen.refused.entry(from).or_insert((now, 0));
            if now.duration_since(*since) >= MINUTE {
                (*since, *count) = (now, 0);
            }
            *count = count.saturating_add(1);
        }
        seen.requests += 1;
        let left = seen.told_at.map_or(Duration::ZERO, |told_at| {
            quiet.saturating_sub(now.duration_since(told_at))
        });
        match left.is_zero() {
            _ if seen.is_awaited => Telling::Not,
            true => seen.tell(now),
            false => {
                seen.is_awaited = true;
                Telling::In(left)
            }
        }
    }

    /// All that were not told yet.
    pub(crate) fn rest(&self) -> Telling {
        let mut seen = self.seen();
        seen.is_awaited = false;
        seen.tell(Instant::now())
    }

    /// How long an address has to wait that has shown so many in a minute.
    pub(crate) fn pause(&self, from: IpAddr, most: u32) -> Option<Duration> {
        let seen = self.seen();
        let (since, count) = seen.refused.get(&network(from))?;
        let left = MINUTE.saturating_sub(since.elapsed());
        (*count >= most && !left.is_zero()).then_some(left)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn tell(&mut self, now: Instant) -> Telling {
        match std::mem::take(&mut self.requests) {
            0 => Telling::Not,
            requests => {
                self.told_at = Some(now);
                Telling::Now(requests)
            }
        }
    }
}

/// Whom an address belongs to: of IPv6 somebody has a whole network.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::{MOST_ADDRESSES, Strangers, Telling};

    const LONG: Duration = Duration::from_secs(1000);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_is_told_at_once_and_those_that_follow_together_in_time() {
        let (strangers, from) = (Strangers::default(), address("192.0.2.1"));
        assert_eq!(strangers.came(from, LONG), Telling::Now(1));
        assert!(matches!(strangers.came(from, LONG), Telling::In(left) if left <= LONG));
        assert_eq!(strangers.came(from, LONG), Telling::Not, "somebody comes back");
        assert_eq!(strangers.rest(), Telling::Now(2));
        assert_eq!(strangers.rest(), Telling::Not);
        assert!(matches!(strangers.came(from, LONG), Telling::In(_)));
    }

    #[test]
    fn an_address_with_many_has_to_wait_and_others_have_not() {
        let strangers = Strangers::default();
        for _ in 0..3 {
            assert_eq!(strangers.pause(address("2001:db8::1"), 3), None);
            strangers.came(address("2001:db8::1"), LONG);
        }
        // Another address of the same network is no other one.
        let pause = strangers.pause(address("2001:db8::2"), 3).unwrap();
        assert!(pause <= Duration::from_secs(60), "{pause:?}");
        assert_eq!(strangers.pause(address("2001:db8:0:1::1"), 3), None);
        assert_eq!(strangers.pause(address("192.0.2.1"), 3), None);
        // However many come, no more are remembered.
        for number in 0..u32::try_from(MOST_ADDRESSES).unwrap() + 9 {
            strangers.came(IpAddr::from(number.to_be_bytes()), LONG);
        }
        assert_eq!(strangers.seen().refused.len(), MOST_ADDRESSES);
    }
}
