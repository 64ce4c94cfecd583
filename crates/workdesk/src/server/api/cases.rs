//! Cases over the API.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Caller, Content, Json, Path, Query};
use super::form::{
    CaseDetails, CaseForm, CommentForm, Created, EntityDetails, EntityPage, EntityView, Problems,
};
use crate::server::border::Room;
use crate::server::export_page::exported;
use crate::server::problem::Problem;
use crate::server::{Desk, LARGEST_FILE};
use crate::store::CaseChange;
use crate::{
    Case, CaseFilter, CasePage, Error, NewCase, Priority, StoredInsight, WallEntry, case_of_mail,
    case_of_text,
};

/// Most of anything in one answer.
const MOST: u32 = 1000;
/// Related cases that are listed.
const MOST_RELATED: u32 = 100;

/// Which cases are listed.
#[derive(Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct ListQuery {
    /// Of one environment.
    environment: Option<String>,
    /// Open ones, or closed ones.
    is_open: Option<bool>,
    /// Those whose title holds the text, or that have an entity whose name starts with it.
    text: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Cases of a page; 50 unless told, 200 at most.
    limit: Option<u32>,
}

/// Lists cases, most recently changed first
#[utoipa::path(get, path = "/api/v1/cases", params(ListQuery), responses((status = 200, body = CasePage), Problems))]
pub(super) async fn list(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Query(wanted): Query<ListQuery>,
) -> Result<Answer<CasePage>, Problem> {
    let filter = CaseFilter {
        environment: wanted.environment,
        is_open: wanted.is_open,
        text: wanted.text,
        after: wanted.after,
        limit: wanted.limit,
    };
    Ok(Answer(desk.store().cases(&filter).await?))
}

/// Makes a case
#[utoipa::path(post, path = "/api/v1/cases", request_body = NewCase, responses((status = 201, body = Case), Problems))]
pub(super) async fn create(
    State(desk): State<Desk>,
    Caller(person): Caller,
    _room: Room<LARGEST_FILE>,
    Json(new): Json<NewCase>,
) -> Result<Created<Case>, Problem> {
    let case = desk.store().create_case(new, &person.name).await?;
    Ok((StatusCode::CREATED, Answer(case)))
}

/// What a text does not say about its case.
#[derive(Deserialize, IntoParams, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TextQuery {
    /// Headline; of a mail, its subject where it is left out.
    title: Option<String>,
    /// Whose case it is.
    environment: Option<String>,
    /// How urgent it is.
    priority: Option<Priority>,
}

impl TextQuery {
    fn put_on(self, new: &mut NewCase) {
        if let Some(title) = self.title {
            new.title = title;
        }
        new.environment = self.environment.unwrap_or_default();
        new.priority = self.priority.unwrap_or_default();
    }
}

/// Makes a case from a text: its indicators become entities, defanged or not
#[utoipa::path(post, path = "/api/v1/cases/from-text", params(TextQuery),
    request_body(content = String, content_type = "text/plain"), responses((status = 201, body = Case), Problems))]
pub(super) async fn create_from_text(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Query(about): Query<TextQuery>,
    _room: Room<LARGEST_FILE>,
    Content(body): Content,
) -> Result<Created<Case>, Problem> {
    let text = String::from_utf8_lossy(&body).into_owned();
    let mut new = case_of_text("", text);
    about.put_on(&mut new);
    let case = desk.store().create_case(new, &person.name).await?;
    Ok((StatusCode::CREATED, Answer(case)))
}

/// Makes a case from a mail (.eml): people, links, and attachments by their SHA-256 become entities
#[utoipa::path(post, path = "/api/v1/cases/from-mail", params(TextQuery),
    request_body(content = Vec<u8>, content_type = "message/rfc822"), responses((status = 201, body = Case), Problems))]
pub(super) async fn create_from_mail(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Query(about): Query<TextQuery>,
    _room: Room<LARGEST_FILE>,
    Content(body): Content,
) -> Result<Created<Case>, Problem> {
    let mut new = case_of_mail(&body)?;
    about.put_on(&mut new);
    let case = desk.store().create_case(new, &person.name).await?;
    Ok((StatusCode::CREATED, Answer(case)))
}

/// Shows a case with its alerts
#[utoipa::path(get, path = "/api/v1/cases/{id}", params(("id" = i64, Path)),
    responses((status = 200, body = CaseDetails), Problems))]
pub(super) async fn show(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
) -> Result<Answer<CaseDetails>, Problem> {
    let case = desk.store().case(id).await?;
    let alerts = desk.store().alerts(id).await?;
    Ok(Answer(CaseDetails { case, alerts }))
}

/// Changes a case
#[utoipa::path(patch, path = "/api/v1/cases/{id}", params(("id" = i64, Path)), request_body = CaseForm,
    responses((status = 200, body = Case), Problems))]
