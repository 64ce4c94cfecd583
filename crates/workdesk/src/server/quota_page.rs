//! The quota: what each key may, what it has used, and on which days.

use axum::extract::State;
use jiff::civil::Date;
use maud::{Markup, html};
use virustotal::quota::{KeyUse, Window, WindowUse};

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, visible};
use super::metrics::LEDGER_IS_APART;
use crate::Error;

/// Of the graph, in its own units.
const BAR: u32 = 16;
const GAP: u32 = 4;
const HEIGHT: u32 = 120;
/// Room for what stands under the bars.
const FOOT: u32 = 18;

pub(super) async fn show(State(desk): State<Desk>, LoggedIn(person): LoggedIn) -> Result<Markup, Error> {
    let ledger = desk.engine().ledger();
    let is_apart = ledger.as_ref().is_some_and(|ledger| ledger.is_apart());
    let keys = match ledger {
        Some(ledger) => ledger.keys().await,
        None => Vec::new(),
    };
    Ok(page(
        "Quota",
        Some(&person),
        &html! {
            h1 { "Quota" }
            p.dim { "Calls that this machine has made to VirusTotal, in all programs that share its ledger. Other machines with the same key are not seen." }
            @if is_apart { p.problem { (crate::sentence(LEDGER_IS_APART)) } }
            @if keys.is_empty() { p.empty { "No call has been counted yet." } }
            @for key in &keys { (one(key)) }
        },
    ))
}

fn one(key: &KeyUse) -> Markup {
    let heading = format!("key-{}", key.id);
    html! {
        section.card aria-labelledby=(heading) {
            h2 id=(heading) { bdi { (visible(&key.label)) } " " span.dim.mono { (key.id) } }
            @if let Some(until) = key.closed_until {
                p.problem { "VirusTotal has refused a call: nothing is sent before " (moment(until)) "." }
            }
            div.wide {
                table {
                    thead { tr { th { "Window" } th { "Used" } th { "Limit" } th { "Left" } th { "Share" } th { "Next slot" } } }
                    tbody { @for window in &key.windows { (row(window)) } }
                }
            }
            @if !key.waiting.is_empty() {
                p { (key.waiting.len()) " runs wait for a slot, for " (key.waiting.iter().map(|run| run.wants).sum::<u32>()) " calls." }
            }
            @if key.is_shared_out() { (environments(key)) }
            (graph(key))
        }
    }
}

fn environments(key: &KeyUse) -> Markup {
    html! {
        div.wide {
            table {
                thead { tr { th { "Environment" } th { "Kept for it" } th { "Today" } th { "This month" } } }
                tbody {
                    @for own in &key.environments {
                        tr {
                            td { @if own.name.is_empty() { span.dim { "none in particular" } } @else { bdi { (visible(&own.name)) } } }
                            td { @if let Some(percent) = own.share { (percent) " %" } @else { "–" } }
                            td { (own.today) }
                            td { (own.this_month) }
                        }
                    }
                }
            }
        }
    }
}

fn row(window: &WindowUse) -> Markup {
    let number = |number: Option<u32>| number.map_or_else(|| "–".to_owned(), |number| number.to_string());
    html! {
        tr {
            td { (window.window.name()) }
            td { (window.used) }
            td { (number(window.limit)) }
            td { (number(window.left())) }
            td {
                @if let Some(limit) = window.limit.filter(|limit| *limit > 0) {
                    meter min="0" max=(limit) high=(limit / 10 * 8) value=(window.used.min(limit)) aria-label=(format!("used per {}", window.window.name())) {
                        (window.used) " of " (limit)
                    }
                }
            }
            td { (moment(window.next_free)) }
        }
    }
}

/// A bar a day, and a line at what a day may have.
fn graph(key: &KeyUse) -> Markup {
    let limit = key
        .windows
        .iter()
        .find(|window| window.window == Window::Day)
        .and_then(|window| window.limit);
    let most = key.days.iter().map(|(_, calls)| *calls).max().unwrap_or_default();
    // The line is drawn where it is near: a limit far above would flatten the bars.
    let limit = limit.filter(|limit| *limit <= most.saturating_mul(4));
    let top = most.max(limit.unwrap_or_default()).max(1);
    let height = |calls: u32| u64::from(calls) * u64::from(HEIGHT) / u64::from(top);
    let width = (BAR + GAP) * u32::try_from(key.days.len()).unwrap_or_default();
    let all: u64 = key.days.iter().map(|(_, calls)| u64::from(*calls)).sum();
    let label = format!(
        "{all} calls in the last {} days, {most} on the busiest",
        key.days.len()
    );
    html! {
        figure {
            figcaption { (label) "." }
            svg.graph viewBox=(format!("0 0 {width} {}", HEIGHT + FOOT)) role="img" aria-label=(label) {
                @for (place, (day, calls)) in (0..).zip(&key.days) {
                    @let tall = height(*calls);
                    rect.bar x=(place * (BAR + GAP)) y=(u64::from(HEIGHT) - tall) width=(BAR) height=(tall) {
                        title { (day) ": " (calls) }
                    }
                    @if is_marked(*day) { text x=(place * (BAR + GAP)) y=(HEIGHT + FOOT - 4) { (day.strftime("%b %-d")) } }
                }
                @if let Some(limit) = limit {
                    @let y = u64::from(HEIGHT) - height(limit);
                    line.limit x1="0" x2=(width) y1=(y) y2=(y) { title { "limit of a day: " (limit) } }
                }
                line.base x1="0" x2=(width) y1=(HEIGHT) y2=(HEIGHT) {}
            }
        }
    }
}

/// Whether the day stands under its bar: the first of a week.
fn is_marked(day: Date) -> bool {
    day.weekday() == jiff::civil::Weekday::Monday
}
