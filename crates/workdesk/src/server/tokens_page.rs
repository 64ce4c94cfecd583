//! Tokens of the HTTP API: everybody's own.

use std::time::Duration;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, visible};
use crate::{ApiToken, Error, Person, Scope};

const A_DAY: Duration = Duration::from_secs(86_400);
/// Days that a token can last.
const DAYS: [u32; 4] = [7, 30, 90, 365];

pub(super) async fn show(State(desk): State<Desk>, LoggedIn(person): LoggedIn) -> Result<Markup, Error> {
    let tokens = desk.store().tokens(&person).await?;
    Ok(shown(&person, &tokens, None))
}

fn shown(person: &Person, tokens: &[ApiToken], new: Option<&str>) -> Markup {
    let scopes = Scope::ALL.into_iter().filter(|scope| scope.role() <= person.role);
    page(
        "Your tokens",
        Some(person),
        &html! {
            h1 { "Your tokens" }
            p { "For programs that use the " a href="/api/v1/openapi.json" { "HTTP API" } " or the platform's SDK in your name." }
            @if let Some(new) = new {
                div.card role="status" {
                    p { strong { "Copy the new token now: it is not shown again." } }
                    p { code.mono { (new) } }
                }
            }
            @if tokens.is_empty() { p.empty { "No tokens." } }
            @else {
                div.wide {
                    table {
                        thead { tr { th { "Name" } th { "Scopes" } th { "Ends" } th { "Last used" } th { "" } } }
                        tbody {
                            @for token in tokens {
                                tr {
                                    td { bdi { (visible(&token.name)) } }
                                    td { (words(&token.scopes)) }
                                    td { (moment(token.expires_at)) }
                                    td { @if let Some(at) = token.used_at { (moment(at)) } @else { "never" } }
                                    td {
                                        form.quiet method="post" action=(format!("/tokens/{}/remove", token.id)) {
                                            button aria-label=(format!("Remove {}", visible(&token.name))) { "Remove" }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            details.card open[tokens.is_empty()] {
                summary { "Make a token" }
                form method="post" action="/tokens" {
                    label { "Name" input name="name" required maxlength="64" autocomplete="off"; small { "What it is for." } }
                    fieldset {
                        legend { "Scopes" }
                        @for scope in scopes {
                            label.tick { input type="checkbox" name="scope" value=(scope.name()) checked[scope == Scope::Read]; " " (scope.name()) " – " (purpose(scope)) }
                        }
                    }
                    label {
                        "Lasts"
                        select name="days" { @for days in DAYS { option value=(days) selected[days == 30] { (days) " days" } } }
                    }
                    button { "Make" }
                }
            }
        },
    )
}

fn words(scopes: &[Scope]) -> String {
    let words: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    words.join(", ")
}

fn purpose(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "to look at cases",
        Scope::Act => "to make cases and run actions, too",
        Scope::Sdk => {
            "as the platform's key (AppKey) for programs that use its SDK; it reads instances' settings"
        }
    }
}

pub(super) async fn add(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    let (mut name, mut scopes, mut days) = (String::new(), Vec::new(), 30);
    for (field, value) in fields {
        match field.as_str() {
            "name" => name = value,
            "scope" => scopes.extend(Scope::named(&value)),
            "days" => {
                let known = DAYS.into_iter().find(|days| days.to_string() == value);
                days = known
                    .ok_or_else(|| Error::Invalid(format!("{value:?} is no number of days to choose")))?;
            }
            _ => {}
        }
    }
    let store = desk.store();
    let (_, token) = store.add_token(&person, &name, &scopes, A_DAY * days).await?;
    let tokens = store.tokens(&person).await?;
    Ok(shown(&person, &tokens, Some(&token)).into_response())
}

pub(super) async fn remove(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    desk.store().remove_token(&person, id).await?;
    Ok(Redirect::to("/tokens").into_response())
}
