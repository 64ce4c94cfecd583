//! What is known of a key's use at one moment: pure.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::{Limits, Window};
use crate::clock::later;

/// A key's use.
///
/// A call counts from the moment it is let go until its window has passed since the *answer*: only then is it sure
/// that VirusTotal, which counts at a moment in between, has forgotten it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// When each call of the last hour was answered, oldest first.
    answered: VecDeque<Timestamp>,
    /// Calls without an answer yet.
    in_flight: u32,
    /// Calls of the day and of the month of `now`.
    day: u32,
    month: u32,
    /// VirusTotal has refused a call: no other before this.
    closed_until: Option<Timestamp>,
    now: Timestamp,
}

/// One window of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowUse {
    /// Which.
    pub window: Window,
    /// Calls made in it.
    pub used: u32,
    /// Calls that may be made in it.
    pub limit: Option<u32>,
    /// When the next call fits into it.
    pub next_free: Timestamp,
}

impl WindowUse {
    /// Calls that still fit.
    #[must_use]
    pub fn left(&self) -> Option<u32> {
        self.limit.map(|limit| limit.saturating_sub(self.used))
    }
}

impl Use {
    /// From what a ledger has written down. `answered` need not be in order.
    #[must_use]
    pub fn new(
        now: Timestamp,
        answered: Vec<Timestamp>,
        in_flight: u32,
        day: u32,
        month: u32,
        closed_until: Option<Timestamp>,
    ) -> Self {
        // A clock that was set back must not lock a key for longer than a window.
        let mut answered: Vec<Timestamp> = answered.into_iter().map(|at| at.min(now)).collect();
        answered.sort_unstable();
        Self {
            answered: answered.into(),
            in_flight,
            day,
            month,
            closed_until: closed_until.filter(|until| *until > now),
            now,
        }
    }

    /// Calls that may be made now; `None` is any number.
    #[must_use]
    pub fn free(&self, limits: &Limits) -> Option<u32> {
        if self.closed_until.is_some() {
            return Some(0);
        }
        Window::ALL
            .into_iter()
            .filter_map(|window| Some(limits.of_window(window)?.saturating_sub(self.used(window))))
            .min()
    }

    /// The earliest moment for another call, if those under way are answered at once.
    #[must_use]
    pub fn next_free(&self, limits: &Limits) -> Timestamp {
        let windows = Window::ALL
            .into_iter()
            .map(|window| self.next_free_in(window, limits));
        windows
            .chain(self.closed_until)
            .max()
            .unwrap_or(self.now)
            .max(self.now)
    }

    /// How many of `calls` can be made before `until`, by somebody who waits for none of them longer than `patience`.
    #[must_use]
    pub fn fitting(&self, limits: &Limits, until: Timestamp, patience: Duration, calls: u32) -> u32 {
        let mut future = self.clone();
        future.answered.extend((0..future.in_flight).map(|_| self.now));
        future.in_flight = 0;
        for made in 0..calls {
            let at = future.next_free(limits);
            if at >= until || at > later(future.now, patience) {
                return made;
            }
            future.move_to(at);
            future.take();
        }
        calls
    }

    /// Each window, shortest first.
    #[must_use]
    pub fn windows(&self, limits: &Limits) -> [WindowUse; 4] {
        Window::ALL.map(|window| WindowUse {
            window,
            used: self.used(window),
            limit: limits.of_window(window),
            next_free: self.next_free_in(window, limits).max(self.now),
        })
    }

    /// Until when VirusTotal's own refusal keeps everything back.
    #[must_use]
    pub fn closed_until(&self) -> Option<Timestamp> {
        self.closed_until
    }

    fn used(&self, window: Window) -> u32 {
        match window.slides() {
            Some(length) => {
                let gone = self.answered.partition_point(|at| later(*at, length) <= self.now);
                let answered = self.answered.len() - gone;
                self.in_flight
                    .saturating_add(u32::try_from(answered).unwrap_or(u32::MAX))
            }
            None if window == Window::Day => self.day,
            None => self.month,
        }
    }

    fn next_free_in(&self, window: Window, limits: &Limits) -> Timestamp {
        let Some(limit) = limits.of_window(window) else {
            return self.now;
        };
        if self.used(window) < limit {
            return self.now;
        }
        match window.slides() {
            // A slot comes free when the call that is `limit` calls back has left the window.
            Some(length) => {
                let newer = usize::try_from(limit.saturating_sub(self.in_flight)).unwrap_or(usize::MAX);
                let leaving = self
                    .answered
                    .len()
                    .checked_sub(newer)
                    .and_then(|place| self.answered.get(place));
                later(leaving.copied().unwrap_or(self.now), length)
            }
            None => start_of_next(window, self.now),
        }
    }

    fn move_to(&mut self, at: Timestamp) {
        if date(at) != date(self.now) {
            self.day = 0;
        }
        if date(at).first_of_month() != date(self.now).first_of_month() {
            self.month = 0;
        }
        self.now = at;
        self.closed_until = self.closed_until.filter(|until| *until > at);
    }

    /// A call that is answered at once.
    fn take(&mut self) {
        self.answered.push_back(self.now);
        self.day += 1;
        self.month += 1;
    }
}

