//! What the simulator remembers while it runs.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::builder::Builder;
use crate::calls::{Call, Upload};
use crate::fault::Fault;
use crate::notes::{Comment, Vote};
use crate::objects::file::{File, FileHashes};
use crate::objects::url::Url;
use crate::quota::{KeyKind, Usage};
use crate::request::Request;
use crate::samples::FROM_THE_START;
use crate::scans::{Object, Scan, Scans};
use crate::v3::{self, Zip};

/// Calls that are remembered; a longer run forgets the later ones.
const MOST_CALLS: usize = 200_000;
/// Foreign hashes whose other forms are remembered.
const MOST_REMEMBERED: usize = 100_000;

pub(crate) struct World {
    pub(crate) settings: Builder,
    pub(crate) started: Instant,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) peak_in_flight: AtomicUsize,
    memory: Mutex<Memory>,
}

/// See the fields.
pub(crate) struct Memory {
    pub(crate) usage: HashMap<String, Usage>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) calls: Vec<Call>,
    pub(crate) uploads: Vec<Upload>,
    pub(crate) scans: Scans,
    /// Uploaded files by each of their hashes.
    pub(crate) uploaded: HashMap<String, Arc<File>>,
    /// Other hashes of foreign files, to the hash they were first asked by.
    remembered: HashMap<String, String>,
    /// By resource: hash or scan id, canonical URL, domain, address.
    pub(crate) samples: HashMap<String, Arc<Value>>,
    /// What a private key gets with `allinfo`, by hash.
    pub(crate) all_info: HashMap<String, Arc<Value>>,
    /// Report of every upload, where a sample was put there.
    pub(crate) upload_sample: Option<Arc<Value>>,
    /// By [`Memory::item_key`], newest first.
    pub(crate) comments: HashMap<String, Vec<Comment>>,
    /// By [`Memory::item_key`], newest first.
    pub(crate) votes: HashMap<String, Vec<Vote>>,
    /// The three hashes of a sampled file, by each of them.
    pub(crate) sampled_hashes: HashMap<String, FileHashes>,
    /// Canonical URLs by SHA-256, of those that were spoken of.
    urls: HashMap<String, String>,
    /// API v3's own samples.
    pub(crate) v3_samples: v3::Samples,
    /// Content behind a storage address.
    pub(crate) storage: HashMap<String, Bytes>,
    pub(crate) zips: HashMap<String, Zip>,
    /// Upload addresses that were not used yet.
    pub(crate) tokens: HashSet<String>,
    pub(crate) last_token: u64,
}

impl World {
    pub(crate) fn new(mut settings: Builder) -> Self {
        let usage = settings
            .keys
            .iter()
            .map(|(key, kind)| (key.clone(), Usage::new(*kind)))
            .collect();
        let mut memory = Memory {
            usage,
            faults: std::mem::take(&mut settings.faults),
            calls: Vec::new(),
            uploads: Vec::new(),
            scans: Scans::default(),
            uploaded: HashMap::new(),
            remembered: HashMap::new(),
            samples: HashMap::new(),
            all_info: HashMap::new(),
            upload_sample: None,
            comments: HashMap::new(),
            votes: HashMap::new(),
            sampled_hashes: HashMap::new(),
            urls: HashMap::new(),
            v3_samples: v3::Samples::default(),
            storage: HashMap::new(),
            zips: HashMap::new(),
            tokens: HashSet::new(),
            last_token: 0,
        };
        for name in FROM_THE_START {
            memory.put_sample(name);
        }
        Self {
            settings,
            started: Instant::now(),
            in_flight: AtomicUsize::new(0),
            peak_in_flight: AtomicUsize::new(0),
            memory: Mutex::new(memory),
        }
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.settings.clock)()
    }

    /// Takes the file of an upload and queues its analysis; `None` where there is no file.
    pub(crate) fn accept_upload(&self, request: &Request) -> Option<(Arc<File>, Scan)> {
        let file = request.file.clone().filter(|file| file.size_bytes > 0)?;
        let (now, file) = (self.now(), Arc::new(file));
        let mut memory = self.memory();
        memory.keep_upload(&file);
        let object = Object::File(Arc::clone(&file));
        let scan = memory
            .scans
            .submit(object, now, now + self.settings.scan_for, true);
        Some((file, scan))
    }

    /// A single-use upload address.
    pub(crate) fn new_upload_address(&self, origin: &str, prefix: &str) -> String {
        let mut memory = self.memory();
        memory.last_token += 1;
        let token = format!("token-{}", memory.last_token);
        let url = format!("{origin}{prefix}{token}/");
        memory.tokens.insert(token);
        url
    }

    /// Counts a request as under way until the guard goes.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak_in_flight.fetch_max(now, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }
}

pub(crate) struct InFlight(Arc<World>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Memory {
    pub(crate) fn kind_of(&self, key: &str) -> Option<KeyKind> {
        self.usage.get(key).map(|usage| usage.kind)
    }

    pub(crate) fn record(&mut self, call: Call) {
        if self.calls.len() < MOST_CALLS {
            self.calls.push(call);
        }
    }

    /// The file of a hash in lower case.
    pub(crate) fn file(&mut self, hash: &str, seed: u64) -> Arc<File> {
        if let Some(file) = self.uploaded.get(hash) {
            return Arc::clone(file);
        }
        let first = self
            .remembered
            .get(hash)
            .cloned()
            .unwrap_or_else(|| hash.to_owned());
        if let Some(hashes) = self.sampled_hashes.get(hash) {
            let mut file = File::of_hash(&hashes.sha256, seed);
            (file.hashes, file.known) = (hashes.clone(), true);
            return Arc::new(file);
        }
        let file = File::of_hash(&first, seed);
        let hashes = &file.hashes;
        if self.remembered.len() < MOST_REMEMBERED {
            for other in [&hashes.md5, &hashes.sha1, &hashes.sha256] {
                if *other != first {
                    self.remembered
                        .entry(other.clone())
                        .or_insert_with(|| first.clone());
                }
            }
        }
        Arc::new(file)
    }

    pub(crate) fn remember_url(&mut self, url: &Url) {
        if self.urls.len() < MOST_REMEMBERED && !self.urls.contains_key(&url.sha256) {
            self.urls.insert(url.sha256.clone(), url.canonical.clone());
        }
    }

    /// The canonical URL of a SHA-256, where the URL was spoken of.
    pub(crate) fn url_of(&self, sha256: &str) -> Option<String> {
        self.urls.get(sha256).cloned()
    }

    fn keep_upload(&mut self, file: &Arc<File>) {
        let hashes = &file.hashes;
        self.uploads.push(Upload {
            file_name: file.names.first().cloned().unwrap_or_default(),
            size_bytes: file.size_bytes,
            sha256: hashes.sha256.clone(),
        });
        for hash in [&hashes.md5, &hashes.sha1, &hashes.sha256] {
            self.uploaded.insert(hash.clone(), Arc::clone(file));
        }
    }
}
