//! Metrics for Prometheus, and one line in the log for each request.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use entrance::Peer;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use tracing::Instrument;

use super::Desk;
use super::problem::Problem;
use crate::engine::Figures;
use crate::store::new_token;
use crate::text::visible;
use crate::{Bearer, Error, Person, Scope};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bounds of the durations, in seconds.
const SECONDS: [f64; 9] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// A request by what it was for: never by what stands in its address.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LogIn {
    outcome: &'static str,
}

/// Everything that is counted.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Asked, Counter>,
    durations: Histogram,
    log_ins: Family<LogIn, Counter>,
    runs: Family<InState, Gauge>,
    cases: Gauge,
    pending: Gauge,
    under_way: Gauge,
    late: Gauge<f64, AtomicU64>,
    listeners: Gauge,
}

impl Metrics {
    /// With what the engine counts.
    pub(super) fn new(of_engine: &Figures) -> Self {
        let mut registry = Registry::with_prefix("vtsecops_workdesk");
        let metrics = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            durations: Histogram::new(SECONDS),
            log_ins: Family::default(),
            runs: Family::default(),
            cases: Gauge::default(),
            pending: Gauge::default(),
            under_way: Gauge::default(),
            late: Gauge::default(),
            listeners: Gauge::default(),
        };
        registry.register("http_requests", "Requests, by route", metrics.requests.clone());
        registry.register(
            "http_seconds",
            "Time until an answer begins",
            metrics.durations.clone(),
        );
        registry.register("log_ins", "Attempts to log in", metrics.log_ins.clone());
        registry.register("runs", "Runs, by state", metrics.runs.clone());
        registry.register("open_cases", "Open cases", metrics.cases.clone());
        registry.register(
            "pending_actions",
            "What waits for a person",
            metrics.pending.clone(),
        );
        registry.register(
            "steps_under_way",
            "Steps that are being taken",
            metrics.under_way.clone(),
        );
        registry.register(
            "late_seconds",
            "For how long the run that is due longest has waited",
            metrics.late.clone(),
        );
        registry.register(
            "event_listeners",
            "Pages that wait for changes of their case",
            metrics.listeners.clone(),
        );
        registry.register(
            "ended_runs",
            "Runs that have ended, by action and state",
            of_engine.ended.clone(),
        );
        registry.register(
            "virustotal_calls",
            "Calls to VirusTotal, by endpoint",
            of_engine.calls.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            ..metrics
        }
    }
}

/// A page that waits for changes; counted until it is dropped.
pub(super) struct Listener(Gauge);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(super) fn listener(&self) -> Listener {
        self.listeners.inc();
        Listener(self.listeners.clone())
    }

    pub(super) fn logged_in(&self, is_right: bool) {
        let outcome = if is_right { "right" } else { "wrong" };
        self.log_ins.get_or_create(&LogIn { outcome }).inc();
    }
}

/// Who asked, for the log: told by whatever finds it out while the request is answered.
#[derive(Clone, Default)]
pub(super) struct Who(Arc<OnceLock<String>>);

