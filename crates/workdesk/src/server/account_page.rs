//! One's own account: the password, and where one is logged in.

use axum::Form;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::Desk;
use super::auth::{LoggedIn, gone_cookie, token, too_many};
use super::layout::{moment, page, visible};
use super::refusals::refused;
use crate::{Error, Person, Session, sentence};

/// Which part of the workdesk it is that refuses a password, in the audit log.
const HERE: &str = "the account page";
/// What a new password must be.
pub(super) const HINT: &str =
    "At least 12 characters, and not easy to guess: a few words that nobody says together are good.";

pub(super) async fn show(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    headers: HeaderMap,
) -> Result<Markup, Error> {
    shown(&desk, &person, &headers, &html! {}).await
}

async fn shown(desk: &Desk, person: &Person, headers: &HeaderMap, told: &Markup) -> Result<Markup, Error> {
    let own = token(headers, desk.shared.is_secure).unwrap_or_default();
    let sessions = desk.store().sessions(person, &own).await?;
    let has_password = desk.store().has_password(person).await?;
    Ok(page(
        "Your account",
        Some(person),
        &html! {
            div.account {
                h1 { "Your account" }
                p { bdi { (visible(&person.name)) } ", " (person.role.name()) }
                (told)
                @if has_password { (new_password()) }
                @else { p { "You log in with single sign-on, and have no password here." } }
                (where_logged_in(&sessions))
            }
        },
    ))
}

fn new_password() -> Markup {
    html! {
        form.card method="post" action="/account" {
            h2 { "A new password" }
            label { "Old password" input type="password" name="old" autocomplete="current-password" required; }
            label { "New password" input type="password" name="new" autocomplete="new-password" required; small { (HINT) " Other browsers of yours are logged out." } }
            label.tick { input type="checkbox" name="remove_tokens" value="true" checked; " Remove my tokens of the HTTP API, too" }
            button { "Change the password" }
        }
    }
}

fn where_logged_in(sessions: &[Session]) -> Markup {
    html! {
        section.card {
            h2 { "Where you are logged in" }
            p.dim { "A session ends after half an hour without a request, and after twelve hours. A case that is open in front counts as requests." }
            ul.cards {
                @for session in sessions {
                    li.card {
                        "Begun " (moment(session.created_at))
                        @if let Some(at) = session.used_at { ", last used " (moment(at)) }
                        @if session.is_own { " " span.mark.good { "this one" } }
                        " "
                        form.quiet method="post" action="/account/sessions/end" {
                            input type="hidden" name="session" value=(session.name);
                            button aria-label=(format!("End the session begun {}", session.created_at)) { "End" }
                        }
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Passwords {
    old: SecretString,
    new: SecretString,
    /// A box that is not ticked is not sent.
    #[serde(default)]
    remove_tokens: bool,
}

pub(super) async fn change(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    headers: HeaderMap,
    Form(given): Form<Passwords>,
) -> Result<Response, Error> {
    let told = async |status: StatusCode, told: Markup| {
        let page = shown(&desk, &person, &headers, &told).await?;
        Ok((status, page).into_response())
    };
    let problem = |words: &str| html! { p.problem role="alert" { (words) } };
    // Whoever sits at an open browser must not find the password by trying.
    let throttle = &desk.shared.throttle;
    if let Err(wait) = throttle.begin(&person.name) {
        refused(&desk, HERE, &person.name, "too many wrong passwords before").await;
        return told(StatusCode::TOO_MANY_REQUESTS, problem(&too_many(wait))).await;
    }
    let session = token(&headers, desk.shared.is_secure).unwrap_or_default();
    let changed = desk
        .store()
        .change_password(&person, given.old, given.new, &session, !given.remove_tokens)
        .await;
    match changed {
        Ok(()) => {
            throttle.forget(&person.name);
            let words = html! { p.card role="status" { span.mark.good { "changed" } " The new password holds from now on." } };
            told(StatusCode::OK, words).await
        }
        Err(error @ Error::WrongPassword) => {
            refused(&desk, HERE, &person.name, "the old password is wrong").await;
            let words = sentence(&error.to_string());
            told(StatusCode::UNPROCESSABLE_ENTITY, problem(&words)).await
        }
        // The old one was right, or nobody has looked at it.
        Err(error) => {
            throttle.take_back(&person.name);
            let status = match &error {
                Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Error::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
                _ => return Err(error),
            };
            told(status, problem(&sentence(&error.to_string()))).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Ending {
    session: String,
}

pub(super) async fn end_session(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    headers: HeaderMap,
    Form(ending): Form<Ending>,
) -> Result<Response, Error> {
    let own = token(&headers, desk.shared.is_secure).unwrap_or_default();
    let sessions = desk.store().sessions(&person, &own).await?;
    let is_own = sessions
        .iter()
        .any(|session| session.is_own && session.name == ending.session);
    desk.store().end_session(&person, &ending.session).await?;
    Ok(match is_own {
        true => ([(SET_COOKIE, gone_cookie(&desk))], Redirect::to("/login")).into_response(),
        false => Redirect::to("/account").into_response(),
    })
}
