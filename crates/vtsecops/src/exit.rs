//! Exit codes: the promise to scripts.

use secops::{ActionResult, ExecutionState, OutcomeKind};

/// One of the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u8);

/// Every entity has a report, and none is risky.
pub const CLEAN: Code = Code(0);
/// Something is risky, whatever else happened.
pub const RISKY: Code = Code(1);
/// The command line or the settings can't be used; nothing was asked.
pub const USAGE: Code = Code(2);
/// Nothing is risky, but some entities have no report: unknown to VirusTotal, skipped, queued, failed. Or no verdict, by
/// a policy.
pub const INCOMPLETE: Code = Code(3);
/// The action failed: the key was refused, or nothing could be had at all.
pub const FAILED: Code = Code(4);

/// The table for `--help`.
pub const TABLE: &str = "Exit codes:
  0  every entity has a report and none is risky
  1  something is risky
  2  the command line or the settings can't be used; nothing was asked
  3  nothing is risky, but some have no verdict or no report (unknown, skipped, queued, failed)
  4  the action failed: the key was refused, or nothing could be had at all";

impl Code {
    /// The code of a result. A risky entity counts most, but for a failed action.
    #[must_use]
    pub fn of(result: &ActionResult) -> Self {
        if result.state == ExecutionState::Failed {
            FAILED
        } else if result.entities.iter().any(|entity| entity.risky) {
            RISKY
        } else if result
            .entities
            .iter()
            .any(|entity| entity.outcome != OutcomeKind::Found || entity.undecided)
        {
            INCOMPLETE
        } else {
            CLEAN
        }
    }
}

impl From<Code> for std::process::ExitCode {
    fn from(code: Code) -> Self {
        code.0.into()
    }
}
