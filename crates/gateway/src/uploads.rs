//! Files on their way through: onto the disk, looked at by the rules, and on to VirusTotal. They are never held in memory.
//!
//! A file is stored before it is sent on, because its token may stand behind it, the rules look at its size and content, and
//! VirusTotal wants to know its length first.

use std::path::Path;
use std::sync::Arc;

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use integration::UploadRules;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use virustotal::{LocalFile, Upload, Version};

use crate::answer::{Answer, Told};
use crate::body::{Fields, SILENCE};
use crate::callers::Caller;
use crate::refusal::Refusal;
use crate::server::Shared;

/// Largest request with a file. Source: API v2, section 2.2; API v3, section 2.
pub(crate) const LARGEST_DIRECT: u64 = 32 * 1024 * 1024;
/// Largest request to an upload address: the service's own ceiling, and the multipart frame.
pub(crate) const LARGEST: u64 = 650 * 1024 * 1024 + 64 * 1024;
/// Bytes of a field beside a file.
const LARGEST_FIELD: usize = 64 * 1024;
const MOST_FIELDS: usize = 32;
/// Uploads at the same time.
const AT_ONCE: usize = 16;
/// Of these, such whose token is not known yet, because it stands behind the file.
const STRANGERS_AT_ONCE: usize = 4;

/// What may be uploaded.
pub(crate) struct Policy {
    pub(crate) never: bool,
    pub(crate) rules: UploadRules,
    pub(crate) environment: Option<String>,
}

/// Room for uploads.
pub(crate) struct Room {
    known: Semaphore,
    strangers: Semaphore,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            known: Semaphore::new(AT_ONCE),
            strangers: Semaphore::new(STRANGERS_AT_ONCE),
        }
    }
}

/// A multipart request, received.
pub(crate) struct Received {
    pub(crate) fields: Fields,
    pub(crate) file: Option<Spooled>,
}

/// A file on the disk; it goes with this value.
pub(crate) struct Spooled {
    path: TempPath,
    name: String,
}

impl Policy {
    /// Whether that token may submit anything at all.
    pub(crate) fn check(&self, caller: &Caller) -> Result<(), Refusal> {
        match () {
            () if self.never => Err(Refusal::Forbidden(
                "This gateway submits nothing to VirusTotal: it was started with --never-upload. Reports can be asked for."
                    .to_owned(),
            )),
            () if caller.token.rights.no_upload => Err(Refusal::Forbidden(format!(
                "The token {} may only ask, not submit files, URLs, comments or votes. Whoever runs the gateway can make one \
                 that may: vtsecops gateway token add NAME",
                caller.token.name
            ))),
            () => Ok(()),
        }
    }
}

/// Receives a multipart request. `admit` is asked when a file begins, with the fields so far.
pub(crate) async fn receive(
    shared: &Shared,
    request: Request,
    most: u64,
    is_known: bool,
    told: &mut Told,
    mut admit: impl FnMut(&Fields, &mut Told) -> Result<(), Refusal>,
) -> Result<Received, Refusal> {
    let too_large = || Refusal::TooLarge(format!("A request with a file has at most {most} bytes here"));
    let length = request.headers().get(CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let room = match is_known {
        true => &shared.room.known,
        false => &shared.room.strangers,
    };
    let _place = room
        .try_acquire()
        .map_err(|_| Refusal::Unavailable("Too many uploads at once. Try again in a moment.".to_owned()))?;
    let unreadable = |_| Refusal::BadRequest("The request is no multipart form".to_owned());
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| Refusal::BadRequest("The request is no multipart form".to_owned()))?;
    let mut received = Received {
        fields: Vec::new(),
        file: None,
    };
    let late = |_| Refusal::Late("The request did not come to its end in time".to_owned());
    loop {
        let next = tokio::time::timeout(SILENCE, parts.next_field()).await;
        let Some(mut part) = next.map_err(late)?.map_err(unreadable)? else {
            break;
        };
        let file_name = part.file_name().map(str::to_owned);
        let name = part.name().unwrap_or_default().to_owned();
        let mut spool = match file_name {
            Some(_) if received.file.is_some() => {
                return Err(Refusal::BadRequest("One file a request, please".to_owned()));
            }
            Some(file_name) => {
                admit(&received.fields, told)?;
                Some(Spool::begin(&shared.spool, file_name).await?)
            }
            None if received.fields.len() >= MOST_FIELDS => {
                return Err(Refusal::BadRequest("The form has too many fields".to_owned()));
            }
            None => None,
        };
        let mut text = Vec::new();
        loop {
            let piece = tokio::time::timeout(SILENCE, part.chunk()).await;
            let Some(piece) = piece.map_err(late)?.map_err(unreadable)? else {
                break;
            };
            told.bytes_in += piece.len() as u64;
            if told.bytes_in > most {
                return Err(too_large());
            }
            match &mut spool {
                Some(spool) => spool.write(&piece).await?,
                None if text.len() + piece.len() > LARGEST_FIELD => {
                    return Err(Refusal::BadRequest(format!(
                        "A field of the form has at most {LARGEST_FIELD} bytes"
                    )));
                }
                None => text.extend_from_slice(&piece),
            }
        }
        match spool {
            Some(spool) => received.file = Some(spool.end().await?),
            None => {
                let text = String::from_utf8(text)
                    .map_err(|_| Refusal::BadRequest(format!("The field {name:?} is no UTF-8 text")))?;
                received.fields.push((name, text));
            }
        }
    }
    Ok(received)
}

