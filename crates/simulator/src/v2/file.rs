//! `file/report`, `file/rescan`, `file/scan`, `file/scan/upload_url`.

use std::sync::Arc;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Question, permalink, shuffled, with_fields};
use crate::answer::Answer;
use crate::objects::file::File;
use crate::objects::{Dice, date_text, engines};
use crate::request::Request;
use crate::scans::{Object, Scan};
use crate::world::World;

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

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
    let file = memory.file(&lower, seed);
    let sha256 = &file.hashes.sha256;
    let finished = memory
        .scans
        .finished(&object_key(&memory.samples, &lower, sha256), now)
        .cloned();
    let sampled = memory.samples.contains_key(&lower);
    let waiting = memory.scans.queued(sha256, now).map(|scan| scan.id.clone());
    drop(memory);
    match (finished, waiting) {
        (Some(scan), _) => rendered(question, resource, &file, Some(&scan)),
        (None, _) if file.known || sampled => rendered(question, resource, &file, None),
        (None, Some(id)) => queued(resource, &id),
        (None, None) => unknown(resource),
    }
}

/// A sampled file's analyses go by the sample's SHA-256.
fn object_key(samples: &std::collections::HashMap<String, Arc<Value>>, hash: &str, sha256: &str) -> String {
    let sampled = samples
        .get(hash)
        .and_then(|sample| sample.get("sha256")?.as_str());
    sampled.filter(|text| is_hash(text)).unwrap_or(sha256).to_owned()
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

/// The report of a file, of its newest analysis or of the one given.
fn rendered(question: &Question<'_>, resource: &str, file: &File, scan: Option<&Scan>) -> Value {
    let seed = question.world.settings.seed;
    let at = scan.map_or_else(|| file.scanned_at(seed), |scan| scan.submitted_at);
    let link = permalink("file", &file.hashes.sha256, at.as_second());
    let memory = question.world.memory();
    let upload_sample = memory
        .upload_sample
        .as_ref()
        .filter(|_| scan.is_some_and(|scan| scan.is_upload));
    if let Some(sample) = upload_sample {
        return with_fields(sample, &[("resource", resource)]);
    }
    let hash = [&file.hashes.md5, &file.hashes.sha1, &file.hashes.sha256]
        .into_iter()
        .find(|hash| memory.samples.contains_key(*hash));
    if let Some(sample) = hash.and_then(|hash| memory.samples.get(hash)) {
        let full = hash
            .filter(|_| question.all_info())
            .and_then(|hash| memory.all_info.get(hash));
        let sample = full.unwrap_or(sample);
        return match scan {
            None => with_fields(sample, &[("resource", resource)]),
            Some(scan) => {
                let date = date_text(at);
                with_fields(
                    sample,
                    &[
                        ("resource", resource),
                        ("scan_id", &scan.id),
                        ("scan_date", &date),
                        ("permalink", &link),
                    ],
                )
            }
        };
    }
    drop(memory);
    let id = scan.map_or_else(
        || format!("{}-{}", file.hashes.sha256, at.as_second()),
        |scan| scan.id.clone(),
    );
    synthetic(question, resource, file, at, &id, &link)
}

fn synthetic(
    question: &Question<'_>,
    resource: &str,
    file: &File,
    at: Timestamp,
    id: &str,
    link: &str,
) -> Value {
    let seed = question.world.settings.seed;
    let mut dice = Dice::new(seed, &format!("report of {}", file.hashes.sha256));
    let scans = engines::of_file(file.positives, at, &mut dice);
    let message = match dice.chance(50) {
        true => "Scan finished, information embedded",
        false => "Scan finished, scan information embedded in this object",
    };
    let mut report = json!({
        "response_code": 1, "verbose_msg": message, "resource": resource, "scan_id": id, "scan_date": date_text(at),
        "permalink": link, "md5": file.hashes.md5, "sha1": file.hashes.sha1, "sha256": file.hashes.sha256,
        "positives": file.positives, "total": scans.len(), "scans": scans
    });
    if let Some(fields) = report.as_object_mut().filter(|_| question.all_info()) {
        let more = json!({
            "first_seen": date_text(file.scanned_at(seed)), "last_seen": date_text(at), "size": file.size_bytes, "type": "Win32 EXE",
            "tags": ["peexe", "overlay"], "ssdeep": "3:aBcDeF:aBcD", "vhash": null, "authentihash": null,
            "submission_names": file.names, "times_submitted": dice.roll(50), "unique_sources": dice.roll(20),
            "community_reputation": 0, "additional_info": {"magic": "PE32 executable", "pe-imphash": null}
        });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
    match report {
        Value::Object(fields) => shuffled(fields, seed, &file.hashes.sha256),
        other => other,
    }
}

pub(super) fn rescan(question: &Question<'_>, resource: &str) -> Value {
    let (now, seed) = (question.world.now(), question.world.settings.seed);
    let lower = resource.to_lowercase();
    if !is_hash(&lower) {
        return json!({"response_code": -1, "resource": resource});
    }
    let mut memory = question.world.memory();
    let mut file = memory.file(&lower, seed);
    if let Some(sample) = memory.samples.get(&lower).cloned() {
        file = Arc::new(sampled_file(&file, &sample));
        memory.uploaded.insert(lower.clone(), Arc::clone(&file));
    }
    let sha256 = file.hashes.sha256.clone();
    let known =
        file.known || memory.uploaded.contains_key(&lower) || memory.scans.finished(&sha256, now).is_some();
    if !known {
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

/// A sample's file under the sample's own hashes, where they are hashes.
fn sampled_file(file: &File, sample: &Value) -> File {
    let mut file = file.clone();
    let hash = |key: &str| {
        sample
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| is_hash(text))
            .map(str::to_lowercase)
    };
    for (own, key) in [
        (&mut file.hashes.md5, "md5"),
        (&mut file.hashes.sha1, "sha1"),
        (&mut file.hashes.sha256, "sha256"),
    ] {
        if let Some(hash) = hash(key) {
            *own = hash;
        }
    }
    file.known = true;
    file
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
    let Some(file) = request.file.clone().filter(|file| file.size_bytes > 0) else {
        return Answer::Empty(StatusCode::BAD_REQUEST);
    };
    let (now, file) = (world.now(), Arc::new(file));
    let hashes = file.hashes.clone();
    let mut memory = world.memory();
    memory.keep_upload(&file);
    let scan = memory
        .scans
        .submit(Object::File(file), now, now + world.settings.scan_for, true);
    Answer::Json(json!({
        "scan_id": scan.id, "sha1": hashes.sha1, "resource": hashes.sha256, "response_code": 1, "sha256": hashes.sha256,
        "permalink": permalink("file", &hashes.sha256, now.as_second()), "md5": hashes.md5,
        "verbose_msg": "Scan request successfully queued, come back later for the report"
    }))
}

pub(super) fn upload_url(question: &Question<'_>, origin: &str) -> Answer {
    let mut memory = question.world.memory();
    memory.last_token += 1;
    let token = format!("token-{}", memory.last_token);
    let url = format!("{origin}/_ah/upload/{token}/");
    memory.tokens.insert(token);
    Answer::Json(json!({"upload_url": url}))
}
