//! What goes back, and what the audit trail is told of it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use virustotal::{Incoming, Reply};

use crate::callers::Caller;

const JSON: &str = "application/json; charset=UTF-8";

/// An answer that is one.
pub(crate) enum Answer {
    /// Held in memory.
    Reply(Reply),
    /// On its way.
    Content(Box<Incoming>, Option<String>),
}

/// What is found out about a request on the way.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) caller: Option<Arc<Caller>>,
    /// Whose token was shown that counts no more, as it has ended.
    pub(crate) ended: Option<Arc<Caller>>,
    pub(crate) endpoint: String,
    pub(crate) object: Option<String>,
    pub(crate) kept: bool,
    pub(crate) calls: u64,
    pub(crate) bytes_in: u64,
}

/// An answer of the gateway's own, in JSON.
pub(crate) fn json(value: &Value) -> Answer {
    Answer::Reply(made(Bytes::from(value.to_string())))
}

/// The same, as text.
pub(crate) fn made(body: Bytes) -> Reply {
    Reply {
        status: 200,
        content_type: Some(JSON.to_owned()),
        body,
        is_kept: false,
    }
}

impl Answer {
    pub(crate) fn into_response(self) -> Response {
        match self {
            Self::Reply(reply) => {
                let mut response = Response::new(Body::from(reply.body));
                *response.status_mut() =
                    StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
                set_type(&mut response, reply.content_type.as_deref().unwrap_or(JSON));
                response
            }
            Self::Content(incoming, kind) => {
                let length = incoming.length();
                let pieces = stream::try_unfold(incoming, |mut incoming| async move {
                    Ok::<_, virustotal::Error>(incoming.next().await?.map(|piece| (piece, incoming)))
                });
                let mut response = Response::new(Body::from_stream(pieces));
                set_type(
                    &mut response,
                    kind.as_deref().unwrap_or("application/octet-stream"),
                );
                if let Some(length) = length {
                    response.headers_mut().insert(CONTENT_LENGTH, length.into());
                }
                response
            }
        }
    }
}

fn set_type(response: &mut Response, kind: &str) {
    if let Ok(kind) = HeaderValue::from_str(kind) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
}
