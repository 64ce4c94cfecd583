//! The questions one can ask VirusTotal.

mod download;
mod file_reports;
mod listing;
mod memory;
mod note;
mod passing;
mod third;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::download::Downloaded;
pub use self::listing::{Listed, Listing};
use self::memory::{Question, complete, pick};
pub use self::note::{Noted, Vote};
use crate::cache::{Accept, Kind};
use crate::journal::Asked;
use crate::quota::Priority;
use crate::transport::{Endpoint, Errand, Transport};
use crate::v2::{self, Batch, Element, Separator};
use crate::v3::{self, Allowance};
use crate::{Deadline, DomainName, Error, FileHash, Report, Settings, Upload, UrlId};

/// What VirusTotal says about one object.
#[derive(Clone, Debug)]
pub enum Answer {
    /// There is a finished analysis.
    Found(Report),
    /// VirusTotal has never seen it.
    Missing,
    /// An analysis is under way; ask again by the id.
    Queued {
        /// Id of the analysis, where it was told.
        scan_id: Option<String>,
    },
}

/// What became of a request for an analysis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// Accepted: the report comes under this id.
    Queued {
        /// Opaque; send back unchanged.
        scan_id: String,
        /// Web address of the analysis.
        permalink: Option<String>,
    },
    /// A rescan of something that VirusTotal has never seen.
    Missing,
    /// Not accepted, in VirusTotal's words.
    Refused(String),
    /// An earlier run was cut off while it was being sent: nobody knows whether it arrived. VirusTotal shows it, or not.
    Unknown {
        /// When it was sent, if it was.
        sent_at: Timestamp,
    },
}

/// A comment of VirusTotal's community: hostile text, never markup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// `YYYYMMDDHHMMSS`, UTC.
    pub date: String,
    /// As written.
    pub text: String,
}

/// How far a client has come; for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// Objects asked about so far.
    pub expected: u64,
    /// Of these, answered (or given up).
    pub answered: u64,
    /// Of these, answered from what was kept, without a call.
    pub kept: u64,
    /// Bytes of files that are to be sent so far.
    pub bytes_to_send: u64,
    /// Of these, sent.
    pub bytes_sent: u64,
}

/// Asks VirusTotal, with one key. Share it: pace, proof of the key and connections belong to the client.
pub struct Client {
    transport: Transport,
}

/// Files that are read and sent at the same time: each has its buffers.
const UPLOADS_AT_ONCE: usize = 8;

const FILE_REPORTS: Batch<'_> = Batch {
    endpoint: &v2::FILE_REPORT,
    parameter: "resource",
    separator: Separator::Comma,
    always: &[("allinfo", "true")],
};

const URL_REPORTS: Batch<'_> = Batch {
    endpoint: &v2::URL_REPORT,
    parameter: "resource",
    separator: Separator::LineFeed,
    always: &[("allinfo", "true")],
};

const FILE_RESCANS: Batch<'_> = Batch {
    endpoint: &v2::FILE_RESCAN,
    parameter: "resource",
    separator: Separator::Comma,
    always: &[],
};

