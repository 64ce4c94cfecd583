//! Who gets the slots that are free, and what of a key's calls is kept for whom: pure.
//!
//! Where an environment (a customer, a team) is to be sure of its calls, it has a share of the key: percent of what the key may do. Of a
//! day and a month, what it has not used of its share is kept for it. Of a minute and an hour nothing is kept, for a slot that nobody takes
//! is lost; there, whoever has had less than its share goes before all others. What no share keeps is for everybody.

use std::collections::BTreeMap;

use super::{Limits, Window};

/// Percent of a key's calls that each environment is sure of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares(BTreeMap<String, u8>);

/// Why a share can't be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// More than a hundred percent, or 0 of them.
    #[error("a share is between 1 and 100 percent, not {0}")]
    OutOfRange(u8),
    /// What all of them add up to.
    #[error(
        "all shares together would be {0} percent of the key's calls; 100 is the most. Make another one smaller first"
    )]
    TooMany(u32),
    /// Nothing is changed.
    #[error("the quota ledger does not answer; nothing is changed. Try again in a moment")]
    Away,
}

impl Shares {
    /// What is written down, as it is.
    pub(super) fn of(written: impl IntoIterator<Item = (String, u8)>) -> Self {
        Self(written.into_iter().collect())
    }

    /// The same with another share; `None` takes it away.
    ///
    /// # Errors
    /// A share that can't be, or more than the whole.
    pub(super) fn with(mut self, environment: &str, percent: Option<u8>) -> Result<Self, ShareError> {
        match percent {
            None => drop(self.0.remove(environment)),
            Some(percent) => {
                if !(1..=100).contains(&percent) {
                    return Err(ShareError::OutOfRange(percent));
                }
                self.0.insert(environment.to_owned(), percent);
            }
        }
        match self.0.values().map(|percent| u32::from(*percent)).sum() {
            0..=100 => Ok(self),
            sum => Err(ShareError::TooMany(sum)),
        }
    }

    /// Each environment that has one, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u8)> {
        self.0.iter().map(|(name, percent)| (name.as_str(), *percent))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls out of `limit` that an environment is sure of: at least one where it has a share.
    #[must_use]
    pub fn calls(&self, environment: &str, limit: u32) -> u32 {
        self.0.get(environment).map_or(0, |percent| part(limit, *percent))
    }

    /// What `environment` may do of `limits`, where each environment has `used` so many calls of the window.
    pub(super) fn limits(
        &self,
        environment: &str,
        limits: &Limits,
        used: impl Fn(Window, &str) -> u32,
    ) -> Limits {
        let mut own = *limits;
        for window in [Window::Day, Window::Month] {
            let Some(limit) = limits.of_window(window) else {
                continue;
            };
            let others = self.0.iter().filter(|(name, _)| *name != environment);
            let kept: u32 = others
                .map(|(name, percent)| part(limit, *percent).saturating_sub(used(window, name)))
                .sum();
            own = own.with(window, Some(limit.saturating_sub(kept)));
        }
        own
    }
}

fn part(limit: u32, percent: u8) -> u32 {
    let part = u64::from(limit) * u64::from(percent) / 100;
    u32::try_from(part).unwrap_or(u32::MAX).max(1)
}

/// One run that wants slots.
#[derive(Clone, Debug)]
pub(super) struct Entrant {
    pub(super) run: String,
    pub(super) environment: String,
    pub(super) priority: u8,
    pub(super) wants: u32,
    pub(super) since: i64,
    pub(super) served: Served,
}

/// Slots that somebody got in the last minute, and when the last one was. Less is sooner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Served {
    pub(super) slots: u32,
    pub(super) last: Option<i64>,
}

impl Served {
    fn again(&mut self, at: i64) {
        self.slots += 1;
        self.last = Some(at);
    }
}

/// What each environment got in the last minute, and what it is sure of.
#[derive(Clone, Debug, Default)]
pub(super) struct Environments {
    pub(super) served: BTreeMap<String, Served>,
    pub(super) shares: Shares,
    /// Calls of a minute, where that is limited.
    pub(super) per_minute: Option<u32>,
}

impl Environments {
    fn served(&self, environment: &str) -> Served {
        self.served.get(environment).copied().unwrap_or_default()
    }

    fn has_had_its_share(&self, environment: &str) -> bool {
        let sure = self
            .per_minute
            .map_or(0, |limit| self.shares.calls(environment, limit));
        self.served(environment).slots >= sure
    }
}

