//! What is written on an object for everybody to read: comments and votes. Source: API v3, section 6.

use serde_json::{Value, json};

use super::object::Subject;
use super::{Body, POST_COMMENT, POST_VOTE, Request, read};
use crate::Error;
use crate::transport::{Endpoint, Errand, Payload};

pub(crate) async fn comment(errand: &Errand<'_>, subject: &Subject, text: &str) -> Result<(), Error> {
    let attributes = json!({"text": text});
    post(errand, &POST_COMMENT, subject, "comment", attributes).await
}

/// `verdict` is one of VirusTotal's words.
pub(crate) async fn vote(errand: &Errand<'_>, subject: &Subject, verdict: &str) -> Result<(), Error> {
    let attributes = json!({"verdict": verdict});
    post(errand, &POST_VOTE, subject, "vote", attributes).await
}

async fn post(
    errand: &Errand<'_>,
    endpoint: &'static Endpoint,
    subject: &Subject,
    kind: &str,
    attributes: Value,
) -> Result<(), Error> {
    let mut question = Request::of(format!("{}/{kind}s", subject.path()));
    question.body = Body::Json(json!({"data": {"type": kind, "attributes": attributes}}));
    let is_there = |body: &[u8]| read(body).map(drop);
    errand
        .ask(endpoint, &Payload::V3(question), None, |answered| {
            is_there(&answered.body)
        })
        .await
}
