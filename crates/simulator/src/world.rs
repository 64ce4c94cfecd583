//! What the simulator remembers while it runs.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::Value;

use crate::builder::Builder;
use crate::calls::{Call, Upload};
use crate::fault::Fault;
use crate::objects::file::File;
use crate::objects::url::canonical;
use crate::quota::{KeyKind, Usage};
use crate::samples::sample;
use crate::scans::Scans;

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
    /// By resource in lower case: date and text, newest first.
    pub(crate) comments: HashMap<String, Vec<(String, String)>>,
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
            tokens: HashSet::new(),
            last_token: 0,
        };
        for name in [
            "v2_file_report_eicar",
            "v2_file_report_benign",
            "v2_file_report_benign_allinfo",
            "v2_file_report_uploaded",
            "v2_url_report_malicious",
            "v2_url_report_clean",
            "v2_domain_report",
            "v2_domain_report_sparse",
            "v2_ip_report",
            "seed_scan_ip",
            "seed_scan_url",
            "v2_comments_get",
        ] {
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

    pub(crate) fn keep_upload(&mut self, file: &Arc<File>) {
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

    /// Puts a sample in the place of the objects it names.
    pub(crate) fn put_sample(&mut self, name: &str) -> bool {
        let Some(value) = sample(name) else { return false };
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_lowercase);
        let hashes = ["md5", "sha1", "sha256"].into_iter().filter_map(text);
        let report = Arc::new(value.clone());
        match name {
            "v2_file_report_benign_allinfo" => self
                .all_info
                .extend(hashes.map(|hash| (hash, Arc::clone(&report)))),
            "v2_file_report_uploaded" => self.samples.extend(text("scan_id").map(|id| (id, report))),
            // Its hashes are placeholders, but for one.
            "seed_scan_hash" => {
                let eicar = sample("v2_file_report_eicar").unwrap_or_default();
                let own = ["md5", "sha1", "sha256"]
                    .iter()
                    .filter_map(|key| eicar.get(key)?.as_str());
                self.samples
                    .extend(own.map(|hash| (hash.to_owned(), Arc::clone(&report))));
            }
            "seed_upload_and_scan_file" => self.upload_sample = Some(report),
            "v2_comments_get" => {
                let list = value
                    .get("comments")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default();
                let pair = |item: &Value| {
                    Some((
                        item.get("date")?.as_str()?.to_owned(),
                        item.get("comment")?.as_str()?.to_owned(),
                    ))
                };
                let resource = text("resource").unwrap_or_default();
                self.comments
                    .insert(resource, list.iter().filter_map(pair).collect());
            }
            "v2_domain_report_sparse" => {
                self.samples.insert("sparse.example".to_owned(), report);
            }
            _ if name.contains("domain") => {
                self.samples.insert("example.co.in".to_owned(), report);
            }
            "v2_ip_report" => {
                self.samples
                    .insert(Ipv4Addr::new(198, 51, 100, 7).to_string(), report);
            }
            "seed_scan_ip" => {
                self.samples
                    .insert(Ipv4Addr::new(192, 0, 2, 1).to_string(), report);
            }
            _ if name.contains("url") => {
                let url = value.get("url").and_then(Value::as_str).and_then(canonical);
                self.samples.extend(url.map(|(url, _)| (url, report)));
            }
            _ => self.samples.extend(
                hashes
                    .chain(text("scan_id"))
                    .map(|key| (key, Arc::clone(&report))),
            ),
        }
        true
    }
}
