//! The web pages: what an analyst sees and does. Everything is made here and sent whole; nothing is asked of the internet.

mod account_page;
mod api;
mod auth;
mod border;
mod case_page;
mod entity_page;
mod events;
mod export_page;
mod instances_page;
mod layout;
mod log_page;
mod metrics;
mod pending_page;
mod people_page;
mod playbooks_page;
mod problem;
mod queue_page;
mod quota_page;
mod refusals;
mod run_page;
mod sdk;
mod single_sign_on;
mod throttle;
mod tokens_page;
mod verdict_picture;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use entrance::Places;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::store::new_token;
use crate::{Engine, Error, Person, Store, sentence};
pub(crate) use api::EntityForm;
pub use border::{Bounds, Names};
use metrics::Metrics;
use refusals::Refusals;
pub use single_sign_on::SingleSignOn;
use single_sign_on::{Attempts, Known};
use throttle::Throttle;

/// Largest file that a case is made of, in bytes.
const LARGEST_FILE: usize = 32 * 1024 * 1024;
/// Largest form of somebody whom nobody knows yet, in bytes: a name and a password.
const LARGEST_OF_STRANGERS: usize = 16 * 1024;
/// No markup that somebody smuggles in can load, run or send anything.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// How it is served.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    /// Browsers come over TLS, which ends here or at a proxy: cookies and forms are for that only.
    pub is_secure: bool,
    /// Anybody may see the metrics.
    pub open_metrics: bool,
    /// A provider of identities, where there is one.
    pub single_sign_on: Option<SingleSignOn>,
    /// By which names it may be called; by any where there is none.
    pub names: Option<Names>,
    /// What it takes of anybody.
    pub bounds: Bounds,
}

