//! The audit log.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, visible};
use crate::{Error, Role};

/// Entries that are shown.
const MOST: u32 = 500;

pub(super) async fn show(State(desk): State<Desk>, person: LoggedIn) -> Result<Response, Error> {
    let person = person.at_least(Role::Admin)?;
    let entries = desk.store().audit_log(MOST).await?;
    let shown = page(
        "Audit log",
        Some(&person),
        &html! {
            h1 { "Audit log" }
            div.wide tabindex="0" role="region" aria-label="Entries" {
                table {
                    thead { tr { th { "When" } th { "Who" } th { "What" } th { "Of what" } th { "Detail" } } }
                    tbody {
                        @for entry in &entries {
                            tr {
                                td { (moment(entry.at)) }
                                td { bdi { (visible(&entry.actor)) } }
                                td { (entry.deed) }
                                td { bdi { (visible(&entry.object)) } }
                                td { bdi { (visible(&entry.detail)) } }
                            }
                        }
                    }
                }
            }
        },
    );
    Ok(shown.into_response())
}
