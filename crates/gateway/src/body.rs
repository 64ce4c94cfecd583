//! What callers send, read within bounds.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use entrance::{Late, Patience};
use futures_util::{StreamExt, stream};

use crate::refusal::Refusal;

/// Bytes of a body that is no upload: a rule set, a graph.
pub(crate) const LARGEST_BODY: usize = 4 * 1024 * 1024;
/// Bytes of a form that may hold the token, so that it is read before anybody knows from whom: 25 long URLs, a comment.
pub(crate) const LARGEST_FORM: usize = 1024 * 1024;
/// How long a body that is no upload may take in all.
const WHOLE: Duration = Duration::from_secs(60);
/// Bytes that a reader of parts may keep because it can't tell yet what they are: what comes before the first part, and a
/// part's head.
const MOST_UNTOLD: u64 = 64 * 1024;

pub(crate) type Fields = Vec<(String, String)>;

impl From<Late> for Refusal {
    fn from(_: Late) -> Self {
        Self::Late("The request did not come to its end in time".to_owned())
    }
}

/// The whole body, of that many bytes at most.
pub(crate) async fn whole(body: Body, most: usize) -> Result<Bytes, Refusal> {
    let mut parts = body.into_data_stream();
    let (mut whole, patience) = (BytesMut::new(), Patience::new(WHOLE));
    loop {
        let Some(part) = patience.for_next(parts.next()).await? else {
            return Ok(whole.freeze());
        };
        let part = part.map_err(|_| Refusal::BadRequest("The request broke off".to_owned()))?;
        if whole.len() + part.len() > most {
            return Err(Refusal::TooLarge(format!(
                "A request that is no upload has at most {most} bytes here"
            )));
        }
        whole.extend_from_slice(&part);
    }
}

/// Counts the bytes of a body on their way to a reader of parts, which by itself would keep whatever comes.
pub(crate) struct Meter {
    most: u64,
    read: AtomicU64,
    /// Of these, bytes of which the reader has not told what they are.
    untold: AtomicU64,
}

impl Meter {
    /// For a body of that many bytes at most.
    pub(crate) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            read: AtomicU64::new(0),
            untold: AtomicU64::new(0),
        })
    }

    /// The body, which breaks off where there is more of it than is taken.
    pub(crate) fn watch(self: &Arc<Self>, body: Body) -> Body {
        let (meter, mut parts, mut has_given) = (Arc::clone(self), body.into_data_stream(), false);
        Body::from_stream(stream::poll_fn(move |context| {
            // The reader looks at each piece before it gets the next one, however many are there.
            if std::mem::take(&mut has_given) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if meter.refusal().is_some() {
                return Poll::Ready(Some(Err(io::Error::other("too much"))));
            }
            let polled = parts.poll_next_unpin(context);
            polled.map(|part| {
                part.map(|part| {
                    let part = part.map_err(io::Error::other)?;
                    has_given = true;
                    meter.read.fetch_add(part.len() as u64, Ordering::Relaxed);
                    meter.untold.fetch_add(part.len() as u64, Ordering::Relaxed);
                    Ok(part)
                })
            })
        }))
    }

    /// The reader has told what it has read.
    pub(crate) fn told(&self) {
        self.untold.store(0, Ordering::Relaxed);
    }

    /// Bytes so far.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Why the body was broken off, if it was.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match () {
            () if self.read() > self.most => Some(Refusal::TooLarge(format!(
                "A request with a file has at most {} bytes here",
                self.most
            ))),
            () if self.untold.load(Ordering::Relaxed) > MOST_UNTOLD => Some(Refusal::BadRequest(format!(
                "The form has more than {MOST_UNTOLD} bytes before its first part, or in the head of a part"
            ))),
            () => None,
        }
    }
}