const URL_SCANS: Batch<'_> = Batch {
    endpoint: &v2::URL_SCAN,
    parameter: "url",
    separator: Separator::LineFeed,
    always: &[],
};

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] for an unusable address, CA file or proxy.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            transport: Transport::new(settings)?,
        })
    }

    /// A client for another run, of an environment (empty: nobody's in particular): the same key, pace and connections, a place of its own
    /// in the quota's line, and counters of its own.
    #[must_use]
    pub fn for_run(&self, priority: Priority, environment: &str) -> Self {
        Self {
            transport: self.transport.for_run(priority, environment),
        }
    }

    /// Its place among the others that wait for the quota.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.transport.priority()
    }

    /// A client for a part of this run: the same place in the quota's line, and counters of its own.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            transport: self.transport.apart(),
        }
    }

    /// Newest report of each hash, in the order given.
    ///
    /// All three hashes of a file lead to one answer where VirusTotal's reports show that they belong together:
    /// SHA-256 are asked first, and what their reports name is not asked again. Equal hashes are asked once, and what
    /// is kept and accepted not at all. Costs one call per batch; waits for the quota until `deadline`.
    ///
    /// # Errors
    /// One of its own for each hash; [`Error::Key`] for all that were left when the key was refused.
    pub async fn file_reports(
        &self,
        hashes: &[FileHash],
        accept: Accept,
        deadline: &Deadline,
    ) -> Vec<Result<Answer, Error>> {
        let question = Question {
            kind: Kind::File,
            accept,
            deadline,
        };
        let names: Vec<String> = hashes.iter().map(|hash| hash.as_str().to_owned()).collect();
        let ask =
            async |places: &[usize]| file_reports::look_up(self, &question, &pick(hashes, places)).await;
        self.recall_or_ask(&question, &names, self.batch_size(), ask)
            .await
    }

    /// The reports of analyses of files, by their ids; an analysis under way is [`Answer::Queued`].
    ///
    /// # Errors
    /// As for [`Client::file_reports`].
    pub async fn file_reports_by_scan_id(
        &self,
        ids: &[String],
        deadline: &Deadline,
    ) -> Vec<Result<Answer, Error>> {
        self.polls(Kind::File, FILE_REPORTS, ids, deadline).await
    }

    /// Newest report of each URL, in the order given; nothing is submitted. Costs one call per batch.
    ///
    /// # Errors
    /// As for [`Client::file_reports`].
    pub async fn url_reports(
        &self,
        urls: &[UrlId],
        accept: Accept,
        deadline: &Deadline,
    ) -> Vec<Result<Answer, Error>> {
        let question = Question {
            kind: Kind::Url,
            accept,
            deadline,
        };
        let ask = async |places: &[usize]| {
            let urls = pick(urls, places);
            self.reports(&question, URL_REPORTS, &texts(&urls), &names(&urls))
                .await
        };
        self.recall_or_ask(&question, &names(urls), self.batch_size(), ask)
            .await
    }

    /// The reports of analyses of URLs, by their ids.
    ///
    /// # Errors
    /// As for [`Client::file_reports`].
    pub async fn url_reports_by_scan_id(
        &self,
        ids: &[String],
        deadline: &Deadline,
    ) -> Vec<Result<Answer, Error>> {
        self.polls(Kind::Url, URL_REPORTS, ids, deadline).await
    }

    /// Asks for a new analysis of each file. Costs one call per batch; none where a journal tells that it was asked for.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with a public key: the first batch goes alone and, refused, spares the others their call.
    pub async fn file_rescans(
        &self,
        hashes: &[FileHash],
        deadline: &Deadline,
    ) -> Vec<Result<Submission, Error>> {
        let resources: Vec<String> = hashes.iter().map(|hash| hash.as_str().to_owned()).collect();
        let ask = async |places: &[usize]| {
            let resources = pick(&resources, places);
            // Nothing says that API v3 refuses a public key; where it does, each one's refusal is told.
            if self.transport.speaks_v3() {
                return self
                    .submit(Kind::File, FILE_RESCANS, &resources, &resources, deadline)
                    .await;
            }
            let (first, rest) = resources.split_at(self.batch_size().min(resources.len()));
            let mut submissions = self
                .submit(Kind::File, FILE_RESCANS, first, first, deadline)
                .await;
            match submissions.first() {
                Some(Err(refused @ Error::Forbidden { .. })) => {
                    let refused = refused.clone();
                    submissions.extend(rest.iter().map(|_| Err(refused.clone())));
                }
                _ => submissions.extend(self.submit(Kind::File, FILE_RESCANS, rest, rest, deadline).await),
            }
            submissions
        };
        self.recall_or_submit(Kind::File, &resources, ask).await
    }

    /// Submits each URL for a new analysis. Costs one call per batch; none where a journal tells that it was submitted.
    ///
    /// # Errors
    /// As for [`Client::file_reports`].
    pub async fn url_scans(&self, urls: &[UrlId], deadline: &Deadline) -> Vec<Result<Submission, Error>> {
        let ask = async |places: &[usize]| {
            let urls = pick(urls, places);
            self.submit(Kind::Url, URL_SCANS, &texts(&urls), &names(&urls), deadline)
                .await
        };
        self.recall_or_submit(Kind::Url, &names(urls), ask).await
    }

    /// Forgets what a journal tells of rescans that were, perhaps, asked for.
    pub async fn forget_file_rescans(&self, hashes: &[FileHash]) {
        let names: Vec<String> = hashes.iter().map(|hash| hash.as_str().to_owned()).collect();
        self.forget_submissions(Kind::File, &names).await;
    }

    /// Forgets what a journal tells of URLs that were, perhaps, submitted.
    pub async fn forget_url_scans(&self, urls: &[UrlId]) {
        self.forget_submissions(Kind::Url, &names(urls)).await;
    }

    /// Report of each domain, in the order given. Costs one call per domain.
    ///
    /// # Errors
    /// As for [`Client::file_reports`].
    pub async fn domain_reports(
        &self,
        domains: &[DomainName],
        accept: Accept,
        deadline: &Deadline,
    ) -> Vec<Result<Answer, Error>> {
        let question = Question {
            kind: Kind::Domain,
            accept,
            deadline,
        };
        let names: Vec<String> = domains.iter().map(|domain| domain.as_str().to_owned()).collect();
        self.single_reports(&question, &v2::DOMAIN_REPORT, "domain", &names)
            .await
    }

    /// Report of each IP address, in the order given. Costs one call per address.
    ///
    /// # Errors
    /// As for [`Client::file_reports`].
    pub async fn ip_reports(
        &self,
        addresses: &[Ipv4Addr],
        accept: Accept,
        deadline: &Deadline,
    ) -> Vec<Result<Answer, Error>> {
        let question = Question {
            kind: Kind::Ip,
            accept,
            deadline,
        };
        let names: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
        self.single_reports(&question, &v2::IP_REPORT, "ip", &names).await
    }

    /// The newest comments on a file or URL, at most `most`. Costs one call per 25; private keys only.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with a public key.
    pub async fn comments(
        &self,
        resource: &str,
        most: usize,
        deadline: &Deadline,
    ) -> Result<Vec<Comment>, Error> {
        if let Some(comments) = self.recall_comments(resource).await {
            return Ok(comments);
        }
        let errand = self.transport.errand(deadline);
        let subject = commented(resource);
        let comments = match self.of_v3(v3::comments(&errand, &subject, most)).await {
            Some(comments) => comments,
            None => v2::comments(&errand, resource, most).await,
        }?;
        self.remember_comments(resource, &comments).await;
        Ok(comments)
    }

    /// Uploads each file for analysis, small ones directly, large ones through an upload address.
    ///
    /// Costs one call per file, two for a large one; none where a journal tells that the same content was uploaded.
    /// Streams: memory does not grow with the file.
    ///
    /// # Errors
    /// One of its own for each file: [`Error::File`] where it can't be read or changes meanwhile;
    /// [`Error::TooLargeForKey`] and [`Error::TooLarge`] before a byte is sent.
    pub async fn upload_files(
        &self,
        uploads: &[Upload],
        deadline: &Deadline,
    ) -> Vec<Result<Submission, Error>> {
        self.expect(uploads.len());
        let most = self.transport.settings().max_in_flight.min(UPLOADS_AT_ONCE);
        let ask = uploads.iter().map(|upload| self.upload_file(upload, deadline));
        some_at_once(most, ask).await
    }

    async fn upload_file(&self, upload: &Upload, deadline: &Deadline) -> Result<Submission, Error> {
        let submission = self.recall_or_upload(upload, deadline).await;
        self.count(1);
        submission
    }

    async fn recall_or_upload(&self, upload: &Upload, deadline: &Deadline) -> Result<Submission, Error> {
        upload.check_size(self.transport.settings().tier)?;
        // Its path alone does not name it: that may hold another content by the time the run goes on.
        let content = |upload: &Upload| upload.known_sha256().map(|hash| hash.as_str().to_owned());
        let names: Vec<String> = content(upload).into_iter().chain([upload.mark()]).collect();
        let recalled = self.recall_submissions(Kind::File, &names).await?;
        if let Some(recalled) = recalled.into_iter().flatten().next() {
            return Ok(recalled);
        }
        let (name, is_read) = (
            names.get(..1).unwrap_or_default(),
            upload.known_sha256().is_some(),
        );
        self.transport
            .to_send
            .fetch_add(upload.size_bytes(), Ordering::Relaxed);
        let errand = self
            .transport
            .submission(memory::full(Kind::File, name), deadline);
        let submitted = match self.of_v3(v3::upload(&errand, upload)).await {
            Some(submission) => submission,
            None => v2::submit(&errand, upload).await,
        };
        let submitted = vec![submitted];
        let mut known = self.sent(Kind::File, name, &errand, submitted).await;
        // Read on the way: the cache knows it by its hash, not by its path.
        if !is_read && let Some(hash) = content(upload) {
            self.forget_kept(Kind::File, &[hash]).await;
        }
        known.pop().unwrap_or(Ok(Submission::Missing))
    }

    /// What VirusTotal itself allows a user and has counted, window by window. API v3 only. Costs one call (it may cost none of
    /// the quota).
    ///
    /// # Errors
    /// [`Error::Forbidden`] for another user than the key's owner; [`Error::Missing`] for one that does not exist;
    /// [`Error::Settings`] for the key in place of a name, which is not sent.
    pub async fn allowances(&self, user: &str, deadline: &Deadline) -> Result<Vec<Allowance>, Error> {
        if user == self.transport.settings().key.expose() {
            let advice = "that is the API key, which would reach logs in an address: give the name of its owner at VirusTotal";
            return Err(Error::Settings(advice.to_owned()));
        }
        v3::allowances(&self.transport.errand(deadline), user).await
    }

    /// Files or URLs that one call asks about.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.transport.batch_size()
    }

    /// Whether VirusTotal has refused the key, so that nothing is asked with it for now
    /// ([`Settings::refused_key_rests`](crate::Settings::refused_key_rests)).
    #[must_use]
    pub fn key_is_refused(&self) -> bool {
        self.transport.key_is_refused()
    }

    /// Calls made so far, refused and repeated ones included, by endpoint.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.transport.calls()
    }

    /// How far the questions asked so far have come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            expected: self.transport.expected.load(Ordering::Relaxed),
            answered: self.transport.answered.load(Ordering::Relaxed),
            kept: self.transport.kept.load(Ordering::Relaxed),
            bytes_to_send: self.transport.to_send.load(Ordering::Relaxed),
            bytes_sent: self.transport.sent.load(Ordering::Relaxed),
        }
    }

    /// Whether the server's certificate must be valid.
    #[must_use]
    pub fn verifies_tls(&self) -> bool {
        self.transport.settings().verify_tls
    }

    /// Reports of one kind, batch by batch, as many at once as the transport lets through.
    async fn reports(
        &self,
        question: &Question<'_>,
        batch: Batch<'_>,
        resources: &[String],
        names: &[String],
    ) -> Vec<Result<Answer, Error>> {
        let ask = |(part, names): (&[String], &[String])| {
            let (part, names) = (part.to_vec(), names.to_vec());
            async move {
                let call = async |errand: &Errand<'_>, places: &[usize]| {
                    let part = pick(&part, places);
                    match self.look_up_v3(errand, question.kind, &part).await {
                        Some(answers) => answers,
                        None => answers(batch, v2::look_up(errand, batch, &part).await),
                    }
                };
                self.ask_once(question, &names, call).await
            }
        };
        self.in_batches(resources, names, ask).await
    }

    /// Reports of analyses, by their ids.
    async fn polls(
        &self,
        kind: Kind,
        batch: Batch<'_>,
        ids: &[String],
        deadline: &Deadline,
    ) -> Vec<Result<Answer, Error>> {
        self.expect(ids.len());
        let mut recalled = self.recall_polls(kind, ids).await;
        let open: Vec<String> = ids
            .iter()
            .zip(&recalled)
            .filter(|(_, recalled)| recalled.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        let ask = |(part, _): (&[String], &[String])| {
            let part = part.to_vec();
            async move {
                let errand = self.transport.errand(deadline);
                let answers = match self.poll_v3(&errand, kind, &part).await {
                    Some(answers) => answers,
                    None => answers(batch, v2::look_up(&errand, batch, &part).await),
                };
                self.remember(Asked::Poll, kind, &part, &answers).await;
                self.count(answers.len());
                answers
            }
        };
        let mut asked = self.in_batches(&open, &open, ask).await.into_iter();
        for place in recalled.iter_mut().filter(|place| place.is_none()) {
            *place = asked.next();
        }
        complete(recalled)
    }

    /// Asks for analyses, each written down before it is sent.
    async fn submit(
        &self,
        kind: Kind,
        batch: Batch<'_>,
        resources: &[String],
        names: &[String],
        deadline: &Deadline,
    ) -> Vec<Result<Submission, Error>> {
        let ask = |(part, names): (&[String], &[String])| {
            let (part, names) = (part.to_vec(), names.to_vec());
            async move {
                let errand = self.transport.submission(memory::full(kind, &names), deadline);
                let submissions = match self.submit_v3(&errand, kind, &part).await {
                    Some(submissions) => submissions,
                    None => submissions(v2::look_up(&errand, batch, &part).await),
                };
                self.count(submissions.len());
                self.sent(kind, &names, &errand, submissions).await
            }
        };
        self.in_batches(resources, names, ask).await
    }

    /// One object a call.
    async fn single_reports(
        &self,
        question: &Question<'_>,
        endpoint: &'static Endpoint,
        parameter: &'static str,
        names: &[String],
    ) -> Vec<Result<Answer, Error>> {
        let ask = async |places: &[usize]| {
            let asks = pick(names, places).into_iter().map(|name| async move {
                let call = async |errand: &Errand<'_>, _: &[usize]| match self
                    .look_up_v3(errand, question.kind, std::slice::from_ref(&name))
                    .await
                {
                    Some(answers) => answers,
                    None => vec![v2::report(errand, endpoint, parameter, name.clone()).await],
                };
                self.ask_once(question, std::slice::from_ref(&name), call).await
            });
            self.at_once(asks).await.into_iter().flatten().collect()
        };
        self.recall_or_ask(question, names, 1, ask).await
    }

    async fn in_batches<'a, T, F: Future<Output = Vec<T>>>(
        &self,
        resources: &'a [String],
        names: &'a [String],
        mut ask: impl FnMut((&'a [String], &'a [String])) -> F,
    ) -> Vec<T> {
        // The first one shows whether API v3 takes the key. If not, API v2 takes the others in batches.
        let alone = usize::from(self.transport.tries_v3()).min(resources.len());
        let ((first, resources), (first_name, names)) = (resources.split_at(alone), names.split_at(alone));
        let mut outputs = Vec::new();
        if alone > 0 {
            outputs.extend(ask((first, first_name)).await);
        }
        let size = self.batch_size();
        let asked = self.at_once(resources.chunks(size).zip(names.chunks(size)).map(ask));
        outputs.extend(asked.await.into_iter().flatten());
        outputs
    }

    async fn at_once<T>(&self, asks: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
        some_at_once(self.transport.settings().max_in_flight, asks).await
    }

    fn expect(&self, objects: usize) {
        self.transport
            .expected
            .fetch_add(objects as u64, Ordering::Relaxed);
    }

    fn count(&self, objects: usize) {
        self.transport
            .answered
            .fetch_add(objects as u64, Ordering::Relaxed);
    }
}

