//! What is related to an object, and what a search finds. API v3 only, whatever version is asked for the rest.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::Client;
use crate::report::Beyond;
use crate::v3::{self, Pages, Subject};
use crate::{Deadline, Error, ObjectId};

/// One object of a list, with what VirusTotal says of it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// VirusTotal's word for its kind: `file`, `url`, `domain`, `ip_address`, or another. Of a resolution it is that of the
    /// side that was not asked about.
    pub kind: String,
    /// What people call it: a file's SHA-256, a URL's address, a domain's name, an address. Outside text.
    pub name: String,
    /// Engines that call it malicious, and engines that gave a verdict, where the list says so.
    pub engines: Option<(u64, u64)>,
    /// The object as VirusTotal sent it, but for its links and what may hold somebody's credentials.
    pub object: Box<RawValue>,
}

/// The first objects of a list, in VirusTotal's order.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// At most as many as were asked for.
    pub objects: Vec<Listed>,
    /// Whether VirusTotal has more.
    pub has_more: bool,
}

impl Client {
    /// What is related to an object, such as `contacted_domains`; at most `most`. Costs one call per 40.
    ///
    /// # Errors
    /// [`Error::Missing`] for an object that VirusTotal has never seen; [`Error::InvalidArgument`] for a relationship that
    /// its kind does not have; [`Error::Forbidden`] for one that only a premium key is shown.
    pub async fn related(
        &self,
        object: &ObjectId,
        relationship: &str,
        most: usize,
        deadline: &Deadline,
    ) -> Result<Listing, Error> {
        let errand = self.transport.errand(deadline);
        let pages = v3::related(&errand, &Subject::of(object), relationship, most).await?;
        let other_side = match object {
            ObjectId::Ip(_) => &HOST_NAME,
            _ => &ADDRESS,
        };
        Ok(Listing::of(pages, other_side))
    }

    /// What a query of VirusTotal Intelligence finds; at most `most`. Costs one call per 40; premium keys only.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with a public key; [`Error::InvalidArgument`] for a query that VirusTotal does not understand.
    pub async fn search(&self, query: &str, most: usize, deadline: &Deadline) -> Result<Listing, Error> {
        let errand = self.transport.errand(deadline);
        Ok(Listing::of(v3::search(&errand, query, most).await?, &ADDRESS))
    }
}

impl Listing {
    fn of(pages: Pages, other_side: &Side) -> Self {
        let objects = pages.objects.into_iter();
        Self {
            objects: objects
                .filter_map(|object| Listed::of(object, other_side))
                .collect(),
            has_more: pages.has_more,
        }
    }
}

/// A side of a resolution: its kind, where its name stands, and where its numbers.
struct Side {
    kind: &'static str,
    name: &'static str,
    stats: &'static str,
}

const ADDRESS: Side = Side {
    kind: "ip_address",
    name: "/attributes/ip_address",
    stats: "/attributes/ip_address_last_analysis_stats",
};
const HOST_NAME: Side = Side {
    kind: "domain",
    name: "/attributes/host_name",
    stats: "/attributes/host_name_last_analysis_stats",
};

impl Listed {
    /// `None` for what has no name.
    fn of(mut object: Value, other_side: &Side) -> Option<Self> {
        let text = |place: &str| object.pointer(place).and_then(Value::as_str).map(str::to_owned);
        let (kind, id) = (text("/type")?, text("/id")?);
        // A URL's id is a hash; one that VirusTotal does not hold tells its address beside the attributes.
        let address = || text("/attributes/url").or_else(|| text("/context_attributes/url"));
        let side = text(other_side.name).filter(|_| kind == "resolution");
        let (kind, name, engines) = match side {
            Some(name) => {
                let stats = object.pointer(other_side.stats).unwrap_or(&Value::Null);
                let attributes = json!({"attributes": {"last_analysis_stats": stats}});
                (
                    other_side.kind.to_owned(),
                    name,
                    Beyond::read(&attributes).engines(),
                )
            }
            None if kind == "url" => (kind, address().unwrap_or(id), Beyond::read(&object).engines()),
            None => (kind, id, Beyond::read(&object).engines()),
        };
        if let Some(object) = object.as_object_mut() {
            object.shift_remove("links");
        }
        let object = to_raw_value(&v3::without_credentials(object)).ok()?;
        Some(Self {
            kind,
            name,
            engines,
            object,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ADDRESS, HOST_NAME, Listed};

    fn listed(object: Value) -> Option<Listed> {
        Listed::of(object, &ADDRESS)
    }

    #[test]
    fn an_object_is_named_as_people_call_it_and_keeps_no_credentials() {
        let url = listed(
            json!({"type": "url", "id": "ab", "links": {"self": "x"}, "attributes": {
                "url": "http://a.example/", "last_http_response_cookies": {"session": "s"},
                "last_analysis_stats": {"malicious": 2, "harmless": 3},
            }}),
        )
        .unwrap();
        assert_eq!(
            (url.name.as_str(), url.engines),
            ("http://a.example/", Some((2, 5)))
        );
        assert!(
            !url.object.get().contains("session") && !url.object.get().contains("links"),
            "{}",
            url.object
        );
        let stub = json!({"type": "url", "id": "ab", "context_attributes": {"url": "http://b.example/"}});
        assert_eq!(listed(stub).unwrap().name, "http://b.example/");
        let domain = json!({"type": "domain", "id": "a.example"});
        assert_eq!(listed(domain).unwrap().name, "a.example");
        assert!(listed(json!({"type": "file"})).is_none());
    }

    #[test]
    fn a_resolution_is_named_by_the_side_that_was_not_asked_about() {
        let resolution = json!({"type": "resolution", "id": "192.0.2.1a.example", "attributes": {
            "host_name": "a.example", "ip_address": "192.0.2.1",
            "ip_address_last_analysis_stats": {"malicious": 1, "harmless": 1},
        }});
        let address = Listed::of(resolution.clone(), &ADDRESS).unwrap();
        assert_eq!(
            (address.kind.as_str(), address.name.as_str(), address.engines),
            ("ip_address", "192.0.2.1", Some((1, 2)))
        );
        let host = Listed::of(resolution, &HOST_NAME).unwrap();
        assert_eq!(
            (host.kind.as_str(), host.name.as_str(), host.engines),
            ("domain", "a.example", None)
        );
    }
}
