//! Forms of what the API says where the store's own are not for others.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoResponses, ToSchema};

use crate::server::problem::Problem;
use crate::{Case, Enrichment, Priority, StoredAlert, StoredEntity};

/// An entity as it is given.
#[derive(ToSchema)]
pub(crate) struct EntityForm {
    /// Its text: a hash, an address, a URL, …
    #[expect(dead_code, reason = "a description")]
    identifier: String,
    /// Its type in the platform's words: `FILEHASH`, `ADDRESS`, `DestinationURL`, `DOMAIN`, `HOSTNAME`, `USERUNIQNAME`, …
    #[expect(dead_code, reason = "a description")]
    entity_type: String,
    /// An asset of the own network: it is not sent to VirusTotal.
    #[expect(dead_code, reason = "a description")]
    is_internal: Option<bool>,
    /// Fields that are known already.
    #[expect(dead_code, reason = "a description")]
    #[schema(value_type = Option<Object>)]
    additional_properties: Option<Map<String, Value>>,
}

/// An entity in its place.
#[derive(Serialize, ToSchema)]
pub(super) struct EntityView {
    /// Its number.
    id: i64,
    /// In which case.
    case: i64,
    /// With which alert it came.
    alert: i64,
    /// Its text as it came.
    identifier: String,
    /// Its type in the platform's words.
    entity_type: String,
    is_internal: bool,
    is_suspicious: bool,
    is_enriched: bool,
    /// Every field that is known.
    #[schema(value_type = Object)]
    properties: Map<String, Value>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<StoredEntity> for EntityView {
    fn from(stored: StoredEntity) -> Self {
        let entity = stored.entity;
        Self {
            id: stored.id,
            case: stored.case,
            alert: stored.alert,
            identifier: entity.original_identifier().to_owned(),
            entity_type: entity.entity_type.name().to_owned(),
            is_internal: entity.is_internal,
            is_suspicious: entity.is_suspicious,
            is_enriched: entity.is_enriched,
            properties: entity.additional_properties,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// An entity, what changed of it, and where else it is.
#[derive(Serialize, ToSchema)]
pub(super) struct EntityDetails {
    pub(super) entity: EntityView,
    /// Newest first.
    pub(super) enrichments: Vec<Enrichment>,
    /// Other cases that have it, newest first.
    pub(super) related_cases: Vec<i64>,
}

/// A page of entities in the order in which they came.
#[derive(Serialize, ToSchema)]
pub(super) struct EntityPage {
    pub(super) entities: Vec<EntityView>,
    /// For `after` of the next page; none when this is the last one.
    pub(super) next: Option<i64>,
}

/// A case with its alerts.
#[derive(Serialize, ToSchema)]
pub(super) struct CaseDetails {
    #[serde(flatten)]
    pub(super) case: Case,
    pub(super) alerts: Vec<StoredAlert>,
}

/// What is to be different about a case; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseForm {
    pub(super) title: Option<String>,
    pub(super) priority: Option<Priority>,
    pub(super) stage: Option<String>,
    pub(super) assignee: Option<String>,
    /// One more tag.
    pub(super) tag: Option<String>,
    /// False closes it.
    pub(super) is_open: Option<bool>,
}

/// Words for a case wall.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommentForm {
    pub(super) text: String,
}

/// A run that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunForm {
    /// The action's name, as `/api/v1/actions` lists it.
    pub(super) action: String,
    /// The instance; `default` where it is left out.
    pub(super) instance: Option<String>,
    /// By the names of the action's parameters.
    #[schema(value_type = Option<Object>)]
    pub(super) parameters: Option<Map<String, Value>>,
    /// Numbers of the target entities; all of the case where they are left out.
    pub(super) targets: Option<Vec<i64>>,
    /// How long it may take, in seconds; for ever where it is left out.
    pub(super) seconds: Option<u32>,
}

/// How every answer that is none looks.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "a description")]
pub(super) enum Problems {
    /// Something of the request can't be read.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// There is no token, or it is not known here.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The token is not for this.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such thing.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// It can't be done in the present state.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// What was given can't be used.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(Problem),
}

/// An answer that something was made.
pub(super) type Created<T> = (StatusCode, axum::Json<T>);
