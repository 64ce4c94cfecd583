//! Analyses that somebody asked for: queued for a while, then finished.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

use crate::objects::Dice;
use crate::objects::file::File;
use crate::objects::url::Url;

/// What is analysed.
#[derive(Clone)]
pub(crate) enum Object {
    File(Arc<File>),
    Url(Arc<Url>),
}

/// One analysis.
#[derive(Clone)]
pub(crate) struct Scan {
    /// API v2's name of it.
    pub(crate) id: String,
    /// API v3's name of it.
    pub(crate) analysis_id: String,
    pub(crate) object: Object,
    pub(crate) submitted_at: Timestamp,
    pub(crate) ready_at: Timestamp,
    /// Of an upload, which has no report of its own before.
    pub(crate) is_upload: bool,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Scans {
    by_id: HashMap<String, Scan>,
    /// Scan ids by analysis id.
    by_analysis: HashMap<String, String>,
    /// By SHA-256 of the file or URL, oldest first.
    by_object: HashMap<String, Vec<String>>,
}

impl Object {
    pub(crate) fn sha256(&self) -> &str {
        match self {
            Self::File(file) => &file.hashes.sha256,
            Self::Url(url) => &url.sha256,
        }
    }

    /// Sources: API v3, section 5.1.
    pub(crate) fn analysis_id(&self, at: Timestamp) -> String {
        let second = at.as_second();
        match self {
            Self::File(file) => BASE64_STANDARD.encode(format!("{}:{second}", file.hashes.md5)),
            Self::Url(url) => format!("u-{}-{second}", url.sha256),
        }
    }

    /// A scan id in one of the forms that occur.
    fn scan_id(&self, at: Timestamp) -> String {
        let second = at.as_second();
        match self {
            Self::File(file) if Dice::new(0, &format!("form of {}", file.hashes.sha256)).chance(20) => {
                BASE64_STANDARD.encode(format!("{}:{second}", file.hashes.md5))
            }
            _ => format!("{}-{second}", self.sha256()),
        }
    }
}

impl Scans {
    /// Queues an analysis. Two within a second share one id, as the id has no finer date.
    pub(crate) fn submit(
        &mut self,
        object: Object,
        now: Timestamp,
        ready_at: Timestamp,
        is_upload: bool,
    ) -> Scan {
        let scan = Scan {
            id: object.scan_id(now),
            analysis_id: object.analysis_id(now),
            object,
            submitted_at: now,
            ready_at,
            is_upload,
        };
        let known = self
            .by_id
            .entry(scan.id.clone())
            .or_insert_with(|| scan.clone())
            .clone();
        self.by_analysis
            .insert(known.analysis_id.clone(), known.id.clone());
        let list = self
            .by_object
            .entry(known.object.sha256().to_owned())
            .or_default();
        if !list.contains(&known.id) {
            list.push(known.id.clone());
        }
        known
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Scan> {
        self.by_id.get(id)
    }

    pub(crate) fn by_analysis(&self, id: &str) -> Option<&Scan> {
        self.by_id.get(self.by_analysis.get(id)?)
    }

    /// The newest finished analysis of an object.
    pub(crate) fn finished(&self, sha256: &str, now: Timestamp) -> Option<&Scan> {
        self.of(sha256).filter(|scan| scan.ready_at <= now).last()
    }

    /// The newest analysis of an object that is under way.
    pub(crate) fn queued(&self, sha256: &str, now: Timestamp) -> Option<&Scan> {
        self.of(sha256).filter(|scan| scan.ready_at > now).last()
    }

    /// Every analysis of an object, oldest first.
    pub(crate) fn of(&self, sha256: &str) -> impl Iterator<Item = &Scan> {
        self.by_object
            .get(sha256)
            .into_iter()
            .flatten()
            .filter_map(|id| self.by_id.get(id))
    }
}