impl Who {
    /// Of a request; of one that is not written down it is nobody's business.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    pub(super) fn is_person(&self, person: &Person) {
        self.tell(visible(&person.name));
    }

    /// The names, never the token itself.
    pub(super) fn is_bearer(&self, bearer: &Bearer) {
        let words = format!("{}, token {}", bearer.person.name, bearer.token_name);
        self.tell(visible(&words));
    }

    /// A program that the workdesk has started.
    pub(super) fn is_run(&self, run: i64) {
        self.tell(format!("run {run}"));
    }

    fn tell(&self, words: String) {
        // Who was found first stays: nobody asks as two.
        let _ = self.0.set(words);
    }

    fn name(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Counts a request and writes it down: its route and who asked, never its query, its body or its keys.
pub(super) async fn measured(State(desk): State<Desk>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "HEAD" => "HEAD",
        _ => "other",
    };
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let who = Who::default();
    request.extensions_mut().insert(who.clone());
    // The proxy's where there is one: what a header says of others anybody can write.
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.to_string());
    let span = tracing::info_span!(
        target: "workdesk::request",
        "request",
        otel.kind = "server",
        otel.name = format!("{method} {route}"),
        request_id = id.to_str().unwrap_or_default(),
        http.response.status_code = tracing::field::Empty,
        asked_by = tracing::field::Empty,
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    response.headers_mut().insert(REQUEST_ID, id.clone());
    let (took, status) = (begun.elapsed(), response.status().as_u16());
    span.record("http.response.status_code", status);
    span.record("asked_by", who.name());
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        target: "workdesk::request",
        request_id = id.to_str().unwrap_or_default(),
        method,
        route,
        status,
        milliseconds,
        asked_by = who.name(),
        peer,
    );
    let metrics = &desk.shared.metrics;
    metrics.durations.observe(took.as_secs_f64());
    metrics
        .requests
        .get_or_create(&Asked {
            method,
            route,
            status,
        })
        .inc();
    response
}

/// The caller's, if it is short and plain; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_plain = |value: &&HeaderValue| {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=64).contains(&value.len()) && value.as_bytes().iter().all(is_plain)
    };
    let given = headers.get(REQUEST_ID).filter(is_plain).cloned();
    given.unwrap_or_else(|| {
        let token = new_token();
        HeaderValue::from_str(token.get(..16).unwrap_or_default()).unwrap_or(HeaderValue::from_static("0"))
    })
}

/// For Prometheus: with a token of the scope read, unless the workdesk was started with open metrics.
pub(super) async fn show(
    State(desk): State<Desk>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    if !desk.shared.open_metrics {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|text| text.strip_prefix("Bearer "));
        let bearer = match token {
            Some(token) => desk.store().bearer(token.trim(), Scope::Read).await?,
            None => None,
        };
        let words = "the metrics need a token of the scope read, sent as Bearer; or start the workdesk with --open-metrics";
        let bearer = bearer.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, words))?;
        Who::of(&extensions).is_bearer(&bearer);
    }
    let counts = desk.store().counts().await?;
    let metrics = &desk.shared.metrics;
    // A state that nothing is in any more is not counted.
    metrics.runs.clear();
    for (state, count) in counts.runs {
        metrics.runs.get_or_create(&InState { state }).set(count);
    }
    metrics.cases.set(counts.open_cases);
    metrics.pending.set(counts.pending_actions);
    metrics.late.set(counts.late.as_secs_f64());
    metrics
        .under_way
        .set(i64::try_from(desk.engine().steps_under_way()).unwrap_or(i64::MAX));
    let mut text = String::new();
    {
        let registry = metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry).map_err(|error| Error::Damaged(error.to_string()))?;
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

/// What is wrong while the ledger's file can't be used.
pub(super) const LEDGER_IS_APART: &str = "the quota ledger's file can't be used: calls of other programs with the same key are not seen. \
     It is tried again every minute";

/// Whether it can do its work: the database answers, and it is not about to end.
pub(super) async fn readiness(State(desk): State<Desk>) -> Response {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
    let mut reasons = String::new();
    match tokio::time::timeout(PATIENCE, desk.store().has_people()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::error!(%error, "the database does not answer");
            let _ = writeln!(reasons, "the database has trouble");
        }
        Err(_) => {
            let _ = writeln!(reasons, "the database has not answered for two seconds");
        }
    }
    if desk.engine().is_halted() {
        let _ = writeln!(reasons, "it is about to end");
    }
    let is_apart = desk.engine().ledger().is_some_and(|ledger| ledger.is_apart());
    match reasons.is_empty() {
        // It serves; whoever looks is to know all the same.
        true if is_apart => format!("ready, but {LEDGER_IS_APART}\n").into_response(),
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons).into_response(),
    }
}
