//! Logging in with a provider of identities (OpenID Connect): the authorization code flow, with PKCE.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{DOCTYPE, html};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthorizationCode, ClaimsVerificationError, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Desk;
use super::auth;
use super::layout;
use super::refusals::refused;
use crate::store::new_token;
use crate::{Error, Role};

/// Where the provider sends people back to.
const CALLBACK: &str = "/oidc/callback";
/// Ties an attempt to the browser that began it.
const COOKIE_NAME: &str = "vtsecops_oidc";
/// How long somebody may take at the provider's.
const PATIENCE: Duration = Duration::from_secs(600);
/// Attempts that are remembered.
const MOST: usize = 1000;
/// How long it is believed what the provider says of itself; a key that it has withdrawn lives on for as long.
const KEPT: Duration = Duration::from_secs(300);
/// For one question to the provider.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer of the provider, in bytes.
const LARGEST: usize = 1024 * 1024;

/// Which provider, and what it says about roles.
#[derive(Clone)]
pub struct SingleSignOn {
    /// The provider's address: https, or http on a loopback address.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our password there.
    pub client_secret: SecretString,
    /// How browsers reach the workdesk: `https://desk.example`.
    pub origin: String,
    /// The claim that lists somebody's groups.
    pub role_claim: String,
    /// Which group has which role; the highest counts.
    pub groups: Vec<(String, Role)>,
}

impl fmt::Debug for SingleSignOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleSignOn")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl SingleSignOn {
    /// Whether it can be used.
    ///
    /// # Errors
    /// For people.
    pub fn check(&self) -> Result<(), String> {
        let issuer = reqwest::Url::parse(&self.issuer);
        let issuer = issuer.map_err(|error| format!("the issuer is no address: {error}"))?;
        let is_loopback = matches!(issuer.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        match issuer.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            _ => return Err("the issuer must be an https address".to_owned()),
        }
        if self.groups.is_empty() {
            return Err("no group has a role: nobody could log in".to_owned());
        }
        Ok(())
    }
}

/// Attempts to log in that are at the provider's.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<String, Attempt>>);

struct Attempt {
    browser: String,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    begun: Instant,
}

impl Attempts {
    fn add(&self, state: String, attempt: Attempt) {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|_, own| own.begun.elapsed() < PATIENCE);
        if attempts.len() >= MOST {
            // Somebody only begins. The oldest has had its time.
            let oldest = attempts.iter().min_by_key(|(_, own)| own.begun);
            if let Some(oldest) = oldest.map(|(state, _)| state.clone()) {
                attempts.remove(&oldest);
            }
        }
        attempts.insert(state, attempt);
    }

    /// Each is for once.
    fn take(&self, state: &str, browser: Option<&str>) -> Option<Attempt> {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.remove(state)?;
        let is_own = browser == Some(attempt.browser.as_str());
        (is_own && attempt.begun.elapsed() < PATIENCE).then_some(attempt)
    }
}

/// What the provider can do and which keys it signs with, as it has last said.
#[derive(Default)]
pub(super) struct Known(Mutex<Option<(Instant, CoreProviderMetadata)>>);

impl Known {
    fn keep(&self, now: Instant, known: CoreProviderMetadata) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, known));
    }

    /// Nothing once it is too old.
    fn at(&self, now: Instant) -> Option<CoreProviderMetadata> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = known
            .as_ref()
            .filter(|(asked, _)| now.saturating_duration_since(*asked) < KEPT);
        recent.map(|(_, known)| known.clone())
    }
}

/// All that the provider says of somebody beyond the standard's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Claims {}

type Tokens = StandardTokenResponse<
    IdTokenFields<
        Claims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type Provider = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Somebody, as the provider vouches for them.
struct Vouched {
    subject: String,
    name: String,
    role: Role,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreachable(String);

/// Asks the provider. What it answers is bounded in size and time; it is not followed elsewhere.
async fn ask(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
    let failed = |error: reqwest::Error| Unreachable(error.without_url().to_string());
    let (head, body) = request.into_parts();
    let mut outgoing = client.request(head.method, head.uri.to_string());
    for (name, value) in &head.headers {
        outgoing = outgoing.header(name, value);
    }
    let mut answer = outgoing.body(body).send().await.map_err(failed)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            return Err(Unreachable("the answer is too large".to_owned()));
        }
    }
    let mut response = HttpResponse::new(bytes);
    *response.status_mut() = answer.status();
    response.headers_mut().clone_from(answer.headers());
    Ok(response)
}

