//! The object itself, as a report in API v2's shape.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};

use super::shape::{self, Beyond, Counting, Shaped};
use super::{DOMAINS, FILES, IP_ADDRESSES, Request, URLS, ask, escaped, related};
use crate::cache::Kind;
use crate::settings::Related;
use crate::transport::{Endpoint, Errand};
use crate::{Answer, Error, ObjectId, Report, json};

/// A URL longer than this is named by its hash: not every server takes a path of any length.
const LONGEST_NAMED: usize = 1500;
/// What can hold somebody's credentials. Source: API v3, section 3.
const CREDENTIALS: [&str; 2] = ["last_http_response_headers", "last_http_response_cookies"];

/// What is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// As it was asked for: a hash, an address, a name.
    pub(crate) text: String,
}

impl Subject {
    pub(crate) fn of(object: &ObjectId) -> Self {
        let (kind, text) = match object {
            ObjectId::File(hash) => (Kind::File, hash.as_str().to_owned()),
            ObjectId::Url(url) => (Kind::Url, url.as_str().to_owned()),
            ObjectId::Domain(domain) => (Kind::Domain, domain.as_str().to_owned()),
            ObjectId::Ip(address) => (Kind::Ip, address.to_string()),
        };
        Self { kind, text }
    }

    pub(crate) fn endpoint(&self) -> &'static Endpoint {
        match self.kind {
            Kind::File => &FILES,
            Kind::Url => &URLS,
            Kind::Domain => &DOMAINS,
            Kind::Ip => &IP_ADDRESSES,
        }
    }

    /// Where it is, below the base address.
    pub(crate) fn path(&self) -> String {
        let collection = match self.kind {
            Kind::File => "files",
            Kind::Url => "urls",
            Kind::Domain => "domains",
            Kind::Ip => "ip_addresses",
        };
        format!("{collection}/{}", self.id())
    }

    fn id(&self) -> String {
        match self.kind {
            Kind::Url => url_id(&self.text),
            Kind::File | Kind::Domain | Kind::Ip => escaped(&self.text),
        }
    }
}

/// How API v3 names a URL in a path: by itself in base64, which its server reads, or by a hash. Source: API v3, section 3.1.
pub(crate) fn url_id(text: &str) -> String {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.len() {
        _ if is_hash => text.to_owned(),
        ..=LONGEST_NAMED => BASE64_URL_SAFE_NO_PAD.encode(text),
        _ => url_hash(text),
    }
}

