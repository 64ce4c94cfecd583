//! The quota: calls that a key may make per minute, hour, day and month.
//!
//! [`Limits`] are what the key may; [`Use`] is what is known of its use, pure; [`Ledger`] keeps it for every process
//! of the machine and hands out the slots.
//!
//! Minutes and hours slide, days and months are UTC's. Where VirusTotal's own windows are laid otherwise, sliding ones
//! are never wider than they: who keeps within the one is never refused by the other.

mod ledger;
mod shares;
mod usage;

use std::time::Duration;

pub(crate) use ledger::{End, Slot, Turn};
pub use ledger::{EnvironmentUse, KeyId, KeyUse, Ledger, Waiting, in_words};
pub use shares::{ShareError, Shares};
pub use usage::{Use, WindowUse};

use crate::Tier;

/// Stretch of time in which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// Any 60 seconds.
    Minute,
    /// Any 3,600 seconds.
    Hour,
    /// From 00:00 UTC.
    Day,
    /// From the first of the month, 00:00 UTC.
    Month,
}

impl Window {
    /// All of them, shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Day, Self::Month];

    /// `minute`, `hour`, `day` or `month`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// How long a call counts, where the window slides.
    pub(crate) fn slides(self) -> Option<Duration> {
        match self {
            Self::Minute => Some(Duration::from_secs(60)),
            Self::Hour => Some(Duration::from_secs(3600)),
            Self::Day | Self::Month => None,
        }
    }
}

/// Calls in each window; `None` is no known limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Limits {
    /// In any 60 seconds.
    pub per_minute: Option<u32>,
    /// In any 3,600 seconds.
    pub per_hour: Option<u32>,
    /// In a UTC day.
    pub per_day: Option<u32>,
    /// In a UTC month.
    pub per_month: Option<u32>,
}

impl Limits {
    /// What is known of a tier. A private key's figures are a matter of its contract, so there are none.
    ///
    /// Source: VirusTotal's pages on the public API; the month's figure from the answer of its quota call.
    #[must_use]
    pub fn of(tier: Tier) -> Self {
        match tier {
            Tier::Public => Self {
                per_minute: Some(4),
                per_hour: None,
                per_day: Some(500),
                per_month: Some(15_500),
            },
            Tier::Private => Self::default(),
        }
    }

    /// The limit of one window.
    #[must_use]
    pub fn of_window(&self, window: Window) -> Option<u32> {
        match window {
            Window::Minute => self.per_minute,
            Window::Hour => self.per_hour,
            Window::Day => self.per_day,
            Window::Month => self.per_month,
        }
    }

    /// How long a call counts in a limited window that slides: not at all where there is none.
    pub(crate) fn longest_slide(&self) -> Duration {
        let limited = Window::ALL
            .into_iter()
            .filter(|window| self.of_window(*window).is_some());
        limited.filter_map(Window::slides).max().unwrap_or(Duration::ZERO)
    }

    /// The same, but for one window.
    #[must_use]
    pub fn with(mut self, window: Window, limit: Option<u32>) -> Self {
        *match window {
            Window::Minute => &mut self.per_minute,
            Window::Hour => &mut self.per_hour,
            Window::Day => &mut self.per_day,
            Window::Month => &mut self.per_month,
        } = limit;
        self
    }
}

/// Who goes first where slots are scarce. Equals take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Priority {
    /// Somebody waits for the answer.
    #[default]
    Person,
    /// A playbook runs by itself.
    Playbook,
    /// Whenever there is room.
    Background,
}

impl Priority {
    /// All of them, first come first.
    pub const ALL: [Self; 3] = [Self::Person, Self::Playbook, Self::Background];

    /// The lower, the sooner.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Person => 0,
            Self::Playbook => 1,
            Self::Background => 2,
        }
    }

    /// `person`, `playbook` or `background`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Playbook => "playbook",
            Self::Background => "background",
        }
    }
}
