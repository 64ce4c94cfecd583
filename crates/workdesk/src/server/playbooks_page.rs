//! Playbooks: the list, the editor with its check, and how far one is on a case.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::Desk;
use super::auth::LoggedIn;
use super::layout::{moment, page, to_case, visible};
use crate::playbook::{Problem, States, TriggerEvent, diagram, outline};
use crate::{Error, Person, Playbook, PlaybookOutcome, PlaybookRun, Role, StoredPlaybook};

/// What the editor begins with.
const BLANK: &str = "name: A new playbook
description: What it is for.
trigger:
  on: manual
steps:
  - id: hashes
    action: Scan Hash
    entity_types: [FILEHASH]
    parameters: {Threshold: 3}
  - id: risky
    if: {result_of: hashes, is: true}
    then:
      - id: raise
        priority: high
";

pub(super) async fn list(State(desk): State<Desk>, LoggedIn(person): LoggedIn) -> Result<Markup, Error> {
    let playbooks = desk.store().playbooks().await?;
    Ok(page(
        "Playbooks",
        Some(&person),
        &html! {
            h1 { "Playbooks" }
            @if playbooks.is_empty() { p.empty { "No playbooks." } }
            @else {
                div.wide {
                    table {
                        thead { tr { th { "Name" } th { "State" } th { "Begins" } th { "Changed" } } }
                        tbody {
                            @for own in &playbooks {
                                tr {
                                    td { a href=(format!("/playbooks/{}", own.id)) { bdi { (visible(&own.name)) } } }
                                    td { (on_or_off(own.is_on)) }
                                    td { (begins(own)) }
                                    td { (moment(own.updated_at)) " by " bdi { (visible(&own.updated_by)) } }
                                }
                            }
                        }
                    }
                }
            }
            @if person.role == Role::Admin { p { a href="/playbooks/new" { "New playbook" } } }
        },
    ))
}

fn on_or_off(is_on: bool) -> Markup {
    match is_on {
        true => html! { span.mark.good { "on" } },
        false => html! { span.mark.dim { "off" } },
    }
}

fn begins(own: &StoredPlaybook) -> &'static str {
    match Playbook::read(&own.text).map(|playbook| playbook.trigger.on) {
        Ok(TriggerEvent::CaseCreated) => "with each new case it is for",
        Ok(TriggerEvent::Manual) => "when somebody starts it",
        Err(_) => "never: it can't be read any more",
    }
}

pub(super) async fn blank(State(_): State<Desk>, person: LoggedIn) -> Result<Markup, Error> {
    let admin = person.at_least(Role::Admin)?;
    Ok(editor_page(
        &admin,
        "New playbook",
        "/playbooks",
        BLANK,
        &html! {},
    ))
}

pub(super) async fn show(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    Path(id): Path<i64>,
) -> Result<Markup, Error> {
    let own = desk.store().playbook(id).await?;
    let checked = check(&desk, &own.text).await?;
    let (path, is_admin) = (format!("/playbooks/{id}"), person.role == Role::Admin);
    Ok(page(
        &visible(&own.name),
        Some(&person),
        &html! {
            h1 { bdi { (visible(&own.name)) } " " (on_or_off(own.is_on)) }
            (told(&checked))
            @if is_admin {
                form.quiet method="post" action=(format!("{path}/turn")) {
                    input type="hidden" name="is_on" value=(!own.is_on);
                    button { @if own.is_on { "Turn off" } @else { "Turn on" } }
                }
                " "
                form.quiet method="post" action=(format!("{path}/remove")) { button { "Remove" } }
                (editor(&path, &own.text))
            }
            @else { details.card { summary { "Text" } pre.mono { bdi { (visible(&own.text)) } } } }
        },
    ))
}

/// What was read of a text, and what is wrong with it.
async fn check(desk: &Desk, text: &str) -> Result<Result<Playbook, Vec<Problem>>, Error> {
    let offered = desk.engine().offered().await?;
    let turned = Playbook::check_text(text);
    if !turned.is_empty() {
        return Ok(Err(turned));
    }
    Ok(Playbook::read(text).and_then(|playbook| {
        let problems = playbook.check(&offered);
        match problems.is_empty() {
            true => Ok(playbook),
            false => Err(problems),
        }
    }))
}

fn told(checked: &Result<Playbook, Vec<Problem>>) -> Markup {
    match checked {
        Ok(playbook) => html! {
            @if !playbook.description.is_empty() { p { bdi { (visible(&playbook.description)) } } }
            (drawn(playbook, &States::new()))
        },
        Err(problems) => html! {
            div.problem role="alert" {
                p { "The playbook can't be used as it is:" }
                ul { @for problem in problems { li { (visible(&problem.to_string())) } } }
            }
        },
    }
}

fn drawn(playbook: &Playbook, states: &States) -> Markup {
    html! { div.wide { (diagram(playbook, states)) (outline(playbook, states)) } }
}

fn editor_page(admin: &Person, title: &str, path: &str, text: &str, told: &Markup) -> Markup {
    page(
        title,
        Some(admin),
        &html! {
            h1 { (visible(title)) }
            (told)
            (editor(path, text))
        },
    )
}