pub(super) async fn change(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Path(id): Path<i64>,
    Json(form): Json<CaseForm>,
) -> Result<Answer<Case>, Problem> {
    let store = desk.store();
    let change = CaseChange {
        title: form.title,
        priority: form.priority,
        stage: form.stage,
        assignee: form.assignee,
        tag: form.tag,
    };
    store.change_case(id, change, &person.name).await?;
    if let Some(is_open) = form.is_open
        && store.case(id).await?.is_open != is_open
    {
        store.set_open(id, is_open, &person.name).await?;
    }
    Ok(Answer(store.case(id).await?))
}

/// Which entities, or entries, are listed.
#[derive(Deserialize, IntoParams, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PartQuery {
    /// `next` of the page before.
    after: Option<i64>,
    /// How many; 200 unless told, 1000 at most.
    limit: Option<u32>,
}

impl PartQuery {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(200).clamp(1, MOST)
    }
}

/// Lists the entities of a case
#[utoipa::path(get, path = "/api/v1/cases/{id}/entities", params(("id" = i64, Path), PartQuery),
    responses((status = 200, body = EntityPage), Problems))]
pub(super) async fn entities(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
    Query(wanted): Query<PartQuery>,
) -> Result<Answer<EntityPage>, Problem> {
    desk.store().case(id).await?;
    let limit = wanted.limit();
    let mut entities = desk
        .store()
        .entities(id, wanted.after.unwrap_or_default(), limit + 1)
        .await?;
    let is_more = entities.len() > limit as usize;
    entities.truncate(limit as usize);
    let next = entities.last().filter(|_| is_more).map(|last| last.id);
    let entities = entities.into_iter().map(EntityView::from).collect();
    Ok(Answer(EntityPage { entities, next }))
}

/// Shows an entity: what is known, what changed, where else it is
#[utoipa::path(get, path = "/api/v1/entities/{id}", params(("id" = i64, Path)),
    responses((status = 200, body = EntityDetails), Problems))]
pub(super) async fn entity(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
) -> Result<Answer<EntityDetails>, Problem> {
    let store = desk.store();
    let entity = store.entity(id).await?;
    let related_cases = store.related_cases(&entity, MOST_RELATED).await?;
    Ok(Answer(EntityDetails {
        entity: entity.into(),
        enrichments: store.enrichments(id).await?,
        related_cases,
    }))
}

/// Lists the insights of a case in the order in which they came; `after` is the number of the last one of the page before
#[utoipa::path(get, path = "/api/v1/cases/{id}/insights", params(("id" = i64, Path), PartQuery),
    responses((status = 200, body = Vec<StoredInsight>), Problems))]
pub(super) async fn insights(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
    Query(wanted): Query<PartQuery>,
) -> Result<Answer<Vec<StoredInsight>>, Problem> {
    desk.store().case(id).await?;
    let (after, limit) = (wanted.after.unwrap_or_default(), wanted.limit());
    Ok(Answer(desk.store().insights(id, after, limit).await?))
}

/// Which entries of a wall are listed.
#[derive(Deserialize, IntoParams, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WallQuery {
    /// The number of the oldest entry of the page before.
    before: Option<i64>,
    /// How many; 200 unless told, 1000 at most.
    limit: Option<u32>,
}

/// Lists the case wall, newest first
#[utoipa::path(get, path = "/api/v1/cases/{id}/wall", params(("id" = i64, Path), WallQuery),
    responses((status = 200, body = Vec<WallEntry>), Problems))]
pub(super) async fn wall(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
    Query(wanted): Query<WallQuery>,
) -> Result<Answer<Vec<WallEntry>>, Problem> {
    desk.store().case(id).await?;
    let limit = wanted.limit.unwrap_or(200).clamp(1, MOST);
    Ok(Answer(desk.store().wall(id, wanted.before, limit).await?))
}

/// Says something on the case wall
#[utoipa::path(post, path = "/api/v1/cases/{id}/comments", params(("id" = i64, Path)), request_body = CommentForm,
    responses((status = 204), Problems))]
pub(super) async fn comment(
    State(desk): State<Desk>,
    Caller(person): Caller,
    Path(id): Path<i64>,
    Json(form): Json<CommentForm>,
) -> Result<StatusCode, Problem> {
    if form.text.trim().is_empty() {
        return Err(Error::Invalid("the comment is empty".to_owned()).into());
    }
    desk.store().comment(id, &form.text, &person.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// In which form a case is exported.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    /// `json`, `csv`, `markdown`, `pdf`, `stix` or `misp`.
    format: String,
}

/// Gives a case as a file: JSON, CSV, Markdown, PDF, STIX 2.1 or MISP
#[utoipa::path(get, path = "/api/v1/cases/{id}/export", params(("id" = i64, Path), ExportQuery),
    responses((status = 200, body = Vec<u8>), Problems))]
pub(super) async fn export(
    State(desk): State<Desk>,
    Caller(_): Caller,
    Path(id): Path<i64>,
    Query(wanted): Query<ExportQuery>,
) -> Result<Response, Problem> {
    Ok(exported(&desk, id, &wanted.format).await?)
}