/// Runs all, some at a time, and gives the outputs in order. One that takes long holds up none of the others.
async fn some_at_once<T>(most: usize, asks: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let numbered: Vec<_> = asks
        .enumerate()
        .map(|(place, ask)| async move { (place, ask.await) })
        .collect();
    let running = stream::iter(numbered).buffer_unordered(most.max(1));
    let mut outputs: Vec<(usize, T)> = running.collect().await;
    outputs.sort_unstable_by_key(|(place, _)| *place);
    outputs.into_iter().map(|(_, output)| output).collect()
}

/// What comments are asked about: a hash, or a URL.
fn commented(resource: &str) -> v3::Subject {
    let kind = match FileHash::parse(resource) {
        Ok(_) => Kind::File,
        Err(_) => Kind::Url,
    };
    v3::Subject {
        kind,
        text: resource.to_owned(),
    }
}

/// Under which names URLs are kept.
fn names(urls: &[UrlId]) -> Vec<String> {
    urls.iter().map(|url| url.canonical().to_owned()).collect()
}

fn texts(urls: &[UrlId]) -> Vec<String> {
    urls.iter().map(|url| url.as_str().to_owned()).collect()
}

fn answers(batch: Batch<'_>, elements: Vec<Result<Element, Error>>) -> Vec<Result<Answer, Error>> {
    elements
        .into_iter()
        .map(|element| answer(batch, element))
        .collect()
}

fn answer(batch: Batch<'_>, element: Result<Element, Error>) -> Result<Answer, Error> {
    element?.into_answer().ok_or(Error::InvalidArgument {
        endpoint: batch.endpoint.path,
    })
}

fn submissions(elements: Vec<Result<Element, Error>>) -> Vec<Result<Submission, Error>> {
    elements
        .into_iter()
        .map(|element| element.map(Element::into_submission))
        .collect()
}
