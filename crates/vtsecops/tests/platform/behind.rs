//! The test platform answers itself.

use test_platform::{Builder, Platform};
use tokio::runtime::Runtime;

/// What stands behind the platform: nothing.
pub(crate) struct Behind;

impl Behind {
    /// Whether the host holds and sends only what the protocol knows, so that some trouble can't come from it.
    pub(crate) const IS_STRICT: bool = false;

    pub(crate) fn the(platform: Builder, _: &Runtime) -> (Builder, Self) {
        (platform, Self)
    }

    pub(crate) fn check(&self, _: &Platform, _: &Runtime) -> Vec<String> {
        Vec::new()
    }
}
