//! One case: entities, insights, runs, the case wall, and what can be done.

use std::collections::HashMap;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use secops::Parameters;
use serde::Deserialize;

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, priority, state, to_case, visible};
use super::{export_page, pending_page, playbooks_page};
use crate::store::CaseChange;
use crate::{
    Case, DEFAULT_INSTANCE, Error, Field, NewRun, Offer, OfferedParameter, Priority, Role, Run, RunState,
    StoredAlert, StoredEntity, StoredInsight, WallEntry,
};

/// What a page shows of each, at most.
const MOST_ENTITIES: u32 = 500;
const MOST_ALERTS: usize = 200;
const MOST_ENTRIES: u32 = 200;
const MOST_INSIGHTS: u32 = 200;
const MOST_RUNS: u32 = 50;
const MOST_PLAYBOOKS: u32 = 10;
/// Before the names of an action's parameters in its form.
const PARAMETER: &str = "parameter:";

pub(super) async fn show(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    Path(id): Path<i64>,
) -> Result<Markup, Error> {
    let store = desk.store();
    let case = store.case(id).await?;
    let alerts = store.alerts(id).await?;
    let entities = store.entities_by_risk(id, MOST_ENTITIES).await?;
    let (insights, runs) = (
        store.insights(id, 0, MOST_INSIGHTS + 1).await?,
        store.runs(id, MOST_RUNS).await?,
    );
    let wall = store.wall(id, None, MOST_ENTRIES).await?;
    let pending = store.pending_actions(Some(id), MOST_RUNS).await?;
    let playbook_runs = store.playbook_runs(id, MOST_PLAYBOOKS).await?;
    let playbooks = store.playbooks().await?;
    let instances = store.instances().await?;
    let instances: Vec<String> = instances.into_iter().map(|own| own.name).collect();
    let may_act = person.role >= Role::Analyst;
    let title = format!("#{id} {}", visible(&case.title));
    Ok(page(
        &title,
        Some(&person),
        &html! {
            div.sides {
                div data-events=(format!("/cases/{id}/events")) {
                    (head(&case, may_act))
                    @for waits in &pending { (pending_page::card(waits, may_act)) }
                    section aria-labelledby="entities" {
                        h2 id="entities" { "Entities" }
                        (entity_table(&entities, case.entities, &alerts))
                    }
                    section aria-labelledby="alerts" {
                        h2 id="alerts" { "Alerts" }
                        (alert_table(&alerts))
                    }
                    @if !insights.is_empty() {
                        section aria-labelledby="insights" {
                            h2 id="insights" { "Insights" }
                            (insight_list(&insights, &entities))
                            @if insights.len() > MOST_INSIGHTS as usize { p.empty { "The first " (MOST_INSIGHTS) "." } }
                        }
                    }
                    @if !playbook_runs.is_empty() {
                        section aria-labelledby="playbooks" {
                            h2 id="playbooks" { "Playbooks" }
                            @for run in &playbook_runs { (playbooks_page::run(run, may_act)) }
                        }
                    }
                    @if !runs.is_empty() {
                        section aria-labelledby="runs" {
                            h2 id="runs" { "Runs" }
                            (run_list(&desk, &runs, may_act))
                        }
                    }
                    section aria-labelledby="wall" {
                        h2 id="wall" { "Case wall" }
                        (wall_list(&wall))
                    }
                }
                // What somebody is typing here is left alone when the case changes.
                div.aside {
                    @if may_act {
                        section aria-labelledby="act" {
                            h2 id="act" { "Act" }
                            (comment_form(id))
                            (playbooks_page::start_form(id, &playbooks))
                            (change_form(&case))
                            @for offer in desk.engine().offers() { (action_form(id, &offer, &instances)) }
                        }
                    }
                    (export_page::links(id))
                }
            }
        },
    ))
}

