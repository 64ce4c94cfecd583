//! Entities, what actions have found out about them, and insights.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secops::{Entity, EntityType, Insight, InsightKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use utoipa::ToSchema;

use super::{Store, flag, from_json, time, to_json};
use crate::Error;
use crate::text::storable;

/// Where the platform keeps the text as it came.
const ORIGINAL_IDENTIFIER: &str = "OriginalIdentifier";
/// Longest name of an entity, in characters.
const LONGEST: usize = 10_000;

/// An entity in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEntity {
    /// Its number.
    pub id: i64,
    /// Which case it is in.
    pub case: i64,
    /// Which alert it came with.
    pub alert: i64,
    /// The entity itself.
    pub entity: Entity,
    /// When it came.
    pub created_at: Timestamp,
    /// When an action last changed it.
    pub updated_at: Timestamp,
}

/// What one run changed of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Enrichment {
    /// Which run; `None` for what came from outside.
    pub run: Option<i64>,
    /// Which integration and action.
    pub source: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Field by field.
    pub changes: BTreeMap<String, Change>,
}

/// How a field changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The value since.
    pub to: Value,
}

/// An insight in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoredInsight {
    /// Its number.
    pub id: i64,
    /// The entity that it is about; `None` for the case.
    pub entity: Option<i64>,
    /// Which run left it.
    pub run: Option<i64>,
    /// Headline.
    pub title: String,
    /// Text, perhaps several lines.
    pub content: String,
    /// The platform's number: 0 informative, 1 warning.
    pub severity: i64,
    /// Which integration says so.
    pub triggered_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl StoredEntity {
    /// Engines that flag it, and engines that answered, where an action has said so.
    pub(crate) fn score(&self) -> Option<(&str, &str)> {
        let score = self.entity.additional_properties.get("VT_Risk Score")?;
        score.as_str()?.split_once('/')
    }

    fn read(row: &AnyRow) -> Result<Self, Error> {
        let entity_type: String = row.try_get("entity_type")?;
        Ok(Self {
            id: row.try_get("id")?,
            case: row.try_get("case_id")?,
            alert: row.try_get("alert_id")?,
            entity: Entity {
                identifier: row.try_get("identifier")?,
                additional_properties: from_json(row, "properties")?,
                entity_type: EntityType::named(&entity_type),
                is_internal: flag(row, "is_internal")?,
                is_suspicious: flag(row, "is_suspicious")?,
                is_enriched: flag(row, "is_enriched")?,
                rest: from_json(row, "rest")?,
            },
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
        })
    }
}

impl Store {
    /// Entities of a case in the order in which they came, from the one after `after` on; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn entities(&self, case: i64, after: i64, limit: u32) -> Result<Vec<StoredEntity>, Error> {
        let rows = sqlx::query("SELECT * FROM entity WHERE case_id = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(case)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(StoredEntity::read).collect()
    }

