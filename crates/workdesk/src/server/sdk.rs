//! The platform's side of the SDK: what programs ask that were started as actions. Source: the action protocol.

mod address;
mod objects;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use secops::{Entity, EntityType};
use serde_json::{Value, json};

use super::Desk;
use super::border::Room;
use super::metrics::Who;
use super::problem::Problem;
use crate::store::{CaseChange, NewAttachment, NewInsight, Property};
use crate::{Case, Error, Priority, Scope};
use address::{Call, Target};

/// Largest body of a request, in bytes: a case with ten thousand entities, each with its report.
const LARGEST_BODY: usize = 256 * 1024 * 1024;
/// Header with the key.
const KEY_HEADER: &str = "appkey";
/// What the platform calls itself to programs that ask.
const VERSION: &str = "6.3.50.0";
/// What the integration is said to be.
const INTEGRATION_VERSION: f64 = 1.0;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asker {
    /// A program that the workdesk has started for a run. It sees the run's case and instance, and nothing else.
    Run {
        id: i64,
        case: i64,
        instance: String,
        name: String,
    },
    /// A program that somebody has started with a token.
    Person(String),
}

impl Asker {
    fn name(&self) -> &str {
        match self {
            Self::Run { name, .. } | Self::Person(name) => name,
        }
    }

    fn run(&self) -> Option<i64> {
        match self {
            Self::Run { id, .. } => Some(*id),
            Self::Person(_) => None,
        }
    }

    fn may_see(&self, case: i64) -> Result<i64, Error> {
        match self {
            Self::Run { case: own, .. } if *own != case => {
                Err(Error::NotAllowed(format!("the key is for the case {own} only")))
            }
            _ => Ok(case),
        }
    }
}

/// Both forms of addresses.
pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route("/api/external/v1/sdk/{*call}", any(answer))
        .route("/api/external/v1/cases/comments", any(answer))
        .route(
            "/v1alpha/projects/{project}/locations/{location}/instances/{instance}/{call}",
            any(answer),
        )
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
}

/// The key stands before everything else: a body is read of those only who may send it.
async fn answer(
    State(desk): State<Desk>,
    asker: Asker,
    target: Target,
    _room: Room<LARGEST_BODY>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body?;
    let body = match (target.call.method(), body.is_empty()) {
        (Method::GET, _) | (_, true) => Value::Null,
        _ => serde_json::from_slice(&body)
            .map_err(|error| Error::Invalid(format!("the body is no JSON: {error}")))?,
    };
    carry_out(&desk, &asker, &target, body).await
}

impl FromRequestParts<Desk> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        asker(desk, &parts.headers, &Who::of(&parts.extensions)).await
    }
}

impl FromRequestParts<Desk> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Desk) -> Result<Self, Problem> {
        let unknown = || Problem::new(StatusCode::NOT_FOUND, "the SDK has no such call");
        let target = address::read(&parts.uri).ok_or_else(unknown)?;
        match parts.method == target.call.method() {
            true => Ok(target),
            false => {
                let words = format!("the call is made with {}", target.call.method());
                Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, words))
            }
        }
    }
}

async fn asker(desk: &Desk, headers: &HeaderMap, who: &Who) -> Result<Asker, Problem> {
    let key = headers.get(KEY_HEADER).and_then(|value| value.to_str().ok());
    let unknown = || {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "the header AppKey has no key of this workdesk: make a token with the scope sdk",
        )
    };
    let key = key.ok_or_else(unknown)?;
    if let Some(id) = desk.engine().run_of_key(key) {
        let run = desk.store().run(id).await?;
        who.is_run(id);
        return Ok(Asker::Run {
            id,
            case: run.case,
            instance: run.instance,
            name: run.action,
        });
    }
    let bearer = desk.store().bearer(key, Scope::Sdk).await?;
    let bearer = bearer.ok_or_else(unknown)?;
    who.is_bearer(&bearer);
    Ok(Asker::Person(bearer.person.name))
}

