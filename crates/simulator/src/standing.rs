//! Where an object stands, whichever API asks: known before, analysed since, or waiting.

use std::sync::Arc;

use jiff::Timestamp;

use crate::objects::file::{File, FileHashes};
use crate::objects::url::Url;
use crate::scans::Scan;
use crate::world::Memory;

/// See the module.
pub(crate) struct Standing {
    /// There is something to report without any analysis made here.
    pub(crate) known: bool,
    /// Its newest finished analysis.
    pub(crate) finished: Option<Scan>,
    /// Its newest analysis under way.
    pub(crate) waiting: Option<Scan>,
}

impl Standing {
    pub(crate) fn has_report(&self) -> bool {
        self.known || self.finished.is_some()
    }
}

pub(crate) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Memory {
    /// The file of a hash in lower case, and where it stands.
    pub(crate) fn file_standing(&mut self, hash: &str, seed: u64, now: Timestamp) -> (Arc<File>, Standing) {
        let file = self.file(hash, seed);
        let sampled = all(&file.hashes).any(|hash| self.samples.contains_key(hash));
        let standing = self.standing(&file.hashes.sha256, file.known || sampled, now);
        (file, standing)
    }

    pub(crate) fn url_standing(&self, url: &Url, now: Timestamp) -> Standing {
        let sampled = self.samples.contains_key(&url.canonical);
        self.standing(&url.sha256, url.known || sampled, now)
    }

    fn standing(&self, sha256: &str, known: bool, now: Timestamp) -> Standing {
        Standing {
            known,
            finished: self.scans.finished(sha256, now).cloned(),
            waiting: self.scans.queued(sha256, now).cloned(),
        }
    }
}

pub(crate) fn all(hashes: &FileHashes) -> impl Iterator<Item = &String> {
    [&hashes.md5, &hashes.sha1, &hashes.sha256].into_iter()
}
