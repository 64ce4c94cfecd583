//! What people should know while a run goes on.

use std::fmt;
use std::sync::Arc;

/// How much a sentence matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Good to know: why it takes long, what will not fit.
    Hint,
    /// Something is not as it should be.
    Warning,
}

type Tell = dyn Fn(Weight, &str) + Send + Sync;

/// Takes sentences for people: a wait, a damaged file, what will not fit. Cheap to clone.
#[derive(Clone)]
pub struct Notify(Arc<Tell>);

impl Notify {
    /// Hands each sentence to `tell`.
    #[must_use]
    pub fn new(tell: impl Fn(Weight, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn hint(&self, sentence: &str) {
        (self.0)(Weight::Hint, sentence);
    }

    pub(crate) fn warn(&self, sentence: &str) {
        (self.0)(Weight::Warning, sentence);
    }
}

impl Default for Notify {
    /// Tells nobody but the trace.
    fn default() -> Self {
        Self::new(|weight, sentence| match weight {
            Weight::Hint => tracing::info!("{sentence}"),
            Weight::Warning => tracing::warn!("{sentence}"),
        })
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notify")
    }
}
