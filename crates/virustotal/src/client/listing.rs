//! What is related to an object, and what a search finds. API v3 only, whatever version is asked for the rest.

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::Client;
use crate::v3::{self, Pages, Subject};
use crate::{Deadline, Error, ObjectId};

/// One object of a list, with what VirusTotal says of it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// VirusTotal's word for its kind: `file`, `url`, `domain`, `ip_address`, or another.
    pub kind: String,
    /// What people call it: a file's SHA-256, a URL's address, a domain's name, an address. Outside text.
    pub name: String,
    /// Engines that call it malicious, and engines that gave a verdict, where the list says so.
    pub engines: Option<(u64, u64)>,
    /// The object as VirusTotal sent it, but for what may hold somebody's credentials.
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
        Ok(Listing::of(pages))
    }

    /// What a query of VirusTotal Intelligence finds; at most `most`. Costs one call per 40; premium keys only.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with a public key; [`Error::InvalidArgument`] for a query that VirusTotal does not understand.
    pub async fn search(&self, query: &str, most: usize, deadline: &Deadline) -> Result<Listing, Error> {
        let errand = self.transport.errand(deadline);
        Ok(Listing::of(v3::search(&errand, query, most).await?))
    }
}

impl Listing {
    fn of(pages: Pages) -> Self {
        Self {
            objects: pages.objects.into_iter().filter_map(Listed::of).collect(),
            has_more: pages.has_more,
        }
    }
}

impl Listed {
    /// `None` for what has no name.
    fn of(object: Value) -> Option<Self> {
        let text = |place: &str| object.pointer(place).and_then(Value::as_str).map(str::to_owned);
        let (kind, id) = (text("/type")?, text("/id")?);
        // A URL's id is a hash; one that VirusTotal does not hold tells its address beside the attributes.
        let address = || text("/attributes/url").or_else(|| text("/context_attributes/url"));
        let name = match kind.as_str() {
            "url" => address().unwrap_or(id),
            _ => id,
        };
        let engines = crate::report::Beyond::read(&object).engines();
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
    use serde_json::json;

    use super::Listed;

    #[test]
    fn an_object_is_named_as_people_call_it_and_keeps_no_credentials() {
        let url = Listed::of(json!({"type": "url", "id": "ab", "attributes": {
            "url": "http://a.example/", "last_http_response_cookies": {"session": "s"},
            "last_analysis_stats": {"malicious": 2, "harmless": 3},
        }}))
        .unwrap();
        assert_eq!(
            (url.name.as_str(), url.engines),
            ("http://a.example/", Some((2, 5)))
        );
        assert!(!url.object.get().contains("session"), "{}", url.object);
        let stub = json!({"type": "url", "id": "ab", "context_attributes": {"url": "http://b.example/"}});
        assert_eq!(Listed::of(stub).unwrap().name, "http://b.example/");
        assert_eq!(
            Listed::of(json!({"type": "domain", "id": "a.example"}))
                .unwrap()
                .name,
            "a.example"
        );
        assert!(Listed::of(json!({"type": "file"})).is_none());
    }
}