/// The server, before it serves.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    engine: Engine,
    /// The one-time link, until it has been used.
    setup: Mutex<Option<String>>,
    /// One-time links that log somebody in: whom, and where they lead.
    invitations: Mutex<HashMap<String, (Person, String)>>,
    throttle: Throttle,
    refusals: Refusals,
    metrics: Metrics,
    /// Whether anybody may see them.
    open_metrics: bool,
    /// Whether browsers come over TLS.
    is_secure: bool,
    single_sign_on: Option<SingleSignOn>,
    attempts: Attempts,
    /// What the provider of identities says of itself.
    known: Known,
    names: Option<Names>,
    bounds: Bounds,
    /// For large bodies, in mebibytes.
    room: Arc<Semaphore>,
    /// For pages and programs that wait for changes, by the person's name.
    listeners: Places<String>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    /// Where nobody can log in yet, a set-up link is made.
    ///
    /// # Errors
    /// The database's.
    pub async fn new(store: Store, engine: Engine, how: Serving) -> Result<Self, Error> {
        let setup = match store.has_people().await? {
            true => None,
            false => Some(new_token()),
        };
        let metrics = Metrics::new(engine.figures());
        let shared = Shared {
            store,
            engine,
            setup: Mutex::new(setup),
            invitations: Mutex::default(),
            throttle: Throttle::default(),
            refusals: Refusals::default(),
            metrics,
            open_metrics: how.open_metrics,
            is_secure: how.is_secure,
            single_sign_on: how.single_sign_on,
            attempts: Attempts::default(),
            known: Known::default(),
            names: how.names,
            room: border::room(&how.bounds),
            listeners: Places::new(how.bounds.listeners, how.bounds.listeners_of_one),
            bounds: how.bounds,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The path of the link that makes the first person, where there is none yet.
    #[must_use]
    pub fn setup_path(&self) -> Option<String> {
        let setup = self.shared.setup.lock().unwrap_or_else(PoisonError::into_inner);
        setup.as_ref().map(|token| format!("/setup/{token}"))
    }

    /// The path of a link that logs somebody in, once, and leads to that page.
    #[must_use]
    pub fn invite(&self, person: Person, to: &str) -> String {
        let token = new_token();
        let mut invitations = self
            .shared
            .invitations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        invitations.insert(token.clone(), (person, to.to_owned()));
        format!("/enter/{token}")
    }

    /// Serves until `stop` ends; then the steps under way break off, to be taken again another time.
    pub async fn serve<L: Listener<Addr = SocketAddr>>(
        self,
        listener: L,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        let router = self.router();
        let shared = self.shared;
        let stopping = {
            let shared = Arc::clone(&shared);
            async move {
                stop.await;
                shared.engine.halt();
            }
        };
        entrance::serve(listener, router, &shared.bounds.connections, stopping).await;
        shared.engine.join().await;
    }

    /// Serves what external actions ask, and nothing else, for as long as the process lasts: without TLS, so on a loopback
    /// address.
    pub async fn serve_sdk(self, listener: TcpListener) {
        let (router, bounds) = (self.plain(sdk::router()), self.shared.bounds.connections.clone());
        entrance::serve(listener, router, &bounds, std::future::pending()).await;
    }

    /// Serves what tells of a process that shows no pages, for as long as it lasts.
    pub async fn serve_operations<L: Listener<Addr = SocketAddr>>(self, listener: L) {
        let (router, bounds) = (self.plain(operations()), self.shared.bounds.connections.clone());
        entrance::serve(listener, router, &bounds, std::future::pending()).await;
    }

    /// A part that is served alone.
    fn plain(&self, part: Router<Desk>) -> Router {
        part.layer(middleware::from_fn_with_state(self.clone(), border::attended))
            .layer(middleware::from_fn_with_state(self.clone(), border::by_name))
            .layer(middleware::from_fn(guarded))
            .layer(middleware::from_fn_with_state(self.clone(), secure))
            .with_state(self.clone())
    }

    /// Ends the steps that are under way, in order.
    pub async fn stop(self) {
        self.shared.engine.halt();
        self.shared.engine.join().await;
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/", get(queue_page::show))
            .route("/cases", post(queue_page::create))
            .route(
                "/cases/import",
                post(queue_page::import).layer(DefaultBodyLimit::max(LARGEST_FILE)),
            )
            .route("/cases/{id}", get(case_page::show))
            .route("/cases/{id}/runs", post(case_page::run))
            .route("/cases/{id}/comments", post(case_page::comment))
            .route("/cases/{id}/open", post(case_page::set_open))
            .route("/cases/{id}/change", post(case_page::change))
            .route("/cases/{id}/events", get(events::of_case))
            .route("/cases/{id}/export/{format}", get(export_page::file))
            .route("/runs/{id}", get(run_page::show))
            .route("/runs/{id}/json", get(run_page::json))
            .route("/runs/{id}/cancel", post(case_page::cancel))
            .route("/entities/{id}", get(entity_page::show))
            .route("/entities/{id}/reports/{action}", get(entity_page::report))
            .route("/audit", get(log_page::show))
            .route("/people", get(people_page::show).post(people_page::add))
            .route("/people/{id}/role", post(people_page::set_role))
            .route("/people/{id}/password", post(people_page::reset_password))
            .route("/people/{id}/sessions/end", post(people_page::end_sessions))
            .route("/people/{id}/tokens/remove", post(people_page::remove_tokens))
            .route("/people/{id}/remove", post(people_page::remove))
            .route("/account", get(account_page::show).post(account_page::change))
            .route("/account/sessions/end", post(account_page::end_session))
            .route("/instances", get(instances_page::show).post(instances_page::save))
            .route("/instances/remove", post(instances_page::remove))
            .route("/instances/ping", post(instances_page::try_out))
            .route(
                "/playbooks",
                get(playbooks_page::list).post(playbooks_page::create),
            )
            .route("/playbooks/new", get(playbooks_page::blank))
            .route(
                "/playbooks/{id}",
                get(playbooks_page::show).post(playbooks_page::save),
            )
            .route("/playbooks/{id}/turn", post(playbooks_page::turn))
            .route("/playbooks/{id}/remove", post(playbooks_page::remove))
            .route("/cases/{id}/playbooks", post(playbooks_page::start))
            .route("/playbook-runs/{id}/cancel", post(playbooks_page::cancel))
            .route("/pending", get(pending_page::show))
            .route("/pending/{id}", post(pending_page::decide))
            .route("/quota", get(quota_page::show))
            .route("/tokens", get(tokens_page::show).post(tokens_page::add))
            .route("/tokens/{id}/remove", post(tokens_page::remove))
            .route("/oidc/begin", get(single_sign_on::begin))
            .route("/oidc/callback", get(single_sign_on::callback))
            .route("/enter/{token}", get(auth::enter))
            .route("/logout", post(auth::logout))
            .route(
                "/assets/desk.css",
                get(|| asset("text/css; charset=utf-8", include_str!("server/assets/desk.css"))),
            )
            .route(
                "/assets/desk.js",
                get(|| {
                    asset(
                        "text/javascript; charset=utf-8",
                        include_str!("server/assets/desk.js"),
                    )
                }),
            )
            .merge(strangers())
            .merge(operations())
            .fallback(|| async { layout::problem(StatusCode::NOT_FOUND, "There is no such page.") })
            .layer(middleware::from_fn_with_state(self.clone(), auth::same_origin))
            // Programs show a key with each request; a page of another site has none.
            .merge(sdk::router())
            .merge(api::router())
            .layer(middleware::from_fn_with_state(self.clone(), border::attended))
            .layer(middleware::from_fn_with_state(self.clone(), border::by_name))
            .layer(middleware::from_fn(guarded))
            .layer(middleware::from_fn_with_state(self.clone(), secure))
            .layer(middleware::from_fn_with_state(self.clone(), metrics::measured))
            .with_state(self.clone())
    }

    fn store(&self) -> &Store {
        &self.shared.store
    }

    fn engine(&self) -> &Engine {
        &self.shared.engine
    }
}

/// What those send whom nobody knows yet.
fn strangers() -> Router<Desk> {
    Router::new()
        .route("/login", get(auth::login_form).post(auth::login))
        .route("/setup/{token}", get(auth::setup_form).post(auth::setup))
        .layer(DefaultBodyLimit::max(LARGEST_OF_STRANGERS))
}

/// What those ask who look after the process.
fn operations() -> Router<Desk> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(metrics::readiness))
        .route("/metrics", get(metrics::show))
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind)], text).into_response()
}

