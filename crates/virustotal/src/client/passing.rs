//! Requests of others, sent with this client's key, quota and cache.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use reqwest::Method;
use serde_json::json;
use serde_json::value::RawValue;

use super::Client;
use super::memory::{FIRST_LOOK, LONGEST_LOOK, Question};
use crate::cache::{Accept, Asking, Kept, Kind, Scope};
use crate::passing::{Fetched, Incoming, Passing, PassingBody, Reply, Version};
use crate::stored::Stored;
use crate::transport::{Answered, Endpoint, Errand, Payload};
use crate::v3::without_credentials_in_text;
use crate::{Answer, Deadline, Error, FileHash, ObjectId, Report, Upload, UrlId, v2, v3};

const JSON: &str = "application/json; charset=UTF-8";
const NOT_FOUND: u16 = 404;

impl Client {
    /// What is kept about each object, in the order given: nothing is asked.
    pub async fn kept(&self, objects: &[ObjectId]) -> Vec<Option<Answer>> {
        let Some(cache) = &self.transport.settings().cache else {
            return objects.iter().map(|_| None).collect();
        };
        let deadline = Deadline::none();
        let mut kept = Vec::new();
        for object in objects {
            let (kind, name) = named(object);
            let question = Question {
                kind,
                accept: Accept::Fresh,
                deadline: &deadline,
            };
            let known = cache.peek(self.asking(&question, &[name])).await;
            kept.push(known.into_iter().next().flatten());
        }
        kept
    }

    /// Passes a request on. Objects of API v3 and what is related to them are kept, and taken from there by `accept`; two
    /// who ask for one of them at the same time cost one call. Costs one call otherwise.
    ///
    /// What only asks is repeated after trouble; anything else is sent once, and again only where VirusTotal has refused
    /// it for the quota. Of a URL's answer the headers and cookies of its server are neither kept nor handed out: they can
    /// be somebody's credentials ([`Accept::Nothing`] has them).
    ///
    /// # Errors
    /// What is about the key, the quota, the server or the time; refusals of the request itself are replies.
    pub async fn pass(&self, passing: &Passing, accept: Accept, deadline: &Deadline) -> Result<Reply, Error> {
        match passing.kept_as() {
            Some((kind, name)) if accept != Accept::Nothing && self.transport.settings().cache.is_some() => {
                self.pass_or_recall(passing, kind, name, accept, deadline).await
            }
            _ => self.pass_once(passing, deadline).await,
        }
    }

    /// The answer to a request that is kept: nothing is asked.
    pub async fn kept_reply(&self, passing: &Passing) -> Option<Reply> {
        let (kind, name) = passing.kept_as()?;
        let cache = self.transport.settings().cache.as_ref()?;
        let asking = self.asking_for_body(kind, &name, Accept::Fresh);
        let kept = cache.peek(asking).await.into_iter().next().flatten()?;
        kept_reply(kind, &name, kept)
    }

    /// Passes a request for content on, which comes piece by piece. Costs one call.
    ///
    /// # Errors
    /// As for [`Client::pass`].
    pub async fn fetch(&self, passing: &Passing, deadline: &Deadline) -> Result<Fetched, Error> {
        let errand = self.transport.errand(deadline);
        let payload = Payload::Passed(passing, None);
        let silence = self.transport.settings().call_timeout;
        errand
            .ask(passing.endpoint(), &payload, None, |answered| {
                let Answered {
                    content,
                    content_type,
                    ..
                } = answered;
                Ok(match content {
                    Some(response) => Fetched::Content(Incoming::new(response, silence), content_type),
                    None => Fetched::Reply(reply(answered.status, content_type, answered.body)),
                })
            })
            .await
    }