/// The fields of a query or a form.
pub(crate) fn fields(encoded: &[u8]) -> Fields {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// What the body is.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

pub(crate) fn is_multipart(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// Whether the caller wants nothing that is kept.
pub(crate) fn wants_new(headers: &HeaderMap) -> bool {
    let values = headers.get_all(axum::http::header::CACHE_CONTROL).iter();
    let mut values = values.filter_map(|value| value.to_str().ok());
    values.any(|value| value.to_ascii_lowercase().contains("no-cache"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use axum::body::Body;
    use axum::extract::{FromRequest, Multipart, Request};
    use bytes::Bytes;
    use entrance::SILENCE;
    use futures_util::{StreamExt, stream};
    use tokio::time::Instant;

    use super::{LARGEST_FORM, Meter, WHOLE, whole};
    use crate::refusal::Refusal;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_ends_in_time_and_so_does_one_that_stops() {
        for (pause, until) in [
            (SILENCE / 2, WHOLE),
            // For ever, as far as anybody waits.
            (WHOLE * 9, SILENCE),
        ] {
            let begun = Instant::now();
            let trickle = stream::repeat(()).then(move |()| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
            });
            let read = whole(Body::from_stream(Box::pin(trickle)), LARGEST_FORM).await;
            assert!(matches!(read, Err(Refusal::Late(_))), "{read:?}");
            assert!(begun.elapsed() <= until + Duration::from_secs(1), "{pause:?}");
        }
    }

    /// Reads a form to its end, or to the piece that is too much; how many pieces were taken, too.
    async fn read(pieces: Vec<Bytes>, most: u64) -> (Result<usize, Option<Refusal>>, usize) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let pieces = stream::iter(pieces).map(move |piece| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(piece)
        });
        let meter = Meter::new(most);
        let request = Request::builder()
            .header("content-type", "multipart/form-data; boundary=x")
            .body(meter.watch(Body::from_stream(pieces)))
            .unwrap();
        let mut form = Multipart::from_request(request, &()).await.unwrap();
        let mut bytes = 0;
        let ended = loop {
            let mut part = match form.next_field().await {
                Ok(Some(part)) => part,
                Ok(None) => break Ok(bytes),
                Err(_) => break Err(meter.refusal()),
            };
            meter.told();
            while let Ok(Some(piece)) = part.chunk().await {
                meter.told();
                bytes += piece.len();
            }
        };
        (ended, taken.load(Ordering::Relaxed))
    }

    fn pieces(text: &[u8]) -> Vec<Bytes> {
        text.chunks(8 * 1024).map(Bytes::copy_from_slice).collect()
    }

    #[tokio::test]
    async fn what_is_no_part_is_not_kept_without_bound() {
        let much = "y".repeat(9_000_000);
        for text in [
            much.clone(),
            format!("--x\r\ncontent-disposition: form-data; name=\"{much}"),
            format!("--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x\r\n{much}"),
            format!("--x{}", " ".repeat(9_000_000)),
        ] {
            let (ended, taken) = read(pieces(text.as_bytes()), u64::MAX).await;
            let Err(Some(Refusal::BadRequest(words))) = ended else {
                panic!("{ended:?}")
            };
            assert!(words.contains("65536 bytes"), "{words}");
            assert!(taken < 12, "{taken} pieces were read");
        }
    }

    #[tokio::test]
    async fn content_of_any_size_goes_through_in_pieces_of_any_size_up_to_the_bound() {
        let content = "z\r\n--".repeat(400_000);
        let text = format!(
            "preamble\r\n--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{content}\r\n--x--\r\n"
        );
        for size in [1_000, 64 * 1024, 1_000_000, 9_000_000] {
            let pieces: Vec<_> = text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
            let (ended, _) = read(pieces.clone(), text.len() as u64).await;
            assert_eq!(ended, Ok(content.len()), "{size}");
            let (ended, _) = read(pieces, 1_000_000).await;
            // One that is there all at once is read by then.
            if size < 1_000_000 {
                assert!(matches!(ended, Err(Some(Refusal::TooLarge(_)))), "{ended:?}");
            }
        }
    }
}
