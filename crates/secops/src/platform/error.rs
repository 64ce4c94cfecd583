//! What can go wrong between an action and the platform.

/// A call to the platform that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not {purpose}: {problem}")]
pub struct PlatformError {
    /// What the call was for.
    pub(super) purpose: &'static str,
    /// What happened, and what to do where that is known; secrets masked.
    pub(super) problem: String,
    /// Nobody answered: other calls will not fare better.
    pub(super) is_unreachable: bool,
}