/// The UTC date.
pub(super) fn date(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// 00:00 UTC of the next day, or of the first of the next month.
pub(super) fn start_of_next(window: Window, now: Timestamp) -> Timestamp {
    let today = date(now);
    let next = match window {
        Window::Month => today.first_of_month().checked_add(1.month()),
        _ => today.tomorrow(),
    };
    next.and_then(|next| TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0)))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::Use;
    use crate::Tier;
    use crate::quota::{Limits, Window};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_slot_comes_free_a_window_after_the_answer_of_the_call_that_leaves() {
        let limits = Limits::of(Tier::Public);
        let now = at("2026-01-10T10:00:50Z");
        let answered = ["10:00:00", "10:00:20", "10:00:30"].map(|time| at(&format!("2026-01-10T{time}Z")));
        let with = |in_flight| Use::new(now, answered.to_vec(), in_flight, 9, 9, None);
        assert_eq!(with(0).free(&limits), Some(1));
        assert_eq!(with(0).next_free(&limits), now);
        assert_eq!(with(1).free(&limits), Some(0));
        assert_eq!(with(1).next_free(&limits), at("2026-01-10T10:01:00Z"));
        assert_eq!(with(2).next_free(&limits), at("2026-01-10T10:01:20Z"));
        // All slots are under way: a minute after they are answered, which may be at once.
        assert_eq!(with(4).next_free(&limits), at("2026-01-10T10:01:50Z"));
    }

    #[test]
    fn days_and_months_come_free_at_midnight_utc() {
        let now = at("2026-01-31T23:59:00Z");
        let used = |day, month| Use::new(now, Vec::new(), 0, day, month, None);
        let limits = Limits::of(Tier::Public);
        assert_eq!(used(499, 15_499).free(&limits), Some(1));
        assert_eq!(used(500, 500).next_free(&limits), at("2026-02-01T00:00:00Z"));
        assert_eq!(used(0, 15_500).next_free(&limits), at("2026-02-01T00:00:00Z"));
        let mid = Use::new(at("2026-01-10T00:00:00Z"), Vec::new(), 0, 0, 15_500, None);
        assert_eq!(mid.next_free(&limits), at("2026-02-01T00:00:00Z"));
    }

    #[test]
    fn a_refusal_closes_every_window_until_it_is_over() {
        let (now, until) = (at("2026-01-10T10:00:00Z"), at("2026-01-10T10:01:00Z"));
        let closed = Use::new(now, Vec::new(), 0, 0, 0, Some(until));
        assert_eq!(closed.free(&Limits::default()), Some(0));
        assert_eq!(closed.next_free(&Limits::default()), until);
        let over = Use::new(until, Vec::new(), 0, 0, 0, Some(until));
        assert_eq!(over.free(&Limits::default()), None);
    }

    #[test]
    fn what_fits_is_known_before() {
        let now = at("2026-01-10T10:00:00Z");
        let fresh = Use::new(now, Vec::new(), 0, 0, 0, None);
        let limits = Limits::of(Tier::Public);
        let fits = |until: &str, calls| fresh.fitting(&limits, at(until), Duration::MAX, calls);
        let hour = Duration::from_secs(3600);
        assert_eq!(
            fresh.fitting(&limits, Timestamp::MAX, hour, 5000),
            500,
            "then the next day is too far"
        );
        assert_eq!(fits("2026-01-10T10:10:00Z", 1000), 40);
        assert_eq!(fits("2026-01-10T10:10:01Z", 1000), 44);
        assert_eq!(fits("2026-01-10T10:10:00Z", 7), 7);
        assert_eq!(fits("2026-01-11T00:00:00Z", 5000), 500);
        assert_eq!(fits("2026-01-11T00:00:01Z", 5000), 504);
        assert_eq!(
            fresh.fitting(&Limits::default(), at("2026-01-10T10:00:01Z"), hour, 5000),
            5000
        );
    }

    proptest! {
        /// Whoever follows `next_free` is never refused by a window that slides or by one that is fixed to the clock.
        #[test]
        fn following_the_next_free_slot_never_exceeds_a_limit(
            per_minute in 1_u32..6, per_hour in prop::option::of(1_u32..40), per_day in 1_u32..60,
            pauses in prop::collection::vec(0_i64..200, 1..80),
        ) {
            let limits = Limits { per_minute: Some(per_minute), per_hour, per_day: Some(per_day), per_month: None };
            let mut now = at("2026-01-10T20:00:00Z");
            let mut calls: Vec<Timestamp> = Vec::new();
            for pause in pauses {
                now = super::later(now, std::time::Duration::from_secs(pause.unsigned_abs()));
                let today = calls.iter().filter(|call| super::date(**call) == super::date(now)).count() as u32;
                let known = Use::new(now, calls.clone(), 0, today, today, None);
                now = known.next_free(&limits);
                calls.push(now);
            }
            for window in Window::ALL {
                let Some(limit) = limits.of_window(window) else { continue };
                for (index, call) in calls.iter().enumerate() {
                    let within = calls[..=index].iter().filter(|other| match window.slides() {
                        Some(length) => super::later(**other, length) > *call,
                        None => super::date(**other) == super::date(*call),
                    });
                    prop_assert!(within.count() as u32 <= limit, "{window:?} at {call}");
                }
            }
        }
    }
}
