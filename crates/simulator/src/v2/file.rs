//! `file/report`, `file/rescan`, `file/scan`, `file/scan/upload_url`.

use std::sync::Arc;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Question, permalink, shuffled, with_fields};
use crate::answer::Answer;
use crate::objects::facts::Facts;
use crate::objects::file::File;
use crate::objects::{Dice, date_text, engines, relation};
use crate::request::Request;
use crate::scans::{Object, Scan};
use crate::standing::{all, is_hash};
use crate::world::{Memory, World};

pub(super) fn report(question: &Question<'_>, resource: &str) -> Value {
    let (now, seed) = (question.world.now(), question.world.settings.seed);
    let mut memory = question.world.memory();
    if let Some(scan) = memory.scans.by_id(resource) {
        return match &scan.object {
            Object::File(_) if scan.ready_at > now => queued(resource, &scan.id),
            Object::File(file) => {
                let (file, scan) = (Arc::clone(file), scan.clone());
                drop(memory);
                rendered(question, resource, &file, Some(&scan))
            }
            Object::Url(_) => unknown(resource),
        };
    }
    let lower = resource.to_lowercase();
    if !is_hash(&lower) {
        if let Some(sample) = memory.samples.get(&lower) {
            return with_fields(sample, &[("resource", resource)]);
        }
        let Some((sha256, second)) = lower
            .split_once('-')
            .filter(|(hash, _)| hash.len() == 64 && is_hash(hash))
        else {
            return json!({
                "response_code": 0, "resource": resource, "verbose_msg": "Invalid resource, check what you are submitting"
            });
        };
        let file = memory.file(sha256, seed);
        drop(memory);
        let known = file.known && file.scanned_at(seed).as_second().to_string() == second;
        return if known {
            rendered(question, resource, &file, None)
        } else {
            unknown(resource)
        };
    }
    let (file, standing) = memory.file_standing(&lower, seed, now);
    drop(memory);
    match (standing.finished, standing.waiting) {
        (Some(scan), _) => rendered(question, resource, &file, Some(&scan)),
        (None, _) if standing.known => rendered(question, resource, &file, None),
        (None, Some(scan)) => queued(resource, &scan.id),
        (None, None) => unknown(resource),
    }
}

fn unknown(resource: &str) -> Value {
    json!({
        "response_code": 0, "resource": resource,
        "verbose_msg": "The requested resource is not among the finished, queued or pending scans"
    })
}

fn queued(resource: &str, scan_id: &str) -> Value {
    json!({
        "response_code": -2, "resource": resource, "scan_id": scan_id,
        "verbose_msg": "Your resource is queued for analysis"
    })
}

fn rendered(question: &Question<'_>, resource: &str, file: &File, scan: Option<&Scan>) -> Value {
    let world = question.world;
    let sample = sampled(&world.memory(), resource, file, scan, question.all_info());
    match sample {
        Some(report) => report,
        None => shuffled(
            synthetic(world, resource, file, scan, question.all_info()),
            world.settings.seed,
            &file.hashes.sha256,
        ),
    }
}

fn link_of(file: &File, at: Timestamp) -> String {
    permalink("file", &file.hashes.sha256, at.as_second())
}

/// The sampled report of a file, of its newest analysis or of the one given.
pub(crate) fn sampled(
    memory: &Memory,
    resource: &str,
    file: &File,
    scan: Option<&Scan>,
    all_info: bool,
) -> Option<Value> {
    let upload_sample = memory
        .upload_sample
        .as_ref()
        .filter(|_| scan.is_some_and(|scan| scan.is_upload));
    if let Some(sample) = upload_sample {
        return Some(with_fields(sample, &[("resource", resource)]));
    }
    let hash = all(&file.hashes).find(|hash| memory.samples.contains_key(*hash))?;
    let full = memory.all_info.get(hash).filter(|_| all_info);
    let sample = full.or_else(|| memory.samples.get(hash))?;
    Some(match scan {
        None => with_fields(sample, &[("resource", resource)]),
        Some(scan) => with_fields(
            sample,
            &[
                ("resource", resource),
                ("scan_id", &scan.id),
                ("scan_date", &date_text(scan.submitted_at)),
                ("permalink", &link_of(file, scan.submitted_at)),
            ],
        ),
    })
}

