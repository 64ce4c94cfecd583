//! `url/report`, `url/scan`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Question, permalink, shuffled, with_fields};
use crate::objects::url::Url;
use crate::objects::{Dice, date_text, engines};
use crate::scans::{Object, Scan};

pub(super) fn report(question: &Question<'_>, resource: &str) -> Value {
    let (now, seed) = (question.world.now(), question.world.settings.seed);
    let mut memory = question.world.memory();
    if let Some(scan) = memory.scans.by_id(resource) {
        return match &scan.object {
            Object::Url(_) if scan.ready_at > now => queued(resource, &scan.id),
            Object::Url(url) => rendered(
                memory.samples.get(&url.canonical),
                seed,
                resource,
                url,
                Some(scan),
            ),
            Object::File(_) => unknown(resource),
        };
    }
    let Some(url) = Url::parse(resource, seed) else {
        return match question.request.flag(&["scan"]) {
            true => invalid(resource),
            false => unknown(resource),
        };
    };
    memory.remember_url(&url);
    let sample = memory.samples.get(&url.canonical);
    let standing = memory.url_standing(&url, now);
    if standing.has_report() {
        return rendered(sample, seed, resource, &url, standing.finished.as_ref());
    }
    if let Some(scan) = standing.waiting {
        return queued(resource, &scan.id);
    }
    drop(memory);
    match question.request.flag(&["scan"]) {
        true => scan(question, resource),
        false => unknown(resource),
    }
}

fn unknown(resource: &str) -> Value {
    json!({"response_code": 0, "resource": resource, "verbose_msg": "Resource does not exist in the dataset"})
}

fn invalid(resource: &str) -> Value {
    json!({"response_code": -1, "verbose_msg": "Invalid URL, the scan request was not queued", "resource": resource})
}

fn queued(resource: &str, scan_id: &str) -> Value {
    json!({
        "response_code": -2, "resource": resource, "scan_id": scan_id,
        "verbose_msg": "Your resource is queued for analysis"
    })
}

fn rendered(sample: Option<&Arc<Value>>, seed: u64, resource: &str, url: &Url, scan: Option<&Scan>) -> Value {
    match sample {
        Some(sample) => sampled(sample, resource, url, scan),
        None => shuffled(synthetic(seed, resource, url, scan), seed, &url.sha256),
    }
}

/// The sampled report of a URL, of its newest analysis or of the one given.
pub(crate) fn sampled(sample: &Value, resource: &str, url: &Url, scan: Option<&Scan>) -> Value {
    match scan {
        None => with_fields(sample, &[("resource", resource)]),
        Some(scan) => with_fields(
            sample,
            &[
                ("resource", resource),
                ("scan_id", &scan.id),
                ("scan_date", &date_text(scan.submitted_at)),
                (
                    "permalink",
                    &permalink("url", &url.sha256, scan.submitted_at.as_second()),
                ),
            ],
        ),
    }
}

/// The made-up report of a URL.
pub(crate) fn synthetic(seed: u64, resource: &str, url: &Url, scan: Option<&Scan>) -> Map<String, Value> {
    let at = scan.map_or(url.scanned_at, |scan| scan.submitted_at);
    let id = scan.map_or_else(
        || format!("{}-{}", url.sha256, at.as_second()),
        |scan| scan.id.clone(),
    );
    let link = permalink("url", &url.sha256, at.as_second());
    let scans = engines::of_url(
        url.positives,
        at,
        &mut Dice::new(seed, &format!("report of {}", url.sha256)),
    );
    let report = json!({
        "response_code": 1, "verbose_msg": "Scan finished, scan information embedded in this object", "resource": resource,
        "url": url.canonical, "scan_id": id, "scan_date": date_text(at), "permalink": link, "filescan_id": null,
        "positives": url.positives, "total": scans.len(), "scans": scans
    });
    match report {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

pub(super) fn scan(question: &Question<'_>, text: &str) -> Value {
    let now = question.world.now();
    let Some(url) = Url::parse(text, question.world.settings.seed) else {
        return invalid(text);
    };
    let (canonical, sha256) = (url.canonical.clone(), url.sha256.clone());
    let mut memory = question.world.memory();
    memory.remember_url(&url);
    let ready_at = now + question.world.settings.scan_for;
    let scan = memory
        .scans
        .submit(Object::Url(Arc::new(url)), now, ready_at, false);
    json!({
        "permalink": permalink("url", &sha256, now.as_second()), "resource": text, "url": canonical, "response_code": 1,
        "scan_date": date_text(now), "scan_id": scan.id,
        "verbose_msg": "Scan request successfully queued, come back later for the report"
    })
}