fn head(case: &Case, may_act: bool) -> Markup {
    html! {
        h1 { "#" (case.id) " " bdi { (visible(&case.title)) } @if !case.is_open { " " span.mark.dim { "closed" } } }
        dl.facts {
            dt { "Environment" } dd { bdi { (visible(&case.environment)) } }
            dt { "Priority" } dd { (priority(case.priority)) }
            dt { "Stage" } dd { bdi { (visible(&case.stage)) } }
            @if !case.assignee.is_empty() { dt { "Assigned to" } dd { bdi { (visible(&case.assignee)) } } }
            @if !case.tags.is_empty() {
                dt { "Tags" } dd { @for tag in &case.tags { span.mark.dim { bdi { (visible(tag)) } } " " } }
            }
            dt { "Made" } dd { (moment(case.created_at)) " by " bdi { (visible(&case.created_by)) } }
        }
        @if !case.description.is_empty() {
            details id="text" { summary { "Text" } pre { bdi { (visible(&case.description)) } } }
        }
        @if may_act {
            form.quiet method="post" action=(format!("/cases/{}/open", case.id)) {
                input type="hidden" name="is_open" value=(!case.is_open);
                button { @if case.is_open { "Close the case" } @else { "Open the case again" } }
            }
            " " a.jump href="#act" { "Act on the case" }
        }
    }
}

/// An entity names its alert where there is more than one.
fn entity_table(entities: &[StoredEntity], all: i64, alerts: &[StoredAlert]) -> Markup {
    let by_id: HashMap<i64, &StoredAlert> = alerts.iter().map(|alert| (alert.id, alert)).collect();
    let are_named = alerts.len() > 1;
    html! {
        @if entities.is_empty() { p.empty { "No entities." } }
        @else {
            div.wide {
                table {
                    thead { tr { th { "Risk" } th { "Entity" } th { "Type" } th { "Detections" } @if are_named { th { "Alert" } } } }
                    tbody {
                        @for entity in entities {
                            tr {
                                td { (risk(entity)) }
                                td.entity { a href=(format!("/entities/{}", entity.id)) { bdi.mono { (visible(entity.entity.original_identifier())) } } }
                                td { (visible(entity.entity.entity_type.name())) }
                                td { (detections(entity)) }
                                @if are_named {
                                    td { @if let Some(alert) = by_id.get(&entity.alert) { (alert_named(alert)) } }
                                }
                            }
                        }
                    }
                }
            }
            @if all > i64::from(MOST_ENTITIES) { p.empty { "The first " (MOST_ENTITIES) " of " (all) ", the suspicious ones before the others." } }
        }
    }
}

/// Two alerts may have the same name, so the identifier goes with it.
fn alert_named(alert: &StoredAlert) -> Markup {
    html! { bdi { (visible(&alert.name)) } " " span.dim { bdi { (visible(&alert.identifier)) } } }
}

fn alert_table(alerts: &[StoredAlert]) -> Markup {
    html! {
        @if alerts.is_empty() { p.empty { "No alerts." } }
        @else {
            div.wide tabindex="0" role="region" aria-label="Table of alerts" {
                table {
                    thead { tr { th { "Alert" } th { "Product" } th { "Identifier" } th { "Came" } } }
                    tbody {
                        @for alert in alerts.iter().take(MOST_ALERTS) {
                            tr {
                                td { bdi { (visible(&alert.name)) } }
                                td { bdi { (visible(&alert.product)) } }
                                td { bdi.mono { (visible(&alert.identifier)) } }
                                td { (moment(alert.created_at)) }
                            }
                        }
                    }
                }
            }
            @if alerts.len() > MOST_ALERTS { p.empty { "The first " (MOST_ALERTS) " of " (alerts.len()) "." } }
        }
    }
}

/// What is known of an entity, at a glance.
pub(super) fn risk(entity: &StoredEntity) -> Markup {
    let detected = entity.score().map(|(positives, _)| positives != "0");
    let (level, words) = match &entity.entity {
        entity if entity.is_suspicious => ("bad", "suspicious"),
        entity if entity.is_internal => ("dim", "internal"),
        _ if detected == Some(true) => ("live", "some detections"),
        _ if detected == Some(false) => ("good", "no detections"),
        entity if entity.is_enriched => ("dim", "looked at"),
        _ => ("dim", "not looked at"),
    };
    html! { span class=(format!("mark {level}")) { (words) } }
}

