//! The stores of these tests: files.

use std::path::Path;

use virustotal::quota::Ledger;
use virustotal::{Cache, Clock, Freshness, Notify};

/// Minutes that pass in 60 ms.
pub(crate) const RATE: u32 = 1_000;

/// The ledger of a name; without one, of its own.
pub(crate) fn ledger(name: Option<&Path>, clock: Clock, notify: Notify) -> Ledger {
    Ledger::open(name.map(Path::to_owned), clock, notify)
}

pub(crate) fn cache(name: &Path, most_bytes: u64, clock: Clock, notify: Notify) -> Cache {
    Cache::open(
        Some(name.to_owned()),
        Freshness::default(),
        most_bytes,
        clock,
        notify,
    )
}
