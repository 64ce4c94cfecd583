//! What callers send, read within bounds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};

use crate::refusal::Refusal;

/// Bytes of a body that is no upload: 25 long URLs, a comment, a rule set.
const LARGEST_BODY: usize = 4 * 1024 * 1024;
/// How long a caller may be silent while it sends.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// Bytes that are read, and thrown away, so that a caller comes to read why they are.
const MOST_DRAINED: u64 = 64 * 1024 * 1024;

pub(crate) type Fields = Vec<(String, String)>;

/// The whole body.
pub(crate) async fn whole(body: Body) -> Result<Bytes, Refusal> {
    let mut parts = body.into_data_stream();
    let mut whole = BytesMut::new();
    loop {
        let part = tokio::time::timeout(SILENCE, parts.next()).await;
        let part =
            part.map_err(|_| Refusal::Late("The request did not come to its end in time".to_owned()))?;
        let Some(part) = part else {
            return Ok(whole.freeze());
        };
        let part = part.map_err(|_| Refusal::BadRequest("The request broke off".to_owned()))?;
        if whole.len() + part.len() > LARGEST_BODY {
            return Err(Refusal::TooLarge(format!(
                "A request that is no upload has at most {LARGEST_BODY} bytes"
            )));
        }
        whole.extend_from_slice(&part);
    }
}

/// What nobody has read yet of a body that was handed out.
pub(crate) struct Rest(Arc<Mutex<BodyDataStream>>);

/// A body, and what is left of it when it is refused.
pub(crate) fn with_rest(body: Body) -> (Body, Rest) {
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
    pub(crate) async fn drain(self) {
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
