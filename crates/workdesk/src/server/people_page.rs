//! Who works here: for admins.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use secrecy::SecretString;
use serde::Deserialize;

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{page, visible};
use crate::{Error, Role};

pub(super) async fn show(State(desk): State<Desk>, person: LoggedIn) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    let people = desk.store().people().await?;
    let shown = page(
        "People",
        Some(&admin),
        &html! {
            h1 { "People" }
            div.wide {
                table {
                    thead { tr { th { "Name" } th { "Role" } th { "Password" } th { "" } } }
                    tbody {
                        @for person in &people {
                            tr {
                                td { bdi { (visible(&person.name)) } }
                                td {
                                    form.quiet method="post" action=(format!("/people/{}/role", person.id)) {
                                        select name="role" aria-label=(format!("Role of {}", person.name)) {
                                            @for role in Role::ALL { option value=(role.name()) selected[role == person.role] { (role.name()) } }
                                        }
                                        button { "Change" }
                                    }
                                }
                                td {
                                    details {
                                        summary { "New password" }
                                        form method="post" action=(format!("/people/{}/password", person.id)) {
                                            label { "Password for " bdi { (visible(&person.name)) } input type="password" name="password" required autocomplete="new-password"; }
                                            button { "Set it" }
                                        }
                                    }
                                }
                                td {
                                    form.quiet method="post" action=(format!("/people/{}/remove", person.id)) {
                                        button aria-label=(format!("Remove {}", person.name)) { "Remove" }
                                    }
                                }
                            }
                        }
                    }
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
                        small { "At least 12 characters." }
                    }
                    button { "Add" }
                }
            }
        },
    );
    Ok(shown.into_response())
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

pub(super) async fn remove(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store().remove_person(id, &admin.name).await?;
    Ok(Redirect::to("/people").into_response())
}
