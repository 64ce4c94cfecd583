//! Analyses: queued, in progress with partial results, completed.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::object::fields_of;
use super::route::Kind;
use super::{Question, file, url, verdict};
use crate::answer::Answer;
use crate::objects::file::File;
use crate::objects::url::Url;
use crate::scans::{Object, Scan};

/// `POST …/analyse`: a known object once more.
pub(super) fn again(question: &Question<'_>, kind: Kind, id: &str) -> Result<Answer, Refusal> {
    let object = match kind {
        Kind::Url => Object::Url(Arc::new(url::find(question, id)?.0)),
        _ => Object::File(file::find(question, id)?.0),
    };
    let now = question.world.now();
    let ready_at = now + question.world.settings.scan_for;
    let scan = question.world.memory().scans.submit(object, now, ready_at, false);
    Ok(question.links().analysis(&scan.analysis_id))
}

pub(super) fn get(question: &Question<'_>, id: &str) -> Result<Answer, Refusal> {
    let memory = question.world.memory();
    let sample = memory.v3_samples.object(&format!("analyses/{id}"));
    let scan = memory.scans.by_analysis(id).cloned();
    drop(memory);
    match (scan, sample) {
        (Some(scan), _) => Ok(Answer::Json(of_scan(question, &scan))),
        (None, Some(sample)) => Ok(Answer::Json(Value::clone(&sample))),
        (None, None) => of_old(question, id)
            .map(Answer::Json)
            .ok_or_else(|| Refusal::NotFound(format!("Analysis \"{id}\" not found"))),
    }
}

/// How far a scan is: no results, some, or all.
enum Progress {
    Queued,
    Partial,
    Completed,
}

impl Progress {
    /// The first third of its time it waits.
    fn of(scan: &Scan, now: Timestamp) -> Self {
        let whole = scan.ready_at.duration_since(scan.submitted_at);
        let passed = now.duration_since(scan.submitted_at);
        if scan.ready_at <= now {
            Self::Completed
        } else if passed < whole / 3 {
            Self::Queued
        } else {
            Self::Partial
        }
    }
}

pub(super) fn of_scan(question: &Question<'_>, scan: &Scan) -> Value {
    let progress = Progress::of(scan, question.world.now());
    let at = scan.submitted_at.as_second();
    match &scan.object {
        Object::File(file) => {
            let attributes = file::attributes(question, file, Some(scan));
            rendered(
                question,
                &scan.analysis_id,
                at,
                &attributes,
                &progress,
                &item_of_file(file),
            )
        }
        Object::Url(url) => {
            let attributes = url::attributes(question, url, Some(scan));
            rendered(
                question,
                &scan.analysis_id,
                at,
                &attributes,
                &progress,
                &item_of_url(url),
            )
        }
    }
}

/// What is analysed: whether a file, its id, and `meta`.
struct Item {
    is_file: bool,
    id: String,
    meta: Value,
}

fn item_of_file(file: &File) -> Item {
    let hashes = &file.hashes;
    let info =
        json!({"sha256": hashes.sha256, "sha1": hashes.sha1, "md5": hashes.md5, "size": file.size_bytes});
    Item {
        is_file: true,
        id: hashes.sha256.clone(),
        meta: json!({"file_info": info}),
    }
}

fn item_of_url(url: &Url) -> Item {
    Item {
        is_file: false,
        id: url.sha256.clone(),
        meta: json!({"url_info": {"id": url.sha256, "url": url.canonical}}),
    }
}

fn rendered(
    question: &Question<'_>,
    id: &str,
    at: i64,
    attributes: &Map<String, Value>,
    progress: &Progress,
    item: &Item,
) -> Value {
    let all = attributes
        .get("last_analysis_results")
        .cloned()
        .map(fields_of)
        .unwrap_or_default();
    let (status, most) = match progress {
        Progress::Queued => ("queued", 0),
        Progress::Partial => ("in-progress", all.len() / 2),
        Progress::Completed => ("completed", all.len()),
    };
    let results: Map<String, Value> = all.into_iter().take(most).collect();
    let stats = match (progress, attributes.get("last_analysis_stats")) {
        (Progress::Completed, Some(stats)) => stats.clone(),
        _ => verdict::stats(&results, item.is_file),
    };
    let collection = if item.is_file { "files" } else { "urls" };
    let links = question.links();
    json!({
        "data": {
            "type": "analysis", "id": id,
            "links": {"self": links.to("analyses", id), "item": links.to(collection, &item.id)},
            "attributes": {"date": at, "status": status, "stats": stats, "results": results}
        },
        "meta": item.meta
    })
}

/// The analysis that an object had before anybody asked here.
fn of_old(question: &Question<'_>, id: &str) -> Option<Value> {
    let (attributes, item) = match id.strip_prefix("u-") {
        Some(rest) => {
            let (url, standing) = url::find(question, rest.split('-').next()?).ok()?;
            let known = standing.known.then(|| url::attributes(question, &url, None))?;
            (known, item_of_url(&url))
        }
        None => {
            let text = String::from_utf8(BASE64_STANDARD.decode(id).ok()?).ok()?;
            let (file, standing) = file::find(question, text.split(':').next()?).ok()?;
            let known = standing.known.then(|| file::attributes(question, &file, None))?;
            (known, item_of_file(&file))
        }
    };
    let at = attributes.get("last_analysis_date")?.as_i64()?;
    (own_id(&attributes, &item, at) == id)
        .then(|| rendered(question, id, at, &attributes, &Progress::Completed, &item))
}

fn own_id(attributes: &Map<String, Value>, item: &Item, at: i64) -> String {
    let md5 = attributes.get("md5").and_then(Value::as_str).unwrap_or_default();
    match item.is_file {
        true => BASE64_STANDARD.encode(format!("{md5}:{at}")),
        false => format!("u-{}-{at}", item.id),
    }
}

/// Every analysis of an object that has one, newest first.
pub(super) fn all_of(question: &Question<'_>, kind: Kind, id: &str) -> Result<Vec<Value>, Refusal> {
    let old = {
        let object = question.view(kind, id)?;
        let attributes = object
            .get("attributes")
            .cloned()
            .map(fields_of)
            .unwrap_or_default();
        let item = Item {
            is_file: kind == Kind::File,
            id: id.to_owned(),
            meta: Value::Null,
        };
        let at = attributes.get("last_analysis_date").and_then(Value::as_i64);
        at.and_then(|at| of_old(question, &own_id(&attributes, &item, at)))
    };
    let scans: Vec<Scan> = question.world.memory().scans.of(id).cloned().collect();
    let data = |answer: Value| answer.get("data").cloned();
    Ok(scans
        .iter()
        .rev()
        .map(|scan| of_scan(question, scan))
        .chain(old)
        .filter_map(data)
        .collect())
}