/// The made-up report of a file.
pub(crate) fn synthetic(
    world: &World,
    resource: &str,
    file: &File,
    scan: Option<&Scan>,
    all_info: bool,
) -> Map<String, Value> {
    let seed = world.settings.seed;
    let at = scan.map_or_else(|| file.scanned_at(seed), |scan| scan.submitted_at);
    let id = scan.map_or_else(
        || format!("{}-{}", file.hashes.sha256, at.as_second()),
        |scan| scan.id.clone(),
    );
    let mut dice = Dice::new(seed, &format!("report of {}", file.hashes.sha256));
    let scans = engines::of_file(file.positives, at, &mut dice);
    let message = match dice.chance(50) {
        true => "Scan finished, information embedded",
        false => "Scan finished, scan information embedded in this object",
    };
    let report = json!({
        "response_code": 1, "verbose_msg": message, "resource": resource, "scan_id": id, "scan_date": date_text(at),
        "permalink": link_of(file, at), "md5": file.hashes.md5, "sha1": file.hashes.sha1, "sha256": file.hashes.sha256,
        "positives": file.positives, "total": scans.len(), "scans": scans
    });
    let mut fields = object(report);
    if all_info {
        fields.extend(more(world, file, at));
    }
    fields
}

/// What `allinfo` adds.
fn more(world: &World, file: &File, at: Timestamp) -> Map<String, Value> {
    let (seed, sha256) = (world.settings.seed, &file.hashes.sha256);
    let facts = Facts::of(file, seed);
    let (harmless, malicious) = world.memory().cast_votes(&format!("files/{sha256}"));
    let related = |name: &str| relation::names(sha256, name, seed);
    object(json!({
        "first_seen": date_text(file.scanned_at(seed).min(at)), "last_seen": date_text(at), "size": file.size_bytes,
        "type": facts.type_description, "tags": facts.tags, "ssdeep": "3:aBcDeF:aBcD", "vhash": null,
        "authentihash": null, "submission_names": file.names, "times_submitted": facts.times_submitted,
        "unique_sources": facts.unique_sources, "community_reputation": facts.reputation,
        "harmless_votes": facts.harmless_votes + harmless, "malicious_votes": facts.malicious_votes + malicious,
        "ITW_urls": related("itw_urls"),
        "additional_info": {
            "magic": facts.magic, "pe-imphash": facts.imphash, "exiftool": facts.exiftool,
            "compressed_parents": related("compressed_parents"), "email_parents": related("email_parents"),
            "pe_resource_parents": related("pe_resource_parents")
        }
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

pub(super) fn rescan(question: &Question<'_>, resource: &str) -> Value {
    let (now, seed) = (question.world.now(), question.world.settings.seed);
    let lower = resource.to_lowercase();
    if !is_hash(&lower) {
        return json!({"response_code": -1, "resource": resource});
    }
    let mut memory = question.world.memory();
    let (file, standing) = memory.file_standing(&lower, seed, now);
    let sha256 = file.hashes.sha256.clone();
    if !standing.has_report() && !memory.uploaded.contains_key(&lower) {
        return json!({"response_code": 0, "resource": resource});
    }
    let scan = memory.scans.submit(
        Object::File(file),
        now,
        now + question.world.settings.scan_for,
        false,
    );
    json!({
        "response_code": 1, "scan_id": scan.id, "permalink": permalink("file", &sha256, now.as_second()), "sha256": sha256,
        "resource": resource
    })
}

pub(super) fn upload(question: &Question<'_>) -> Answer {
    accept(question.world, question.request)
}

/// An upload to a single-use address: no key, the token is enough.
pub(super) fn upload_to(world: &World, request: &Request, token: &str) -> Answer {
    if !world.memory().tokens.remove(token) {
        return Answer::Empty(StatusCode::NOT_FOUND);
    }
    accept(world, request)
}

fn accept(world: &World, request: &Request) -> Answer {
    let Some((file, scan)) = world.accept_upload(request) else {
        return Answer::Empty(StatusCode::BAD_REQUEST);
    };
    let (now, hashes) = (scan.submitted_at, &file.hashes);
    Answer::Json(json!({
        "scan_id": scan.id, "sha1": hashes.sha1, "resource": hashes.sha256, "response_code": 1, "sha256": hashes.sha256,
        "permalink": permalink("file", &hashes.sha256, now.as_second()), "md5": hashes.md5,
        "verbose_msg": "Scan request successfully queued, come back later for the report"
    }))
}

pub(super) fn upload_url(question: &Question<'_>, origin: &str) -> Answer {
    let url = question.world.new_upload_address(origin, "/_ah/upload/");
    Answer::Json(json!({"upload_url": url}))
}
