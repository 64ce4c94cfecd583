//! URLs: found by either form of id, shown, submitted.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::file::redate;
use super::object::fields_of;
use super::{Question, derive, verdict};
use crate::answer::Answer;
use crate::objects::url::{Url, synthetic_url};
use crate::objects::{Dice, hex};
use crate::scans::{Object, Scan};
use crate::standing::{Standing, is_hash};
use crate::v2;

/// Made-up URLs that are found by their SHA-256 without having been spoken of.
const FOUND_BY_HASH: u64 = 2000;

/// The URL of an id: the SHA-256 of its canonical form, or any form of it in URL-safe base64.
pub(super) fn of_id(question: &Question<'_>, id: &str) -> Option<Url> {
    let seed = question.seed();
    let lower = id.to_lowercase();
    let text = if lower.len() == 64 && is_hash(&lower) {
        let spoken_of = question.world.memory().url_of(&lower);
        spoken_of.or_else(|| {
            (0..FOUND_BY_HASH)
                .map(synthetic_url)
                .find(|url| Url::parse(url, seed).is_some_and(|url| url.sha256 == lower))
        })?
    } else {
        String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(id).ok()?).ok()?
    };
    let url = Url::parse(&text, seed)?;
    question.world.memory().remember_url(&url);
    Some(url)
}

/// The URL, if anything is known of it.
pub(super) fn find(question: &Question<'_>, id: &str) -> Result<(Url, Standing), Refusal> {
    let unknown = || Refusal::NotFound(format!("URL \"{id}\" not found"));
    let url = of_id(question, id).ok_or_else(unknown)?;
    let standing = question.world.memory().url_standing(&url, question.world.now());
    match standing.has_report() || standing.waiting.is_some() {
        true => Ok((url, standing)),
        false => Err(unknown()),
    }
}

pub(super) fn view(question: &Question<'_>, url: &Url, standing: &Standing) -> Value {
    let attributes = match standing.has_report() {
        true => attributes(question, url, standing.finished.as_ref()),
        false => fresh(url, standing.waiting.as_ref()),
    };
    question.links().object("url", "urls", &url.sha256, attributes)
}

/// Attributes as the newest analysis left them, or the one given.
pub(super) fn attributes(question: &Question<'_>, url: &Url, scan: Option<&Scan>) -> Map<String, Value> {
    let memory = question.world.memory();
    let votes = memory.cast_votes(&format!("urls/{}", url.sha256));
    let sample = memory.v3_samples.object(&format!("urls/{}", url.sha256));
    let mut attributes = match (sample, memory.samples.get(&url.canonical)) {
        (Some(sample), _) => {
            let mut attributes = sample
                .pointer("/data/attributes")
                .cloned()
                .map(fields_of)
                .unwrap_or_default();
            if let Some(scan) = scan {
                redate(&mut attributes, scan);
            }
            attributes
        }
        (None, Some(report)) => derive::url(&fields_of(v2::url::sampled(report, "", url, scan))),
        (None, None) => synthetic(question.seed(), url, scan),
    };
    super::vote::add(&mut attributes, votes);
    attributes
}

fn synthetic(seed: u64, url: &Url, scan: Option<&Scan>) -> Map<String, Value> {
    let mut attributes = derive::url(&v2::url::synthetic(seed, "", url, scan));
    let mut dice = Dice::new(seed, &format!("v3 of {}", url.sha256));
    let mut results = attributes
        .remove("last_analysis_results")
        .map(fields_of)
        .unwrap_or_default();
    verdict::enrich(&mut results, false, &mut dice);
    attributes.insert("last_analysis_stats".to_owned(), verdict::stats(&results, false));
    attributes.insert("last_analysis_results".to_owned(), Value::Object(results));
    let at = attributes
        .get("last_analysis_date")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    let first = url.scanned_at.as_second().min(at) - i64::try_from(dice.roll(10_000_000)).unwrap_or(0);
    let (categories, threats) = match url.positives {
        0 => (json!({"Sophos": "information technology"}), json!([])),
        _ => (
            json!({"Sophos": "phishing and fraud", "BitDefender": "malware"}),
            json!(["Mal/HTMLGen-A"]),
        ),
    };
    let malicious = if url.positives > 5 { dice.roll(5) } else { 0 };
    attributes.extend(fields_of(json!({
        "last_final_url": url.canonical, "title": "Example page", "first_submission_date": first, "last_submission_date": at,
        "last_modification_date": at + 60, "times_submitted": 1 + dice.roll(30), "last_http_response_code": 200,
        "last_http_response_content_length": 100 + dice.roll(50_000),
        "last_http_response_content_sha256": hex(&dice.roll(u64::MAX).to_be_bytes()).repeat(4),
        "last_http_response_headers": {"content-type": "text/html; charset=UTF-8", "set-cookie": "session=example-secret"},
        "last_http_response_cookies": {"session": "example-secret"},
        "categories": categories, "threat_names": threats, "tags": [], "html_meta": {}, "trackers": {},
        "redirection_chain": [url.canonical],
        "reputation": -11 * i64::try_from(malicious).unwrap_or(0),
        "total_votes": {"harmless": 0, "malicious": malicious}
    })));
    attributes
}

/// A URL whose first analysis is under way.
fn fresh(url: &Url, scan: Option<&Scan>) -> Map<String, Value> {
    let at = scan.map(|scan| scan.submitted_at.as_second());
    fields_of(json!({
        "url": url.canonical, "first_submission_date": at, "last_submission_date": at, "times_submitted": 1,
        "reputation": 0, "tags": [], "categories": {}, "threat_names": [], "total_votes": {"harmless": 0, "malicious": 0},
        "last_analysis_stats": verdict::stats(&Map::new(), false), "last_analysis_results": {}
    }))
}

pub(super) fn submit(question: &Question<'_>) -> Result<Answer, Refusal> {
    let text = question.request.parameter("url");
    let url = Url::parse(text, question.seed())
        .ok_or_else(|| Refusal::InvalidArgument("Unable to canonicalize url".to_owned()))?;
    let now = question.world.now();
    let mut memory = question.world.memory();
    memory.remember_url(&url);
    let ready_at = now + question.world.settings.scan_for;
    let scan = memory
        .scans
        .submit(Object::Url(Arc::new(url)), now, ready_at, false);
    Ok(question.links().analysis(&scan.analysis_id))
}
