//! Keys and how many calls each has.

use std::collections::{BTreeMap, VecDeque};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Batches of 4; no rescans, comments, upload addresses or extra fields.
    Public,
    /// Everything; batches of 25.
    Private,
}

impl KeyKind {
    pub(crate) fn batch_size(self) -> usize {
        match self {
            Self::Public => 4,
            Self::Private => 25,
        }
    }
}

/// What a call takes from the quota; the reference leaves it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum QuotaCost {
    /// One.
    #[default]
    PerCall,
    /// One for each resource.
    PerItem,
}

/// Calls that each key has: in any 60 seconds, per UTC day, per UTC month. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Quota {
    /// In any 60 seconds.
    pub per_minute: Option<u32>,
    /// From 00:00 UTC.
    pub per_day: Option<u32>,
    /// From the first of the month, 00:00 UTC.
    pub per_month: Option<u32>,
    /// What a call takes.
    pub cost: QuotaCost,
}

/// What a key has used.
pub(crate) struct Usage {
    pub(crate) kind: KeyKind,
    minute: VecDeque<Timestamp>,
    day: (Option<Date>, u32),
    month: (Option<Date>, u32),
    /// Number of the hour since 1970, and the calls in it.
    hour: (i64, u32),
    /// Calls by day and endpoint.
    by_day: BTreeMap<Date, BTreeMap<String, u32>>,
}

/// Days that API v3 reports at once.
const MOST_DAYS: usize = 31;

impl Usage {
    pub(crate) fn new(kind: KeyKind) -> Self {
        Self {
            kind,
            minute: VecDeque::new(),
            day: (None, 0),
            month: (None, 0),
            hour: (0, 0),
            by_day: BTreeMap::new(),
        }
    }

    /// Takes the call from the quota; a refused call takes nothing.
    pub(crate) fn take(&mut self, quota: &Quota, items: usize, now: Timestamp) -> bool {
        let cost = match quota.cost {
            QuotaCost::PerCall => 1,
            QuotaCost::PerItem => u32::try_from(items.max(1)).unwrap_or(u32::MAX),
        };
        self.roll(now);
        let used = [
            u32::try_from(self.minute.len()).unwrap_or(u32::MAX),
            self.day.1,
            self.month.1,
        ];
        let limits = [quota.per_minute, quota.per_day, quota.per_month];
        if used
            .iter()
            .zip(limits)
            .any(|(used, limit)| limit.is_some_and(|limit| used.saturating_add(cost) > limit))
        {
            return false;
        }
        if quota.per_minute.is_some() {
            self.minute.extend((0..cost).map(|_| now));
        }
        self.day.1 += cost;
        self.month.1 += cost;
        self.hour.1 += cost;
        true
    }

    /// Notes that an endpoint was called, for the report of a key's use.
    pub(crate) fn note(&mut self, endpoint: &str, now: Timestamp) {
        let day = self
            .by_day
            .entry(TimeZone::UTC.to_datetime(now).date())
            .or_default();
        *day.entry(endpoint.to_owned()).or_default() += 1;
        while self.by_day.len() > MOST_DAYS {
            self.by_day.pop_first();
        }
    }

    /// Calls in this hour, on this day and in this month.
    pub(crate) fn used(&mut self, now: Timestamp) -> [u32; 3] {
        self.roll(now);
        [self.hour.1, self.day.1, self.month.1]
    }

    pub(crate) fn by_day(&self) -> &BTreeMap<Date, BTreeMap<String, u32>> {
        &self.by_day
    }

    fn roll(&mut self, now: Timestamp) {
        let today = TimeZone::UTC.to_datetime(now).date();
        if self.day.0 != Some(today) {
            self.day = (Some(today), 0);
        }
        if self.month.0 != Some(today.first_of_month()) {
            self.month = (Some(today.first_of_month()), 0);
        }
        let hour = now.as_second().div_euclid(3600);
        if self.hour.0 != hour {
            self.hour = (hour, 0);
        }
        let over = |at: &Timestamp| now.duration_since(*at) >= SignedDuration::from_secs(60);
        while self.minute.front().is_some_and(over) {
            self.minute.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyKind, Quota, QuotaCost, Usage};

    #[test]
    fn each_window_refuses_and_comes_free_by_itself() {
        let quota = Quota {
            per_minute: Some(2),
            per_day: Some(3),
            per_month: Some(4),
            cost: QuotaCost::PerCall,
        };
        let mut usage = Usage::new(KeyKind::Public);
        let mut take = |at: &str| usage.take(&quota, 1, at.parse().unwrap());
        assert!(take("2026-01-30T10:00:00Z") && take("2026-01-30T10:00:30Z"));
        assert!(!take("2026-01-30T10:00:59Z"));
        assert!(take("2026-01-30T10:01:00Z"));
        assert!(!take("2026-01-30T12:00:00Z"), "day");
        assert!(take("2026-01-31T00:00:00Z"));
        assert!(!take("2026-01-31T12:00:00Z"), "month");
        assert!(take("2026-02-01T00:00:00Z"));
    }

    #[test]
    fn a_batch_can_cost_its_items() {
        let quota = Quota {
            per_minute: Some(4),
            cost: QuotaCost::PerItem,
            ..Quota::default()
        };
        let mut usage = Usage::new(KeyKind::Public);
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!(usage.take(&quota, 3, now));
        assert!(!usage.take(&quota, 2, now));
        assert!(usage.take(&quota, 1, now));
    }
}
