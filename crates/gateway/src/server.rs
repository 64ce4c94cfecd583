//! The server: every request on one page, from its address to its line in the audit trail.

use std::fmt;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::serve::Listener;
use entrance::Peer;
use integration::UploadRules;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use virustotal::{Client, Clock, Deadline, Passing, PassingBody, Settings, Tier, Version};

use crate::address;
use crate::answer::{Answer, Told};
use crate::audit::{self, Entry, Trail};
use crate::body::{self, Fields};
use crate::bounds::Bounds;
use crate::callers::{Caller, Callers};
use crate::flight::Flights;
use crate::lookups::LookUps;
use crate::metrics::{Counted, Metrics};
use crate::refusal::Refusal;
use crate::strangers::{Strangers, Telling};
use crate::ticket::{Purpose, Tickets};
use crate::tokens::Tokens;
use crate::uploads::{self, LARGEST, Policy, Room, SLOWEST_UPLOAD, is_key};
use crate::{Error, make_folder, v2, v3};

/// How long a call may take, beyond the wait for a slot.
const CALL: Duration = Duration::from_secs(120);
/// Secrets of one request that are looked at: one in the header, one in the address.
const MOST_SHOWN: usize = 2;
/// How long a key that VirusTotal has refused rests before one call tries it again.
const REFUSED_KEY_RESTS: Duration = Duration::from_secs(5 * 60);
/// Until the audit trail is looked through again.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// Nothing of an answer is loaded, run, sent or shown within another page.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

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
    /// What it takes of anybody.
    pub bounds: Bounds,
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
    bounds: Bounds,
    strangers: Strangers,
    /// Keeps a second gateway away from the folder.
    _lock: File,
}

/// What a request is answered with: what all share, and how this caller reaches the gateway.
pub(crate) struct Shared {
    hall: Arc<Hall>,
    origin: String,
    peer: IpAddr,
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

    /// Where the request comes from.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }
}