/// `10 of 12`, where an action has said so.
pub(super) fn detections(entity: &StoredEntity) -> String {
    let score = entity.score();
    score.map_or_else(String::new, |(positives, total)| {
        visible(&format!("{positives} of {total}"))
    })
}

fn insight_list(insights: &[StoredInsight], entities: &[StoredEntity]) -> Markup {
    let about = |insight: &StoredInsight| {
        let id = insight.entity?;
        entities.iter().find(|entity| entity.id == id)
    };
    html! {
        ul.cards {
            @for insight in insights.iter().take(MOST_INSIGHTS as usize) {
                li.card {
                    @if insight.severity > 0 { span.mark.bad { "warning" } " " }
                    strong { bdi { (visible(&insight.title)) } }
                    @if let Some(entity) = about(insight) {
                        " · " a href=(format!("/entities/{}", entity.id)) { bdi.mono { (visible(entity.entity.original_identifier())) } }
                    }
                    pre { bdi { (visible(&insight.content)) } }
                    p.dim { bdi { (visible(&insight.triggered_by)) } ", " (moment(insight.at)) }
                }
            }
        }
    }
}

fn run_list(desk: &Desk, runs: &[Run], may_act: bool) -> Markup {
    html! {
        ul.cards {
            @for run in runs {
                li.card {
                    (state(run.state)) " " a href=(format!("/runs/{}", run.id)) { strong { (visible(&run.action)) } }
                    " · " bdi { (visible(&run.requested_by)) } ", " (moment(run.created_at))
                    @if let Some(progress) = desk.engine().progress(run.id).filter(|_| run.state == RunState::Running) {
                        " · " progress max=(progress.expected.max(1)) value=(progress.answered) {}
                        " " (progress.answered) " of " (progress.expected)
                    }
                    @if !run.message.is_empty() { pre { bdi { (visible(&start_of(&run.message))) } } }
                    @if may_act && !run.state.is_over() {
                        form.quiet method="post" action=(format!("/runs/{}/cancel", run.id)) { button { "Cancel" } }
                    }
                }
            }
        }
    }
}

fn wall_list(wall: &[WallEntry]) -> Markup {
    html! {
        ol.wall reversed {
            @for entry in wall {
                li {
                    span.dim { (moment(entry.at)) }
                    " " bdi { (visible(&entry.actor)) } " " (entry.kind.words())
                    @if !entry.text.is_empty() { pre { bdi { (visible(&start_of(&entry.text))) } } }
                }
            }
        }
    }
}