/// A file that is coming.
struct Spool {
    file: tokio::fs::File,
    path: TempPath,
    name: String,
}

fn full(error: &std::io::Error) -> Refusal {
    tracing::error!(%error, "an upload can't be stored");
    Refusal::Unavailable(
        "The gateway has no room to store the file on its way. Tell whoever runs it: its disk is full, or its folder can't be \
         written."
            .to_owned(),
    )
}

impl Spool {
    async fn begin(folder: &Path, name: String) -> Result<Self, Refusal> {
        // Made for its owner alone.
        let file = NamedTempFile::new_in(folder).map_err(|error| full(&error))?;
        let (file, path) = file.into_parts();
        Ok(Self {
            file: tokio::fs::File::from_std(file),
            path,
            name,
        })
    }

    async fn write(&mut self, piece: &Bytes) -> Result<(), Refusal> {
        self.file.write_all(piece).await.map_err(|error| full(&error))
    }

    async fn end(mut self) -> Result<Spooled, Refusal> {
        self.file.flush().await.map_err(|error| full(&error))?;
        Ok(Spooled {
            path: self.path,
            name: self.name,
        })
    }
}

/// Sends a file on, if the rules let it.
pub(crate) async fn send_on(
    shared: &Shared,
    caller: &Arc<Caller>,
    version: Version,
    received: Received,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    shared.policy.check(caller)?;
    let Some(spooled) = received.file else {
        return Err(Refusal::BadRequest(
            "There is no file in the form: send it as the part `file`, with a file name".to_owned(),
        ));
    };
    let content = Arc::new(LocalFile::new(&spooled.path));
    let upload = Upload::of(content, spooled.name.clone()).await;
    let upload = upload.map_err(|error| Refusal::of(&error))?;
    let policy = &shared.policy;
    let refusing = policy
        .rules
        .refusing(&upload, &spooled.name, policy.environment.as_deref())
        .await
        .map_err(|error| Refusal::of(&error))?;
    if let Some(rule) = refusing {
        return Err(Refusal::Forbidden(format!(
            "The upload rule {rule:?} refuses this file; nothing was sent to VirusTotal"
        )));
    }
    let fields = received
        .fields
        .into_iter()
        .filter(|(name, _)| !is_key(name))
        .collect();
    let deadline = shared.deadline_for(upload.size_bytes());
    let spending = caller.spend()?;
    let sent = spending
        .client()
        .pass_upload(version, &upload, fields, &deadline)
        .await;
    told.calls += spending.calls();
    // It was read on its way, unless it did not go.
    told.object = upload.sha256().await.ok().map(|hash| hash.as_str().to_owned());
    let reply = sent.map_err(|error| Refusal::of(&error))?;
    shared.metrics.uploaded(upload.size_bytes());
    Ok(Answer::Reply(reply))
}

/// Under which names a key may stand among parameters: none of them is passed on.
pub(crate) fn is_key(name: &str) -> bool {
    name.eq_ignore_ascii_case("apikey") || name.eq_ignore_ascii_case("x-apikey")
}
