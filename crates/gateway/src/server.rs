//! The server: every request on one page, from its address to its line in the audit trail.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::serve::Listener;
use integration::UploadRules;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use virustotal::{Client, Clock, Deadline, Passing, PassingBody, Settings, Tier, Version};

use crate::address;
use crate::answer::{Answer, Told};
use crate::audit::{self, Entry, Trail};
use crate::body;
use crate::callers::Callers;
use crate::flight::Flights;
use crate::lookups::LookUps;
use crate::metrics::{Counted, Metrics};
use crate::refusal::Refusal;
use crate::ticket::{Purpose, Tickets};
use crate::tokens::Tokens;
use crate::uploads::{self, LARGEST, Policy, Room};
use crate::{Error, make_folder, v2, v3};

/// How long a call may take, beyond the wait for a slot.
const CALL: Duration = Duration::from_secs(120);
/// Slowest upload that is waited for, in bytes a second.
const SLOWEST_UPLOAD: u64 = 16 * 1024;
/// Until the audit trail is looked through again.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// Requests without a token that counts are told once in this time, together.
const QUIET: Duration = Duration::from_secs(10);

/// How a gateway is served.
pub struct Serving {
    /// Where tokens, audit trail and files on their way are.
    pub folder: PathBuf,
    /// For the client that sends: key, ledger and cache.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// How long a caller waits for a slot of the quota.
    pub wait: Duration,
    /// Nothing is submitted, whoever asks.
    pub never_upload: bool,
    /// Files that are not sent on.
    pub rules: UploadRules,
    /// Whose rules count.
    pub environment: Option<String>,
    /// How callers reach the gateway (scheme, host and port), where that is not what they say themselves.
    pub public_url: Option<String>,
    /// Callers come over TLS.
    pub is_secure: bool,
    /// Anybody may see the metrics.
    pub open_metrics: bool,
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// The gateway, before it serves.
pub struct Gateway {
    shared: Arc<Hall>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway")
    }
}

/// What all requests share.
pub(crate) struct Hall {
    pub(crate) callers: Callers,
    pub(crate) flights: Flights,
    pub(crate) look_ups: LookUps,
    pub(crate) tickets: Tickets,
    pub(crate) policy: Policy,
    pub(crate) room: Room,
    pub(crate) metrics: Metrics,
    /// Where files on their way are.
    pub(crate) spool: PathBuf,
    pub(crate) tier: Tier,
    /// Where API v3 is asked, with the slash at the end.
    pub(crate) virustotal_v3: String,
    wait: Duration,
    trail: Trail,
    clock: Clock,
    public_url: Option<String>,
    is_secure: bool,
    open_metrics: bool,
    strangers: Mutex<Strangers>,
    /// Keeps a second gateway away from the folder.
    _lock: File,
}

/// Requests without a token that counts, since they were last told.
#[derive(Default)]
struct Strangers {
    requests: u64,
    told_at: Option<Instant>,
}

/// What a request is answered with: what all share, and how this caller reaches the gateway.
pub(crate) struct Shared {
    hall: Arc<Hall>,
    origin: String,
}

impl std::ops::Deref for Shared {
    type Target = Hall;

    fn deref(&self) -> &Hall {
        &self.hall
    }
}

impl Shared {
    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

impl Gateway {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The folder can't be used, or another gateway uses it; the settings of the client can't be used.
    pub fn new(serving: Serving) -> Result<Self, Error> {
        make_folder(&serving.folder)?;
        let lock = alone(&serving.folder)?;
        let spool = serving.folder.join("gateway-spool");
        clean(&spool)?;
        let trail = Trail::open(&serving.folder)?;
        let today = TimeZone::UTC.to_datetime(serving.clock.now()).date();
        let earlier = audit::calls_on(&serving.folder, today)?;
        let (limits, tier) = (serving.settings.limits, serving.settings.tier);
        let virustotal_v3 = serving.settings.base_url_v3();
        let client = Client::new(serving.settings).map_err(|error| Error::Usage(error.to_string()))?;
        let look_ups = LookUps::begin()
            .map_err(|error| Error::File(format!("a thread for look-ups can't be started: {error}")))?;
        let tokens = Tokens::new(&serving.folder);
        let callers = Callers::new(tokens, client, limits, serving.clock.clone(), earlier);
        let hall = Hall {
            callers,
            flights: Flights::default(),
            look_ups,
            tickets: Tickets::default(),
            policy: Policy {
                never: serving.never_upload,
                rules: serving.rules,
                environment: serving.environment,
            },
            room: Room::default(),
            metrics: Metrics::default(),
            spool,
            tier,
            virustotal_v3,
            wait: serving.wait,
            trail,
            clock: serving.clock,
            public_url: serving.public_url.map(|url| url.trim_end_matches('/').to_owned()),
            is_secure: serving.is_secure,
            open_metrics: serving.open_metrics,
            strangers: Mutex::default(),
            _lock: lock,
        };
        Ok(Self {
            shared: Arc::new(hall),
        })
    }