/// A browser that came over TLS does so from then on.
async fn secure(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if desk.shared.is_secure {
        let a_year = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, a_year);
    }
    response
}

/// What holds for every answer.
async fn guarded(request: Request, next: Next) -> Response {
    let is_asset = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // What programs get is nothing to look at, should a browser be led there. The document of the API is for people too.
    let is_for_programs = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    if is_for_programs && !headers.contains_key(CONTENT_DISPOSITION) {
        let name = HeaderValue::from_static("attachment; filename=\"answer.json\"");
        headers.insert(CONTENT_DISPOSITION, name);
    }
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    let caching = if is_asset { "no-cache" } else { "no-store" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}

impl Error {
    /// The status and the words for whoever asked; what only the operator can mend goes to the log.
    fn told(&self) -> (StatusCode, String) {
        let status = match self {
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::Invalid(_) | Self::WrongPassword => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Database(_) | Self::Migration(_) | Self::TooNew { .. } | Self::Damaged(_) => {
                tracing::error!(error = %self, "a request failed");
                let words =
                    "the database has trouble; nothing was changed. The log of the workdesk says more";
                return (StatusCode::INTERNAL_SERVER_ERROR, words.to_owned());
            }
        };
        (status, self.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, words) = self.told();
        layout::problem(status, &sentence(&words))
    }
}
