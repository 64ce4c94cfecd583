//! Related objects, and API v2's lists of them. Source: the mapping, sections 1.1, 5 and 6.

mod finding;

use std::collections::BTreeMap;

use serde_json::Value;

use super::draft::Draft;
use super::{Counting, attribute, dates};

/// Entries of a list, as API v2 caps them commonly (unconfirmed). Source: the mapping, section 1.
const AT_MOST: usize = 100;

/// Related objects that were fetched; a relationship that wasn't asked for, or was refused, has no entry.
///
/// Each relationship has full objects or mere descriptors. Descriptors give names and addresses; of files and URLs
/// they give nothing, for a hash without numbers is no entry of API v2, so those lists are left out then.
#[derive(Clone, Debug)]
pub(crate) struct Related {
    lists: BTreeMap<String, Vec<Value>>,
    at_most: usize,
}

impl Related {
    /// Nothing was fetched.
    pub(crate) fn none() -> Self {
        Self {
            lists: BTreeMap::new(),
            at_most: AT_MOST,
        }
    }

    /// What an object fetched with `?relationships=` brings along.
    pub(crate) fn from_descriptors(object: &Value) -> Self {
        let mut related = Self::none();
        for (name, collection) in attribute::fields(object, "relationships").into_iter().flatten() {
            if let Some(list) = attribute::list(collection, "data") {
                related.lists.insert(name.clone(), list.to_vec());
            }
        }
        related
    }

    /// Adds a relationship, in place of what was known of it: the objects of all its pages, newest first as delivered.
    pub(crate) fn with(mut self, name: &str, objects: Vec<Value>) -> Self {
        self.lists.insert(name.to_owned(), objects);
        self
    }

    /// Cuts each list of the report to so many entries; 100 unless said otherwise.
    pub(crate) fn at_most(mut self, entries: usize) -> Self {
        self.at_most = entries;
        self
    }

    /// The ids of a relationship's objects, such as names of domains.
    pub(super) fn ids(&self, name: &str) -> Option<Vec<String>> {
        let ids = self
            .objects(name)?
            .filter_map(|object| attribute::text(object, "id"));
        Some(ids.take(self.at_most).map(str::to_owned).collect())
    }

    /// The addresses of related URLs; `None` too where the objects don't tell them.
    pub(super) fn addresses(&self, name: &str) -> Option<Vec<String>> {
        let address = |object: &Value| {
            ["attributes", "context_attributes"]
                .iter()
                .find_map(|place| attribute::text(object.get(place)?, "url").map(str::to_owned))
        };
        let addresses: Vec<String> = self.objects(name)?.filter_map(address).collect();
        let is_told = !addresses.is_empty() || self.objects(name)?.next().is_none();
        is_told.then(|| addresses.into_iter().take(self.at_most).collect())
    }

    /// `resolutions`: the other side of each under `key`, from its attribute `name` or, where that is missing, from
    /// its id. Newest first, undated ones last.
    pub(super) fn resolutions(
        &self,
        name: &str,
        key: &str,
        from_id: impl Fn(&str) -> Option<String>,
    ) -> Option<Value> {
        let nothing = Value::Null;
        let mut resolutions: Vec<(Option<i64>, Value)> = self
            .objects("resolutions")?
            .filter_map(|object| {
                let attributes = object.get("attributes").unwrap_or(&nothing);
                let side = attribute::text(attributes, name)
                    .map(str::to_owned)
                    .or_else(|| from_id(attribute::text(object, "id")?))?;
                let date = dates::epoch(attributes, "date");
                let mut resolution = Draft::default();
                resolution.put("last_resolved", date.and_then(dates::in_words));
                resolution.put(key, Some(side));
                Some((date, resolution.into_fields()?))
            })
            .collect();
        resolutions.sort_by_key(|(date, _)| std::cmp::Reverse(*date));
        let resolutions = resolutions.into_iter().map(|(_, resolution)| resolution);
        Some(resolutions.take(self.at_most).collect())
    }

    /// Puts the lists of samples and of URLs, detected and undetected.
    pub(super) fn put_findings(&self, draft: &mut Draft, counting: Counting) {
        for (relationship, key) in [
            ("communicating_files", "communicating"),
            ("referrer_files", "referrer"),
            ("downloaded_files", "downloaded"),
        ] {
            let Some((detected, undetected)) = self.findings(relationship, finding::file, counting) else {
                continue;
            };
            let sample = |finding: &finding::Finding| finding.as_sample();
            draft.put(
                &format!("detected_{key}_samples"),
                Some(self.cut(&detected, sample)),
            );
            draft.put(
                &format!("undetected_{key}_samples"),
                Some(self.cut(&undetected, sample)),
            );
        }
        if let Some((detected, undetected)) = self.findings("urls", finding::url, counting) {
            draft.put("detected_urls", Some(self.cut(&detected, |url| url.as_url())));
            draft.put(
                "undetected_urls",
                Some(self.cut(&undetected, |url| url.as_list())),
            );
        }
    }

    /// A relationship's findings, newest first: detected ones, and the others.
    fn findings(
        &self,
        name: &str,
        read: fn(&Value, Counting) -> Option<finding::Finding>,
        counting: Counting,
    ) -> Option<(Vec<finding::Finding>, Vec<finding::Finding>)> {
        let mut objects = self.objects(name)?.peekable();
        let is_empty = objects.peek().is_none();
        let mut full = objects
            .filter(|object| object.get("attributes").is_some())
            .peekable();
        if full.peek().is_none() && !is_empty {
            return None;
        }
        let mut findings: Vec<_> = full.filter_map(|object| read(object, counting)).collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.date));
        Some(findings.into_iter().partition(|finding| finding.positives > 0))
    }

    fn cut(&self, findings: &[finding::Finding], entry: impl Fn(&finding::Finding) -> Value) -> Value {
        findings.iter().take(self.at_most).map(entry).collect()
    }

    /// A relationship's objects without the stubs of what VirusTotal doesn't hold.
    fn objects(&self, name: &str) -> Option<impl Iterator<Item = &Value>> {
        let objects = self.lists.get(name)?;
        Some(objects.iter().filter(|object| !attribute::is_stub(object)))
    }
}
