//! What the engine counts, for the metrics.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::RunState;

/// Counts since the start of this process; copies count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Runs that have ended.
    pub(crate) ended: Family<EndedRun, Counter>,
    /// Calls to VirusTotal.
    pub(crate) calls: Family<Call, Counter>,
}

/// A run by what it was and how it ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct EndedRun {
    action: String,
    state: &'static str,
}

/// A call by what it asked.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Call {
    endpoint: &'static str,
}

impl Figures {
    pub(super) fn ended(&self, action: &str, state: RunState) {
        let ended = EndedRun {
            action: action.to_owned(),
            state: state.name(),
        };
        self.ended.get_or_create(&ended).inc();
    }

    /// The calls that one client has made.
    pub(super) fn called(&self, calls: &BTreeMap<&'static str, u64>) {
        for (endpoint, number) in calls {
            self.calls.get_or_create(&Call { endpoint }).inc_by(*number);
        }
    }
}
