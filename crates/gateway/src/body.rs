//! What callers send, read within bounds.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::refusal::Refusal;

/// Bytes of a body that is no upload: 25 long URLs, a comment, a rule set.
const LARGEST_BODY: usize = 4 * 1024 * 1024;
/// How long a caller may be silent while it sends.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// Bytes that are read, and thrown away, so that a caller comes to read why they are.
const MOST_DRAINED: u64 = 33 * 1024 * 1024;

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

/// Reads on, to no purpose but that the caller reads the answer.
pub(crate) async fn drain(body: Body) {
    let drained = async {
        let (mut parts, mut bytes) = (body.into_data_stream(), 0);
        while let Some(Ok(part)) = parts.next().await {
            bytes += part.len() as u64;
            if bytes > MOST_DRAINED {
                return;
            }
        }
    };
    // Whoever takes longer does not hear.
    let _ = tokio::time::timeout(SILENCE, drained).await;
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