/// As much of a text as a list has room for; a run's page shows the whole.
fn start_of(text: &str) -> String {
    const MOST: usize = 2000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn change_form(case: &Case) -> Markup {
    let (title, stage, assignee) = (
        visible(&case.title),
        visible(&case.stage),
        visible(&case.assignee),
    );
    html! {
        details.card {
            summary { "Change the case" }
            form method="post" action=(format!("/cases/{}/change", case.id)) {
                input type="hidden" name="was_title" value=(title);
                input type="hidden" name="was_priority" value=(case.priority.name());
                input type="hidden" name="was_stage" value=(stage);
                input type="hidden" name="was_assignee" value=(assignee);
                label { "Title" input name="title" value=(title) required maxlength="500"; }
                label {
                    "Priority"
                    select name="priority" {
                        @for priority in Priority::ALL {
                            option value=(priority.name()) selected[priority == case.priority] { (priority.name()) }
                        }
                    }
                }
                label { "Stage" input name="stage" value=(stage); }
                label { "Assigned to" input name="assignee" value=(assignee); }
                label { "One more tag" input name="tag" maxlength="100"; }
                button { "Change" }
            }
        }
    }
}

fn comment_form(case: i64) -> Markup {
    html! {
        details.card {
            summary { "Comment" }
            form method="post" action=(format!("/cases/{case}/comments")) {
                label { "Comment" textarea name="text" rows="3" required {} }
                button { "Add to the case wall" }
            }
        }
    }
}

fn action_form(case: i64, offer: &Offer, instances: &[String]) -> Markup {
    let has_own_default = instances.iter().any(|name| name == DEFAULT_INSTANCE);
    html! {
        details.card {
            summary { (visible(&offer.name)) }
            p.dim { (visible(&offer.description)) }
            form method="post" action=(format!("/cases/{case}/runs")) {
                input type="hidden" name="action" value=(offer.name);
                @if !instances.is_empty() {
                    label {
                        "Instance"
                        select name="instance" {
                            @if !has_own_default { option { (DEFAULT_INSTANCE) } }
                            @for name in instances { option value=(name) { (visible(name)) } }
                        }
                    }
                }
                @for parameter in &offer.parameters { (field(parameter)) }
                button { "Run " (visible(&offer.name)) }
            }
        }
    }
}

fn field(parameter: &OfferedParameter) -> Markup {
    let name = format!("{PARAMETER}{}", parameter.name);
    let default = parameter.default.as_deref();
    let input = match &parameter.field {
        Field::Text => html! { input name=(name) value=[default] required[parameter.required]; },
        Field::Password => html! {
            input type="password" name=(name) autocomplete="off" required[parameter.required];
        },
        Field::WholeNumber => html! {
            input type="number" min="0" step="1" name=(name) value=[default] required[parameter.required];
        },
        Field::Flag => html! {
            select name=(name) {
                @for word in ["true", "false"] { option selected[default == Some(word)] { (word) } }
            }
        },
        Field::Choice(words) => html! {
            select name=(name) {
                @for word in words { option selected[default == Some(word.as_str())] { (word) } }
            }
        },
    };
    html! { label { (visible(&parameter.name)) (input) small { (visible(&parameter.description)) } } }
}

pub(super) async fn run(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(case): Path<i64>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    let (mut action, mut parameters) = (String::new(), Parameters::new());
    let mut instance = DEFAULT_INSTANCE.to_owned();
    for (name, value) in fields {
        match name.strip_prefix(PARAMETER) {
            Some(name) if !value.trim().is_empty() => parameters = parameters.with(name, value),
            Some(_) => {}
            None if name == "action" => action = value,
            None if name == "instance" => instance = value,
            None => {}
        }
    }
    let new = NewRun {
        case,
        action,
        instance,
        parameters,
        targets: Vec::new(),
        deadline_at: None,
    };
    let asked = desk.engine().ask(new, &person.name).await;
    asked?;
    Ok(to_case(case))
}

pub(super) async fn cancel(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    let run = desk.engine().cancel(id, &person.name).await;
    Ok(to_case(run?.case))
}

#[derive(Deserialize)]
pub(super) struct Said {
    text: String,
}

pub(super) async fn comment(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(case): Path<i64>,
    Form(said): Form<Said>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    let added = desk.store().comment(case, &said.text, &person.name).await;
    added?;
    Ok(to_case(case))
}

#[derive(Deserialize)]
pub(super) struct Changed {
    title: String,
    priority: Priority,
    stage: String,
    assignee: String,
    tag: String,
    /// What the form showed: the case may have changed while somebody was typing.
    was_title: String,
    was_priority: Priority,
    was_stage: String,
    was_assignee: String,
}

pub(super) async fn change(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(case): Path<i64>,
    Form(changed): Form<Changed>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    // What nobody has changed in the form stays as it is.
    let new = |given: &str, was: &str| (given != was).then(|| given.trim().to_owned());
    let change = CaseChange {
        title: new(&changed.title, &changed.was_title),
        priority: Some(changed.priority).filter(|priority| *priority != changed.was_priority),
        stage: new(&changed.stage, &changed.was_stage),
        assignee: new(&changed.assignee, &changed.was_assignee),
        tag: Some(changed.tag.trim().to_owned()).filter(|tag| !tag.is_empty()),
    };
    desk.store().change_case(case, change, &person.name).await?;
    Ok(to_case(case))
}

#[derive(Deserialize)]
pub(super) struct Openness {
    is_open: bool,
}

pub(super) async fn set_open(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(case): Path<i64>,
    Form(wanted): Form<Openness>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    let set = desk.store().set_open(case, wanted.is_open, &person.name).await;
    set?;
    Ok(to_case(case))
}
