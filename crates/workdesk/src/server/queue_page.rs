//! The queue: cases, most recently changed first, and the form of a new one.

use axum::Form;
use axum::extract::{Multipart, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::auth::LoggedIn;
use super::border::Room;
use super::layout::{moment, page, priority, to_case, visible};
use super::{Desk, LARGEST_FILE};
use crate::{Case, CaseFilter, Error, Priority, Role, case_of_file, case_of_text};

/// What the form of the filter says; an empty field is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    text: String,
    state: String,
    after: Option<String>,
}

pub(super) async fn show(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, Error> {
    let filter = CaseFilter {
        text: Some(wanted.text.clone()).filter(|text| !text.trim().is_empty()),
        is_open: match wanted.state.as_str() {
            "all" => None,
            "closed" => Some(false),
            _ => Some(true),
        },
        after: wanted.after.clone(),
        ..CaseFilter::default()
    };
    let listed = desk.store().cases(&filter).await?;
    let states = [("open", "Open"), ("closed", "Closed"), ("all", "All")];
    Ok(page(
        "Cases",
        Some(&person),
        &html! {
            h1 { "Cases" }
            form.filter method="get" action="/" role="search" {
                label { "Find" input type="search" name="text" value=(wanted.text) placeholder="title, or start of an entity"; }
                label {
                    "State"
                    select name="state" {
                        @for (value, words) in states {
                            option value=(value) selected[wanted.state == value] { (words) }
                        }
                    }
                }
                button { "Show" }
            }
            @if listed.cases.is_empty() { p.empty { "No cases." } }
            @else { (table(&listed.cases)) }
            @if let Some(next) = &listed.next {
                form method="get" action="/" {
                    input type="hidden" name="text" value=(wanted.text);
                    input type="hidden" name="state" value=(wanted.state);
                    input type="hidden" name="after" value=(next);
                    button { "Older cases" }
                }
            }
            @if person.role >= Role::Analyst { (new_case()) }
        },
    ))
}

fn table(cases: &[Case]) -> Markup {
    html! {
        div.wide {
            table {
                thead { tr { th { "Case" } th { "Title" } th { "Priority" } th { "Entities" } th { "Environment" } th { "Changed" } } }
                tbody {
                    @for case in cases {
                        tr {
                            td.dim { "#" (case.id) }
                            td.main { a href=(format!("/cases/{}", case.id)) { bdi { (visible(&case.title)) } } @if !case.is_open { " " span.mark.dim { "closed" } } }
                            td { (priority(case.priority)) }
                            td {
                                (case.entities)
                                @if case.suspicious > 0 { " " span.mark.bad { (case.suspicious) " suspicious" } }
                            }
                            td { bdi { (visible(&case.environment)) } }
                            td { (moment(case.updated_at)) }
                        }
                    }
                }
            }
        }
    }
}

fn new_case() -> Markup {
    html! {
        details.card {
            summary { "New case" }
            form method="post" action="/cases" {
                label { "Title" input name="title" required maxlength="500"; }
                label {
                    "Text with indicators"
                    textarea name="text" rows="6" placeholder="Paste a mail, a report, a list. hxxp:// and [.] are understood." {}
                }
                label { "Environment" input name="environment" placeholder="Default Environment"; }
                label {
                    "Priority"
                    select name="priority" {
                        @for priority in Priority::ALL {
                            option value=(priority.name()) selected[priority == Priority::default()] { (priority.name()) }
                        }
                    }
                }
                button { "Make the case" }
            }
        }
        details.card {
            summary { "New case from a file" }
            form method="post" action="/cases/import" enctype="multipart/form-data" {
                label {
                    "File"
                    input type="file" name="file" required;
                    small { "A mail (.eml), a case as JSON, or any text. Attachments of a mail become entities by their hash; they are not kept." }
                }
                button { "Make the case" }
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Pasted {
    title: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    environment: String,
    #[serde(default)]
    priority: Priority,
}

pub(super) async fn create(
    State(desk): State<Desk>,
    person: LoggedIn,
    Form(pasted): Form<Pasted>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    let mut new = case_of_text(&pasted.title, pasted.text);
    new.environment = pasted.environment;
    new.priority = pasted.priority;
    let made = desk.store().create_case(new, &person.name).await;
    let case = made?;
    Ok(to_case(case.id))
}

pub(super) async fn import(
    State(desk): State<Desk>,
    person: LoggedIn,
    _room: Room<LARGEST_FILE>,
    mut form: Multipart,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    let unreadable = |error: axum::extract::multipart::MultipartError| {
        Error::Invalid(format!("the file can't be read: {}", error.body_text()))
    };
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        if field.name() != Some("file") {
            continue;
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(unreadable)?;
        let case = desk
            .store()
            .create_case(case_of_file(&name, &bytes)?, &person.name)
            .await?;
        return Ok(to_case(case.id));
    }
    Err(Error::Invalid("there is no file: choose one".to_owned()))
}
