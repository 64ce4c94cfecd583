//! API v3: its endpoints, what it refuses, and how its answers become reports. Source: VirusTotal's API v3 reference.

mod allowance;
mod analysis;
mod comment;
mod listing;
mod note;
mod object;
mod related;
pub(crate) mod shape;
mod submission;
mod zip;

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

pub use allowance::Allowance;
pub(crate) use allowance::allowances;
#[cfg(feature = "fuzzing")]
pub(crate) use allowance::read as read_allowances;
#[cfg(feature = "fuzzing")]
pub(crate) use analysis::object_of as object_of_scan_id;
pub(crate) use analysis::poll;
pub(crate) use comment::comments;
#[cfg(feature = "fuzzing")]
pub(crate) use listing::page;
pub(crate) use listing::{Pages, related, search};
pub(crate) use note::{comment, vote};
pub(crate) use object::{
    Subject, report, url_hash, url_id, without_credentials, without_credentials_in_text,
};
pub(crate) use submission::{rescan, scan_url, upload, upload_address};
#[cfg(feature = "fuzzing")]
pub(crate) use zip::read as read_zip;
pub(crate) use zip::{Zip, fetch_zip, make_zip, zip};

use crate::transport::{Access, Endpoint, Errand, Method, Payload, Refusal};
use crate::{Error, Trouble, json};

pub(crate) const FILES: Endpoint = get("v3/files", Access::Everyone);
pub(crate) const URLS: Endpoint = get("v3/urls", Access::Everyone);
pub(crate) const DOMAINS: Endpoint = get("v3/domains", Access::Everyone);
pub(crate) const IP_ADDRESSES: Endpoint = get("v3/ip_addresses", Access::Everyone);
pub(crate) const ANALYSES: Endpoint = get("v3/analyses", Access::Everyone);
pub(crate) const RELATIONSHIPS: Endpoint = get("v3/relationships", Access::Some);
pub(crate) const COMMENTS: Endpoint = get("v3/comments", Access::Some);
pub(crate) const SEARCH: Endpoint = get("v3/search", Access::Some);
pub(crate) const QUOTAS: Endpoint = get("v3/overall_quotas", Access::Some);
pub(crate) const UPLOAD_URL: Endpoint = get("v3/upload_url", Access::Some);
pub(crate) const ZIP: Endpoint = get("v3/zip_files", Access::Some);
pub(crate) const DOWNLOAD_ZIP: Endpoint = get("v3/zip_files/download", Access::Some);
pub(crate) const POST_FILES: Endpoint = post("v3/files/upload", Access::Everyone);
pub(crate) const POST_UPLOAD: Endpoint = post("v3/upload", Access::Some);
pub(crate) const POST_URLS: Endpoint = post("v3/urls/submit", Access::Everyone);
pub(crate) const MAKE_ZIP: Endpoint = post("v3/zip_files/make", Access::Some);
pub(crate) const POST_COMMENT: Endpoint = post("v3/comments/add", Access::Some);
pub(crate) const POST_VOTE: Endpoint = post("v3/votes/add", Access::Some);
pub(crate) const ANALYSE: Endpoint = post("v3/analyse", Access::Some);

const fn get(path: &'static str, access: Access) -> Endpoint {
    Endpoint {
        path,
        method: Method::Get,
        access,
    }
}

const fn post(path: &'static str, access: Access) -> Endpoint {
    Endpoint {
        path,
        method: Method::Post,
        access,
    }
}