    /// Passes a file on, and the fields beside it: directly, or through an address for large ones. It is sent once. Costs one
    /// call, two for a large file.
    ///
    /// # Errors
    /// As for [`Client::pass`]; [`Error::TooLargeForKey`] before a byte is sent.
    pub async fn pass_upload(
        &self,
        version: Version,
        upload: &Upload,
        fields: Vec<(String, String)>,
        deadline: &Deadline,
    ) -> Result<Reply, Error> {
        upload.check_size(self.transport.settings().tier)?;
        let path: &[&str] = match version {
            Version::V2 => &["file", "scan"],
            Version::V3 => &["files"],
        };
        let passing = Passing {
            version,
            method: Method::POST,
            path: path.iter().map(|segment| (*segment).to_owned()).collect(),
            query: Vec::new(),
            body: PassingBody::File {
                upload: upload.clone(),
                fields,
            },
        };
        let errand = self.transport.note(deadline);
        self.transport
            .to_send
            .fetch_add(upload.size_bytes(), Ordering::Relaxed);
        let (endpoint, address): (&Endpoint, _) = match (upload.is_large(), version) {
            (false, _) => (passing.endpoint(), None),
            (true, Version::V2) => (&v2::UPLOAD, Some(v2::upload_address(&errand).await?)),
            (true, Version::V3) => (&v3::POST_UPLOAD, Some(v3::upload_address(&errand).await?)),
        };
        let payload = Payload::Passed(&passing, address);
        let sent = errand.ask(endpoint, &payload, Some(1), |answered| Ok(read(answered)));
        let sent = sent.await;
        // It may have arrived, whatever came back.
        if let Some(hash) = upload.known_sha256() {
            self.forget(&[ObjectId::File(hash.clone())]).await;
        }
        sent
    }

    /// Forgets what is kept about objects that are being analysed anew.
    pub async fn forget(&self, objects: &[ObjectId]) {
        let Some(cache) = &self.transport.settings().cache else {
            return;
        };
        for object in objects {
            let (kind, name) = named(object);
            let mut ids = vec![name.to_ascii_lowercase()];
            if let ObjectId::Url(url) = object {
                ids = vec![
                    v3::url_id(url.as_str()),
                    v3::url_id(url.canonical()),
                    v3::url_hash(url.canonical()),
                ];
            }
            cache.forget(&self.scope(), kind, &[name]).await;
            cache.forget(&self.scope_of_bodies(), kind, &ids).await;
        }
    }

    async fn pass_once(&self, passing: &Passing, deadline: &Deadline) -> Result<Reply, Error> {
        let errand = match passing.only_asks() {
            true => self.transport.errand(deadline),
            false => self.transport.note(deadline),
        };
        send(&errand, passing).await
    }

    async fn pass_or_recall(
        &self,
        passing: &Passing,
        kind: Kind,
        name: String,
        accept: Accept,
        deadline: &Deadline,
    ) -> Result<Reply, Error> {
        let Some(cache) = &self.transport.settings().cache else {
            return self.pass_once(passing, deadline).await;
        };
        let asking = self.asking_for_body(kind, &name, accept);
        let recalled = cache.peek(asking.clone()).await.into_iter().next().flatten();
        if let Some(reply) = recalled.and_then(|kept| kept_reply(kind, &name, kept)) {
            return Ok(reply);
        }
        let errand = self.transport.errand(deadline);
        let mut claims = cache.claims(self.transport.priority());
        let mut pause = FIRST_LOOK;
        loop {
            // The wait for a slot may be long: what was asked by others meanwhile is only known after it.
            errand.reserve().await?;
            match claims.look_up(asking.clone()).await.into_iter().next() {
                Some(Kept::Answer(kept)) => {
                    if let Some(reply) = kept_reply(kind, &name, kept) {
                        return Ok(reply);
                    }
                }
                Some(Kept::Elsewhere) => {}
                Some(Kept::Yours) | None => {
                    let sent = claims.while_asking(send(&errand, passing)).await;
                    let mut reply = sent?;
                    if let Some(answer) = worth_keeping(&name, &mut reply) {
                        let answers = vec![(name, Stored::of(&answer))];
                        cache.keep(&self.scope_of_bodies(), kind, answers).await;
                    }
                    claims.release();
                    return Ok(reply);
                }
            }
            errand.give_back();
            // Until the other one has an answer, or has gone.
            loop {
                deadline.sleep(pause).await?;
                pause = (pause * 2).min(LONGEST_LOOK);
                match claims.watch(asking.clone()).await.into_iter().next() {
                    Some(Kept::Elsewhere) => {}
                    Some(Kept::Answer(kept)) => {
                        if let Some(reply) = kept_reply(kind, &name, kept) {
                            return Ok(reply);
                        }
                        break;
                    }
                    Some(Kept::Yours) | None => break,
                }
            }
        }
    }

