//! What callers send: how long it may take, and what becomes of what nobody reads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
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
    silence: Duration,
}

impl Patience {
    /// So long in all, from now.
    #[must_use]
    pub fn new(in_all: Duration) -> Self {
        Self {
            until: Instant::now() + in_all,
            silence: SILENCE,
        }
    }

    /// The next piece.
    ///
    /// # Errors
    /// It did not come in time.
    pub async fn for_next<T>(&self, step: impl Future<Output = T>) -> Result<T, Late> {
        let until = self.until.min(Instant::now() + self.silence);
        timeout_at(until, step).await.map_err(|_| Late)
    }
}

/// How fast a body must come.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long nothing of it may come.
    pub silence: Duration,
    /// How long it may take in all, however short it is.
    pub at_least: Duration,
    /// For so many bytes that have come it may take a second longer.
    pub bytes_a_second: u64,
}

/// Whether a body came too slowly.
#[derive(Debug)]
pub struct Lateness(Arc<AtomicBool>);

impl Lateness {
    /// It did, and was broken off.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The body, which breaks off where it comes too slowly. Time counts from when somebody begins to read it.
pub fn at_pace(body: Body, pace: Pace) -> (Body, Lateness) {
    let late = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&late);
    let begin = (body.into_data_stream(), None, 0);
    let parts = stream::unfold(begin, move |(mut parts, begun, bytes)| {
        let told = Arc::clone(&told);
        async move {
            if told.load(Ordering::Relaxed) {
                return None;
            }
            let begun = begun.unwrap_or_else(Instant::now);
            let more = Duration::from_secs(bytes / pace.bytes_a_second.max(1));
            let patience = Patience {
                until: begun + pace.at_least + more,
                silence: pace.silence,
            };
            let part = match patience.for_next(parts.next()).await {
                Ok(part) => part?.map_err(io::Error::other),
                Err(Late) => {
                    told.store(true, Ordering::Relaxed);
                    Err(io::ErrorKind::TimedOut.into())
                }
            };
            let bytes = bytes + part.as_ref().map_or(0, |part| part.len() as u64);
            Some((part, (parts, Some(begun), bytes)))
        }
    });
    (Body::from_stream(parts), Lateness(late))
}

/// What nobody has read yet of a body that was handed out.
#[derive(Debug)]
pub struct Rest {
    parts: Arc<Mutex<BodyDataStream>>,
    is_over: Arc<AtomicBool>,
}

/// A body, and what is left of it when it is refused.
pub fn with_rest(body: Body) -> (Body, Rest) {
    let rest = Rest {
        parts: Arc::new(Mutex::new(body.into_data_stream())),
        is_over: Arc::default(),
    };
    let (parts, is_over) = (Arc::clone(&rest.parts), Arc::clone(&rest.is_over));
    let parts = stream::poll_fn(move |context| {
        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        let polled = parts.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            is_over.store(true, Ordering::Relaxed);
        }
        polled
    });
    (Body::from_stream(parts), rest)
}

impl Rest {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Reads on, to no purpose but that the caller comes to read the answer: one that is still sending when the connection
    /// ends sees a broken pipe.
    pub async fn drain(self) {
        let drained = async {
            let mut bytes = 0;
            let next = || {
                stream::poll_fn(|context| {
                    let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use tokio::time::Instant;

    use super::{Pace, at_pace, with_rest};

    const PACE: Pace = Pace {
        silence: Duration::from_secs(30),
        at_least: Duration::from_secs(60),
        bytes_a_second: 1000,
    };

    /// So many pieces of that many bytes, each after that pause.
    fn dripping(pieces: usize, bytes: usize, pause: Duration) -> Body {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; bytes]))
        });
        Body::from_stream(Box::pin(pieces))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_or_trickles_is_broken_off_and_a_slow_large_one_is_not() {
        for (body, ends_after) in [
            (dripping(2, 1, Duration::from_secs(3600)), Some(30)),
            (dripping(1000, 1, Duration::from_secs(20)), Some(60)),
            // It takes an hour, and earns it.
            (dripping(360, 10_000, Duration::from_secs(10)), None),
            (dripping(0, 0, Duration::ZERO), None),
        ] {
            let begun = Instant::now();
            let (body, lateness) = at_pace(body, PACE);
            let read = to_bytes(body, usize::MAX).await;
            assert_eq!(read.is_err(), ends_after.is_some());
            assert_eq!(lateness.is_late(), ends_after.is_some());
            if let Some(seconds) = ends_after {
                assert_eq!(begun.elapsed().as_secs(), seconds);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_has_read_is_read_on_to_its_end_but_not_for_ever() {
        let (body, rest) = with_rest(dripping(3, 5, Duration::from_secs(1)));
        assert!(!rest.is_over());
        drop(body);
        rest.drain().await;
        let (body, rest) = with_rest(dripping(3, 5, Duration::from_secs(1)));
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap().len(), 15);
        assert!(rest.is_over());
        let (_body, rest) = with_rest(dripping(1000, 5, Duration::from_secs(1)));
        let begun = Instant::now();
        rest.drain().await;
        assert_eq!(begun.elapsed().as_secs(), 30);
    }
}