async fn carry_out(desk: &Desk, asker: &Asker, target: &Target, body: Value) -> Result<Response, Problem> {
    let store = desk.store();
    let answer = match target.call {
        Call::ProxySettings => {
            json!({"proxy_server_address": "", "username": "", "password": "", "ignore_addresses": []})
        }
        Call::SystemVersion => VERSION.into(),
        Call::IntegrationVersion => INTEGRATION_VERSION.into(),
        Call::Configuration => configuration(desk, asker, target.value(0)).await?,
        Call::CaseMetadata => {
            let case = case(desk, asker, target.value(0)).await?;
            let alerts = store.alerts(case.id).await?;
            objects::case(&case, alerts.len())
        }
        Call::CaseFullDetails => {
            let case = case(desk, asker, target.value(0)).await?;
            let alerts = alerts(desk, &case).await?;
            let mut object = objects::case(&case, alerts.len());
            if let Value::Object(object) = &mut object {
                object.insert("cyber_alerts".to_owned(), alerts.into());
            }
            object
        }
        Call::AlertsFullDetails => {
            let case = case(desk, asker, target.value(0)).await?;
            alerts(desk, &case).await?.into()
        }
        Call::AlertFullDetails => {
            let case = case(desk, asker, &text(&body, "case_id")).await?;
            let wanted = text(&body, "alert_id_str");
            let mut alerts = alerts(desk, &case).await?.into_iter();
            let is_wanted = |alert: &Value| text(alert, "identifier") == wanted;
            alerts.find(is_wanted).unwrap_or_default()
        }
        Call::UpdateEntities => return update_entities(desk, asker, body).await,
        Call::CreateCaseInsight => return add_insight(desk, asker, &body).await,
        Call::CreateEntity => return add_entity(desk, asker, &body).await,
        Call::GetContextProperty | Call::SetContextProperty | Call::TrySetContextProperty => {
            return property(desk, asker, target.call, &body).await;
        }
        Call::AddAttachment => {
            let case = number(asker, &text(&body, "case_identifier"))?;
            let id = store.add_attachment(case, new_attachment(&body), asker.name());
            id.await?.into()
        }
        Call::Attachments => {
            let case = case(desk, asker, target.value(0)).await?;
            let attachments = store.attachments(case.id).await?;
            attachments.iter().map(objects::attachment).collect()
        }
        Call::AttachmentData => {
            let id = target.value(0);
            let id = id
                .parse()
                .map_err(|_| Error::Invalid(format!("{id:?} is no attachment's number")))?;
            let (attachment, content) = store.attachment(id).await?;
            asker.may_see(attachment.case)?;
            json!({"blob": content, "name": attachment.name, "type": attachment.kind})
        }
        Call::AddTag | Call::ChangeCaseStage | Call::ChangePriority | Call::AssignUser => {
            let case = number(asker, &text(&body, "case_id"))?;
            let changed = store.change_case(case, change(target.call, &body)?, asker.name());
            changed.await?;
            return Ok(StatusCode::OK.into_response());
        }
        Call::Close => {
            let case = number(asker, &text(&body, "case_id"))?;
            let comment = text(&body, "comment");
            if !comment.trim().is_empty() {
                store.comment(case, &comment, asker.name()).await?;
            }
            store.set_open(case, false, asker.name()).await?;
            return Ok(StatusCode::OK.into_response());
        }
        Call::Comment => {
            let case = number(asker, &text(&body, "case_id"))?;
            store.comment(case, &text(&body, "comment"), asker.name()).await?;
            return Ok(StatusCode::OK.into_response());
        }
    };
    Ok(axum::Json(answer).into_response())
}

