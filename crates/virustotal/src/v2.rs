//! API v2: its endpoints, and how its answers are read. Source: VirusTotal's API v2 reference.

mod answer;
mod batch;
mod comment;
mod object;
mod upload;

use std::borrow::Cow;

pub(crate) use answer::Element;
#[cfg(feature = "fuzzing")]
pub(crate) use batch::settled;
pub(crate) use batch::{Batch, Separator, look_up};
pub(crate) use comment::comments;
#[cfg(feature = "fuzzing")]
pub(crate) use comment::read as read_comments;
pub(crate) use object::report;
pub(crate) use upload::{submit, upload_address};

use crate::transport::{Access, Endpoint, Method};

pub(crate) const FILE_REPORT: Endpoint = post("file/report", Access::Everyone);
pub(crate) const FILE_RESCAN: Endpoint = post("file/rescan", Access::Some);
pub(crate) const FILE_SCAN: Endpoint = post("file/scan", Access::Everyone);
pub(crate) const UPLOAD_URL: Endpoint = get("file/scan/upload_url", Access::Some);
/// The single-use address that [`UPLOAD_URL`] hands out; the path is only a name for the trace.
pub(crate) const UPLOAD: Endpoint = post("file/scan/upload", Access::Some);
pub(crate) const URL_REPORT: Endpoint = post("url/report", Access::Everyone);
/// A 403 here can also mean a wrong content type, so it says nothing about the key.
pub(crate) const URL_SCAN: Endpoint = post("url/scan", Access::Some);
pub(crate) const DOMAIN_REPORT: Endpoint = get("domain/report", Access::Everyone);
pub(crate) const IP_REPORT: Endpoint = get("ip-address/report", Access::Everyone);
pub(crate) const COMMENTS_GET: Endpoint = get("comments/get", Access::Some);

const fn post(path: &'static str, access: Access) -> Endpoint {
    Endpoint {
        path,
        method: Method::Post,
        access,
    }
}

const fn get(path: &'static str, access: Access) -> Endpoint {
    Endpoint {
        path,
        method: Method::Get,
        access,
    }
}

/// The start of an answer, for an error message: enough to recognise a login page, no control characters.
fn excerpt(body: &[u8]) -> Cow<'static, str> {
    if body.is_empty() {
        return Cow::Borrowed("it is empty");
    }
    const LENGTH: usize = 60;
    let text = told(&String::from_utf8_lossy(body), LENGTH);
    Cow::Owned(format!("it starts with {text:?}"))
}

/// So many characters of a text that may repeat an answer.
fn told(text: &str, length: usize) -> String {
    // A page that repeats the address would show the key.
    let text = text.split("apikey").next().unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(length).collect()
}