    /// Entities of a case, the suspicious ones first; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn entities_by_risk(&self, case: i64, limit: u32) -> Result<Vec<StoredEntity>, Error> {
        let rows =
            sqlx::query("SELECT * FROM entity WHERE case_id = $1 ORDER BY is_suspicious DESC, id LIMIT $2")
                .bind(case)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(StoredEntity::read).collect()
    }

    /// One entity.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn entity(&self, id: i64) -> Result<StoredEntity, Error> {
        let row = sqlx::query("SELECT * FROM entity WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        StoredEntity::read(&row.ok_or_else(|| Error::not_found("entity", &id))?)
    }

    /// Other cases that have an entity of the same name and type, newest first; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn related_cases(&self, entity: &StoredEntity, limit: u32) -> Result<Vec<i64>, Error> {
        let cases = sqlx::query_scalar(
            "SELECT DISTINCT case_id FROM entity WHERE identifier = $1 AND entity_type = $2 AND case_id <> $3 \
             ORDER BY case_id DESC LIMIT $4",
        )
        .bind(&entity.entity.identifier)
        .bind(entity.entity.entity_type.name())
        .bind(entity.case)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(cases)
    }

    /// What was found out about an entity, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn enrichments(&self, entity: i64) -> Result<Vec<Enrichment>, Error> {
        let rows = sqlx::query("SELECT * FROM enrichment WHERE entity_id = $1 ORDER BY id DESC")
            .bind(entity)
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| {
            Ok(Enrichment {
                run: row.try_get("run_id")?,
                source: row.try_get("source")?,
                at: time(row, "at")?,
                changes: from_json(row, "changes")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Insights of a case in the order in which they came, from the one after `after` on; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn insights(&self, case: i64, after: i64, limit: u32) -> Result<Vec<StoredInsight>, Error> {
        let rows = sqlx::query("SELECT * FROM insight WHERE case_id = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(case)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| {
            Ok(StoredInsight {
                id: row.try_get("id")?,
                entity: row.try_get("entity_id")?,
                run: row.try_get("run_id")?,
                title: row.try_get("title")?,
                content: row.try_get("content")?,
                severity: row.try_get("severity")?,
                triggered_by: row.try_get("triggered_by")?,
                at: time(row, "at")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// The entities of a case in the order in which they came, as the transaction sees them.
pub(super) async fn entities_in(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
) -> Result<Vec<StoredEntity>, Error> {
    let rows = sqlx::query("SELECT * FROM entity WHERE case_id = $1 ORDER BY id")
        .bind(case)
        .fetch_all(&mut **transaction)
        .await?;
    rows.iter().map(StoredEntity::read).collect()
}

/// Puts an entity into its alert, unless it is there. As the platform does, its name is stored in upper case and the text as
/// it came beside it.
pub(super) async fn insert(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    alert: i64,
    entity: &Entity,
    now: i64,
) -> Result<(), Error> {
    let original = entity.original_identifier().trim();
    if original.is_empty() {
        return Err(Error::Invalid("an entity has no name".to_owned()));
    }
    if original.chars().count() > LONGEST {
        let start: String = original.chars().take(60).collect();
        return Err(Error::Invalid(format!(
            "the entity that starts with {start:?} is longer than {LONGEST} characters"
        )));
    }
    let mut properties = entity.additional_properties.clone();
    properties
        .entry(ORIGINAL_IDENTIFIER)
        .or_insert_with(|| original.into());
    sqlx::query(
        "INSERT INTO entity (case_id, alert_id, identifier, entity_type, is_internal, is_suspicious, is_enriched, properties, \
         rest, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) \
         ON CONFLICT (alert_id, identifier, entity_type) DO NOTHING",
    )
    .bind(case)
    .bind(alert)
    .bind(storable(&original.to_uppercase()))
    .bind(entity.entity_type.name())
    .bind(i64::from(entity.is_internal))
    .bind(i64::from(entity.is_suspicious))
    .bind(i64::from(entity.is_enriched))
    .bind(to_json(&properties)?)
    .bind(to_json(&entity.rest)?)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Who changes entities.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) case: i64,
    pub(super) run: Option<i64>,
    pub(super) source: &'a str,
    /// Whether an entity that names its alert is meant there only.
    pub(super) by_alert: bool,
    pub(super) now: i64,
}

/// An insight that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewInsight {
    /// Name and type of the entity that it is about; an empty type is any.
    pub(crate) about: Option<(String, String)>,
    pub(crate) title: String,
    pub(crate) content: String,
    /// The platform's number.
    pub(crate) severity: i64,
    pub(crate) triggered_by: String,
}

impl From<&Insight> for NewInsight {
    fn from(insight: &Insight) -> Self {
        let about = match &insight.kind {
            InsightKind::General {} => None,
            InsightKind::Entity {
                entity_identifier,
                entity_type,
            } => Some((entity_identifier.clone(), entity_type.name().to_owned())),
        };
        Self {
            about,
            title: insight.title.clone(),
            content: insight.content.clone(),
            severity: i64::from(insight.severity.code()),
            triggered_by: insight.triggered_by.clone(),
        }
    }
}

/// Takes over what an action says of entities: in each alert of the case that has one of the same name and type. Fields are
/// added and replaced, never removed; what is suspicious stays so.
pub(super) async fn update(
    transaction: &mut Transaction<'static, Any>,
    origin: Origin<'_>,
    entities: &[Entity],
) -> Result<(), Error> {
    for entity in entities {
        let alert = entity.rest.get("alert_identifier").and_then(Value::as_str);
        let alert = alert.filter(|_| origin.by_alert).unwrap_or_default();
        let rows = sqlx::query(
            "SELECT * FROM entity WHERE case_id = $1 AND identifier = $2 AND entity_type = $3 \
             AND ($4 = '' OR alert_id IN (SELECT id FROM alert WHERE case_id = $1 AND identifier = $4))",
        )
        .bind(origin.case)
        .bind(storable(&entity.identifier))
        .bind(entity.entity_type.name())
        .bind(storable(alert))
        .fetch_all(&mut **transaction)
        .await?;
        for row in &rows {
            let known = StoredEntity::read(row)?;
            change(transaction, origin, &known, entity).await?;
        }
    }
    Ok(())
}

async fn change(
    transaction: &mut Transaction<'static, Any>,
    origin: Origin<'_>,
    known: &StoredEntity,
    entity: &Entity,
) -> Result<(), Error> {
    let mut properties = known.entity.additional_properties.clone();
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    for (name, value) in &entity.additional_properties {
        let from = properties.insert(name.clone(), value.clone());
        if from.as_ref() != Some(value) {
            let to = value.clone();
            changes.insert(name.clone(), Change { from, to });
        }
    }
    let is_suspicious = known.entity.is_suspicious || entity.is_suspicious;
    if is_suspicious != known.entity.is_suspicious {
        let (from, to) = (Some(false.into()), true.into());
        changes.insert("is_suspicious".to_owned(), Change { from, to });
    }
    if changes.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE entity SET properties = $2, is_suspicious = $3, is_enriched = $4, updated_at = $5 WHERE id = $1")
        .bind(known.id)
        .bind(to_json(&properties)?)
        .bind(i64::from(is_suspicious))
        .bind(i64::from(known.entity.is_enriched || entity.is_enriched))
        .bind(origin.now)
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "INSERT INTO enrichment (entity_id, run_id, source, at, changes) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(known.id)
    .bind(origin.run)
    .bind(origin.source)
    .bind(origin.now)
    .bind(to_json(&changes)?)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Keeps an insight, on its entity where the case has it.
pub(super) async fn insert_insight(
    transaction: &mut Transaction<'static, Any>,
    origin: Origin<'_>,
    insight: &NewInsight,
) -> Result<(), Error> {
    let entity: Option<i64> = match &insight.about {
        None => None,
        // `+id`: for the order of `id` alone SQLite would read the case's entities one by one, for each insight.
        Some((identifier, entity_type)) => sqlx::query_scalar(
            "SELECT id FROM entity WHERE case_id = $1 AND identifier = $2 AND (entity_type = $3 OR $3 = '') \
                 ORDER BY +id LIMIT 1",
        )
        .bind(origin.case)
        .bind(storable(identifier))
        .bind(entity_type)
        .fetch_optional(&mut **transaction)
        .await?,
    };
    sqlx::query(
        "INSERT INTO insight (case_id, entity_id, run_id, title, content, severity, triggered_by, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(origin.case)
    .bind(entity)
    .bind(origin.run)
    .bind(storable(&insight.title))
    .bind(storable(&insight.content))
    .bind(insight.severity)
    .bind(storable(&insight.triggered_by))
    .bind(origin.now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
