//! One entity: what is known of it, and how that came.

use axum::extract::{Path, State};
use maud::{Markup, html};
use serde_json::Value;

use super::Desk;
use super::auth::LoggedIn;
use super::case_page::{detections, risk};
use super::layout::{moment, page, visible};
use crate::Error;

/// Other cases that are named.
const MOST_CASES: u32 = 20;

pub(super) async fn show(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    Path(id): Path<i64>,
) -> Result<Markup, Error> {
    let store = desk.store();
    let entity = store.entity(id).await?;
    let history = store.enrichments(id).await?;
    let related = store.related_cases(&entity, MOST_CASES).await?;
    let name = visible(entity.entity.original_identifier());
    let detections = detections(&entity);
    Ok(page(
        &name,
        Some(&person),
        &html! {
            p { a href=(format!("/cases/{}", entity.case)) { "Case #" (entity.case) } }
            h1 { bdi.mono { (name) } }
            dl.facts {
                dt { "Risk" } dd { (risk(&entity)) }
                @if !detections.is_empty() { dt { "Detections" } dd { (detections) " engines" } }
                dt { "Type" } dd { (visible(entity.entity.entity_type.name())) }
                dt { "Came" } dd { (moment(entity.created_at)) }
                @if !related.is_empty() {
                    dt { "Other cases" }
                    dd { @for case in &related { a href=(format!("/cases/{case}")) { "#" (case) } " " } }
                }
            }
            section aria-labelledby="fields" {
                h2 id="fields" { "Fields" }
                div.wide {
                    table {
                        thead { tr { th { "Field" } th { "Value" } } }
                        tbody {
                            @for (name, value) in &entity.entity.additional_properties {
                                tr { td { bdi { (visible(name)) } } td { bdi { (visible(&plain(value))) } } }
                            }
                        }
                    }
                }
            }
            @if !history.is_empty() {
                section aria-labelledby="history" {
                    h2 id="history" { "History" }
                    ol.wall reversed {
                        @for enrichment in &history {
                            li {
                                span.dim { (moment(enrichment.at)) } " " bdi { (visible(&enrichment.source)) }
                                details {
                                    summary { (enrichment.changes.len()) " fields" }
                                    dl.facts {
                                        @for (name, change) in &enrichment.changes {
                                            dt { bdi { (visible(name)) } }
                                            dd {
                                                @if let Some(from) = &change.from { del { bdi { (visible(&plain(from))) } } " " }
                                                bdi { (visible(&plain(&change.to))) }
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        },
    ))
}

/// A value as text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