/// Asks with the system's authorities.
fn http() -> Result<reqwest::Client, String> {
    // One provider of cryptography for the whole process; a second client finds it installed, which is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let built = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build();
    built.map_err(|error| error.to_string())
}

/// Asks what the provider can do and which keys it signs with, and keeps it. A failure is not kept.
async fn discovered(
    desk: &Desk,
    settings: &SingleSignOn,
    http: &reqwest::Client,
) -> Result<CoreProviderMetadata, String> {
    let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|error| error.to_string())?;
    let http = http.clone();
    let asking = move |request| ask(http.clone(), request);
    let known = CoreProviderMetadata::discover_async(issuer, &asking).await;
    let known = known.map_err(|error| format!("the provider can't be asked: {error}"))?;
    desk.shared.known.keep(Instant::now(), known.clone());
    Ok(known)
}

/// The provider as it is known; asked where nothing recent is.
async fn provider(
    desk: &Desk,
    settings: &SingleSignOn,
    http: &reqwest::Client,
) -> Result<(Provider, Vec<CoreJwsSigningAlgorithm>), String> {
    match desk.shared.known.at(Instant::now()) {
        Some(known) => provider_of(settings, known),
        None => provider_of(settings, discovered(desk, settings, http).await?),
    }
}

fn provider_of(
    settings: &SingleSignOn,
    known: CoreProviderMetadata,
) -> Result<(Provider, Vec<CoreJwsSigningAlgorithm>), String> {
    // A shared secret is no proof of who has signed.
    let algorithms = known
        .id_token_signing_alg_values_supported()
        .iter()
        .filter(|own| {
            !matches!(
                own,
                CoreJwsSigningAlgorithm::None
                    | CoreJwsSigningAlgorithm::HmacSha256
                    | CoreJwsSigningAlgorithm::HmacSha384
                    | CoreJwsSigningAlgorithm::HmacSha512
            )
        });
    let algorithms = algorithms.cloned().collect();
    let callback = RedirectUrl::new(format!("{}{CALLBACK}", settings.origin));
    let callback = callback.map_err(|error| error.to_string())?;
    let secret = ClientSecret::new(settings.client_secret.expose_secret().to_owned());
    let id = ClientId::new(settings.client_id.clone());
    let client = Client::from_provider_metadata(known, id, Some(secret)).set_redirect_uri(callback);
    Ok((client, algorithms))
}

/// Sends somebody to the provider.
pub(super) async fn begin(State(desk): State<Desk>) -> Response {
    let Some(settings) = &desk.shared.single_sign_on else {
        return layout::problem(StatusCode::NOT_FOUND, "There is no single sign-on here.");
    };
    let found = match http() {
        Ok(http) => provider(&desk, settings, &http).await,
        Err(error) => Err(error),
    };
    let client = match found {
        Ok((client, _)) => client,
        Err(error) => return failed(&error),
    };
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (address, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("profile".to_owned()))
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let browser = new_token();
    // It comes back from another site, so it can't be for this one only.
    let secure = if desk.shared.is_secure { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE_NAME}={browser}; HttpOnly; SameSite=Lax; Path={CALLBACK}; Max-Age={}{secure}",
        PATIENCE.as_secs()
    );
    let attempt = Attempt {
        browser,
        nonce,
        verifier,
        begun: Instant::now(),
    };
    desk.shared.attempts.add(state.secret().clone(), attempt);
    ([(SET_COOKIE, cookie)], Redirect::to(address.as_str())).into_response()
}