    /// From now on, and once a day, removes lines of the audit trail that are older than `days`. It ends with the runtime.
    pub fn keep_audit_for(&self, days: u32) {
        let hall = Arc::downgrade(&self.shared);
        let longest = SignedDuration::from_hours(24 * i64::from(days));
        tokio::spawn(async move {
            while let Some(hall) = hall.upgrade() {
                let removed = tokio::task::spawn_blocking(move || {
                    let end = hall.clock.now().checked_sub(longest).unwrap_or(Timestamp::MIN);
                    hall.trail.forget_before(end)
                });
                match removed.await {
                    Ok(Ok(0)) | Err(_) => {}
                    Ok(Ok(lines)) => tracing::info!(lines, "old lines of the audit trail were removed"),
                    Ok(Err(error)) => {
                        tracing::warn!(%error, "old lines of the audit trail can't be removed; it is tried again tomorrow");
                    }
                }
                tokio::time::sleep(A_DAY).await;
            }
        });
    }

    /// Serves until `stop` ends; answers that have begun are finished.
    ///
    /// # Errors
    /// The listener can't be used.
    pub async fn serve<L: Listener<Addr: fmt::Debug>>(
        self,
        listener: L,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let router = Router::new()
            .route("/vtapi/v2/{*path}", any(answer))
            .route("/api/v3/{*path}", any(answer))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .fallback(nowhere)
            // Each reads within bounds of its own.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&self.shared));
        axum::serve(listener, router).with_graceful_shutdown(stop).await?;
        self.shared.tell_strangers(0, true);
        Ok(())
    }
}

/// Holds the folder for this process as long as the value lasts.
fn alone(folder: &Path) -> Result<File, Error> {
    let path = folder.join("gateway.lock");
    let lock = File::options().create(true).append(true).open(&path);
    let lock = lock.map_err(|error| Error::file(&path, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Usage(format!(
            "Another gateway uses {}. End it, or name another state folder.",
            folder.display()
        ))),
        Err(std::fs::TryLockError::Error(error)) => Err(Error::file(&path, &error)),
    }
}

/// What a process left that was killed is nobody's.
fn clean(spool: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(spool) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(spool, &error)),
        _ => make_folder(spool),
    }
}

/// Whoever hangs up does not take back what was asked for them: it is finished, counted and written down.
async fn answer(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    let answered = tokio::spawn(answer_whole(hall, request)).await;
    answered.unwrap_or_else(|error| {
        tracing::error!(%error, "a request ended in a defect");
        guarded(StatusCode::INTERNAL_SERVER_ERROR.into_response())
    })
}

async fn answer_whole(hall: Arc<Hall>, request: Request) -> Response {
    let begun = Instant::now();
    let at = hall.clock.now();
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let version = address::version(&path).unwrap_or(Version::V3);
    let shared = Shared {
        origin: hall.origin_for(request.headers()),
        hall,
    };
    let mut told = Told {
        endpoint: "other".to_owned(),
        ..Told::default()
    };
    let (parts, body) = request.into_parts();
    let (body, rest) = body::with_rest(body);
    let request = Request::from_parts(parts, body);
    let answered = route(&shared, version, &path, request, &mut told).await;
    let (response, bytes_out) = match answered {
        Ok(Answer::Reply(reply)) => {
            let bytes = reply.body.len() as u64;
            (Answer::Reply(reply).into_response(), bytes)
        }
        Ok(Answer::Content(incoming, kind)) => {
            let bytes = incoming.length().unwrap_or(0);
            (Answer::Content(incoming, kind).into_response(), bytes)
        }
        Err(refusal) => {
            rest.drain().await;
            (refusal.respond(version), 0)
        }
    };
    let took = begun.elapsed();
    let caller = told.caller.as_ref();
    let below = path.split('/').skip(3).collect::<Vec<_>>().join("/");
    shared.metrics.count(&Counted {
        version,
        path: &below,
        status: response.status().as_u16(),
        took,
        token: caller.map(|caller| caller.token.name.as_str()),
        kept: told.kept,
        calls: told.calls,
    });
    match caller {
        None => shared.tell_strangers(1, false),
        Some(caller) => shared.trail.write(Entry {
            at,
            token: Some(caller.token.name.clone()),
            token_id: Some(caller.token.id.clone()),
            method: method.to_string(),
            endpoint: told.endpoint,
            object: told.object.map(|object| bounded(&object)),
            kept: told.kept,
            calls: told.calls,
            status: response.status().as_u16(),
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            bytes_in: told.bytes_in,
            bytes_out,
            requests: None,
        }),
    }
    guarded(response)
}

