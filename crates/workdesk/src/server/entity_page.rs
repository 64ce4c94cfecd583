//! One entity: what is known of it, and how that came.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Desk;
use super::auth::LoggedIn;
use super::case_page::{detections, risk};
use super::layout::{moment, page, visible};
use super::verdict_picture::Engines;
use crate::Error;
use crate::text::in_words;

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
    let reports = store.reports(id).await?;
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
            @for report in &reports {
                @if let Some(engines) = Engines::of(&report.body) {
                    section aria-labelledby=(format!("verdict-{}", report.run)) {
                        h2 id=(format!("verdict-{}", report.run)) { "Verdict" }
                        (engines.picture())
                        p.dim { (visible(&report.action)) ", " (moment(report.at)) }
                    }
                }
            }
            section aria-labelledby="fields" {
                h2 id="fields" { "Fields" }
                div.wide {
                    table {
                        thead { tr { th { "Field" } th { "Value" } } }
                        tbody {
                            @for (name, value) in &entity.entity.additional_properties {
                                tr { td { bdi { (visible(name)) } } td { bdi { (visible(&in_words(value))) } } }
                            }
                        }
                    }
                }
            }
            @if !reports.is_empty() {
                section aria-labelledby="reports" {
                    h2 id="reports" { "Reports" }
                    @for report in &reports {
                        details {
                            summary { (visible(&report.action)) ", " (moment(report.at)) }
                            @match indented(&report.body) {
                                Some(text) => pre.mono { bdi { (visible(&text)) } },
                                None => p.empty { "It is too long to be shown here." },
                            }
                            p { a href=(format!("/entities/{id}/reports/{}", encoded(&report.action))) { "As a file (JSON)" } }
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
                                                @if let Some(from) = &change.from { del { bdi { (visible(&in_words(from))) } } " " }
                                                bdi { (visible(&in_words(&change.to))) }
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

/// A report as people read it, unless it is too long for a page.
fn indented(report: &RawValue) -> Option<String> {
    const MOST: usize = 300_000;
    let value: Value = (report.get().len() <= MOST).then(|| serde_json::from_str(report.get()).ok())??;
    serde_json::to_string_pretty(&value).ok()
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A report to the byte.
pub(super) async fn report(
    State(desk): State<Desk>,
    LoggedIn(_): LoggedIn,
    Path((id, action)): Path<(i64, String)>,
) -> Result<Response, Error> {
    let mut reports = desk.store().reports(id).await?.into_iter();
    let report = reports.find(|report| report.action == action);
    let report = report.ok_or_else(|| Error::not_found("report", &action))?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"report.json\""),
    ];
    Ok((headers, report.body.get().to_owned()).into_response())
}