fn editor(path: &str, text: &str) -> Markup {
    html! {
        form method="post" action=(path) {
            label {
                "Text (YAML)"
                textarea.mono name="text" rows="28" spellcheck="false" autocomplete="off" required { (text) }
            }
            p { button name="verb" value="save" { "Save" } " " button.second name="verb" value="check" { "Check only" } }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Edited {
    text: String,
    verb: String,
}

pub(super) async fn create(
    State(desk): State<Desk>,
    person: LoggedIn,
    Form(edited): Form<Edited>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    write(&desk, &admin, None, edited).await
}

pub(super) async fn save(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
    Form(edited): Form<Edited>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    write(&desk, &admin, Some(id), edited).await
}

/// Saves what is right; what is wrong is shown with what was written, so that nothing is lost.
async fn write(desk: &Desk, admin: &Person, id: Option<i64>, edited: Edited) -> Result<Response, Error> {
    // A form sends its lines with two characters between them.
    let text = edited.text.replace("\r\n", "\n");
    let path = id.map_or_else(|| "/playbooks".to_owned(), |id| format!("/playbooks/{id}"));
    let checked = check(desk, &text).await?;
    let title = if id.is_some() { "Playbook" } else { "New playbook" };
    let again = |status: StatusCode, words: &Markup| {
        (status, editor_page(admin, title, &path, &text, words)).into_response()
    };
    let playbook = match &checked {
        Err(_) => return Ok(again(StatusCode::UNPROCESSABLE_ENTITY, &told(&checked))),
        Ok(_) if edited.verb == "check" => {
            let words = html! { p role="status" { span.mark.good { "right" } " The playbook can be saved." } (told(&checked)) };
            return Ok(again(StatusCode::OK, &words));
        }
        Ok(playbook) => playbook,
    };
    match desk.store().save_playbook(id, playbook, &text, &admin.name).await {
        Ok(id) => Ok(Redirect::to(&format!("/playbooks/{id}")).into_response()),
        Err(Error::Conflict(words)) => {
            let words = html! { p.problem role="alert" { (visible(&crate::sentence(&words))) } };
            Ok(again(StatusCode::CONFLICT, &words))
        }
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
pub(super) struct Turned {
    is_on: bool,
}

pub(super) async fn turn(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
    Form(turned): Form<Turned>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    let own = desk.store().playbook(id).await?;
    if turned.is_on && check(&desk, &own.text).await?.is_err() {
        return Err(Error::Conflict(
            "the playbook can't be turned on: put right what its page says first".to_owned(),
        ));
    }
    desk.store().turn_playbook(id, turned.is_on, &admin.name).await?;
    Ok(Redirect::to(&format!("/playbooks/{id}")).into_response())
}

pub(super) async fn remove(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let admin = person.at_least(Role::Admin)?;
    desk.store().remove_playbook(id, &admin.name).await?;
    Ok(Redirect::to("/playbooks").into_response())
}

/// The form that starts a playbook on a case.
pub(super) fn start_form(case: i64, playbooks: &[StoredPlaybook]) -> Markup {
    let on: Vec<&StoredPlaybook> = playbooks.iter().filter(|own| own.is_on).collect();
    html! {
        @if !on.is_empty() {
            details.card {
                summary { "Start a playbook" }
                form method="post" action=(format!("/cases/{case}/playbooks")) {
                    label {
                        "Playbook"
                        select name="playbook" { @for own in on { option value=(own.id) { (visible(&own.name)) } } }
                    }
                    button { "Start" }
                }
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Started {
    playbook: i64,
}

pub(super) async fn start(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(case): Path<i64>,
    Form(started): Form<Started>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    desk.store()
        .start_playbook(case, started.playbook, &person.name)
        .await?;
    Ok(to_case(case))
}

pub(super) async fn cancel(
    State(desk): State<Desk>,
    person: LoggedIn,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let person = person.at_least(Role::Analyst)?;
    let case = desk.engine().cancel_playbook(id, &person.name).await?;
    Ok(to_case(case))
}

/// A playbook on a case, as a picture of how far it is.
pub(super) fn run(run: &PlaybookRun, may_act: bool) -> Markup {
    let (level, is_running) = match run.outcome {
        PlaybookOutcome::Running => ("live", true),
        PlaybookOutcome::Done => ("good", false),
        PlaybookOutcome::Failed => ("bad", false),
        PlaybookOutcome::Cancelled => ("dim", false),
    };
    html! {
        details.card id=(format!("playbook-run-{}", run.id)) open[is_running] {
            summary {
                span class=(format!("mark {level}")) { (run.outcome.name()) } " " bdi { (visible(&run.name)) }
                " · " bdi { (visible(&run.started_by)) } ", " (moment(run.created_at))
            }
            @match Playbook::read(&run.text) {
                Ok(playbook) => (drawn(&playbook, &run.states)),
                Err(_) => p.empty { "It can't be read any more." },
            }
            @if may_act && is_running {
                form.quiet method="post" action=(format!("/playbook-runs/{}/cancel", run.id)) { button { "End the playbook" } }
            }
        }
    }
}
