//! What programs get instead of an answer: a document of the kind problem+json (RFC 9457).

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Error, sentence};

/// Why a program's request could not be fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The HTTP status.
    status: u16,
    /// The status in words.
    title: &'static str,
    /// What happened, and what to do.
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, words: impl AsRef<str>) -> Self {
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Problem"),
            detail: sentence(words.as_ref()),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, words) = error.told();
        Self::new(status, words)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}
