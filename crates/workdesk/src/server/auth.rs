//! Who may: set-up link, login, sessions, and that a form was sent from our own page.

use std::sync::PoisonError;
use std::time::Duration;

use axum::Form;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::Desk;
use super::account_page::HINT;
use super::layout::{self, page, visible};
use super::metrics::Who;
use super::refusals::refused;
use crate::{Error, Person, Role, sentence};

const COOKIE_NAME: &str = "vtsecops_session";
/// Over TLS: a browser takes it from this very host only.
const SECURE_COOKIE_NAME: &str = "__Host-vtsecops_session";
/// Which part of the workdesk it is that refuses a log-in, in the audit log.
const HERE: &str = "the log-in page";

/// Somebody who is logged in.
pub(super) struct LoggedIn(pub(super) Person);

impl FromRequestParts<Desk> for LoggedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Response> {
        let person = match token(&parts.headers, desk.shared.is_secure) {
            Some(token) => desk
                .store()
                .person_of(&token)
                .await
                .map_err(IntoResponse::into_response)?,
            None => None,
        };
        match person {
            Some(person) => {
                Who::of(&parts.extensions).is_person(&person);
                Ok(Self(person))
            }
            None if parts.method == Method::GET => Err(Redirect::to("/login").into_response()),
            None => Err(layout::problem(
                StatusCode::UNAUTHORIZED,
                "You are not logged in any more. Log in, and do it again.",
            )),
        }
    }
}

impl LoggedIn {
    /// Lets nobody of a lesser role go on.
    pub(super) fn at_least(self, role: Role) -> Result<Person, Error> {
        match self.0.role >= role {
            true => Ok(self.0),
            false => Err(Error::NotAllowed(format!(
                "this is for the role {}; yours is {}",
                role.name(),
                self.0.role.name()
            ))),
        }
    }
}

/// The session's token, from the cookie that fits how browsers come: over TLS no other host can have set it.
pub(super) fn token(headers: &HeaderMap, is_secure: bool) -> Option<String> {
    let wanted = if is_secure {
        SECURE_COOKIE_NAME
    } else {
        COOKIE_NAME
    };
    cookie_named(headers, wanted)
}

/// The value of a cookie.
pub(super) fn cookie_named(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let cookies = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == wanted).then(|| value.to_owned()))
}

/// A form of another site can't be sent here with somebody's cookie.
pub(super) async fn same_origin(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let is_secure = desk.shared.is_secure;
    if request.method() == Method::GET
        || request.method() == Method::HEAD
        || is_ours(request.headers(), is_secure)
    {
        return next.run(request).await;
    }
    layout::problem(
        StatusCode::FORBIDDEN,
        "The form was not sent from a page of this workdesk.",
    )
}

fn is_ours(headers: &HeaderMap, is_secure: bool) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some((scheme, host)) = text(ORIGIN).and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    // A page that came without TLS can be anybody's. Behind a proxy with TLS it is the proxy that came without.
    (!is_secure || scheme == "https") && text(HOST) == Some(host)
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: SecretString,
}

pub(super) async fn login_form(State(desk): State<Desk>) -> Result<Response, Error> {
    let somebody_can = desk.store().has_people().await? || desk.shared.single_sign_on.is_some();
    Ok(match somebody_can {
        false => layout::problem(
            StatusCode::NOT_FOUND,
            "Nobody can log in yet: open the set-up link that the workdesk printed when it started.",
        ),
        true => login_page(&desk, "", None).into_response(),
    })
}

pub(super) async fn login(
    State(desk): State<Desk>,
    Form(given): Form<Credentials>,
) -> Result<Response, Error> {
    let again = |status: StatusCode, words: &str| {
        let form = login_page(&desk, &given.name, Some(words));
        Ok((status, form).into_response())
    };
    let throttle = &desk.shared.throttle;
    if let Err(wait) = throttle.begin(&given.name) {
        refused(&desk, HERE, &given.name, "too many wrong passwords before").await;
        return again(StatusCode::TOO_MANY_REQUESTS, &too_many(wait));
    }
    match desk.store().log_in(&given.name, given.password).await {
        Ok(Some((_, token))) => {
            throttle.forget(&given.name);
            desk.shared.metrics.logged_in(true);
            Ok(entered(&desk, &token, "/"))
        }
        Ok(None) => {
            desk.shared.metrics.logged_in(false);
            refused(&desk, HERE, &given.name, "the name or the password is wrong").await;
            again(StatusCode::UNAUTHORIZED, "The name or the password is wrong.")
        }
        Err(error) => {
            throttle.take_back(&given.name);
            match error {
                Error::Busy(words) => again(StatusCode::SERVICE_UNAVAILABLE, &sentence(&words)),
                error => Err(error),
            }
        }
    }
}

/// Why a name has to wait.
pub(super) fn too_many(wait: Duration) -> String {
    format!("Too many wrong passwords. Try again in {} s.", wait.as_secs() + 1)
}

