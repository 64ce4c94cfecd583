//! What outlives a run, and where it is kept: the quota ledger, the report cache, the journals.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use virustotal::quota::Ledger;
use virustotal::{Cache, Clock, Database, Notify};

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
    Ledger::open(ledger_file(resolved), clock(), notify)
}

/// Where that is; `None` where there is no home.
pub(crate) fn ledger_file(resolved: &Resolved) -> Option<PathBuf> {
    state_folder(resolved).map(|folder| folder.join("quota.db"))
}

/// This user's reports.
pub(crate) fn cache(resolved: &Resolved, notify: Notify) -> Cache {
    let path = cache_folder(resolved).map(|folder| folder.join("reports.db"));
    Cache::open(
        path,
        resolved.freshness(),
        resolved.cache_bytes(),
        clock(),
        notify,
    )
}

/// The reports that many machines share.
pub(crate) fn shared_cache(database: &Database, resolved: &Resolved, notify: Notify) -> Cache {
    Cache::shared(
        database,
        resolved.freshness(),
        resolved.cache_bytes(),
        clock(),
        notify,
    )
}

/// Where the journals are; `None` where there is no home.
pub(crate) fn runs(resolved: &Resolved) -> Option<PathBuf> {
    state_folder(resolved).map(|folder| folder.join("runs"))
}

/// Where the workdesk keeps everything; `None` where there is no home.
pub(crate) fn workdesk(resolved: &Resolved) -> Option<PathBuf> {
    state_folder(resolved).map(|folder| folder.join("workdesk"))
}

/// Where the gateway keeps its tokens and its audit trail; `None` where there is no home.
pub(crate) fn gateway(resolved: &Resolved) -> Option<PathBuf> {
    state_folder(resolved)
}

fn state_folder(resolved: &Resolved) -> Option<PathBuf> {
    let usual = || {
        let strategy = etcetera::choose_base_strategy().ok()?;
        let folder = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        Some(folder.join("vtsecops"))
    };
    resolved.folder("state_folder").or_else(usual)
}

fn cache_folder(resolved: &Resolved) -> Option<PathBuf> {
    let usual = || {
        Some(
            etcetera::choose_base_strategy()
                .ok()?
                .cache_dir()
                .join("vtsecops"),
        )
    };
    resolved.folder("cache_folder").or_else(usual)
}