/// The run that each free slot is for: first an environment that has not had its share, then priority, then the environment that got
/// fewest in the last minute, then its run that got fewest; among equals who was served longest ago, then who came first.
pub(super) fn share(
    mut entrants: Vec<Entrant>,
    mut environments: Environments,
    slots: u32,
    now: i64,
) -> Vec<String> {
    let mut shares = Vec::new();
    for turn in 0..slots {
        let next = entrants
            .iter_mut()
            .filter(|entrant| entrant.wants > 0)
            .min_by_key(|entrant| {
                (
                    environments.has_had_its_share(&entrant.environment),
                    entrant.priority,
                    environments.served(&entrant.environment),
                    entrant.served,
                    entrant.since,
                    entrant.run.clone(),
                )
            });
        let Some(next) = next else { break };
        let at = now.saturating_add(i64::from(turn));
        next.wants -= 1;
        next.served.again(at);
        let served = environments.served.entry(next.environment.clone());
        served.or_default().again(at);
        shares.push(next.run.clone());
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Entrant, Environments, Served, ShareError, Shares, share};
    use crate::quota::{Limits, Window};

    fn entrant(run: &str, environment: &str, priority: u8, wants: u32, slots: u32) -> Entrant {
        Entrant {
            run: run.to_owned(),
            environment: environment.to_owned(),
            priority,
            wants,
            since: 0,
            served: Served { slots, last: None },
        }
    }

    fn shares(of: &[(&str, u8)]) -> Shares {
        Shares::of(of.iter().map(|(name, percent)| ((*name).to_owned(), *percent)))
    }

    #[test]
    fn who_got_less_catches_up_and_priority_comes_before_that() {
        let given = |slots| {
            let entrants = vec![
                entrant("a", "", 1, 9, 3),
                entrant("b", "", 1, 9, 1),
                entrant("c", "", 0, 2, 9),
            ];
            share(entrants, Environments::default(), slots, 0)
        };
        assert_eq!(given(3), ["c", "c", "b"]);
        assert_eq!(given(8), ["c", "c", "b", "b", "a", "b", "a", "b"]);
        assert!(given(0).is_empty());
    }

    #[test]
    fn environments_take_turns_however_many_runs_each_has() {
        let mut entrants: Vec<Entrant> = (0..9)
            .map(|n| entrant(&format!("many{n}"), "Large", 0, 9, 0))
            .collect();
        entrants.push(entrant("one", "Small", 0, 9, 0));
        let given = share(entrants, Environments::default(), 8, 0);
        assert_eq!(given.iter().filter(|run| *run == "one").count(), 4, "{given:?}");
    }

    #[test]
    fn who_has_not_had_its_share_goes_before_priority_and_no_longer() {
        let entrants = vec![
            entrant("person", "Other", 0, 9, 0),
            entrant("night", "Sure", 2, 9, 0),
        ];
        let environments = Environments {
            shares: shares(&[("Sure", 25)]),
            per_minute: Some(8),
            ..Environments::default()
        };
        let given = share(entrants, environments, 5, 0);
        assert_eq!(given, ["night", "night", "person", "person", "person"]);
    }

    #[test]
    fn of_a_day_what_others_have_not_used_of_their_shares_is_kept_for_them() {
        let limits = Limits {
            per_minute: Some(4),
            per_day: Some(500),
            ..Limits::default()
        };
        let shares = shares(&[("A", 20), ("B", 10)]);
        let own = |environment: &str, used_by_a: u32| {
            shares.limits(
                environment,
                &limits,
                |_, name| if name == "A" { used_by_a } else { 0 },
            )
        };
        assert_eq!(own("C", 0).of_window(Window::Day), Some(350));
        assert_eq!(own("C", 60).of_window(Window::Day), Some(410));
        // What A uses beyond its share is not given back by anybody.
        assert_eq!(own("C", 300).of_window(Window::Day), Some(450));
        assert_eq!(own("A", 0).of_window(Window::Day), Some(450));
        assert_eq!(own("B", 100).of_window(Window::Day), Some(500));
        assert_eq!(own("C", 0).per_minute, Some(4));
        assert_eq!(own("C", 0).per_month, None);
    }

    #[test]
    fn shares_are_at_most_the_whole_and_a_small_one_is_a_call_at_least() {
        let half = Shares::default().with("A", Some(60)).unwrap();
        assert_eq!(half.clone().with("B", Some(41)), Err(ShareError::TooMany(101)));
        assert_eq!(half.clone().with("B", Some(0)), Err(ShareError::OutOfRange(0)));
        let full = half.with("B", Some(40)).unwrap().with("A", Some(1)).unwrap();
        assert_eq!(full.calls("A", 4), 1);
        assert_eq!(full.calls("nobody", 4), 0);
        assert!(full.with("A", None).unwrap().with("B", None).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn no_slot_is_wasted_and_equals_differ_by_one_at_most(wants in prop::collection::vec(0_u32..6, 1..5), slots in 0_u32..20) {
            let entrants: Vec<Entrant> =
                wants.iter().enumerate().map(|(n, wants)| entrant(&n.to_string(), "", 0, *wants, 0)).collect();
            let shares = share(entrants, Environments::default(), slots, 0);
            prop_assert_eq!(shares.len() as u32, slots.min(wants.iter().sum()));
            let got = |n: usize| shares.iter().filter(|run| **run == n.to_string()).count() as u32;
            for (n, wanted) in wants.iter().enumerate() {
                prop_assert!(got(n) <= *wanted);
                // Whoever got less than another by more than one has all it wanted.
                let most = (0..wants.len()).map(got).max().unwrap_or(0);
                prop_assert!(got(n) + 1 >= most || got(n) == *wanted);
            }
        }

        #[test]
        fn an_environment_can_always_use_its_share_of_a_day(
            a in 1_u8..50, b in 1_u8..50, limit in 10_u32..1000, calls in prop::collection::vec(0_usize..3, 0..1500)
        ) {
            let shares = shares(&[("0", a), ("1", b)]);
            let limits = Limits::default().with(Window::Day, Some(limit));
            let mut used = [0_u32; 3];
            for environment in calls {
                let own = shares.limits(&environment.to_string(), &limits, |_, name| {
                    name.parse::<usize>().ok().and_then(|n| used.get(n)).copied().unwrap_or(0)
                });
                if used.iter().sum::<u32>() < own.per_day.unwrap() {
                    used[environment] += 1;
                }
                prop_assert!(used.iter().sum::<u32>() <= limit);
            }
            for environment in ["0", "1"] {
                let number: usize = environment.parse().unwrap();
                let short = shares.calls(environment, limit).saturating_sub(used[number]);
                prop_assert!(used.iter().sum::<u32>() + short <= limit);
            }
        }
    }
}
