//! What people should know while a run goes on.

use std::fmt;
use std::sync::Arc;

/// Takes sentences for people: a wait, a damaged file, what will not fit. Cheap to clone.
#[derive(Clone)]
pub struct Notify(Arc<dyn Fn(&str) + Send + Sync>);

impl Notify {
    /// Hands each sentence to `tell`.
    #[must_use]
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Hands on one sentence.
    pub fn tell(&self, sentence: &str) {
        (self.0)(sentence);
    }
}

impl Default for Notify {
    /// Tells nobody but the trace.
    fn default() -> Self {
        Self::new(|sentence| tracing::warn!("{sentence}"))
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notify")
    }
}
