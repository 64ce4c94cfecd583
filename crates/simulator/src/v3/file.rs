//! Files: found by hash, shown, submitted.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::object::{Links, fields_of};
use super::{Question, derive, verdict};
use crate::answer::Answer;
use crate::objects::facts::Facts;
use crate::objects::file::File;
use crate::objects::{Dice, hex};
use crate::request::Request;
use crate::scans::Scan;
use crate::standing::{Standing, all, is_hash};
use crate::v2;
use crate::world::World;

/// The file of a hash, if anything is known of it. A text that is no hash is not found; the reference leaves it open.
pub(super) fn find(question: &Question<'_>, id: &str) -> Result<(Arc<File>, Standing), Refusal> {
    let unknown = || Refusal::NotFound(format!("File \"{id}\" not found"));
    let lower = id.to_lowercase();
    if !is_hash(&lower) {
        return Err(unknown());
    }
    let (now, seed) = (question.world.now(), question.seed());
    let mut memory = question.world.memory();
    let (file, standing) = memory.file_standing(&lower, seed, now);
    match standing.has_report() || standing.waiting.is_some() {
        true => Ok((file, standing)),
        false => Err(unknown()),
    }
}

pub(super) fn view(question: &Question<'_>, file: &File, standing: &Standing) -> Value {
    let attributes = match standing.has_report() {
        true => attributes(question, file, standing.finished.as_ref()),
        false => fresh(file, standing.waiting.as_ref()),
    };
    question
        .links()
        .object("file", "files", &file.hashes.sha256, attributes)
}

/// Attributes as the newest analysis left them, or the one given.
pub(super) fn attributes(question: &Question<'_>, file: &File, scan: Option<&Scan>) -> Map<String, Value> {
    let world = question.world;
    let sample = sampled(world, file, scan);
    let mut attributes = match sample {
        Some(sample) => sample,
        None => return synthetic(question, file, scan),
    };
    let votes = world
        .memory()
        .cast_votes(&format!("files/{}", file.hashes.sha256));
    super::vote::add(&mut attributes, votes);
    attributes
}

fn sampled(world: &World, file: &File, scan: Option<&Scan>) -> Option<Map<String, Value>> {
    let memory = world.memory();
    let replaced = memory.upload_sample.is_some() && scan.is_some_and(|scan| scan.is_upload);
    let sample = all(&file.hashes)
        .find_map(|hash| memory.v3_samples.object(&format!("files/{hash}")))
        .filter(|_| !replaced);
    match sample {
        Some(sample) => {
            let mut attributes = fields_of(sample.pointer("/data/attributes")?.clone());
            if let Some(scan) = scan {
                redate(&mut attributes, scan);
            }
            Some(attributes)
        }
        None => {
            let report = v2::file::sampled(&memory, &file.hashes.sha256, file, scan, true)?;
            let mut attributes = derive::file(&fields_of(report));
            // The seed's hashes are placeholders.
            attributes.extend(hashes(file));
            Some(attributes)
        }
    }
}

/// A sample after a new analysis.
pub(super) fn redate(attributes: &mut Map<String, Value>, scan: &Scan) {
    let at = scan.submitted_at.as_second();
    for (name, date) in [("last_analysis_date", at), ("last_modification_date", at + 60)] {
        attributes.insert(name.to_owned(), json!(date));
    }
}

fn hashes(file: &File) -> Map<String, Value> {
    let hashes = &file.hashes;
    fields_of(json!({"md5": hashes.md5, "sha1": hashes.sha1, "sha256": hashes.sha256}))
}

fn synthetic(question: &Question<'_>, file: &File, scan: Option<&Scan>) -> Map<String, Value> {
    let sha256 = &file.hashes.sha256;
    let report = v2::file::synthetic(question.world, sha256, file, scan, true);
    let mut attributes = derive::file(&report);
    let mut dice = Dice::new(question.seed(), &format!("v3 of {sha256}"));
    let mut results = attributes
        .remove("last_analysis_results")
        .map(fields_of)
        .unwrap_or_default();
    verdict::enrich(&mut results, true, &mut dice);
    attributes.insert("last_analysis_stats".to_owned(), verdict::stats(&results, true));
    attributes.insert("last_analysis_results".to_owned(), Value::Object(results));
    attributes.extend(more(question, file, &attributes, &mut dice));
    attributes
}

