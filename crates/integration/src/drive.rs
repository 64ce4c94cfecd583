//! Runs an action to its end in one process, waiting for analyses in between.

use std::time::Duration;

use secops::{ActionResult, ExecutionState};
use tokio::time::Instant;

use crate::{Action, Run, Step};

/// How long and how often a running analysis is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Whether it is waited for at all.
    pub wait: bool,
    /// Whether an analysis that is not waited for is looked at once: it may have been asked for long ago.
    pub look: bool,
    /// Pause before the first look; later ones grow by half.
    pub first_pause: Duration,
    /// No pause is longer than this.
    pub longest_pause: Duration,
}

impl Default for Patience {
    /// An analysis takes a minute or so, and every look costs quota: first after 10 s, then up to 60 s apart.
    fn default() -> Self {
        Self {
            wait: true,
            look: false,
            first_pause: Duration::from_secs(10),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// Time kept for the last look before the deadline.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Runs `action` until it is done, or until the deadline or the canceller of `run` ends it: then the result holds
/// what is finished and lists the rest.
pub async fn drive(action: Action, run: Run<'_>, patience: Patience) -> ActionResult {
    let begun = Instant::now();
    let mut pause = patience.first_pause;
    let mut step = action.start(run).await;
    loop {
        let state = match step {
            Step::Done(result) => return *result,
            Step::Wait(state) => state,
        };
        let run = Run {
            elapsed: begun.elapsed(),
            ..run
        };
        if !patience.wait && patience.look {
            match action.resume(state, run).await {
                Step::Done(result) => return *result,
                Step::Wait(state) => return action.conclude(state, run, ExecutionState::InProgress).await,
            }
        }
        if !patience.wait {
            return action.conclude(state, run, ExecutionState::InProgress).await;
        }
        let fitting = run
            .deadline
            .left()
            .map_or(pause, |left| pause.min(left.saturating_sub(LAST_LOOK)));
        if fitting.is_zero() || run.deadline.sleep(fitting).await.is_err() {
            return action.conclude(state, run, ExecutionState::TimedOut).await;
        }
        pause = pause.mul_f64(1.5).min(patience.longest_pause);
        step = action
            .resume(
                state,
                Run {
                    elapsed: begun.elapsed(),
                    ..run
                },
            )
            .await;
    }
}
