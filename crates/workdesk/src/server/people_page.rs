//! Who works here: for admins.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::Desk;
use super::account_page::HINT;
use super::auth::LoggedIn;
use super::layout::{page, visible};
use crate::{Error, Member, Role};

pub(super) async fn show(State(desk): State<Desk>, person: LoggedIn) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    let members = desk.store().members().await?;
    let shown = page(
        "People",
        Some(&admin),
        &html! {
            h1 { "People" }
            div.wide {
                table {
                    thead { tr { th { "Name" } th { "Role" } th { "Password" } th { "Sessions and tokens" } th { "" } } }
                    tbody { @for member in &members { (row(member)) } }
                }
            }
            details.card {
                summary { "Add somebody" }
                form method="post" action="/people" {
                    label { "Name" input name="name" required autocomplete="off"; }
                    label {
                        "Role"
                        select name="role" {
                            @for role in Role::ALL { option value=(role.name()) { (role.name()) } }
                        }
                        small { "viewer: looks at cases. analyst: makes cases and runs actions. admin: sees the audit log and adds people, too." }
                    }
                    label {
                        "Password"
                        input type="password" name="password" required autocomplete="new-password";
                        small { (HINT) }
                    }
                    button { "Add" }
                }
            }
        },
    );
    Ok(shown.into_response())
}

fn row(
    Member {
        person,
        has_password,
        sessions,
        tokens,
    }: &Member,
) -> Markup {
    let name = visible(&person.name);
    let to = |what: &str| format!("/people/{}/{what}", person.id);
    html! {
        tr {
            td { bdi { (name) } }
            td {
                form.quiet method="post" action=(to("role")) {
                    select name="role" aria-label=(format!("Role of {name}")) {
                        @for role in Role::ALL { option value=(role.name()) selected[role == person.role] { (role.name()) } }
                    }
                    button { "Change" }
                }
            }
            td {
                @if *has_password {
                    details {
                        summary { "New password" }
                        form method="post" action=(to("password")) {
                            label {
                                "Password for " bdi { (name) }
                                input type="password" name="password" required autocomplete="new-password";
                                small { (HINT) " Their sessions end, and their tokens are removed." }
                            }
                            button { "Set it" }
                        }
                    }
                } @else { span.dim { "single sign-on" } }
            }
            td {
                @if *sessions == 0 && *tokens == 0 { span.dim { "none" } }
                @else {
                    details {
                        summary { (counted(*sessions, "session")) ", " (counted(*tokens, "token")) }
                        @if *sessions > 0 {
                            form.quiet method="post" action=(to("sessions/end")) {
                                button aria-label=(format!("End the sessions of {name}")) { "End the sessions" }
                            }
                        }
                        @if *tokens > 0 {
                            form.quiet method="post" action=(to("tokens/remove")) {
                                button aria-label=(format!("Remove the tokens of {name}")) { "Remove the tokens" }
                            }
                        }
                    }
                }
            }
            td {
                form.quiet method="post" action=(to("remove")) {
                    button aria-label=(format!("Remove {name}")) { "Remove" }
                }
            }
        }
    }
}

fn counted(number: i64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[derive(Deserialize)]
pub(super) struct NewPerson {
    name: String,
    role: Role,
    password: SecretString,
}

pub(super) async fn add(
    State(desk): State<Desk>,
    person: LoggedIn,
    Form(new): Form<NewPerson>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store()
        .add_person(&new.name, new.role, new.password, &admin.name)
        .await?;
    Ok(Redirect::to("/people").into_response())
}

#[derive(Deserialize)]
pub(super) struct NewRole {
    role: Role,
}

pub(super) async fn set_role(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
    Form(new): Form<NewRole>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store().set_role(id, new.role, &admin.name).await?;
    Ok(Redirect::to("/people").into_response())
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    password: SecretString,
}

pub(super) async fn reset_password(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
    Form(new): Form<NewPassword>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store().reset_password(id, new.password, &admin.name).await?;
    Ok(Redirect::to("/people").into_response())
}

pub(super) async fn end_sessions(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store().end_sessions(id, &admin.name).await?;
    Ok(Redirect::to("/people").into_response())
}

pub(super) async fn remove_tokens(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store().remove_tokens(id, &admin.name).await?;
    Ok(Redirect::to("/people").into_response())
}

pub(super) async fn remove(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store().remove_person(id, &admin.name).await?;
    Ok(Redirect::to("/people").into_response())
}