/// What only API v3 says of a made-up file.
fn more(
    question: &Question<'_>,
    file: &File,
    attributes: &Map<String, Value>,
    dice: &mut Dice,
) -> Map<String, Value> {
    let facts = Facts::of(file, question.seed());
    let at = attributes.get("last_analysis_date").and_then(Value::as_i64);
    let mut more = fields_of(json!({
        "type_tag": facts.type_tag, "type_extension": facts.type_extension,
        "last_modification_date": at.map(|at| at + 60),
        "tlsh": format!("T1{}", hex(&dice.roll(u64::MAX).to_be_bytes()).repeat(4).to_uppercase()),
        "trid": [{"file_type": facts.type_description, "probability": 90.5}, {"file_type": "Unknown", "probability": 9.5}]
    }));
    if let Some(name) = file.names.first() {
        more.insert("meaningful_name".to_owned(), json!(name));
    }
    if facts.type_tag == "peexe" {
        let created = at.map(|at| at - 1000 - i64::try_from(dice.roll(90_000_000)).unwrap_or(0));
        more.insert("creation_date".to_owned(), json!(created));
    }
    if facts.tags.contains(&"signed") {
        more.insert(
            "signature_info".to_owned(),
            json!({
                "product": "Example Product", "verified": "Signed", "signers": "Example, Inc.; Example Root CA",
                "file version": "1.2.3.4", "original name": "example.exe", "signing date": "10:00 AM 1/2/2025"
            }),
        );
    }
    if file.positives > 5 {
        let category = dice.pick(&["trojan", "ransomware", "worm", "pua"]);
        let name = dice.pick(&["emotet", "locky", "agent", "bundler"]);
        let label = format!("{}.{}", category.unwrap_or_default(), name.unwrap_or_default());
        more.insert(
            "popular_threat_classification".to_owned(),
            json!({
                "suggested_threat_label": label,
                "popular_threat_category": [{"value": category, "count": file.positives / 2}],
                "popular_threat_name": [{"value": name, "count": file.positives / 3}]
            }),
        );
        more.insert(
            "sandbox_verdicts".to_owned(),
            json!({
                "Example Sandbox": {
                    "category": "malicious", "sandbox_name": "Example Sandbox", "confidence": 80,
                    "malware_classification": ["MALWARE", "TROJAN"], "malware_names": [name]
                },
                "Other Sandbox": {"category": "undetected", "sandbox_name": "Other Sandbox", "malware_classification": ["UNKNOWN_VERDICT"]}
            }),
        );
    }
    if question.premium().is_ok() {
        more.insert("downloadable".to_owned(), json!(true));
        more.insert("capabilities_tags".to_owned(), json!([]));
    }
    more
}

/// A file whose first analysis is under way.
fn fresh(file: &File, scan: Option<&Scan>) -> Map<String, Value> {
    let at = scan.map(|scan| scan.submitted_at.as_second());
    let mut attributes = hashes(file);
    attributes.extend(fields_of(json!({
        "size": file.size_bytes, "names": file.names, "meaningful_name": file.names.first(), "times_submitted": 1,
        "unique_sources": 1, "first_submission_date": at, "last_submission_date": at, "reputation": 0, "tags": [],
        "total_votes": {"harmless": 0, "malicious": 0}, "last_analysis_stats": verdict::stats(&Map::new(), true),
        "last_analysis_results": {}
    })));
    attributes
}

pub(super) fn submit(question: &Question<'_>) -> Result<Answer, Refusal> {
    accept(question.world, question.request, question.origin)
}

/// An upload to a single-use address: no key, the token is enough.
pub(super) fn upload_to(
    world: &World,
    request: &Request,
    origin: &str,
    token: &str,
) -> Result<Answer, Refusal> {
    if !world.memory().tokens.remove(token) {
        return Err(Refusal::no_resource());
    }
    accept(world, request, origin)
}

fn accept(world: &World, request: &Request, origin: &str) -> Result<Answer, Refusal> {
    let accepted = world.accept_upload(request);
    let (_, scan) =
        accepted.ok_or_else(|| Refusal::BadRequest("Received no file, or an empty one".to_owned()))?;
    Ok(Links(origin).analysis(&scan.analysis_id))
}