/// The text of a field; numbers as text, and empty where there is none.
fn text(body: &Value, name: &str) -> String {
    match body.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn is_true(body: &Value, name: &str) -> bool {
    body.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The number of a case that may be seen.
fn number(asker: &Asker, text: &str) -> Result<i64, Error> {
    let number = text.trim().parse();
    asker.may_see(number.map_err(|_| Error::not_found("case", text))?)
}

async fn case(desk: &Desk, asker: &Asker, id: &str) -> Result<Case, Error> {
    desk.store().case(number(asker, id)?).await
}

async fn alerts(desk: &Desk, case: &Case) -> Result<Vec<Value>, Error> {
    let alerts = desk.store().alerts(case.id).await?;
    let entities = desk.store().entities(case.id, 0, u32::MAX).await?;
    let whole = |alert| objects::alert(case, alert, &entities);
    Ok(alerts.iter().map(whole).collect())
}

/// Settings by the instance's name, or by the integration's where the run has none.
async fn configuration(desk: &Desk, asker: &Asker, wanted: &str) -> Result<Value, Error> {
    let name = match asker {
        Asker::Run { instance, .. } => instance,
        Asker::Person(_) => wanted,
    };
    let settings = desk.engine().configuration(name, wanted).await?;
    serde_json::to_value(settings).map_err(|error| Error::Damaged(error.to_string()))
}

async fn update_entities(desk: &Desk, asker: &Asker, body: Value) -> Result<Response, Problem> {
    let unreadable =
        |error: serde_json::Error| Error::Invalid(format!("the entities can't be read: {error}"));
    let entities: Vec<Entity> = serde_json::from_value(body).map_err(unreadable)?;
    let mut by_case: Vec<(i64, Vec<Entity>)> = Vec::new();
    for entity in entities {
        let case = entity.rest.get("case_identifier").map(|case| match case {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let case = number(asker, &case.unwrap_or_default())?;
        match by_case.iter_mut().find(|(own, _)| *own == case) {
            Some((_, entities)) => entities.push(entity),
            None => by_case.push((case, vec![entity])),
        }
    }
    for (case, entities) in by_case {
        desk.store()
            .update_entities(case, asker.run(), asker.name(), &entities)
            .await?;
    }
    Ok(StatusCode::OK.into_response())
}

async fn add_insight(desk: &Desk, asker: &Asker, body: &Value) -> Result<Response, Problem> {
    const ENTITY: i64 = 1;
    let case = number(asker, &text(body, "case_id"))?;
    let is_on_entity = body.get("type").and_then(Value::as_i64) == Some(ENTITY);
    let about = is_on_entity.then(|| (text(body, "entity_identifier"), text(body, "entity_type")));
    let insight = NewInsight {
        about,
        title: text(body, "title"),
        content: text(body, "content"),
        severity: body.get("severity").and_then(Value::as_i64).unwrap_or_default(),
        triggered_by: text(body, "triggered_by"),
    };
    desk.store().add_insight(case, asker.run(), &insight).await?;
    Ok(StatusCode::OK.into_response())
}

async fn add_entity(desk: &Desk, asker: &Asker, body: &Value) -> Result<Response, Problem> {
    let case = number(asker, &text(body, "case_id"))?;
    let entity_type = EntityType::named(&text(body, "entity_type"));
    let mut entity = Entity::new(text(body, "entity_identifier"), entity_type);
    entity.is_internal = is_true(body, "is_internal");
    entity.is_suspicious = is_true(body, "is_suspicious");
    entity.is_enriched = is_true(body, "is_enriched");
    if let Some(Value::Object(properties)) = body.get("properties") {
        entity.additional_properties.clone_from(properties);
    }
    desk.store()
        .add_entity(case, &text(body, "alert_identifier"), &entity)
        .await?;
    Ok(StatusCode::OK.into_response())
}

async fn property(desk: &Desk, asker: &Asker, call: Call, body: &Value) -> Result<Response, Problem> {
    let (identifier, name) = (text(body, "Identifier"), text(body, "PropertyKey"));
    let kind = body
        .get("ContextType")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    may_have(desk, asker, kind, &identifier).await?;
    let place = Property {
        kind,
        identifier: &identifier,
        name: &name,
    };
    let value = body.get("PropertyValue").unwrap_or(&Value::Null);
    let store = desk.store();
    Ok(match call {
        Call::GetContextProperty => match store.property(place).await? {
            Some(value) => axum::Json(value).into_response(),
            None => StatusCode::NO_CONTENT.into_response(),
        },
        Call::TrySetContextProperty => {
            axum::Json(store.set_property(place, value, false).await?).into_response()
        }
        _ => {
            store.set_property(place, value, true).await?;
            StatusCode::OK.into_response()
        }
    })
}

/// What a property belongs to must be the case of the run, or an alert of it. What belongs to neither is for people's programs only: whatever
/// a run wrote there, every other one would read. Source of the numbers: the action protocol.
async fn may_have(desk: &Desk, asker: &Asker, kind: i64, identifier: &str) -> Result<(), Error> {
    const CASE: i64 = 1;
    const ALERT: i64 = 2;
    let own = match asker {
        Asker::Run { case, .. } => *case,
        Asker::Person(_) if kind == CASE => return number(asker, identifier).map(drop),
        Asker::Person(_) => return Ok(()),
    };
    let is_own = match kind {
        CASE => identifier.trim().parse() == Ok(own),
        ALERT => {
            let alerts = desk.store().alerts(own).await?;
            alerts
                .iter()
                .any(|alert| [alert.identifier.as_str(), objects::group(alert)].contains(&identifier))
        }
        _ => false,
    };
    match is_own {
        true => Ok(()),
        false => Err(Error::NotAllowed(format!(
            "the key is for the case {own} and its alerts only"
        ))),
    }
}

fn new_attachment(body: &Value) -> NewAttachment {
    NewAttachment {
        alert_identifier: text(body, "alert_identifier"),
        name: text(body, "name"),
        kind: text(body, "type"),
        description: text(body, "description"),
        is_favorite: is_true(body, "is_favorite"),
        content: text(body, "base64_blob"),
        size: body.get("size").and_then(Value::as_i64).unwrap_or_default(),
    }
}

fn change(call: Call, body: &Value) -> Result<CaseChange, Error> {
    let none = CaseChange::default();
    Ok(match call {
        Call::AddTag => CaseChange {
            tag: Some(text(body, "tag")).filter(|tag| !tag.trim().is_empty()),
            ..none
        },
        Call::ChangeCaseStage => CaseChange {
            stage: Some(text(body, "stage")),
            ..none
        },
        Call::AssignUser => CaseChange {
            assignee: Some(text(body, "user_id")),
            ..none
        },
        _ => {
            let code = body.get("priority").and_then(Value::as_i64);
            let priority = code.and_then(objects::priority_of);
            let words = || {
                let codes = Priority::ALL.map(|priority| objects::priority(priority).to_string());
                Error::Invalid(format!("priority must be one of {}", codes.join(", ")))
            };
            CaseChange {
                priority: Some(priority.ok_or_else(words)?),
                ..none
            }
        }
    })
}