impl Gateway {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The folder can't be used, or another gateway uses it; the public address or the settings of the client can't be used.
    pub fn new(serving: Serving) -> Result<Self, Error> {
        let public_url = serving.public_url.as_deref().map(address::origin).transpose()?;
        make_folder(&serving.folder)?;
        let lock = alone(&serving.folder)?;
        let spool = serving.folder.join("gateway-spool");
        clean(&spool)?;
        let trail = Trail::open(&serving.folder)?;
        let today = TimeZone::UTC.to_datetime(serving.clock.now()).date();
        let earlier = audit::calls_on(&serving.folder, today)?;
        let (limits, tier) = (serving.settings.limits, serving.settings.tier);
        let virustotal_v3 = serving.settings.base_url_v3();
        let mut settings = serving.settings;
        settings.refused_key_rests.get_or_insert(REFUSED_KEY_RESTS);
        let client = Client::new(settings).map_err(|error| Error::Usage(error.to_string()))?;
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
            public_url,
            is_secure: serving.is_secure,
            open_metrics: serving.open_metrics,
            bounds: serving.bounds,
            strangers: Strangers::default(),
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
    pub async fn serve<L: Listener<Addr = SocketAddr>>(
        self,
        listener: L,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        let router = Router::new()
            .route("/vtapi/v2/{*path}", any(answer))
            .route("/api/v3/{*path}", any(answer))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .fallback(nowhere)
            // Each reads within bounds of its own.
            .layer(DefaultBodyLimit::disable())
            .layer(middleware::from_fn_with_state(Arc::clone(&self.shared), guarded))
            .with_state(Arc::clone(&self.shared));
        let bounds = self.shared.bounds.of_connections();
        entrance::serve(listener, router, &bounds, stop).await;
        self.shared.tell(&self.shared.strangers.rest());
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
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

async fn answer_whole(hall: Arc<Hall>, request: Request) -> Response {
    let begun = Instant::now();
    let at = hall.clock.now();
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let version = address::version(&path).unwrap_or(Version::V3);
    let peer = request.extensions().get::<Peer>();
    let shared = Shared {
        origin: hall.origin_for(request.headers()),
        peer: peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0),
        hall,
    };
    let shown = shown(&request);
    let mut told = Told {
        endpoint: "other".to_owned(),
        ..Told::default()
    };
    let (parts, body) = request.into_parts();
    let (body, rest) = entrance::with_rest(body);
    let request = Request::from_parts(parts, body);
    let answered = match shared.pause_of(&path, &shown) {
        Some(pause) => Err(Refusal::Slower(pause)),
        None => route(&shared, version, &path, request, &mut told).await,
    };
    if told.caller.is_none() {
        // One who is refused for another reason has a name all the same.
        told.caller = shared.whose(&shown);
    }
    let refused = answered.as_ref().err().map(|refusal| refusal.code().to_owned());
    let (response, content) = match answered {
        Ok(Answer::Reply(reply)) => (Answer::Reply(reply).into_response(), None),
        Ok(Answer::Content(incoming, kind)) => {
            let length = incoming.length();
            (Answer::Content(incoming, kind).into_response(), length)
        }
        Err(refusal) => {
            // Who takes too long, or comes too often, does not get more time.
            if !matches!(refusal, Refusal::Late(_) | Refusal::Slower(_)) {
                rest.drain().await;
            }
            (refusal.respond(version), None)
        }
    };
    let bytes_out = content.or(response.body().size_hint().exact()).unwrap_or(0);
    let took = begun.elapsed();
    let caller = told.caller.as_ref();
    if caller.is_none() {
        shared.a_stranger_came();
    }
    if let Some(ended) = &told.ended {
        ended.is_used_after_its_end();
    }
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
    if let Some(caller) = caller.or(told.ended.as_ref()) {
        shared.trail.write(Entry {
            at,
            token: Some(caller.token.name.clone()),
            token_id: Some(caller.token.id.clone()),
            method: method.to_string(),
            endpoint: told.endpoint,
            object: told.object.map(|object| bounded(&object)),
            kept: told.kept,
            calls: told.calls,
            status: response.status().as_u16(),
            refused,
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            bytes_in: told.bytes_in,
            bytes_out,
            requests: None,
        });
    }
    response
}

/// What a request shows before its body is read: in the header, and as parameters of the address.
fn shown(request: &Request) -> Vec<String> {
    let header = request.headers().get(v3::KEY_HEADER);
    let header = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let query: Fields = body::fields(request.uri().query().unwrap_or_default().as_bytes());
    let in_query = query.into_iter().filter(|(name, _)| is_key(name));
    header
        .into_iter()
        .chain(in_query.map(|(_, secret)| secret))
        .take(MOST_SHOWN)
        .collect()
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
            let received = uploads::receive(shared, request, LARGEST, told, |_, _| Ok(())).await?;
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

    fn tell(&self, telling: &Telling) {
        let Telling::Now(requests) = *telling else {
            return;
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

impl Shared {
    /// How long this address has to wait, where too many requests without a token that counts came from it and this one
    /// is, as far as can be seen without reading it, another one. Who shows a token is never kept waiting by others.
    fn pause_of(&self, path: &str, shown: &[String]) -> Option<Duration> {
        let pause = self.strangers.pause(self.peer, self.bounds.refused_a_minute)?;
        let is_known = self.whose(shown).is_some();
        let has_ticket = || {
            let last = path.rsplit('/').next().unwrap_or_default();
            self.tickets.is_open(last)
        };
        (!is_known && !has_ticket()).then_some(pause)
    }

    /// Whose token that is. One that has ended gets what a wrong one gets; only the trail and the log tell whose it was.
    pub(crate) fn caller_of(&self, secret: &str, told: &mut Told) -> Result<Arc<Caller>, Refusal> {
        told.caller = self.callers.find(secret);
        if told.caller.is_none() {
            told.ended = self.callers.find_ended(secret);
        }
        told.caller.clone().ok_or(Refusal::WrongKey)
    }

    /// Whose token is among them.
    fn whose(&self, shown: &[String]) -> Option<Arc<Caller>> {
        shown.iter().find_map(|secret| self.callers.find(secret))
    }

    fn a_stranger_came(&self) {
        let telling = self.strangers.came(self.peer, self.bounds.quiet);
        self.tell(&telling);
        if let Telling::In(left) = telling {
            // It may end before: then the rest is told there.
            let hall = Arc::downgrade(&self.hall);
            tokio::spawn(async move {
                tokio::time::sleep(left).await;
                if let Some(hall) = hall.upgrade() {
                    hall.tell(&hall.strangers.rest());
                }
            });
        }
    }
}

async fn nowhere() -> Response {
    let words = "VirusTotal's APIs are at /vtapi/v2/ and /api/v3/.\n";
    (StatusCode::NOT_FOUND, words).into_response()
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
    if hall.callers.key_is_refused() {
        reasons.push_str("the key is refused by VirusTotal\n");
    }
    match reasons.is_empty() {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons).into_response(),
    }
}

async fn metrics(State(hall): State<Arc<Hall>>, headers: HeaderMap) -> Response {
    if !hall.open_metrics && !v3::shows_token(&hall, &headers) {
        let words = "The metrics need a token, sent as Bearer or as x-apikey; or start the gateway with --open-metrics.\n";
        return (StatusCode::UNAUTHORIZED, words).into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], hall.metrics.text()).into_response()
}

/// What holds for every answer: nobody in between keeps it, no browser takes it for a page or comes without TLS where there is any, and a
/// defect is answered too.
async fn guarded(State(hall): State<Arc<Hall>>, request: Request, next: Next) -> Response {
    let answered = entrance::caught(next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let is_json = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json {
        let name = HeaderValue::from_static("attachment; filename=\"answer.json\"");
        headers.insert(CONTENT_DISPOSITION, name);
    }
    if hall.is_secure {
        let a_year = HeaderValue::from_static("max-age=31536000");
        headers.insert(STRICT_TRANSPORT_SECURITY, a_year);
    }
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
