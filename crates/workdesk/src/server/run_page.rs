//! One run: what it was asked, how it ended, its tables, links and JSON.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, state, visible};
use crate::text::in_words;
use crate::{Error, Run};

pub(super) async fn show(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    Path(id): Path<i64>,
) -> Result<Markup, Error> {
    let run = desk.store().run(id).await?;
    let case = desk.store().case(run.case).await?;
    let left = Left::of(&run);
    // Nothing of a run changes after its end.
    let events = match run.state.is_over() {
        true => String::new(),
        false => format!("/cases/{}/events", case.id),
    };
    Ok(page(
        &format!("Run {id}: {}", visible(&run.action)),
        Some(&person),
        &html! {
            p { a href=(format!("/cases/{}", case.id)) { "#" (case.id) " " bdi { (visible(&case.title)) } } }
            div data-events=(events) {
                h1 { (visible(&run.action)) " " (state(run.state)) }
                (facts(&run, &desk))
                @if !run.message.is_empty() { pre.card { bdi { (visible(&run.message)) } } }
                @if !left.tables.is_empty() {
                    section aria-labelledby="tables" {
                        h2 id="tables" { "Tables" }
                        @for table in left.tables.iter().take(MOST_TABLES) { (table_of(table)) }
                        @if left.tables.len() > MOST_TABLES { p.empty { "The first " (MOST_TABLES) " of " (left.tables.len()) " tables." } }
                    }
                }
                @if !left.links.is_empty() {
                    section aria-labelledby="links" {
                        h2 id="links" { "Links" }
                        ul { @for (title, address) in &left.links { li { bdi { (visible(title)) } ": " (link(address)) } } }
                    }
                }
                @if run.ended_at.is_some() { p { a href=(format!("/runs/{id}/json")) { "JSON result (file)" } } }
                @for (title, text) in &left.json {
                    details.card { summary { (visible(title)) } pre.mono { bdi { (visible(text)) } } }
                }
            }
        },
    ))
}

/// The reports of a run's entities.
pub(super) async fn json(
    State(desk): State<Desk>,
    LoggedIn(_): LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"result.json\""),
    ];
    Ok((headers, desk.store().json_result(id).await?).into_response())
}

fn facts(run: &Run, desk: &Desk) -> Markup {
    let hidden = |name: &str| desk.engine().hides(&run.action, name);
    html! {
        dl.facts {
            dt { "Asked for" } dd { (moment(run.created_at)) " by " bdi { (visible(&run.requested_by)) } }
            @if let Some(at) = run.started_at { dt { "Begun" } dd { (moment(at)) } }
            @if let Some(at) = run.ended_at { dt { "Ended" } dd { (moment(at)) } }
            dt { "Instance" } dd { bdi { (visible(&run.instance)) } }
            dt { "Target entities" } dd { (run.targets.len()) }
            @for (name, value) in run.parameters.shown() {
                dt { (visible(name)) }
                dd { @if hidden(name) { "***" } @else { bdi { (visible(&value)) } } }
            }
            @if let Some(value) = &run.script_result { dt { "Script result" } dd { bdi.mono { (visible(&in_words(value))) } } }
        }
    }
}

/// Rows of one table that a page shows.
const MOST_ROWS: usize = 1000;
/// Tables of a page: a run of thousands of entities has as many.
const MOST_TABLES: usize = 200;

/// What a run leaves for people to look at.
#[derive(Default)]
struct Left {
    tables: Vec<Shown>,
    /// Title and address.
    links: Vec<(String, String)>,
    /// Title and indented text.
    json: Vec<(String, String)>,
}

struct Shown {
    title: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A table as our own actions leave it.
#[derive(Deserialize)]
struct OwnTable {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A link as our own actions leave it.
#[derive(Deserialize)]
struct OwnLink {
    title: String,
    url: String,
}

impl Left {
    fn of(run: &Run) -> Self {
        let mut left = Self::default();
        let result = run
            .result
            .as_ref()
            .map(|result| serde_json::from_str(result.get()));
        let Some(Ok(Value::Object(mut result))) = result else {
            return left;
        };
        if let Some(Value::Object(titles)) = result.remove("by_title") {
            for member in titles.into_iter().map(|(_, member)| member) {
                left.add_external(&member);
            }
            return left;
        }
        let mut part = |name: &str| result.remove(name).unwrap_or_default();
        let tables: Vec<OwnTable> = serde_json::from_value(part("tables")).unwrap_or_default();
        let links: Vec<OwnLink> = serde_json::from_value(part("links")).unwrap_or_default();
        let shown = |table: OwnTable| Shown {
            title: table.title,
            header: table.columns,
            rows: table.rows,
        };
        left.tables = tables.into_iter().map(shown).collect();
        left.links = links.into_iter().map(|link| (link.title, link.url)).collect();
        let json = part("json_result");
        if !json.is_null() {
            left.json
                .push(("More of the JSON result".to_owned(), indented(&json)));
        }
        left
    }

    /// Takes over one member of what an external action left. Its markup is shown as text.
    fn add_external(&mut self, member: &Value) {
        let text = |name: &str| member.get(name).and_then(Value::as_str).unwrap_or_default();
        let title = text("Title");
        if let Some(Value::Array(lines)) = member.get("CSVLines") {
            // A cell has no comma in this form. Source: the protocol.
            let cells = |line: &str| line.split(',').map(str::to_owned).collect();
            let mut rows = lines.iter().filter_map(Value::as_str).map(cells);
            if let Some(header) = rows.next() {
                let rows = rows.collect();
                let title = title.to_owned();
                self.tables.push(Shown { title, header, rows });
            }
        }
        if let Some(Value::Array(addresses)) = member.get("Links") {
            let addresses = addresses.iter().filter_map(Value::as_str);
            self.links
                .extend(addresses.map(|address| (title.to_owned(), address.to_owned())));
        }
        if !text("RawJson").is_empty() {
            let json = serde_json::from_str::<Value>(text("RawJson"));
            let shown = json.map_or_else(|_| text("RawJson").to_owned(), |json| indented(&json));
            self.json.push((title.to_owned(), shown));
        }
        for name in ["Content", "Htmls", "Markdowns"] {
            match member.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.is_empty() => {}
                Some(Value::Object(texts)) if texts.is_empty() => {}
                Some(Value::String(text)) => self.json.push((format!("{title}, {name}"), text.clone())),
                Some(other) => self.json.push((format!("{title}, {name}"), indented(other))),
            }
        }
    }
}

fn indented(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn table_of(table: &Shown) -> Markup {
    html! {
        details.card {
            summary { bdi { (visible(&table.title)) } " (" (table.rows.len()) ")" }
            div.wide tabindex="0" role="region" aria-label=(visible(&table.title)) {
                table {
                    thead { tr { @for cell in &table.header { th { (visible(cell)) } } } }
                    tbody {
                        @for row in table.rows.iter().take(MOST_ROWS) { tr { @for cell in row { td { bdi { (visible(cell)) } } } } }
                    }
                }
            }
            @if table.rows.len() > MOST_ROWS { p.empty { "The first " (MOST_ROWS) " rows." } }
        }
    }
}

/// Only an address of the web becomes a link: others could run something.
fn link(address: &str) -> Markup {
    match address.starts_with("https://") {
        true => html! { a href=(address) rel="noreferrer noopener" { (visible(address)) } },
        false => html! { (visible(address)) },
    }
}