/// Everything that a path can be.
async fn route(
    shared: &Shared,
    version: Version,
    path: &str,
    request: Request,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    let segments = address::segments(path, version)?;
    let known: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (known.as_slice(), version) {
        (["_ah", purpose, secret], _) => redeem(shared, version, purpose, secret, request, told).await,
        (_, Version::V2) => Box::pin(v2::answer(shared, segments, request, told)).await,
        (_, Version::V3) => Box::pin(v3::answer(shared, segments, request, told)).await,
    }
}

/// An address for one use: it needs no token, and counts only while the token does that asked for it.
async fn redeem(
    shared: &Shared,
    version: Version,
    purpose: &str,
    secret: &str,
    request: Request,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    let expected = match purpose {
        "upload" => Method::POST,
        "download" => Method::GET,
        _ => return Err(Refusal::NotFound("There is no such path".to_owned())),
    };
    if *request.method() != expected {
        return Err(Refusal::Method);
    }
    let gone = || {
        Refusal::NotFound(
            "This address has been used, or has expired. Ask for a new one: each is for one use.".to_owned(),
        )
    };
    let (token_id, granted) = shared.tickets.redeem(secret).ok_or_else(gone)?;
    let caller = shared.callers.with_id(&token_id).ok_or(Refusal::WrongKey)?;
    told.caller = Some(Arc::clone(&caller));
    told.endpoint = match version {
        Version::V2 => format!("{}_ah/{purpose}/{{id}}", address::V2),
        Version::V3 => format!("{}_ah/{purpose}/{{id}}", address::V3),
    };
    match (granted, purpose) {
        (Purpose::Upload(version), "upload") => {
            shared.policy.check(&caller)?;
            let received = uploads::receive(shared, request, LARGEST, true, told, |_, _| Ok(())).await?;
            uploads::send_on(shared, &caller, version, received, told).await
        }
        (Purpose::Download(path), "download") => {
            told.object = Some(path.join("/"));
            let passing = Passing {
                version: Version::V3,
                method: Method::GET,
                path,
                query: Vec::new(),
                body: PassingBody::Empty,
            };
            v3::fetch(shared, &caller, &passing, told).await
        }
        _ => Err(gone()),
    }
}

impl Hall {
    /// Until when a request is worth its while, with that many bytes to send.
    pub(crate) fn deadline_for(&self, bytes: u64) -> Deadline {
        let sending = Duration::from_secs(bytes / SLOWEST_UPLOAD);
        Deadline::after(self.wait + CALL + sending).with_quota_wait(self.wait)
    }

    /// How this caller reaches the gateway. A name that it makes up leads only itself astray.
    fn origin_for(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let is_host = |host: &&str| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        };
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", host.filter(is_host).unwrap_or("localhost"))
    }

    /// Who tries tokens must not fill the log or the audit trail: they are told together.
    fn tell_strangers(&self, new: u64, at_once: bool) {
        let requests = {
            let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            strangers.requests += new;
            let is_due = strangers.told_at.is_none_or(|told_at| told_at.elapsed() >= QUIET);
            if strangers.requests == 0 || !(is_due || at_once) {
                return;
            }
            strangers.told_at = Some(Instant::now());
            std::mem::take(&mut strangers.requests)
        };
        tracing::warn!(requests, "refused: no token, or none that counts");
        self.trail.write(Entry {
            at: self.clock.now(),
            endpoint: "other".to_owned(),
            method: "any".to_owned(),
            requests: Some(requests),
            ..Entry::default()
        });
    }
}

async fn nowhere() -> Response {
    let words = "VirusTotal's APIs are at /vtapi/v2/ and /api/v3/.\n";
    guarded((StatusCode::NOT_FOUND, words).into_response())
}

/// Whether it can do its work.
async fn ready(State(hall): State<Arc<Hall>>) -> Response {
    let mut reasons = String::new();
    if hall.callers.trouble().is_some() {
        reasons.push_str("the file of tokens can't be read\n");
    }
    if hall.trail.is_broken() {
        reasons.push_str("the audit trail can't be written\n");
    }
    guarded(match reasons.is_empty() {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons).into_response(),
    })
}

async fn metrics(State(hall): State<Arc<Hall>>, headers: HeaderMap) -> Response {
    let shared = Shared {
        origin: String::new(),
        hall,
    };
    if !shared.hall.open_metrics && !v3::shows_token(&shared, &headers) {
        let words = "The metrics need a token, sent as Bearer or as x-apikey; or start the gateway with --open-metrics.\n";
        return guarded((StatusCode::UNAUTHORIZED, words).into_response());
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    guarded(([(CONTENT_TYPE, kind)], shared.metrics.text()).into_response())
}

/// What holds for every answer: nobody in between keeps it, and no browser takes it for a page.
fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What a request is about, short enough that nobody fills the trail with one.
fn bounded(object: &str) -> String {
    const MOST: usize = 300;
    match object.char_indices().nth(MOST) {
        Some((end, _)) => format!(
            "{}… ({} bytes)",
            object.get(..end).unwrap_or_default(),
            object.len()
        ),
        None => object.to_owned(),
    }
}
