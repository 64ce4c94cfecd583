//! What is related to a domain or an address, as far as a report of API v2 has it.

use super::object::Subject;
use super::{listing, shape};
use crate::cache::Kind;
use crate::transport::Errand;
use crate::{Error, Tier};
use futures_util::future::join_all;

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
    let pages = join_all(
        names
            .iter()
            .map(|name| listing::related(errand, subject, name, most)),
    )
    .await;
    let mut related = shape::Related::none().at_most(most);
    for (name, page) in names.into_iter().zip(pages) {
        match page {
            Ok(pages) => related = related.with(name, pages.objects),
            Err(Error::Forbidden { .. } | Error::Missing | Error::InvalidArgument { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(related)
}
