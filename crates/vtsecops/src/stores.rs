//! What outlives a run, and where it is kept: the quota ledger.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use virustotal::quota::Ledger;
use virustotal::{Clock, Notify};

use crate::settings::Resolved;

/// The system's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the command line reads the clock"
)]
pub(crate) fn clock() -> Clock {
    Clock::new(jiff::Timestamp::now)
}

/// The ledger of this user's keys.
pub(crate) fn ledger(resolved: &Resolved, notify: Notify) -> Ledger {
    let folder = resolved.folder("state_folder").or_else(state_folder);
    Ledger::open(folder.map(|folder| folder.join("quota.db")), clock(), notify)
}

/// The usual place for what a program remembers; `None` where there is no home.
fn state_folder() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    let folder = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Some(folder.join("vtsecops"))
}
