//! Content of files. Premium keys only.
//!
//! An uploaded file of up to 4 KiB comes back as it was. Of other files there is no content that has their hashes, so
//! a made-up one comes, of their size up to a limit; a client that compares hashes notices.

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::error::Refusal;
use super::route::STORAGE_PATH;
use super::{Question, file};
use crate::answer::Answer;
use crate::objects::file::File;
use crate::objects::hex;
use crate::world::World;

/// Most bytes of made-up content.
const MOST_BYTES: usize = 64 * 1024;
/// Storage addresses that are remembered.
const MOST_ADDRESSES: usize = 1000;

/// The reference's file of 68 bytes, in two parts so that this source is no finding itself.
const EICAR: [&str; 2] = [
    r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-",
    "ANTIVIRUS-TEST-FILE!$H+H*",
];

pub(super) fn get(question: &Question<'_>, id: &str) -> Result<Answer, Refusal> {
    Ok(Answer::Redirect(new_address(question, id)?))
}

pub(super) fn address(question: &Question<'_>, id: &str) -> Result<Answer, Refusal> {
    Ok(Answer::Json(json!({"data": new_address(question, id)?})))
}

fn new_address(question: &Question<'_>, id: &str) -> Result<String, Refusal> {
    question.premium()?;
    let (file, standing) = file::find(question, id)?;
    if !standing.has_report() {
        return Err(Refusal::NotAvailableYet);
    }
    Ok(store(question, &file.hashes.sha256, content(&file)))
}

/// An address where content can be fetched without a key.
pub(super) fn store(question: &Question<'_>, name: &str, content: Bytes) -> String {
    let mut memory = question.world.memory();
    memory.last_token += 1;
    let secret = hex(&Sha256::digest(format!("{}{}", memory.last_token, question.key)));
    let token = format!("{name}-{}", secret.get(..16).unwrap_or_default());
    if memory.storage.len() >= MOST_ADDRESSES {
        memory.storage.clear();
    }
    memory.storage.insert(token.clone(), content);
    format!("{}{STORAGE_PATH}{token}", question.origin)
}

/// What a file holds, see the module.
pub(super) fn content(file: &File) -> Bytes {
    let eicar = EICAR.concat();
    if hex(&Sha256::digest(&eicar)) == file.hashes.sha256 {
        return Bytes::from(eicar);
    }
    match &file.content {
        Some(content) => Bytes::copy_from_slice(content),
        None => {
            let text = format!("content of {}\n", file.hashes.sha256);
            let size = usize::try_from(file.size_bytes)
                .unwrap_or(MOST_BYTES)
                .min(MOST_BYTES);
            text.bytes().cycle().take(size).collect()
        }
    }
}

pub(super) fn storage(world: &World, token: &str) -> Result<Answer, Refusal> {
    let content = world.memory().storage.get(token).cloned();
    content.map(Answer::Content).ok_or_else(Refusal::no_resource)
}