/// One question, the key excepted.
pub(crate) struct Request {
    /// Below the base address, percent-encoded.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    None,
    Form(Vec<(&'static str, String)>),
    Json(Value),
}

impl Request {
    pub(crate) fn of(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
            body: Body::None,
        }
    }
}

#[derive(Deserialize)]
struct Refused {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    #[serde(default)]
    message: Value,
}

/// What a refusal means: by its code, where it has one of API v3's; otherwise `None`. Source: API v3, section 1.3.
pub(crate) fn refusal(
    endpoint: &'static str,
    status: StatusCode,
    pause: Option<Duration>,
    body: &[u8],
) -> Option<Refusal> {
    let Refused { error } = serde_json::from_slice(body).ok()?;
    let words = || {
        let text = error.message.as_str().unwrap_or_default();
        text.chars()
            .filter(|c| !c.is_control())
            .take(120)
            .collect::<String>()
    };
    Some(match error.code.as_str() {
        "AuthenticationRequiredError" | "WrongCredentialsError" | "UserNotActiveError" => {
            Refusal::Final(Error::Key)
        }
        "ForbiddenError" => Refusal::Final(Error::Forbidden { endpoint }),
        "NotFoundError" => Refusal::Final(Error::Missing),
        "AlreadyExistsError" => Refusal::Final(Error::Duplicate(words())),
        "QuotaExceededError" | "TooManyRequestsError" | "TooManyRequests" => Refusal::Quota(pause),
        "TransientError" | "DeadlineExceededError" | "FailedDependencyError" | "NotAvailableYet" => {
            Refusal::Trouble(Trouble::Status(status.as_u16()))
        }
        _ if status == StatusCode::BAD_REQUEST => Refusal::Final(Error::InvalidArgument { endpoint }),
        _ => return None,
    })
}

/// The start of an answer that is not what it should be.
fn unusable(body: &[u8], problem: &str) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("{problem}; it starts with {text:?}")
}

/// The answer as JSON, with its `data`.
pub(crate) fn read(body: &[u8]) -> Result<Value, String> {
    let value: Value =
        json::read_bytes(body).map_err(|error| unusable(body, &format!("not JSON ({error})")))?;
    match value.get("data") {
        Some(_) => Ok(value),
        None => Err(unusable(body, "it has no data")),
    }
}

/// Asks once more where it may help, and gives the whole answer.
async fn ask(errand: &Errand<'_>, endpoint: &'static Endpoint, question: Request) -> Result<Value, Error> {
    let payload = Payload::V3(question);
    errand
        .ask(endpoint, &payload, None, |answered| read(&answered.body))
        .await
}

/// A part of a path.
fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::refusal;
    use crate::transport::Refusal;
    use crate::{Error, Trouble};

    #[test]
    fn a_refusal_is_known_by_its_code() {
        let refused = |status: u16, code: &str| {
            let body = format!(r#"{{"error": {{"code": "{code}", "message": "why"}}}}"#);
            refusal(
                "v3/files",
                StatusCode::from_u16(status).unwrap(),
                None,
                body.as_bytes(),
            )
        };
        assert!(matches!(
            refused(401, "WrongCredentialsError"),
            Some(Refusal::Final(Error::Key))
        ));
        assert!(matches!(
            refused(403, "ForbiddenError"),
            Some(Refusal::Final(Error::Forbidden { endpoint: "v3/files" }))
        ));
        assert!(matches!(
            refused(404, "NotFoundError"),
            Some(Refusal::Final(Error::Missing))
        ));
        assert!(matches!(
            refused(409, "AlreadyExistsError"),
            Some(Refusal::Final(Error::Duplicate(words))) if words == "why"
        ));
        assert!(matches!(
            refused(429, "QuotaExceededError"),
            Some(Refusal::Quota(None))
        ));
        assert!(matches!(
            refused(400, "NotAvailableYet"),
            Some(Refusal::Trouble(Trouble::Status(400)))
        ));
        assert!(matches!(
            refused(400, "SomethingNew"),
            Some(Refusal::Final(Error::InvalidArgument { .. }))
        ));
        // Somebody else's page, or a code that is not known, is judged by its status.
        assert!(refused(418, "SomethingNew").is_none());
        assert!(refusal("v3/files", StatusCode::NOT_FOUND, None, b"<html>").is_none());
    }
}
