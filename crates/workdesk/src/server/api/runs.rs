//! Runs over the API.

use std::convert::Infallible;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::Stream;
use jiff::SignedDuration;
use secops::Parameters;

use super::extract::{Caller, Json, Path, Shown};
use super::form::{Created, Problems, RunForm};
use crate::server::events::Pass;
use crate::server::problem::Problem;
use crate::server::{Desk, events as case_events};
use crate::{DEFAULT_INSTANCE, Instance, NewRun, Offer, Run};

/// Runs of one answer.
const MOST: u32 = 500;

/// Lists the runs of a case, newest first, without their results
#[utoipa::path(get, path = "/api/v1/cases/{id}/runs", params(("id" = i64, Path)),
    responses((status = 200, body = Vec<Run>), Problems))]
pub(super) async fn list(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
) -> Result<Answer<Vec<Run>>, Problem> {
    desk.store().case(id).await?;
    Ok(Answer(desk.store().runs(id, MOST).await?))
}

/// Asks for a run of an action: once this is answered it is sure to be made
#[utoipa::path(post, path = "/api/v1/cases/{id}/runs", params(("id" = i64, Path)), request_body = RunForm,
    responses((status = 201, body = Run), Problems))]
pub(super) async fn ask(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Path(case): Path<i64>,
    Json(form): Json<RunForm>,
) -> Result<Created<Run>, Problem> {
    let mut parameters = Parameters::new();
    for (name, value) in form.parameters.unwrap_or_default() {
        parameters = parameters.with(&name, value);
    }
    let time = form
        .seconds
        .map(|seconds| SignedDuration::from_secs(seconds.into()));
    let new = NewRun {
        case,
        action: form.action,
        instance: form.instance.unwrap_or_else(|| DEFAULT_INSTANCE.to_owned()),
        parameters,
        targets: form.targets.unwrap_or_default(),
        deadline_at: time.map(|time| desk.store().clock().now() + time),
    };
    let run = desk.engine().ask(new, &person.name).await?;
    Ok((StatusCode::CREATED, Answer(run)))
}

/// Shows a run with its tables, links and JSON
#[utoipa::path(get, path = "/api/v1/runs/{id}", params(("id" = i64, Path)), responses((status = 200, body = Run), Problems))]
pub(super) async fn show(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
) -> Result<Answer<Run>, Problem> {
    Ok(Answer(desk.store().run(id).await?))
}

/// Gives the reports of a run's entities: a list of `{"EntityResult": …, "Entity": …}`
#[utoipa::path(get, path = "/api/v1/runs/{id}/json-result", params(("id" = i64, Path)),
    responses((status = 200, body = Vec<Object>), Problems))]
pub(super) async fn json_result(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let headers = [(CONTENT_TYPE, "application/json")];
    Ok((headers, desk.store().json_result(id).await?).into_response())
}

/// Ends a run; what it has had so far is kept
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", params(("id" = i64, Path)),
    responses((status = 200, body = Run), Problems))]
pub(super) async fn cancel(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Path(id): Path<i64>,
) -> Result<Answer<Run>, Problem> {
    Ok(Answer(desk.engine().cancel(id, &person.name).await?))
}

/// Tells whenever something of the case has changed (server-sent events, each with the data `changed`)
#[utoipa::path(get, path = "/api/v1/cases/{id}/events", params(("id" = i64, Path)),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems))]
pub(super) async fn events(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Shown(token): Shown,
    Path(case): Path<i64>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let pass = Pass::Token(token.unwrap_or_default());
    Ok(case_events::stream(desk, pass, case, &person).await?)
}

/// Lists the actions that can be asked for
#[utoipa::path(get, path = "/api/v1/actions", responses((status = 200, body = Vec<Offer>), Problems))]
pub(super) async fn actions(State(desk): State<Desk>, Caller(_): Caller) -> Answer<Vec<Offer>> {
    Answer(desk.engine().offers())
}

/// Lists the instances of integrations, without their settings
#[utoipa::path(get, path = "/api/v1/instances", responses((status = 200, body = Vec<Instance>), Problems))]
pub(super) async fn instances(
    State(desk): State<Desk>,
    Caller(_): Caller,
) -> Result<Answer<Vec<Instance>>, Problem> {
    Ok(Answer(desk.store().instances().await?))
}
