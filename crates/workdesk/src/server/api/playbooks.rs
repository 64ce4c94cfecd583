//! Playbooks over the API.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Caller, Json, Path, Query};
use super::form::{Created, Problems};
use crate::server::Desk;
use crate::server::problem::Problem;
use crate::{Error, PendingAction, PlaybookRun, StoredPlaybook};

/// Playbooks of one case, and pending actions, of one answer.
const MOST: u32 = 500;

/// Lists the playbooks
#[utoipa::path(get, path = "/api/v1/playbooks", responses((status = 200, body = Vec<StoredPlaybook>), Problems))]
pub(super) async fn list(
    State(desk): State<Desk>,
    Caller(_): Caller,
) -> Result<Answer<Vec<StoredPlaybook>>, Problem> {
    Ok(Answer(desk.store().playbooks().await?))
}

/// Lists the playbooks of a case, newest first, with what became of their steps
#[utoipa::path(get, path = "/api/v1/cases/{id}/playbooks", params(("id" = i64, Path)),
    responses((status = 200, body = Vec<PlaybookRun>), Problems))]
pub(super) async fn of_case(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(case): Path<i64>,
) -> Result<Answer<Vec<PlaybookRun>>, Problem> {
    desk.store().case(case).await?;
    Ok(Answer(desk.store().playbook_runs(case, MOST).await?))
}

/// A playbook that is to be started.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartForm {
    /// Its name.
    playbook: String,
}

/// Starts a playbook on a case
#[utoipa::path(post, path = "/api/v1/cases/{id}/playbooks", params(("id" = i64, Path)), request_body = StartForm,
    responses((status = 201, body = PlaybookRun), Problems))]
pub(super) async fn start(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Path(case): Path<i64>,
    Json(form): Json<StartForm>,
) -> Result<Created<PlaybookRun>, Problem> {
    let playbooks = desk.store().playbooks().await?;
    let named = playbooks.into_iter().find(|own| own.name == form.playbook);
    let named = named.ok_or_else(|| Error::not_found("playbook", &form.playbook))?;
    let run = desk.store().start_playbook(case, named.id, &person.name).await?;
    Ok((StatusCode::CREATED, Answer(run)))
}

/// Ends a playbook on a case, and the actions that it waits for
#[utoipa::path(post, path = "/api/v1/playbook-runs/{id}/cancel", params(("id" = i64, Path)),
    responses((status = 200, body = PlaybookRun), Problems))]
pub(super) async fn cancel(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Path(id): Path<i64>,
) -> Result<Answer<PlaybookRun>, Problem> {
    desk.engine().cancel_playbook(id, &person.name).await?;
    Ok(Answer(desk.store().playbook_run(id).await?))
}

/// Which pending actions are listed.
#[derive(Deserialize, IntoParams, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PendingQuery {
    /// Of one case.
    case: Option<i64>,
}

/// Lists what waits for a person, oldest first
#[utoipa::path(get, path = "/api/v1/pending", params(PendingQuery),
    responses((status = 200, body = Vec<PendingAction>), Problems))]
pub(super) async fn pending(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Query(wanted): Query<PendingQuery>,
) -> Result<Answer<Vec<PendingAction>>, Problem> {
    Ok(Answer(desk.store().pending_actions(wanted.case, MOST).await?))
}

/// What somebody decides.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionForm {
    is_approved: bool,
}

/// Decides what a playbook asks
#[utoipa::path(post, path = "/api/v1/pending/{id}", params(("id" = i64, Path)), request_body = DecisionForm,
    responses((status = 204), Problems))]
pub(super) async fn decide(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Path(id): Path<i64>,
    Json(form): Json<DecisionForm>,
) -> Result<StatusCode, Problem> {
    desk.store().decide(id, form.is_approved, &person.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