    fn scope_of_bodies(&self) -> Scope {
        let settings = self.transport.settings();
        Scope::of_bodies(settings.tier, &settings.base_url_v3())
    }

    fn asking_for_body(&self, kind: Kind, name: &str, accept: Accept) -> Asking {
        Asking {
            scope: self.scope_of_bodies(),
            kind,
            names: vec![name.to_owned()],
            accept,
            max_age: self.transport.settings().max_age,
        }
    }
}

async fn send(errand: &Errand<'_>, passing: &Passing) -> Result<Reply, Error> {
    let payload = Payload::Passed(passing, None);
    // What makes something is sent once.
    let attempts = (!passing.only_asks()).then_some(1);
    errand
        .ask(passing.endpoint(), &payload, attempts, |answered| {
            let reply = read(answered);
            match passing.only_asks() && reply.status == 200 && is_json(&reply) {
                true => serde_json::from_slice::<serde::de::IgnoredAny>(&reply.body)
                    .map_err(|error| format!("not JSON ({error})"))
                    .map(|_| reply),
                false => Ok(reply),
            }
        })
        .await
}

fn read(answered: Answered) -> Reply {
    reply(answered.status, answered.content_type, answered.body)
}

fn reply(status: u16, content_type: Option<String>, body: Vec<u8>) -> Reply {
    Reply {
        status,
        content_type,
        body: body.into(),
        is_kept: false,
    }
}

fn is_json(reply: &Reply) -> bool {
    let kind = reply.content_type.as_deref();
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

/// How an answer is kept, and under that name; what may be somebody's credentials is taken out of both.
fn worth_keeping(name: &str, reply: &mut Reply) -> Option<Answer> {
    match reply.status {
        200 => {
            let mut text = String::from_utf8(reply.body.to_vec()).ok()?;
            if let Some(without) = without_credentials_in_text(&text) {
                reply.body = Bytes::from(without.clone());
                text = without;
            }
            let raw = RawValue::from_string(text).ok()?;
            Some(Answer::Found(Report::from(raw)))
        }
        // Of a list it can mean that there is no such list.
        NOT_FOUND if !name.contains('/') => Some(Answer::Missing),
        _ => None,
    }
}

fn kept_reply(kind: Kind, name: &str, kept: Answer) -> Option<Reply> {
    let (status, body) = match kept {
        Answer::Found(report) => (200, Bytes::from(report.raw().to_owned())),
        Answer::Missing => (NOT_FOUND, Bytes::from(not_found(kind, name))),
        Answer::Queued { .. } => return None,
    };
    Some(Reply {
        status,
        content_type: Some(JSON.to_owned()),
        body,
        is_kept: true,
    })
}

/// Source: API v3, section 1.3.
fn not_found(kind: Kind, name: &str) -> String {
    let noun = match kind {
        Kind::File => "File",
        Kind::Url => "URL",
        Kind::Domain => "Domain",
        Kind::Ip => "IP address",
    };
    let id = name.split('?').next().unwrap_or_default();
    let message = format!("{noun} \"{id}\" not found");
    json!({"error": {"code": "NotFoundError", "message": message}}).to_string()
}

/// Under which name an object's report is kept.
fn named(object: &ObjectId) -> (Kind, String) {
    match object {
        ObjectId::File(hash) => (Kind::File, FileHash::as_str(hash).to_owned()),
        ObjectId::Url(url) => (Kind::Url, UrlId::canonical(url).to_owned()),
        ObjectId::Domain(domain) => (Kind::Domain, domain.as_str().to_owned()),
        ObjectId::Ip(address) => (Kind::Ip, address.to_string()),
    }
}
