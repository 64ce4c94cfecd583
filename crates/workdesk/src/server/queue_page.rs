//! The queue: cases, most recently changed first, and the form of a new one.

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, visible};
use crate::{Case, CaseFilter, Error, NewAlert, NewCase, Priority, Role, indicators};

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
                            td { a href=(format!("/cases/{}", case.id)) { "#" (case.id) } }
                            td { bdi { (visible(&case.title)) } @if !case.is_open { " " span.mark.dim { "closed" } } }
                            td { span class=(format!("mark {}", level(case.priority))) { (case.priority.name()) } }
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

fn level(priority: Priority) -> &'static str {
    match priority {
        Priority::Critical | Priority::High => "bad",
        Priority::Medium => "live",
        Priority::Low | Priority::Informative => "dim",
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
    let alert = NewAlert {
        name: "Pasted text".to_owned(),
        product: "workdesk".to_owned(),
        entities: indicators(&pasted.text),
        ..NewAlert::default()
    };
    let new = NewCase {
        title: pasted.title,
        description: pasted.text,
        environment: pasted.environment,
        priority: pasted.priority,
        alerts: vec![alert],
    };
    let made = desk.store().create_case(new, &person.name).await;
    let case = made?;
    Ok(Redirect::to(&format!("/cases/{}", case.id)).into_response())
}
