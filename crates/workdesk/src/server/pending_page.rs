//! Pending actions: what playbooks ask people.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, to_case, visible};
use crate::{Error, PendingAction, Role};

/// Pending actions that a page shows.
const MOST: u32 = 200;

pub(super) async fn show(State(desk): State<Desk>, LoggedIn(person): LoggedIn) -> Result<Markup, Error> {
    let pending = desk.store().pending_actions(None, MOST).await?;
    let may_act = person.role >= Role::Analyst;
    Ok(page(
        "Pending actions",
        Some(&person),
        &html! {
            h1 { "Pending actions" }
            @if pending.is_empty() { p.empty { "Nothing waits for a person." } }
            @for waits in &pending {
                p { a href=(format!("/cases/{}", waits.case)) { "Case #" (waits.case) } }
                (card(waits, may_act))
            }
        },
    ))
}

/// What is asked, and the answers.
pub(super) fn card(waits: &PendingAction, may_act: bool) -> Markup {
    html! {
        div.card.asks {
            p { span.mark.live { "pending" } " " strong { bdi { (visible(&waits.question)) } } }
            p.dim { "Playbook " bdi { (visible(&waits.playbook)) } ", since " (moment(waits.created_at)) }
            @if may_act {
                form.quiet method="post" action=(format!("/pending/{}", waits.id)) {
                    button name="is_approved" value="true" { "Approve" }
                    button name="is_approved" value="false" { "Reject" }
                }
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Decision {
    is_approved: bool,
}

pub(super) async fn decide(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
    Form(decision): Form<Decision>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    let case = desk
        .store()
        .decide(id, decision.is_approved, &person.name)
        .await?;
    Ok(to_case(case))
}