/// The other name of a URL: a hash of its canonical form.
pub(crate) fn url_hash(canonical: &str) -> String {
    let hash = Sha256::digest(canonical.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The newest report of an object.
pub(crate) async fn report(errand: &Errand<'_>, subject: &Subject) -> Result<Answer, Error> {
    report_as(errand, subject, &subject.text).await
}

/// The newest report of an object, as the answer to a question that named it `resource`.
pub(super) async fn report_as(
    errand: &Errand<'_>,
    subject: &Subject,
    resource: &str,
) -> Result<Answer, Error> {
    let lean = errand.transport.settings().completeness() == Related::Lean;
    let mut question = Request::of(subject.path());
    let names = related::with_object(subject.kind);
    if lean && !names.is_empty() {
        question.query.push(("relationships", names.join(",")));
    }
    let object = match ask(errand, subject.endpoint(), question).await {
        Ok(mut answer) => answer.get_mut("data").map(Value::take).unwrap_or_default(),
        Err(Error::Missing) => return Ok(Answer::Missing),
        Err(error) => return Err(error),
    };
    let found = match (subject.kind, lean) {
        // Where no engine says anything on the address itself, only what was found on it gives a verdict.
        (Kind::Ip, true) if Beyond::read(&object).engines().is_none() => {
            related::fetch(errand, subject).await?
        }
        (Kind::Domain | Kind::Ip, true) => shape::Related::from_descriptors(&object),
        (Kind::Domain | Kind::Ip, false) => related::fetch(errand, subject).await?,
        _ => shape::Related::none(),
    };
    shaped(errand, subject.kind, resource, object, &found)
}

/// The answer that an object is, in API v2's shape.
pub(super) fn shaped(
    errand: &Errand<'_>,
    kind: Kind,
    resource: &str,
    object: Value,
    found: &shape::Related,
) -> Result<Answer, Error> {
    let counting = counting(errand);
    let shaped = match kind {
        Kind::File => shape::file(&object, resource, counting),
        Kind::Url => shape::url(&object, resource, counting),
        Kind::Domain => shape::domain(&object, found, counting),
        Kind::Ip => shape::ip(&object, found, counting),
    };
    match shaped {
        Ok(Shaped::Report(report)) => answer(&report, object),
        Ok(Shaped::Queued) => Ok(Answer::Queued { scan_id: None }),
        Err(problem) => Err(unreadable(problem)),
    }
}

pub(super) fn counting(errand: &Errand<'_>) -> Counting {
    Counting {
        suspicious: errand.transport.settings().count_suspicious,
    }
}

/// A report and the object that it was made of.
pub(super) fn answer(report: &Value, object: Value) -> Result<Answer, Error> {
    let raw = |value: &Value| to_raw_value(value).map_err(|error| unreadable(error.to_string()));
    let (report, object): (Box<RawValue>, Box<RawValue>) = (raw(report)?, raw(&without_bulk(object))?);
    Ok(Answer::Found(Report::of_object(report, object)))
}

pub(super) fn unreadable(problem: String) -> Error {
    Error::Transient {
        trouble: crate::Trouble::Body(problem),
        attempts: 1,
    }
}

/// An object without what may hold somebody's credentials.
pub(crate) fn without_credentials(mut object: Value) -> Value {
    if let Some(attributes) = object.get_mut("attributes").and_then(Value::as_object_mut) {
        for name in CREDENTIALS {
            attributes.shift_remove(name);
        }
    }
    object
}

/// A whole answer about a URL without what may hold somebody's credentials; `None` where there is nothing of it.
pub(crate) fn without_credentials_in_text(text: &str) -> Option<String> {
    // A name may be written with escapes.
    if !CREDENTIALS.iter().any(|name| text.contains(name)) && !text.contains("\\u") {
        return None;
    }
    let mut answer: Value = json::read(text).ok()?;
    let objects = match answer.get_mut("data")? {
        Value::Array(objects) => objects.iter_mut().collect(),
        object => vec![object],
    };
    let mut met = false;
    for object in objects {
        let has = |name: &&str| object.pointer(&format!("/attributes/{name}")).is_some();
        if CREDENTIALS.iter().any(has) {
            *object = without_credentials(object.take());
            met = true;
        }
    }
    met.then(|| answer.to_string())
}

fn without_bulk(object: Value) -> Value {
    let mut object = without_credentials(object);
    if let Some(attributes) = object.get_mut("attributes").and_then(Value::as_object_mut) {
        shape::count_results(attributes);
        // It stands in the report already.
        attributes.shift_remove("last_analysis_results");
    }
    if let Some(object) = object.as_object_mut() {
        object.shift_remove("relationships");
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{url_id, without_bulk, without_credentials_in_text};

    #[test]
    fn a_url_is_named_as_the_reference_says() {
        assert_eq!(url_id("http://google.com/"), "aHR0cDovL2dvb2dsZS5jb20v");
        let hash = "cf4b367e49bf0b22041c6f065f4aa19f3cfe39c8d5abc0617343d1a66c6a26f5";
        assert_eq!(url_id(hash), hash);
        // Neither of these may occur in a path.
        assert!(!url_id("http://a.example/?>>>???").contains(['+', '/', '=']));
        assert_eq!(
            url_id(&format!("http://a.example/{}", "x".repeat(5000))).len(),
            64
        );
    }

    #[test]
    fn credentials_of_others_are_not_kept() {
        let object = json!({"id": "x", "attributes": {
            "title": "t", "last_http_response_headers": {"set-cookie": "s"}, "last_analysis_results": {},
        }, "relationships": {}});
        assert_eq!(
            without_bulk(object),
            json!({"id": "x", "attributes": {"title": "t"}})
        );
    }

    #[test]
    fn credentials_are_known_however_their_name_is_written() {
        let left = r#"{"data":[{"attributes":{"title":"t"}},7]}"#;
        for name in ["last_http_response_headers", r"last_http_response_\u0063ookies"] {
            let text = format!(r#"{{"data":[{{"attributes":{{"{name}":{{"a":"b"}},"title":"t"}}}},7]}}"#);
            assert_eq!(without_credentials_in_text(&text).as_deref(), Some(left));
        }
        for text in [left, r#"{"data":{"attributes":{"title":"\u0041"}}}"#, "\\u", "7"] {
            assert_eq!(without_credentials_in_text(text), None);
        }
    }

    #[test]
    fn the_numbers_kept_are_those_of_the_results() {
        let object = json!({"attributes": {
            "last_analysis_results": {"A": {"category": "malicious"}, "B": {"category": "timeout"}},
            "last_analysis_stats": {"malicious": 5, "harmless": 3, "timeout": 1},
        }});
        assert_eq!(
            without_bulk(object)["attributes"]["last_analysis_stats"],
            json!({"malicious": 1, "harmless": 0, "timeout": 1, "suspicious": 0, "undetected": 0})
        );
    }
}
