//! What every page looks like. All texts are escaped by the template; nothing here writes markup of others.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

pub(super) use crate::text::visible;
use crate::{Person, Priority, Role, RunState};

/// Pages that every page leads to: path, words, title of the page, and the role that it is for.
const PAGES: [(&str, &str, &str, Role); 8] = [
    ("/", "Cases", "Cases", Role::Viewer),
    ("/pending", "Pending", "Pending actions", Role::Viewer),
    ("/playbooks", "Playbooks", "Playbooks", Role::Viewer),
    ("/quota", "Quota", "Quota", Role::Viewer),
    ("/tokens", "Tokens", "Your tokens", Role::Viewer),
    ("/instances", "Instances", "Instances", Role::Admin),
    ("/people", "People", "People", Role::Admin),
    ("/audit", "Audit log", "Audit log", Role::Admin),
];

/// A whole page.
pub(super) fn page(title: &str, person: Option<&Person>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · vtsecops workdesk" }
                link rel="stylesheet" href="/assets/desk.css";
                script src="/assets/desk.js" defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header {
                    a.brand href="/" { "vtsecops workdesk" }
                    @if let Some(person) = person {
                        nav aria-label="Pages" {
                            @for (path, words, of, role) in PAGES {
                                @if person.role >= role { a href=(path) aria-current=[(of == title).then_some("page")] { (words) } }
                            }
                        }
                        form.quiet method="post" action="/logout" {
                            a href="/account" { bdi { (visible(&person.name)) } ", " (person.role.name()) }
                            button { "Log out" }
                        }
                    }
                }
                main id="main" { (main) }
            }
        }
    }
}

/// Leads to a case's page.
pub(super) fn to_case(id: i64) -> Response {
    Redirect::to(&format!("/cases/{id}")).into_response()
}

/// A page that says why there is no other.
pub(super) fn problem(status: StatusCode, words: &str) -> Response {
    let main = html! {
        h1 { (status.canonical_reason().unwrap_or("Problem")) }
        p.problem role="alert" { (words) }
        p { a href="/" { "To the cases" } }
    };
    (status, page("Problem", None, &main)).into_response()
}

/// A moment, for people and for machines.
pub(super) fn moment(at: Timestamp) -> Markup {
    let shown = TimeZone::UTC
        .to_datetime(at)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string();
    html! { time datetime=(at.to_string()) { (shown) " UTC" } }
}

/// A priority as a mark.
pub(super) fn priority(priority: Priority) -> Markup {
    let level = match priority {
        Priority::Critical | Priority::High => "bad",
        Priority::Medium => "live",
        Priority::Low | Priority::Informative => "dim",
    };
    html! { span class=(format!("mark {level}")) { (priority.name()) } }
}

/// A run's state as a mark.
pub(super) fn state(state: RunState) -> Markup {
    let level = match state {
        RunState::Done => "good",
        RunState::Failed | RunState::TimedOut => "bad",
        RunState::Cancelled => "dim",
        RunState::Queued | RunState::Running | RunState::Waiting => "live",
    };
    html! { span class=(format!("mark {level}")) { (state.name().replace('_', " ")) } }
}
