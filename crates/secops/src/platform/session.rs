//! Calls to the platform: headers, time-outs, and another try where that does no harm.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reach::Obstacle;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, Proxy, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::address::{Addresses, Call};
use super::error::PlatformError;
use super::input;
use super::launch::{Agent, Environment, Launch};
use super::{Log, google};

/// For a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For a whole call; the platform's own SDK has no bound at all.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// What is left for a call when the run's time is over: results must still be written.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Pauses before another try.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(600),
    Duration::from_millis(1800),
];
/// Of an error's body so much is shown.
const SHOWN: usize = 200;

/// Whom to call, and how.
pub(super) struct Session {
    client: Client,
    addresses: Addresses,
    headers: HeaderMap,
    deadline: Option<Timestamp>,
    clock: fn() -> Timestamp,
    log: Log,
    met_halves: AtomicBool,
    /// The one that calls go through, where there is one; it may carry a password.
    proxy: Option<SecretString>,
}

/// Where a session calls.
pub(super) enum Target<'a> {
    /// The platform that started the action.
    Local,
    /// The platform behind a remote agent, with the key that it gave.
    Remote {
        base: &'a str,
        key: &'a secrecy::SecretString,
    },
}

impl Session {
    /// A session; nothing is sent to the platform yet.
    pub(super) async fn open(
        launch: &Launch,
        environment: &Environment,
        target: Target<'_>,
        deadline: Option<Timestamp>,
        clock: fn() -> Timestamp,
        log: Log,
    ) -> Result<Self, PlatformError> {
        let refused = |problem: String| PlatformError {
            purpose: "call the platform",
            problem,
            is_unreachable: true,
        };
        let one_platform_domain = environment.domain.as_ref().filter(|_| launch.one_platform);
        let (base, key) = match target {
            Target::Local => match one_platform_domain {
                Some(domain) => (format!("https://{domain}"), &launch.app_key),
                None => (environment.local_address.clone(), &launch.app_key),
            },
            Target::Remote { base, key } => (base.to_owned(), key),
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut key = HeaderValue::from_str(key.expose_secret())
            .map_err(|_| refused("the app key is no text for a header".to_owned()))?;
        key.set_sensitive(true);
        headers.insert(HeaderName::from_static("appkey"), key);
        let traces = [
            ("correlation_id", &launch.correlation_id),
            ("traceparent", &launch.trace_id),
            ("baggage", &launch.baggage),
        ];
        for (name, value) in traces {
            // A trace that is no header's text is not worth the run.
            if let Some(value) = value
                .as_deref()
                .and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok())
            {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        if let (Some(_), Some(account)) = (one_platform_domain, &environment.service_account) {
            let token = google::token(account).await.map_err(refused)?;
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|_| refused("the Google token is no text for a header".to_owned()))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let is_remote = matches!(target, Target::Remote { .. });
        let client = client(environment, is_remote, one_platform_domain.is_some()).map_err(refused)?;
        Ok(Self {
            client,
            addresses: Addresses::of(environment, &base, launch.one_platform),
            headers,
            deadline,
            clock,
            log,
            met_halves: AtomicBool::new(false),
            proxy: agent_behind(environment, is_remote).and_then(|agent| agent.proxy.clone()),
        })
    }

    /// Whether answers held halves of surrogate pairs, for which characters stand in.
    pub(super) fn met_halves(&self) -> bool {
        self.met_halves.load(Ordering::Relaxed)
    }

    /// A call that reads.
    pub(super) async fn get(&self, call: Call<'_>) -> Result<Value, PlatformError> {
        self.call(Method::GET, call, None).await
    }

    /// A call with a body. The answer is null where it is empty or no JSON.
    pub(super) async fn post(&self, call: Call<'_>, body: Vec<u8>) -> Result<Value, PlatformError> {
        self.call(Method::POST, call, Some(body)).await
    }

    async fn call(
        &self,
        method: Method,
        call: Call<'_>,
        body: Option<Vec<u8>>,
    ) -> Result<Value, PlatformError> {
        let mut pauses = PAUSES.iter();
        loop {
            let failure = match self.once(&method, call, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = pauses
                .next()
                .filter(|pause| failure.may_repeat(call) && self.left().is_none_or(|left| left > **pause));
            let Some(pause) = pause else {
                return Err(self.in_words(call, &failure));
            };
            self.log.warn(&format!(
                "Trying once more to {}: {}",
                call.purpose(),
                failure.problem
            ));
            tokio::time::sleep(*pause).await;
        }
    }

    async fn once(&self, method: &Method, call: Call<'_>, body: Option<Vec<u8>>) -> Result<Value, Failure> {
        let mut request = self
            .client
            .request(method.clone(), self.addresses.url(call))
            .headers(self.headers.clone())
            .timeout(self.timeout());
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| self.failure(&error))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| Failure {
            // The platform has done its part: only the answer is lost.
            kind: Kind::Unclear,
            ..self.failure(&error)
        })?;
        if status.is_client_error() || status.is_server_error() {
            return Err(Failure::of_status(status, &bytes));
        }
        match input::parse_for_return(&bytes) {
            Ok((answer, met_halves)) => {
                self.met_halves.fetch_or(met_halves, Ordering::Relaxed);
                Ok(answer)
            }
            Err(_) if method == Method::POST && call != Call::AlertFullDetails => Ok(Value::Null),
            Err(_) => Err(Failure {
                problem: format!("gave an answer that is no JSON: {}", shown(&bytes)),
                kind: Kind::Foreign,
            }),
        }
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        Failure::of(error, self.proxy.as_ref().map(ExposeSecret::expose_secret))
    }

    fn in_words(&self, call: Call<'_>, failure: &Failure) -> PlatformError {
        PlatformError {
            purpose: call.purpose(),
            problem: self.log.masked(&format!(
                "{} {}{}",
                self.addresses.base(),
                failure.problem,
                failure.kind.advice(call)
            )),
            is_unreachable: matches!(failure.kind, Kind::NotSent | Kind::Untrusted),
        }
    }

    fn left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(Duration::try_from(deadline.duration_since((self.clock)())).unwrap_or_default())
    }

