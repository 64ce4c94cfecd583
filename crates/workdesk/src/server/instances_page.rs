//! Instances of integrations: for admins. Settings are written here and never shown.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use secops::Parameters;
use serde::Deserialize;

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, visible};
use crate::{DEFAULT_INSTANCE, Error, Instance, Person, Role, sentence};

/// What the settings of VirusTotal are called. Source: the contract.
const API_KEY: &str = "Api Key";
const VERIFY_SSL: &str = "Verify SSL";
const API_VERSION: &str = "Api Version";

pub(super) async fn show(State(desk): State<Desk>, person: LoggedIn) -> Result<Markup, Error> {
    let admin = person.at_least(Role::Admin)?;
    let instances = desk.store().instances().await?;
    Ok(shown(&admin, &instances, &html! {}))
}

fn shown(admin: &Person, instances: &[Instance], told: &Markup) -> Markup {
    let has_own_default = instances.iter().any(|own| own.name == DEFAULT_INSTANCE);
    page(
        "Instances",
        Some(admin),
        &html! {
            h1 { "Instances" }
            (told)
            div.wide {
                table {
                    thead { tr { th { "Name" } th { "Integration" } th { "Changed" } th { "" } } }
                    tbody {
                        @if !has_own_default {
                            tr {
                                td { (DEFAULT_INSTANCE) }
                                td { "VirusTotal" }
                                td { "The key and the settings of whoever started the workdesk" }
                                td { (ping(DEFAULT_INSTANCE)) }
                            }
                        }
                        @for own in instances {
                            tr {
                                td { bdi { (visible(&own.name)) } }
                                td { bdi { (visible(&own.integration)) } }
                                td { (moment(own.updated_at)) }
                                td {
                                    @if own.integration == "VirusTotal" { (ping(&own.name)) " " }
                                    form.quiet method="post" action="/instances/remove" {
                                        input type="hidden" name="name" value=(own.name);
                                        button aria-label=(format!("Remove {}", visible(&own.name))) { "Remove" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            details.card {
                summary { "Add an instance, or replace its settings" }
                form method="post" action="/instances" {
                    label { "Name" input name="name" required autocomplete="off"; small { "The name of one that is there replaces all its settings." } }
                    label { "Integration" input name="integration" value="VirusTotal" required autocomplete="off"; }
                    label { "API key" input type="password" name="key" autocomplete="off"; small { "Of VirusTotal. It is sealed, and not shown again." } }
                    label {
                        "Verify SSL"
                        select name="verify_ssl" { option value="true" { "true" } option value="false" { "false" } }
                    }
                    label {
                        "API version"
                        select name="version" {
                            option value="" { "as the workdesk's settings say" }
                            @for word in ["v2", "v3", "auto"] { option value=(word) { (word) } }
                        }
                    }
                    label {
                        "Other settings"
                        textarea name="others" rows="4" autocomplete="off" spellcheck="false" {}
                        small { "For other integrations: one setting a line, as Name = value." }
                    }
                    button { "Save" }
                }
            }
        },
    )
}

fn ping(name: &str) -> Markup {
    html! {
        form.quiet method="post" action="/instances/ping" {
            input type="hidden" name="name" value=(name);
            button aria-label=(format!("Ping {}", visible(name))) { "Ping" }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct NewInstance {
    name: String,
    integration: String,
    key: String,
    verify_ssl: String,
    version: String,
    others: String,
}

pub(super) async fn save(
    State(desk): State<Desk>,
    person: LoggedIn,
    Form(new): Form<NewInstance>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    let settings = settings(&new)?;
    let saved = desk
        .store()
        .save_instance(&new.name, &new.integration, &settings, &admin.name);
    saved.await?;
    Ok(Redirect::to("/instances").into_response())
}

fn settings(new: &NewInstance) -> Result<Parameters, Error> {
    let mut settings = Parameters::new();
    for (place, line) in new
        .others
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let (name, value) = line.split_once('=').ok_or_else(|| {
            Error::Invalid(format!(
                "line {} of the other settings is not Name = value",
                place + 1
            ))
        })?;
        settings = settings.with(name.trim(), value.trim());
    }
    if !new.key.trim().is_empty() {
        settings = settings
            .with(API_KEY, new.key.trim())
            .with(VERIFY_SSL, new.verify_ssl.as_str());
        if !new.version.is_empty() {
            settings = settings.with(API_VERSION, new.version.as_str());
        }
    }
    if settings == Parameters::new() {
        return Err(Error::Invalid(
            "the instance would have no settings: give the API key".to_owned(),
        ));
    }
    Ok(settings)
}

#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
}

pub(super) async fn remove(
    State(desk): State<Desk>,
    person: LoggedIn,
    Form(named): Form<Named>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store().remove_instance(&named.name, &admin.name).await?;
    Ok(Redirect::to("/instances").into_response())
}

pub(super) async fn try_out(
    State(desk): State<Desk>,
    person: LoggedIn,
    Form(named): Form<Named>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    let instances = desk.store().instances().await?;
    let (status, told) = match desk.engine().ping(&named.name).await {
        Ok(words) => (
            StatusCode::OK,
            html! { p.card role="status" { span.mark.good { "works" } " " bdi { (visible(&named.name)) } ": " (visible(&words)) } },
        ),
        Err(error) => (
            StatusCode::BAD_GATEWAY,
            html! { p.problem role="alert" { bdi { (visible(&named.name)) } ": " (visible(&sentence(&error.to_string()))) } },
        ),
    };
    Ok((status, shown(&admin, &instances, &told)).into_response())
}