/// Follows a one-time link.
pub(super) async fn enter(State(desk): State<Desk>, Path(token): Path<String>) -> Result<Response, Error> {
    let invited = {
        let mut invitations = desk
            .shared
            .invitations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        invitations.remove(&token)
    };
    let Some((person, to)) = invited else {
        return Ok(layout::problem(
            StatusCode::NOT_FOUND,
            "The link has been used, or is not of this start of the workdesk.",
        ));
    };
    let token = desk.store().begin_session(&person).await?;
    Ok(entered(&desk, &token, &to))
}

pub(super) async fn logout(State(desk): State<Desk>, headers: HeaderMap) -> Result<Response, Error> {
    if let Some(token) = token(&headers, desk.shared.is_secure) {
        desk.store().log_out(&token).await?;
    }
    Ok(([(SET_COOKIE, gone_cookie(&desk))], Redirect::to("/login")).into_response())
}

/// Takes the session's cookie away from a browser.
pub(super) fn gone_cookie(desk: &Desk) -> String {
    cookie(desk, "", 0)
}

fn entered(desk: &Desk, token: &str, to: &str) -> Response {
    ([(SET_COOKIE, session_cookie(desk, token))], Redirect::to(to)).into_response()
}

pub(super) fn session_cookie(desk: &Desk, token: &str) -> String {
    const TWELVE_HOURS: u32 = 12 * 3600;
    cookie(desk, token, TWELVE_HOURS)
}

fn cookie(desk: &Desk, value: &str, seconds: u32) -> String {
    let (name, secure) = match desk.shared.is_secure {
        true => (SECURE_COOKIE_NAME, "; Secure"),
        false => (COOKIE_NAME, ""),
    };
    format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}")
}

pub(super) async fn setup_form(State(desk): State<Desk>, Path(token): Path<String>) -> Response {
    let path = format!("/setup/{token}");
    match desk.setup_path() == Some(path.clone()) {
        true => set_up_again(&path, "", None).into_response(),
        false => used_up(),
    }
}

pub(super) async fn setup(
    State(desk): State<Desk>,
    Path(token): Path<String>,
    Form(given): Form<Credentials>,
) -> Result<Response, Error> {
    let path = format!("/setup/{token}");
    if desk.setup_path() != Some(path.clone()) {
        return Ok(used_up());
    }
    let password = given.password.clone();
    let added = desk
        .store()
        .add_person(&given.name, Role::Admin, password, "the set-up link")
        .await;
    match added {
        Ok(_) => {}
        Err(Error::Invalid(words)) => {
            let words = sentence(&words);
            let form = set_up_again(&path, &given.name, Some(&words));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, form).into_response());
        }
        Err(error) => return Err(error),
    }
    *desk.shared.setup.lock().unwrap_or_else(PoisonError::into_inner) = None;
    match desk.store().log_in(&given.name, given.password).await? {
        Some((_, token)) => Ok(entered(&desk, &token, "/")),
        None => Ok(Redirect::to("/login").into_response()),
    }
}

fn used_up() -> Response {
    layout::problem(
        StatusCode::NOT_FOUND,
        "The set-up link has been used, or is not of this start of the workdesk.",
    )
}

fn login_page(desk: &Desk, name: &str, problem: Option<&str>) -> Markup {
    if desk.shared.single_sign_on.is_none() {
        return credentials("Log in", "/login", "Log in", "current-password", name, problem);
    }
    page(
        "Log in",
        None,
        &html! {
            div.narrow {
                h1 { "Log in" }
                // A form would not be let go to the provider.
                p { a.button href="/oidc/begin" { "Log in with single sign-on" } }
                details open[problem.is_some()] {
                    summary { "With a password" }
                    form method="post" action="/login" { (fields("Log in", "current-password", name, problem)) }
                }
            }
        },
    )
}

fn set_up_again(path: &str, name: &str, problem: Option<&str>) -> Markup {
    let (title, button) = ("Set up the workdesk", "Make the first admin");
    credentials(title, path, button, "new-password", name, problem)
}

fn credentials(
    title: &str,
    action: &str,
    button: &str,
    kind: &str,
    name: &str,
    problem: Option<&str>,
) -> Markup {
    page(
        title,
        None,
        &html! {
            form.narrow method="post" action=(action) {
                h1 { (title) }
                (fields(button, kind, name, problem))
            }
        },
    )
}

/// Name and password. The name that was given before stays: only the password is to be typed again.
fn fields(button: &str, kind: &str, name: &str, problem: Option<&str>) -> Markup {
    html! {
        @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
        label { "Name" input name="name" value=(visible(name)) autocomplete="username" required autofocus[name.is_empty()]; }
        label {
            "Password"
            input type="password" name="password" autocomplete=(kind) required autofocus[!name.is_empty()];
            @if kind == "new-password" { small { (HINT) } }
        }
        button { (button) }
    }
}
