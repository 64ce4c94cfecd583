//! What is answered where nothing is had, in the words of the API that was asked.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;
use virustotal::quota::in_words;
use virustotal::{Error, Trouble, Version};

/// Pause for a caller where nobody knows how long it takes: the shortest window of a quota.
const USUAL_PAUSE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No token was shown.
    KeyMissing,
    /// A token that does not count.
    WrongKey,
    /// The token may not, or nobody may; why.
    Forbidden(String),
    /// There is no such path or object; why.
    NotFound(String),
    /// The request can't be understood.
    BadRequest(String),
    /// An argument that is not taken; why.
    InvalidArgument(String),
    /// A method that is not for this path.
    Method,
    /// The body is too large.
    TooLarge(String),
    /// No call is free; the earliest moment worth another try.
    Quota(Option<Duration>, String),
    /// VirusTotal, or the gateway, can't answer now.
    Unavailable(String),
    /// VirusTotal's answer is none that could be handed on; asking again does not help.
    Upstream(String),
    /// It took too long.
    Late(String),
    /// Too many requests without a token that counts; how long to wait.
    Slower(Duration),
}

impl Refusal {
    /// What a client's error means for a caller. The key is the gateway's: a caller can do nothing about it.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Quota { retry_after } => {
                let again = retry_after.map_or_else(
                    || "Try again in a minute".to_owned(),
                    |wait| format!("Try again in {}", in_words(wait)),
                );
                Self::Quota(
                    *retry_after,
                    format!("The quota that all tools share has no call free now. {again}."),
                )
            }
            Error::Key => Self::Unavailable(
                "VirusTotal refused the gateway's own API key. Your token is fine: tell whoever runs the gateway.".to_owned(),
            ),
            Error::Forbidden { .. } => Self::Forbidden(
                "VirusTotal does not allow this with the gateway's API key: it needs a private (premium) one.".to_owned(),
            ),
            Error::Missing => Self::NotFound("VirusTotal does not have it".to_owned()),
            Error::InvalidArgument { .. } => {
                Self::BadRequest("VirusTotal rejected the request as invalid".to_owned())
            }
            Error::TooLarge { .. } | Error::TooLargeForKey { .. } => Self::TooLarge(error.to_string()),
            Error::File { detail, .. } => Self::BadRequest(format!("The file can't be sent: {detail}")),
            Error::NotFound { status, .. } => Self::Upstream(format!(
                "What answers in VirusTotal's place is not its API (HTTP {status}). Tell whoever runs the gateway: is the \
                 address of VirusTotal right, and what is in between?"
            )),
            Error::Transient {
                trouble: trouble @ Trouble::BodyTooLarge(_),
                ..
            } => Self::Upstream(trouble.to_string()),
            // Where it is looked for, and through which proxy, is not for callers.
            Error::Transient {
                trouble: Trouble::Connect(words),
                ..
            } => {
                tracing::warn!(detail = words, "VirusTotal cannot be reached");
                Self::Unavailable(
                    "The gateway cannot reach VirusTotal now. Your token is fine: try again later, and tell whoever runs the gateway if it \
                     stays so."
                        .to_owned(),
                )
            }
            Error::Stopped(_) => Self::Late(
                "There was no answer in time. It may come when you ask again.".to_owned(),
            ),
            other => Self::Unavailable(other.to_string()),
        }
    }

    pub(crate) fn status(&self, version: Version) -> StatusCode {
        match (self, version) {
            (Self::KeyMissing | Self::WrongKey, Version::V2) => StatusCode::FORBIDDEN,
            (Self::KeyMissing | Self::WrongKey, Version::V3) => StatusCode::UNAUTHORIZED,
            (Self::Forbidden(_), _) => StatusCode::FORBIDDEN,
            (Self::NotFound(_), _) => StatusCode::NOT_FOUND,
            (Self::BadRequest(_) | Self::InvalidArgument(_), _) => StatusCode::BAD_REQUEST,
            (Self::Method, _) => StatusCode::METHOD_NOT_ALLOWED,
            (Self::TooLarge(_), _) => StatusCode::PAYLOAD_TOO_LARGE,
            (Self::Quota(..), Version::V2) => StatusCode::NO_CONTENT,
            (Self::Quota(..), Version::V3) => StatusCode::TOO_MANY_REQUESTS,
            (Self::Slower(_), _) => StatusCode::TOO_MANY_REQUESTS,
            (Self::Upstream(_), _) => StatusCode::BAD_GATEWAY,
            (Self::Unavailable(_), _) => StatusCode::SERVICE_UNAVAILABLE,
            (Self::Late(_), _) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The code of API v3, which the audit trail has, too. Source: API v3, section 1.3; there is none for an answer that
    /// can't be handed on.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::KeyMissing => "AuthenticationRequiredError",
            Self::WrongKey => "WrongCredentialsError",
            Self::Forbidden(_) => "ForbiddenError",
            Self::NotFound(_) => "NotFoundError",
            Self::InvalidArgument(_) => "InvalidArgumentError",
            Self::BadRequest(_) | Self::Method | Self::TooLarge(_) => "BadRequestError",
            Self::Quota(..) => "QuotaExceededError",
            Self::Slower(_) => "TooManyRequestsError",
            Self::Upstream(_) => "BadGatewayError",
            Self::Unavailable(_) => "TransientError",
            Self::Late(_) => "DeadlineExceededError",
        }
    }

    fn words(&self) -> &str {
        match self {
            Self::KeyMissing => "X-Apikey header is missing",
            Self::WrongKey => "Wrong API key",
            Self::Method => "This path takes no such method",
            Self::Slower(_) => {
                "Too many requests without a token that counts came from this address. Wait, and show the token before the \
                 body: in the header x-apikey (API v3) or in the address (API v2)."
            }
            Self::Forbidden(words)
            | Self::NotFound(words)
            | Self::BadRequest(words)
            | Self::InvalidArgument(words)
            | Self::TooLarge(words)
            | Self::Quota(_, words)
            | Self::Unavailable(words)
            | Self::Upstream(words)
            | Self::Late(words) => words,
        }
    }

    /// As VirusTotal would answer. API v2 has no words for a wrong key or a used-up quota: the body is empty.
    pub(crate) fn respond(&self, version: Version) -> Response {
        let (kind, body) = match version {
            Version::V3 => {
                let error = json!({"error": {"code": self.code(), "message": self.words()}});
                ("application/json; charset=UTF-8", error.to_string())
            }
            Version::V2 => match self {
                Self::KeyMissing | Self::WrongKey | Self::Quota(..) => ("", String::new()),
                _ => ("text/plain; charset=utf-8", format!("{}\n", self.words())),
            },
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status(version);
        if !kind.is_empty() {
            let kind = HeaderValue::from_static(kind);
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        let pause = match self {
            Self::Quota(pause, _) => Some(pause.unwrap_or(USUAL_PAUSE)),
            Self::Slower(pause) => Some(*pause),
            _ => None,
        };
        if let Some(pause) = pause {
            let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::header::RETRY_AFTER;
    use virustotal::{Error, Version};

    use super::Refusal;

    #[test]
    fn a_used_up_quota_is_204_in_v2_and_429_in_v3_and_says_when_to_try_again() {
        let error = Error::Quota {
            retry_after: Some(Duration::from_millis(42_100)),
        };
        let refusal = Refusal::of(&error);
        for (version, status) in [(Version::V2, 204), (Version::V3, 429)] {
            let response = refusal.respond(version);
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[RETRY_AFTER], "43");
        }
    }

    #[test]
    fn a_refused_key_of_the_gateway_does_not_look_like_a_wrong_token() {
        for version in [Version::V2, Version::V3] {
            assert_eq!(Refusal::of(&Error::Key).respond(version).status(), 503);
        }
    }
}
