//! What callers send: how long it may take, and what becomes of what nobody reads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

/// How long a caller may be silent while it sends.
pub const SILENCE: Duration = Duration::from_secs(30);
/// Bytes that are read, and thrown away, so that a caller comes to read why they are.
const MOST_DRAINED: u64 = 64 * 1024 * 1024;

/// A caller took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late;

/// How long is waited for a caller: for each piece, and for all of them.
#[derive(Debug)]
pub struct Patience {
    until: Instant,
}

impl Patience {
    /// So long in all, from now.
    #[must_use]
    pub fn new(in_all: Duration) -> Self {
        Self {
            until: Instant::now() + in_all,
        }
    }

    /// The next piece.
    ///
    /// # Errors
    /// It did not come in time.
    pub async fn for_next<T>(&self, step: impl Future<Output = T>) -> Result<T, Late> {
        let until = self.until.min(Instant::now() + SILENCE);
        timeout_at(until, step).await.map_err(|_| Late)
    }
}

/// What nobody has read yet of a body that was handed out.
#[derive(Debug)]
pub struct Rest(Arc<Mutex<BodyDataStream>>);

/// A body, and what is left of it when it is refused.
pub fn with_rest(body: Body) -> (Body, Rest) {
    let rest = Arc::new(Mutex::new(body.into_data_stream()));
    let parts = Arc::clone(&rest);
    let parts = stream::poll_fn(move |context| {
        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.poll_next_unpin(context)
    });
    (Body::from_stream(parts), Rest(rest))
}

impl Rest {
    /// Reads on, to no purpose but that the caller comes to read the answer: one that is still sending when the connection
    /// ends sees a broken pipe.
    pub async fn drain(self) {
        let drained = async {
            let mut bytes = 0;
            let next = || {
                stream::poll_fn(|context| {
                    let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    parts.poll_next_unpin(context)
                })
            };
            while let Some(Ok(part)) = next().next().await {
                bytes += part.len() as u64;
                if bytes > MOST_DRAINED {
                    return;
                }
            }
        };
        // Whoever takes longer does not hear.
        let _ = tokio::time::timeout(SILENCE, drained).await;
    }
}
