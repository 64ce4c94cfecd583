//! What is related to a domain or an address, as far as a report of API v2 has it.

use futures_util::future::join_all;
use serde_json::Value;

use super::object::Subject;
use super::{RELATIONSHIPS, Request, ask, shape};
use crate::cache::Kind;
use crate::transport::Errand;
use crate::{Error, Tier};

/// Objects a page; the most that is known to be taken. Source: API v3, section 1.2.
const PAGE: usize = 40;

/// Relationships that come with the object, as names only, at no further call.
pub(super) fn with_object(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Domain => &["resolutions", "subdomains", "siblings"],
        Kind::Ip => &["resolutions"],
        Kind::File | Kind::Url => &[],
    }
}

/// Relationships that cost a call each; those that only a premium key is shown come last.
fn of_their_own(kind: Kind, tier: Tier) -> Vec<&'static str> {
    let mut names = match kind {
        Kind::Domain => vec![
            "resolutions",
            "subdomains",
            "siblings",
            "communicating_files",
            "referrer_files",
        ],
        Kind::Ip => vec!["resolutions", "communicating_files", "referrer_files"],
        Kind::File | Kind::Url => Vec::new(),
    };
    if tier == Tier::Private && !names.is_empty() {
        names.extend(["downloaded_files", "urls"]);
    }
    names
}

/// Asks for all of them. One that the key may not see, or that is not there, is left out.
pub(super) async fn fetch(errand: &Errand<'_>, subject: &Subject) -> Result<shape::Related, Error> {
    let settings = errand.transport.settings();
    let (names, most) = (of_their_own(subject.kind, settings.tier), settings.related_most);
    let pages = join_all(names.iter().map(|name| pages(errand, subject, name, most))).await;
    let mut related = shape::Related::none().at_most(most);
    for (name, page) in names.into_iter().zip(pages) {
        match page {
            Ok(objects) => related = related.with(name, objects),
            Err(Error::Forbidden { .. } | Error::Missing | Error::InvalidArgument { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(related)
}

/// At most so many objects of a relationship, a call for each page.
async fn pages(errand: &Errand<'_>, subject: &Subject, name: &str, most: usize) -> Result<Vec<Value>, Error> {
    let (mut objects, mut cursor) = (Vec::new(), None);
    loop {
        let mut question = Request::of(format!("{}/{name}", subject.path()));
        let wanted = PAGE.min(most.saturating_sub(objects.len()));
        question.query.push(("limit", wanted.to_string()));
        question.query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let mut answer = ask(errand, &RELATIONSHIPS, question).await?;
        let Some(Value::Array(page)) = answer.get_mut("data").map(Value::take) else {
            return Ok(objects);
        };
        // A server that goes on with empty pages has no end.
        let is_last = page.is_empty() || objects.len() + page.len() >= most;
        objects.extend(page);
        cursor = match answer.pointer("/meta/cursor").and_then(Value::as_str) {
            Some(next) if !is_last => Some(next.to_owned()),
            _ => return Ok(objects),
        };
    }
}
