//! Several files in one ZIP: asked for, made, fetched. Premium keys only.
//!
//! VirusTotal encrypts it with the password that was given, and so does this, in the old way of ZIP that every program
//! opens.

use std::io::{Cursor, Write};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::unstable::write::FileOptionsExt;
use zip::write::SimpleFileOptions;

use super::error::Refusal;
use super::{Question, download, file};
use crate::answer::Answer;
use crate::world::Memory;

/// Files in one ZIP.
const MOST_FILES: usize = 100;

/// One that was asked for.
#[derive(Clone)]
pub(crate) struct Zip {
    content: Bytes,
    good: usize,
    bad: usize,
    ready_at: Timestamp,
}

pub(super) fn make(question: &Question<'_>) -> Result<Answer, Refusal> {
    question.premium()?;
    let bad = |text: &str| Refusal::BadRequest(text.to_owned());
    let body: Value =
        serde_json::from_slice(&question.request.body).map_err(|_| bad("The request's body is no JSON"))?;
    let hashes: Vec<&str> = body
        .pointer("/data/hashes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if hashes.is_empty() || hashes.len() > MOST_FILES {
        return Err(bad("data.hashes must hold between 1 and 100 hashes"));
    }
    let password = body.pointer("/data/password").and_then(Value::as_str);
    let files: Vec<(String, Bytes)> = hashes
        .iter()
        .filter_map(|hash| file::find(question, hash).ok())
        .map(|(file, _)| (file.hashes.sha256.clone(), download::content(&file)))
        .collect();
    let content = packed(&files, password).ok_or_else(|| bad("The files can't be packed"))?;
    let now = question.world.now();
    let made = Zip {
        content,
        good: files.len(),
        bad: hashes.len() - files.len(),
        ready_at: now + question.world.settings.scan_for,
    };
    let mut memory = question.world.memory();
    memory.last_token += 1;
    let number = u64::from_be_bytes(first_eight(&Sha256::digest(memory.last_token.to_string())));
    let id = (number >> 16).to_string();
    let answer = shown(question, &id, &made, now);
    memory.zips.insert(id, made);
    Ok(answer)
}

fn first_eight(bytes: &[u8]) -> [u8; 8] {
    bytes
        .get(..8)
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or_default()
}

fn packed(files: &[(String, Bytes)], password: Option<&str>) -> Option<Bytes> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    if let Some(password) = password {
        options = options.with_deprecated_encryption(password.as_bytes()).ok()?;
    }
    for (name, content) in files {
        writer.start_file(name.as_str(), options).ok()?;
        writer.write_all(content).ok()?;
    }
    Some(writer.finish().ok()?.into_inner().into())
}

fn shown(question: &Question<'_>, id: &str, made: &Zip, now: Timestamp) -> Answer {
    let (status, progress) = if made.ready_at <= now {
        ("finished", 100)
    } else {
        ("creating", 50)
    };
    Answer::Json(json!({"data": {
        "type": "zip_file", "id": id, "links": {"self": question.links().to("intelligence/zip_files", id)},
        "attributes": {"status": status, "progress": progress, "files_ok": made.good, "files_error": made.bad}
    }}))
}

fn find(memory: &Memory, id: &str) -> Result<Zip, Refusal> {
    let made = memory.zips.get(id).cloned();
    made.ok_or_else(|| Refusal::NotFound(format!("ZIP file \"{id}\" not found")))
}

pub(super) fn get(question: &Question<'_>, id: &str) -> Result<Answer, Refusal> {
    question.premium()?;
    let made = find(&question.world.memory(), id)?;
    Ok(shown(question, id, &made, question.world.now()))
}

pub(super) fn download(question: &Question<'_>, id: &str) -> Result<Answer, Refusal> {
    Ok(Answer::Redirect(new_address(question, id)?))
}

pub(super) fn address(question: &Question<'_>, id: &str) -> Result<Answer, Refusal> {
    Ok(Answer::Json(json!({"data": new_address(question, id)?})))
}

fn new_address(question: &Question<'_>, id: &str) -> Result<String, Refusal> {
    question.premium()?;
    let made = find(&question.world.memory(), id)?;
    match made.ready_at <= question.world.now() {
        true => Ok(download::store(question, id, made.content)),
        false => Err(Refusal::NotAvailableYet),
    }
}
