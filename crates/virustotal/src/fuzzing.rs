//! Readers of what VirusTotal sent or what was kept, as `crates/fuzz` reaches them. Nothing else uses it.

use std::io::Cursor;

use reqwest::StatusCode;
use serde_json::Value;

use crate::stored::{self, Packed, Stored};
use crate::transport::Refusal;
use crate::v3::shape;
use crate::{Allowance, Answer, Error, Report, Submission, v2, v3};

/// One object of an answer of API v2.
#[derive(Debug)]
pub struct Element {
    /// What it says was asked for.
    pub names: Vec<String>,
    /// As the answer to a question for a report; `None` for what VirusTotal calls malformed.
    pub answer: Option<Answer>,
}

impl Element {
    fn of(element: v2::Element) -> Self {
        Self {
            names: element.names().collect(),
            answer: element.into_answer(),
        }
    }
}

/// The objects of a body of API v2.
///
/// # Errors
/// What is wrong with it.
pub fn elements(body: &[u8]) -> Result<Vec<Element>, String> {
    Ok(v2::Element::read_all(body)?
        .into_iter()
        .map(Element::of)
        .collect())
}

/// The same as answers to submissions.
///
/// # Errors
/// What is wrong with it.
pub fn submissions(body: &[u8]) -> Result<Vec<Submission>, String> {
    let elements = v2::Element::read_all(body)?.into_iter();
    Ok(elements.map(v2::Element::into_submission).collect())
}

/// What was found for each resource of a batch, and the places of those that are asked for again, by call.
pub type Settled = (Vec<Option<Element>>, Vec<Vec<usize>>);

/// What one answer to a batch comes to.
///
/// # Errors
/// What is wrong with it.
pub fn settled(asked: &[&str], body: &[u8]) -> Result<Settled, String> {
    let (answers, left) = v2::settled(asked, v2::Element::read_all(body)?);
    let answers = answers.into_iter().map(|answer| answer.map(Element::of));
    Ok((answers.collect(), left))
}

/// The comments of a body of API v2, as dates and texts.
///
/// # Errors
/// What is wrong with it.
pub fn comments_v2(body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let comments = v2::read_comments(body)?.into_iter();
    Ok(comments.map(|comment| (comment.date, comment.text)).collect())
}

/// An answer of API v3.
///
/// # Errors
/// What is wrong with it.
pub fn answer_v3(body: &[u8]) -> Result<Value, String> {
    v3::read(body)
}

/// What a refusal of API v3 means, in words; `None` where its status must tell.
#[must_use]
pub fn refusal_v3(status: u16, body: &[u8]) -> Option<String> {
    let status = StatusCode::from_u16(status).ok()?;
    Some(match v3::refusal("v3/files", status, None, body)? {
        Refusal::Final(error) | Refusal::BrokenOff(error) => error.to_string(),
        Refusal::Quota(_) => "quota".to_owned(),
        Refusal::Trouble(trouble) => trouble.to_string(),
    })
}

/// The objects of a page, and where the next begins.
#[must_use]
pub fn page(answer: Value) -> (Vec<Value>, Option<String>) {
    v3::page(answer)
}

/// What an answer says of a ZIP that is made.
///
/// # Errors
/// It says nothing that can be used.
pub fn zip_status(answer: Value) -> Result<String, Error> {
    v3::read_zip(Ok(answer)).map(|zip| format!("{zip:?}"))
}

/// A user's own quota.
#[must_use]
pub fn allowances(answer: &Value) -> Vec<Allowance> {
    v3::read_allowances(answer)
}

/// An answer of API v3 without what may hold credentials; `None` where it stays as it is.
#[must_use]
pub fn without_credentials(text: &str) -> Option<String> {
    v3::without_credentials_in_text(text)
}

/// Reads an object of API v3 as everything that it could be, and holds each report against what reports promise.
///
/// # Panics
/// A promise is broken.
pub fn reports_of_object(object: &Value, other: &Value, suspicious: bool) {
    let related = shape::Related::from_descriptors(other);
    shape::promises::try_all(object, other, &related, shape::Counting { suspicious });
}

/// API v3's name of a URL in a path.
#[must_use]
pub fn url_id(text: &str) -> String {
    v3::url_id(text)
}

/// The hash and the time in an id of a scan.
#[must_use]
pub fn object_of_scan_id(id: &str) -> Option<(&str, Option<i64>)> {
    v3::object_of_scan_id(id)
}

/// An answer as cache and journal keep it under a name: its state, and the sealed text.
#[must_use]
pub fn stored(name: &str, answer: &Answer) -> (&'static str, Vec<u8>) {
    let stored = Stored::of(answer);
    (stored.state(), stored.packed.sealed(name))
}

/// Any text as it is kept under a name.
#[must_use]
pub fn sealed(name: &str, text: &str) -> Vec<u8> {
    Packed::of(text).sealed(name)
}

/// The text that was sealed.
#[must_use]
pub fn opened(name: &str, sealed: &[u8]) -> Option<String> {
    Packed::open(name, sealed)
}

/// The answer that was kept.
#[must_use]
pub fn kept(state: &str, text: String) -> Option<Answer> {
    stored::answer(state, text)
}

/// Whether a downloaded ZIP may be kept.
///
/// # Errors
/// Why not.
pub fn check_zip(bytes: &[u8]) -> Result<(), String> {
    crate::quarantine::check(Cursor::new(bytes))
}

/// A report of that JSON text; `None` for what is no JSON.
#[must_use]
pub fn report(text: &str) -> Option<Report> {
    let raw = serde_json::value::RawValue::from_string(text.to_owned()).ok()?;
    Some(Report::from(raw))
}