/// What the provider sends along.
#[derive(Deserialize)]
pub(super) struct Returned {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Takes somebody in who comes back from the provider.
pub(super) async fn callback(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Result<Response, Error> {
    let Some(settings) = &desk.shared.single_sign_on else {
        return Ok(layout::problem(
            StatusCode::NOT_FOUND,
            "There is no single sign-on here.",
        ));
    };
    let browser = auth::cookie_named(&headers, COOKIE_NAME);
    let state = returned.state.unwrap_or_default();
    let Some(attempt) = desk.shared.attempts.take(&state, browser.as_deref()) else {
        let words =
            "This log-in was not begun in this browser, was used already, or took too long. Begin again.";
        return Ok(layout::problem(StatusCode::BAD_REQUEST, words));
    };
    if let Some(error) = returned.error {
        return Ok(failed(&format!(
            "the provider says {:?}",
            layout::visible(&error)
        )));
    }
    let vouched = match vouched(&desk, settings, attempt, returned.code.unwrap_or_default()).await {
        Ok(vouched) => vouched,
        Err(error) => return Ok(not_let_in(&desk, "", &error).await),
    };
    let entered = desk
        .store()
        .enter_by_subject(&vouched.subject, &vouched.name, vouched.role)
        .await;
    let person = match entered {
        Ok(person) => person,
        Err(error @ (Error::Conflict(_) | Error::Invalid(_))) => {
            return Ok(not_let_in(&desk, &vouched.name, &error.to_string()).await);
        }
        Err(error) => return Err(error),
    };
    desk.shared.metrics.logged_in(true);
    let token = desk.store().begin_session(&person).await?;
    // The cookie is for our own pages only, and a redirect would still count as the provider's.
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; meta http-equiv="refresh" content="0;url=/"; title { "Logged in" } }
            body { main { p { "You are logged in. " a href="/" { "To the cases" } } } }
        }
    };
    Ok(([(SET_COOKIE, auth::session_cookie(&desk, &token))], page).into_response())
}

/// Somebody has come back from the provider, perhaps with that name, and is not let in.
async fn not_let_in(desk: &Desk, name: &str, why: &str) -> Response {
    desk.shared.metrics.logged_in(false);
    refused(desk, "single sign-on", name, why).await;
    failed(why)
}

fn failed(words: &str) -> Response {
    tracing::warn!(reason = words, "a single sign-on failed");
    let words = format!("You could not be logged in: {words}.");
    layout::problem(StatusCode::FORBIDDEN, &words)
}

/// Exchanges the code, and believes what is signed for us, now, for this attempt.
async fn vouched(
    desk: &Desk,
    settings: &SingleSignOn,
    attempt: Attempt,
    code: String,
) -> Result<Vouched, String> {
    let http = http()?;
    let (client, algorithms) = provider(desk, settings, &http).await?;
    let asking = |request| ask(http.clone(), request);
    let exchanged = client
        .exchange_code(AuthorizationCode::new(code))
        .map_err(|error| error.to_string())?
        .set_pkce_verifier(attempt.verifier)
        .request_async(&asking)
        .await;
    // What the provider says about a code is for its log.
    let tokens = exchanged.map_err(|_| "the provider does not accept the code".to_owned())?;
    let token = tokens.extra_fields().id_token();
    let token = token.ok_or("the provider has sent no ID token")?;
    let verifier = client.id_token_verifier().set_allowed_algs(algorithms);
    let mut claims = token.claims(&verifier, &attempt.nonce);
    if let Err(ClaimsVerificationError::SignatureVerification(_)) = claims {
        // The provider may sign with a key that is newer than what is kept.
        let (client, algorithms) = provider_of(settings, discovered(desk, settings, &http).await?)?;
        let verifier = client.id_token_verifier().set_allowed_algs(algorithms);
        claims = token.claims(&verifier, &attempt.nonce);
    }
    let claims = claims.map_err(|error| format!("the ID token can't be believed: {error}"))?;
    let subject = format!("{} {}", claims.issuer().as_str(), claims.subject().as_str());
    let name = claims.preferred_username().map(|name| name.as_str().to_owned());
    let name = name.or_else(|| claims.email().map(|mail| mail.as_str().to_owned()));
    let groups = claims.additional_claims().all.get(&settings.role_claim);
    let groups: Vec<&str> = match groups {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(group)) => vec![group.as_str()],
        _ => Vec::new(),
    };
    let roles = settings
        .groups
        .iter()
        .filter(|(group, _)| groups.contains(&group.as_str()));
    let role = roles.map(|(_, role)| *role).max();
    Ok(Vouched {
        subject,
        name: name.unwrap_or_else(|| claims.subject().as_str().to_owned()),
        role: role.ok_or("none of your groups has a role here; ask an admin")?,
    })
}
