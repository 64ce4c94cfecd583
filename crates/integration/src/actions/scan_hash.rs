//! Scan Hash: the newest report of each hash, or a new one where it is too old.

use secops::{ActionResult, ExecutionState, ParameterError};

use super::scanning::Scanning;
use super::{Action, Run, Step};
use crate::scan::Kind;
use crate::state::State;
use crate::{facts, render};

const SCANNING: Scanning = Scanning {
    action: Action::ScanHash,
    kind: Kind::Hash,
    words: &render::message::HASH_WORDS,
    facts: facts::of_hash,
};

pub(super) async fn start(run: Run<'_>) -> Result<Step, ParameterError> {
    SCANNING.start(run).await
}

pub(super) async fn resume(state: State, run: Run<'_>) -> Result<Step, ParameterError> {
    SCANNING.resume(state, run).await
}

pub(super) async fn conclude(
    state: State,
    run: Run<'_>,
    unfinished: ExecutionState,
) -> Result<ActionResult, ParameterError> {
    SCANNING.conclude(state, run, unfinished).await
}
