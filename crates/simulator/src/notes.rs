//! What users leave on objects: comments and votes, the same for both APIs.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::objects::hex;
use crate::objects::url::Url;
use crate::standing::is_hash;
use crate::world::Memory;

/// One comment.
#[derive(Clone)]
pub(crate) struct Comment {
    pub(crate) at: Timestamp,
    pub(crate) text: String,
    /// API v3's sample of it, where there is one.
    pub(crate) sample: Option<Value>,
}

/// One vote.
#[derive(Clone)]
pub(crate) struct Vote {
    pub(crate) at: Timestamp,
    pub(crate) is_malicious: bool,
    /// Name of the user, which is not their key.
    pub(crate) user: String,
}

/// A key's user name in API v3, where `users/…` takes it in the key's place.
#[must_use]
pub fn user_name(key: &str) -> String {
    let digest = hex(&Sha256::digest(key));
    format!("user-{}", digest.get(..12).unwrap_or_default())
}

impl Memory {
    /// Under which name an object's notes are kept: `files/<SHA-256>`, `urls/<SHA-256>`; other texts as they are.
    pub(crate) fn item_key(&mut self, resource: &str, seed: u64) -> String {
        let lower = resource.to_lowercase();
        if is_hash(&lower) {
            return format!("files/{}", self.file(&lower, seed).hashes.sha256);
        }
        match Url::parse(resource, seed) {
            Some(url) if resource.contains("://") => format!("urls/{}", url.sha256),
            _ => lower,
        }
    }

    /// The comment, newest of its object now; `None` where an identical one is there.
    pub(crate) fn add_comment(&mut self, key: &str, text: &str, at: Timestamp) -> Option<Comment> {
        let list = self.comments.entry(key.to_owned()).or_default();
        if list.iter().any(|known| known.text == text) {
            return None;
        }
        let comment = Comment {
            at,
            text: text.to_owned(),
            sample: None,
        };
        list.insert(0, comment.clone());
        Some(comment)
    }

    /// The vote, newest of its object now; `None` where the user has voted.
    pub(crate) fn add_vote(&mut self, key: &str, vote: Vote) -> Option<()> {
        let list = self.votes.entry(key.to_owned()).or_default();
        if list.iter().any(|known| known.user == vote.user) {
            return None;
        }
        list.insert(0, vote);
        Some(())
    }

    /// Votes made here: harmless, malicious.
    pub(crate) fn cast_votes(&self, key: &str) -> (u64, u64) {
        let list = self.votes.get(key).map_or(&[][..], Vec::as_slice);
        let malicious = list.iter().filter(|vote| vote.is_malicious).count();
        ((list.len() - malicious) as u64, malicious as u64)
    }
}
