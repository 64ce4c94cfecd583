//! Errors: a status, a code, a message.

use hyper::StatusCode;
use serde_json::json;

use crate::answer::Answer;

/// What API v3 refuses with.
#[derive(Debug)]
pub(crate) enum Refusal {
    BadRequest(String),
    InvalidArgument(String),
    NotAvailableYet,
    KeyMissing,
    WrongKey,
    Forbidden,
    NotFound(String),
    AlreadyExists(String),
    TooLarge,
    QuotaExceeded,
}

impl Refusal {
    /// For an address that names nothing.
    pub(crate) fn no_resource() -> Self {
        Self::NotFound("Resource not found.".to_owned())
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let (status, code, message) = match refusal {
            Refusal::BadRequest(text) => (StatusCode::BAD_REQUEST, "BadRequestError", Some(text)),
            Refusal::InvalidArgument(text) => (StatusCode::BAD_REQUEST, "InvalidArgumentError", Some(text)),
            Refusal::NotAvailableYet => (StatusCode::BAD_REQUEST, "NotAvailableYet", None),
            Refusal::KeyMissing => (StatusCode::UNAUTHORIZED, "AuthenticationRequiredError", None),
            Refusal::WrongKey => (StatusCode::UNAUTHORIZED, "WrongCredentialsError", None),
            Refusal::Forbidden => (StatusCode::FORBIDDEN, "ForbiddenError", None),
            Refusal::NotFound(text) => (StatusCode::NOT_FOUND, "NotFoundError", Some(text)),
            Refusal::AlreadyExists(text) => (StatusCode::CONFLICT, "AlreadyExistsError", Some(text)),
            // The reference leaves status and code of a too large upload open.
            Refusal::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "BadRequestError",
                Some("Request entity too large".to_owned()),
            ),
            Refusal::QuotaExceeded => (StatusCode::TOO_MANY_REQUESTS, "QuotaExceededError", None),
        };
        answer(status, code, message.as_deref().unwrap_or(usual_message(code)))
    }
}

pub(crate) fn answer(status: StatusCode, code: &str, message: &str) -> Answer {
    Answer::Error(status, json!({"error": {"code": code, "message": message}}))
}

/// The code that a status alone stands for. 500 and 502 come from the front end, which knows no codes.
pub(crate) fn usual_code(status: StatusCode) -> Option<&'static str> {
    Some(match status.as_u16() {
        400 => "BadRequestError",
        401 => "WrongCredentialsError",
        403 => "ForbiddenError",
        404 => "NotFoundError",
        409 => "AlreadyExistsError",
        424 => "FailedDependencyError",
        429 => "TooManyRequestsError",
        503 => "TransientError",
        504 => "DeadlineExceededError",
        _ => return None,
    })
}

pub(crate) fn usual_message(code: &str) -> &'static str {
    match code {
        "AuthenticationRequiredError" => "X-Apikey header is missing",
        "WrongCredentialsError" => "Wrong API key",
        "UserNotActiveError" => "User account is not active",
        "ForbiddenError" => "You are not authorized to perform the requested operation",
        "NotFoundError" => "Resource not found.",
        "NotAvailableYet" => "The resource is not available yet",
        "AlreadyExistsError" => "The resource already exists",
        "FailedDependencyError" => "A request this one depends on has failed",
        "QuotaExceededError" => "Quota exceeded",
        "TooManyRequestsError" => "Too many requests",
        "TransientError" => "Transient error, try again later",
        "DeadlineExceededError" => "The operation took too long to complete",
        _ => "Bad request",
    }
}