    fn timeout(&self) -> Duration {
        self.left()
            .map_or(CALL_TIMEOUT, |left| left.clamp(SHORTEST_TIMEOUT, CALL_TIMEOUT))
    }
}

/// How one try ended in vain.
struct Failure {
    /// What happened, said of the platform: "answered 500 …".
    problem: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing has arrived.
    NotSent,
    /// It may have been done.
    Unclear,
    /// It was refused, and will be again.
    Refused,
    /// It was refused for now, and not done.
    Later,
    /// Nothing was sent, as this process can open no more files.
    NoHandles,
    /// Nothing was sent to whoever shows such a certificate.
    Untrusted,
    /// What answers is not the platform.
    Foreign,
}

impl Kind {
    /// What to do next, as the end of a sentence. What may have been done is not to be done again.
    fn advice(self, call: Call<'_>) -> &'static str {
        match self {
            Self::NotSent => ". Check the address and the network in between",
            Self::NoHandles => ". Let it open more (ulimit -n)",
            Self::Untrusted => ". Name its authority in REQUESTS_CA_BUNDLE",
            Self::Foreign => ". Check the address, and what stands in between",
            Self::Unclear | Self::Later if call.is_repeatable() => "; run the action again later",
            Self::Unclear | Self::Later | Self::Refused => "",
        }
    }
}

impl Failure {
    fn of(error: &reqwest::Error, proxy: Option<&str>) -> Self {
        let (problem, kind) = match Obstacle::of(error, proxy) {
            Obstacle::NoConnection(words) => (format!("can't be reached: {words}"), Kind::NotSent),
            Obstacle::Certificate(words) => (
                format!("has a TLS certificate that is not trusted ({words})"),
                Kind::Untrusted,
            ),
            Obstacle::NoHandles => (
                "can't be asked: no more files can be opened by this program".to_owned(),
                Kind::NoHandles,
            ),
            Obstacle::TimedOut => ("did not answer in time".to_owned(), Kind::Unclear),
            Obstacle::Broken(words) => (format!("broke off: {words}"), Kind::Unclear),
        };
        Self { problem, kind }
    }

    fn of_status(status: StatusCode, body: &[u8]) -> Self {
        let hint = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "; it did not accept the app key",
            _ => "",
        };
        let words = match body {
            [] => String::new(),
            body => format!(": {}", shown(body)),
        };
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Kind::Later,
            status if status.is_server_error() => Kind::Unclear,
            _ => Kind::Refused,
        };
        Self {
            problem: format!("answered {status}{hint}{words}"),
            kind,
        }
    }

    fn may_repeat(&self, call: Call<'_>) -> bool {
        match self.kind {
            Kind::NotSent | Kind::NoHandles | Kind::Later => true,
            Kind::Unclear | Kind::Foreign => call.is_repeatable(),
            Kind::Refused | Kind::Untrusted => false,
        }
    }
}

/// The beginning of a body, on one line.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN);
    plain.collect::<String>().trim().to_owned()
}

/// The agent that stands between, where it does.
fn agent_behind(environment: &Environment, is_remote: bool) -> Option<&Agent> {
    environment.agent.as_ref().filter(|_| is_remote)
}

/// Whether the certificate is verified: against the authorities of the environment, and wherever the platform is not this
/// machine or its own network's other side.
fn client(environment: &Environment, is_remote: bool, is_google: bool) -> Result<Client, String> {
    // One provider for the whole process; a second client finds it installed, which is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT);
    let agent = agent_behind(environment, is_remote);
    if let Some(proxy) = agent.and_then(|agent| agent.proxy.as_ref()) {
        let proxy =
            Proxy::all(proxy.expose_secret()).map_err(|_| "PROXY_ADDRESS is no address".to_owned())?;
        builder = builder.proxy(proxy);
    }
    let must_verify = is_google || agent.is_some_and(|agent| agent.verify_tls);
    builder = match &environment.ca_bundle {
        Some(path) => {
            let pem = std::fs::read(path);
            let authorities = pem
                .map_err(|error| error.to_string())
                .and_then(|pem| Certificate::from_pem_bundle(&pem).map_err(|_| "it is not PEM".to_owned()));
            let authorities = authorities.map_err(|problem| {
                format!("REQUESTS_CA_BUNDLE ({}) is not usable: {problem}", path.display())
            })?;
            builder.tls_certs_only(authorities)
        }
        None if must_verify => builder,
        None => builder.tls_danger_accept_invalid_certs(true),
    };
    builder
        .build()
        .map_err(|error| format!("the HTTP client can't be set up: {error}"))
}
