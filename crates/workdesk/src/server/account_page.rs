//! One's own account: the password.

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::Desk;
use super::auth::{LoggedIn, token};
use super::layout::{page, visible};
use crate::{Error, Person, sentence};

pub(super) async fn show(LoggedIn(person): LoggedIn) -> Markup {
    shown(&person, &html! {})
}

fn shown(person: &Person, told: &Markup) -> Markup {
    page(
        "Your account",
        Some(person),
        &html! {
            form.narrow method="post" action="/account" {
                h1 { "Your account" }
                p { bdi { (visible(&person.name)) } ", " (person.role.name()) }
                (told)
                label { "Old password" input type="password" name="old" autocomplete="current-password" required; }
                label { "New password" input type="password" name="new" autocomplete="new-password" required; small { "At least 12 characters. Other browsers of yours are logged out." } }
                button { "Change the password" }
            }
        },
    )
}

#[derive(Deserialize)]
pub(super) struct Passwords {
    old: SecretString,
    new: SecretString,
}

pub(super) async fn change(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    headers: HeaderMap,
    Form(given): Form<Passwords>,
) -> Result<Response, Error> {
    // Whoever sits at an open browser must not find the password by trying.
    if let Some(wait) = desk.shared.throttle.wait(&person.name) {
        let words = format!("Too many wrong passwords. Try again in {} s.", wait.as_secs() + 1);
        let told = html! { p.problem role="alert" { (words) } };
        return Ok((StatusCode::TOO_MANY_REQUESTS, shown(&person, &told)).into_response());
    }
    let session = token(&headers, desk.shared.is_secure).unwrap_or_default();
    match desk
        .store()
        .change_password(&person, given.old, given.new, &session)
        .await
    {
        Ok(()) => {
            desk.shared.throttle.forget(&person.name);
            let told = html! { p.card role="status" { span.mark.good { "changed" } " The new password holds from now on." } };
            Ok(shown(&person, &told).into_response())
        }
        Err(Error::Invalid(words)) => {
            // One that is too short is no guess.
            if words.contains("old password") {
                desk.shared.throttle.wrong(&person.name);
            }
            let told = html! { p.problem role="alert" { (sentence(&words)) } };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&person, &told)).into_response())
        }
        Err(error) => Err(error),
    }
}
