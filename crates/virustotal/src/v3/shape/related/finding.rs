//! A related file or URL, and what the engines say of it. Source: the mapping, section 5.

use serde_json::{Value, json};

use crate::v3::shape::draft::Draft;
use crate::v3::shape::engines::Tally;
use crate::v3::shape::{Counting, attribute, dates};

/// A related file or URL with a verdict.
pub(super) struct Finding {
    /// When it was last analysed; API v2 leaves it out at times as well.
    pub(super) date: Option<i64>,
    pub(super) positives: u64,
    total: u64,
    sha256: String,
    /// Of a URL.
    url: Option<String>,
}

/// A file; `None` without a hash or without a verdict.
pub(super) fn file(object: &Value, counting: Counting) -> Option<Finding> {
    let attributes = object.get("attributes")?;
    let sha256 = attribute::sha256(attributes, "sha256").or_else(|| attribute::sha256(object, "id"))?;
    finding(attributes, sha256, None, counting)
}

/// A URL; `None` without an address, an id or a verdict.
pub(super) fn url(object: &Value, counting: Counting) -> Option<Finding> {
    let attributes = object.get("attributes")?;
    let url = attribute::text(attributes, "url")?.to_owned();
    finding(attributes, attribute::sha256(object, "id")?, Some(url), counting)
}

fn finding(attributes: &Value, sha256: String, url: Option<String>, counting: Counting) -> Option<Finding> {
    let tally = Tally::of_last_analysis(attributes)?;
    Some(Finding {
        date: dates::epoch(attributes, "last_analysis_date"),
        positives: tally.positives(counting),
        total: tally.total(),
        sha256,
        url,
    })
}

impl Finding {
    fn date(&self) -> Option<String> {
        self.date.and_then(dates::in_words)
    }

    /// An entry of the lists of samples.
    pub(super) fn as_sample(&self) -> Value {
        let mut sample = Draft::default();
        sample.put("date", self.date());
        sample.put("positives", Some(self.positives));
        sample.put("sha256", Some(self.sha256.as_str()));
        sample.put("total", Some(self.total));
        sample.into_fields().unwrap_or_default()
    }

    /// An entry of `detected_urls`.
    pub(super) fn as_url(&self) -> Value {
        let mut url = Draft::default();
        url.put("url", self.url.as_deref());
        url.put("positives", Some(self.positives));
        url.put("total", Some(self.total));
        url.put("scan_date", self.date());
        url.into_fields().unwrap_or_default()
    }

    /// An entry of `undetected_urls`, which are lists; the date comes last, and so can be missing.
    pub(super) fn as_list(&self) -> Value {
        let mut list = vec![
            json!(self.url),
            json!(self.sha256),
            json!(self.positives),
            json!(self.total),
        ];
        list.extend(self.date().map(Value::from));
        Value::Array(list)
    }
}
