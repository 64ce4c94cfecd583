//! Files on their way through: onto the disk, looked at by the rules, and on to VirusTotal. They are never held in memory.
//!
//! A file is stored before it is sent on, because its token may stand behind it, the rules look at its size and content, and
//! VirusTotal wants to know its length first.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use entrance::{Patience, Place, Places};
use integration::UploadRules;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt;
use virustotal::{LocalFile, Upload, Version};

use crate::answer::{Answer, Told};
use crate::body::{Fields, Meter};
use crate::callers::Caller;
use crate::refusal::Refusal;
use crate::server::Shared;

/// Largest request with a file. Source: API v2, section 2.2; API v3, section 2.
pub(crate) const LARGEST_DIRECT: u64 = 32 * 1024 * 1024;
/// Largest request to an upload address: the service's own ceiling, and the multipart frame.
pub(crate) const LARGEST: u64 = 650 * 1024 * 1024 + 64 * 1024;
/// Bytes of a field beside a file.
const LARGEST_FIELD: usize = 64 * 1024;
/// Bytes of all of them.
const LARGEST_FIELDS: usize = 256 * 1024;
const MOST_FIELDS: usize = 32;
/// Files that are received at the same time.
const AT_ONCE: usize = 32;
/// Of these, those of one token.
const OF_ONE_TOKEN: usize = 16;
/// The same for files whose token is not known yet, because it stands behind them.
const STRANGERS_AT_ONCE: usize = 8;
/// Of these, those from one address, which may be a proxy's.
const STRANGERS_OF_ONE: usize = 4;
/// How long a request may take until its caller is known.
const UNTIL_KNOWN: Duration = Duration::from_secs(120);
/// How long a form of a known caller may take, beyond the time for its bytes.
const FORM: Duration = Duration::from_secs(120);
/// Slowest upload that is waited for, in bytes a second.
pub(crate) const SLOWEST_UPLOAD: u64 = 16 * 1024;

/// What may be uploaded.
pub(crate) struct Policy {
    pub(crate) never: bool,
    pub(crate) rules: UploadRules,
    pub(crate) environment: Option<String>,
}

/// Room for uploads.
pub(crate) struct Room {
    /// By the token's id.
    known: Places<String>,
    strangers: Places<IpAddr>,
}

/// A place in it, of a known caller or of a stranger.
type Seat = (Option<Place<String>>, Option<Place<IpAddr>>);

impl Default for Room {
    fn default() -> Self {
        Self {
            known: Places::new(AT_ONCE, OF_ONE_TOKEN),
            strangers: Places::new(STRANGERS_AT_ONCE, STRANGERS_OF_ONE),
        }
    }
}

impl Room {
    /// A place for a file of that caller, or of somebody at that address.
    fn seat(&self, caller: Option<&Arc<Caller>>, from: IpAddr) -> Result<Seat, Refusal> {
        let seat = match caller {
            Some(caller) => (self.known.take(caller.token.id.clone()), None),
            None => (None, self.strangers.take(from)),
        };
        let is_there = seat.0.is_some() || seat.1.is_some();
        is_there.then_some(seat).ok_or_else(|| {
            Refusal::Unavailable("Too many uploads at once. Try again in a moment.".to_owned())
        })
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

/// Receives a multipart request. `admit` is asked when a file begins, with the fields so far: only then it takes a place.
pub(crate) async fn receive(
    shared: &Shared,
    request: Request,
    most: u64,
    told: &mut Told,
    mut admit: impl FnMut(&Fields, &mut Told) -> Result<(), Refusal>,
) -> Result<Received, Refusal> {
    let length = request.headers().get(CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > most) {
        return Err(Refusal::TooLarge(format!(
            "A request with a file has at most {most} bytes here"
        )));
    }
    let of_known = FORM + Duration::from_secs(length.unwrap_or(most) / SLOWEST_UPLOAD);
    let mut patience = Patience::new(if told.caller.is_some() {
        of_known
    } else {
        UNTIL_KNOWN
    });
    let meter = Meter::new(most);
    let unreadable = || {
        let refusal = meter.refusal();
        refusal.unwrap_or_else(|| Refusal::BadRequest("The request is no multipart form".to_owned()))
    };
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, meter.watch(body));
    let parts = Multipart::from_request(request, &()).await;
    let mut parts = parts.map_err(|_| unreadable())?;
    let mut received = Received {
        fields: Vec::new(),
        file: None,
    };
    let (mut bytes_of_fields, mut seat) = (0, None);
    loop {
        let next = patience.for_next(parts.next_field()).await;
        told.bytes_in = meter.read();
        let Some(mut part) = next?.map_err(|_| unreadable())? else {
            break;
        };
        meter.told();
        let file_name = part.file_name().map(str::to_owned);
        let name = part.name().unwrap_or_default().to_owned();
        let mut spool = match file_name {
            Some(_) if received.file.is_some() => {
                return Err(Refusal::BadRequest("One file a request, please".to_owned()));
            }
            Some(file_name) => {
                let was_known = told.caller.is_some();
                admit(&received.fields, told)?;
                if told.caller.is_some() && !was_known {
                    patience = Patience::new(of_known);
                }
                seat = Some(shared.room.seat(told.caller.as_ref(), shared.peer())?);
                Some(Spool::begin(&shared.spool, file_name).await?)
            }
            None if received.fields.len() >= MOST_FIELDS => {
                return Err(Refusal::BadRequest("The form has too many fields".to_owned()));
            }
            None => None,
        };
        let mut text = Vec::new();
        loop {
            let piece = patience.for_next(part.chunk()).await;
            told.bytes_in = meter.read();
            let Some(piece) = piece?.map_err(|_| unreadable())? else {
                break;
            };
            meter.told();
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
                bytes_of_fields += text.len();
                if bytes_of_fields > LARGEST_FIELDS {
                    return Err(Refusal::BadRequest(format!(
                        "The fields of the form have at most {LARGEST_FIELDS} bytes in all"
                    )));
                }
                let text = String::from_utf8(text)
                    .map_err(|_| Refusal::BadRequest(format!("The field {name:?} is no UTF-8 text")))?;
                received.fields.push((name, text));
            }
        }
    }
    drop(seat);
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
