//! What the platform's SDK asks for and leaves: alerts, insights, attachments, properties, a case's stage and tags.

use jiff::Timestamp;
use secops::Entity;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use utoipa::ToSchema;

use super::cases::{recount, set_priority};
use super::entities::{self, NewInsight, Origin};
use super::wall::{WallKind, write_down};
use super::{Priority, Store, Turn, flag, from_json, time, to_json};
use crate::Error;
use crate::text::storable;

/// Longest value of a property, in characters. Source: the protocol.
const LONGEST_PROPERTY: usize = 3_000_000;
/// Largest attachment, in bytes. Source: the protocol.
const LARGEST_ATTACHMENT: i64 = 5_000_000;
/// Tags of one case, at most.
const MOST_TAGS: usize = 100;

/// An alert in its place.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StoredAlert {
    /// Its number.
    pub id: i64,
    /// In which case.
    pub case: i64,
    /// Its id where it comes from.
    pub identifier: String,
    /// Headline.
    pub name: String,
    /// What saw it.
    pub product: String,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// What else came with it.
    pub rest: Map<String, Value>,
}

/// A file that a program puts on a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAttachment {
    /// On which alert; empty for none.
    pub alert_identifier: String,
    /// Its file name, without the ending.
    pub name: String,
    /// The ending, with its dot.
    pub kind: String,
    /// What it is.
    pub description: String,
    /// Whether it is to stand out.
    pub is_favorite: bool,
    /// What is in it: base64.
    pub content: String,
    /// Its size in bytes.
    pub size: i64,
}

/// An attachment in its place, without what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Its number.
    pub id: i64,
    /// On which case.
    pub case: i64,
    /// On which alert; empty for none.
    pub alert_identifier: String,
    /// Its file name, without the ending.
    pub name: String,
    /// The ending, with its dot.
    pub kind: String,
    /// What it is.
    pub description: String,
    /// Whether it is to stand out.
    pub is_favorite: bool,
    /// Its size in bytes.
    pub size: i64,
    /// When it came.
    pub created_at: Timestamp,
}

/// Where a note of actions for each other stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// The platform's number: 1 a case, 2 a group of alerts.
    pub kind: i64,
    /// Of which case or group.
    pub identifier: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// What is to be different about a case; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CaseChange {
    pub(crate) title: Option<String>,
    pub(crate) priority: Option<Priority>,
    pub(crate) stage: Option<String>,
    pub(crate) assignee: Option<String>,
    pub(crate) tag: Option<String>,
}

impl Attachment {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.try_get("id")?,
            case: row.try_get("case_id")?,
            alert_identifier: row.try_get("alert_identifier")?,
            name: row.try_get("name")?,
            kind: row.try_get("kind")?,
            description: row.try_get("description")?,
            is_favorite: flag(row, "is_favorite")?,
            size: row.try_get("size")?,
            created_at: time(row, "created_at")?,
        })
    }
}

impl Store {
    /// The alerts of a case in the order in which they came.
    ///
    /// # Errors
    /// The database's.
    pub async fn alerts(&self, case: i64) -> Result<Vec<StoredAlert>, Error> {
        let rows = sqlx::query("SELECT * FROM alert WHERE case_id = $1 ORDER BY id")
            .bind(case)
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| {
            Ok(StoredAlert {
                id: row.try_get("id")?,
                case: row.try_get("case_id")?,
                identifier: row.try_get("identifier")?,
                name: row.try_get("name")?,
                product: row.try_get("product")?,
                created_at: time(row, "created_at")?,
                rest: from_json(row, "rest")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Takes over what a program says of entities of a case.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the case.
    pub(crate) async fn update_entities(
        &self,
        case: i64,
        run: Option<i64>,
        source: &str,
        changed: &[Entity],
    ) -> Result<(), Error> {
        self.case(case).await?;
        let now = self.now();
        let origin = Origin {
            case,
            run,
            source,
            by_alert: true,
            now,
        };
        let mut transaction = self.begin(Turn::Case(case)).await?;
        entities::update(&mut transaction, origin, changed).await?;
        recount(&mut transaction, case, now).await?;
        transaction.commit().await?;
        self.changed(case, run).await;
        Ok(())
    }

    /// Keeps an insight that a program has made.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the case.
    pub(crate) async fn add_insight(
        &self,
        case: i64,
        run: Option<i64>,
        insight: &NewInsight,
    ) -> Result<(), Error> {
        self.case(case).await?;
        let now = self.now();
        let source = insight.triggered_by.as_str();
        let origin = Origin {
            case,
            run,
            source,
            by_alert: true,
            now,
        };
        let mut transaction = self.begin(Turn::Case(case)).await?;
        entities::insert_insight(&mut transaction, origin, insight).await?;
        recount(&mut transaction, case, now).await?;
        transaction.commit().await?;
        self.changed(case, run).await;
        Ok(())
    }

    /// Puts one more entity into an alert, unless it is there.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the alert; [`Error::Invalid`] for an entity that can't be used.
    pub(crate) async fn add_entity(&self, case: i64, alert: &str, entity: &Entity) -> Result<(), Error> {
        let alerts = self.alerts(case).await?;
        let alert = alerts
            .iter()
            .find(|own| own.identifier == alert)
            .ok_or_else(|| Error::not_found("alert", alert))?;
        let now = self.now();
        let mut transaction = self.begin(Turn::Case(case)).await?;
        entities::insert(&mut transaction, case, alert.id, entity, now).await?;
        recount(&mut transaction, case, now).await?;
        transaction.commit().await?;
        self.changed(case, None).await;
        Ok(())
    }

    /// Changes a case, and writes on its wall what has changed.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for what can't be used.
    pub(crate) async fn change_case(&self, id: i64, change: CaseChange, by: &str) -> Result<(), Error> {
        let case = self.case(id).await?;
        let now = self.now();
        let mut transaction = self.begin(Turn::Case(id)).await?;
        let mut words = Vec::new();
        if let Some(title) = change.title.map(|title| title.trim().to_owned())
            && title != case.title
        {
            if title.is_empty() {
                return Err(Error::Invalid("the case has no title".to_owned()));
            }
            set(&mut transaction, id, "title", &title).await?;
            words.push(format!("title: {title}"));
        }
        if let Some(priority) = change.priority.filter(|priority| *priority != case.priority) {
            set_priority(&mut transaction, id, priority).await?;
            words.push(format!("priority: {}", priority.name()));
        }
        if let Some(stage) = change.stage.filter(|stage| *stage != case.stage) {
            set(&mut transaction, id, "stage", &stage).await?;
            words.push(format!("stage: {stage}"));
        }
        if let Some(assignee) = change.assignee.filter(|assignee| *assignee != case.assignee) {
            set(&mut transaction, id, "assignee", &assignee).await?;
            words.push(format!("assigned to: {assignee}"));
        }
        if let Some(tag) = change.tag.filter(|tag| !case.tags.contains(tag)) {
            let mut tags = case.tags;
            if tags.len() >= MOST_TAGS {
                return Err(Error::Conflict(format!("the case has {MOST_TAGS} tags already")));
            }
            words.push(format!("tag: {tag}"));
            tags.push(tag);
            set(&mut transaction, id, "tags", &to_json(&tags)?).await?;
        }
        if words.is_empty() {
            return Ok(());
        }
        write_down(
            &mut transaction,
            id,
            WallKind::Changed,
            by,
            &words.join("\n"),
            None,
            now,
        )
        .await?;
        recount(&mut transaction, id, now).await?;
        transaction.commit().await?;
        self.changed(id, None).await;
        Ok(())
    }

    /// A note that an action has left, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn property(&self, place: Property<'_>) -> Result<Option<Value>, Error> {
        let row = sqlx::query(
            "SELECT value FROM context_property WHERE kind = $1 AND identifier = $2 AND name = $3",
        )
        .bind(place.kind)
        .bind(storable(place.identifier))
        .bind(storable(place.name))
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(|row| from_json(row, "value")).transpose()
    }

    /// Leaves a note; `true` if it was written. One that is there stays where `replaces` is false.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that is too long.
    pub(crate) async fn set_property(
        &self,
        place: Property<'_>,
        value: &Value,
        replaces: bool,
    ) -> Result<bool, Error> {
        let value = to_json(value)?;
        if value.chars().count() > LONGEST_PROPERTY + 2 {
            return Err(Error::Invalid(format!(
                "a context property has at most {LONGEST_PROPERTY} characters"
            )));
        }
        let or_else = match replaces {
            true => "DO UPDATE SET value = $4",
            false => "DO NOTHING",
        };
        let text = format!(
            "INSERT INTO context_property (kind, identifier, name, value) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (kind, identifier, name) {or_else}"
        );
        let written = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(place.kind)
            .bind(storable(place.identifier))
            .bind(storable(place.name))
            .bind(value)
            .execute(&self.pool)
            .await?;
        Ok(written.rows_affected() > 0)
    }

    /// Puts a file on a case; gives its number.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the case; [`Error::Invalid`] for one that is too large.
    pub(crate) async fn add_attachment(&self, case: i64, new: NewAttachment, by: &str) -> Result<i64, Error> {
        if new.size > LARGEST_ATTACHMENT {
            return Err(Error::Invalid(format!(
                "the attachment has {} bytes; at most {LARGEST_ATTACHMENT} are taken",
                new.size
            )));
        }
        self.case(case).await?;
        let now = self.now();
        let mut transaction = self.begin(Turn::Case(case)).await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO attachment (case_id, alert_identifier, name, kind, description, is_favorite, content, size, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        )
        .bind(case)
        .bind(storable(&new.alert_identifier))
        .bind(storable(&new.name))
        .bind(storable(&new.kind))
        .bind(storable(&new.description))
        .bind(i64::from(new.is_favorite))
        .bind(&new.content)
        .bind(new.size)
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        let text = format!("{}{}\n{}", new.name, new.kind, new.description);
        write_down(
            &mut transaction,
            case,
            WallKind::Attached,
            by,
            text.trim(),
            None,
            now,
        )
        .await?;
        recount(&mut transaction, case, now).await?;
        transaction.commit().await?;
        self.changed(case, None).await;
        Ok(id)
    }

    /// The files on a case in the order in which they came.
    ///
    /// # Errors
    /// The database's.
    pub async fn attachments(&self, case: i64) -> Result<Vec<Attachment>, Error> {
        let rows = sqlx::query(
            "SELECT id, case_id, alert_identifier, name, kind, description, is_favorite, size, created_at FROM attachment \
             WHERE case_id = $1 ORDER BY id",
        )
        .bind(case)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(Attachment::read).collect()
    }

    /// A file on a case, and what is in it: base64.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn attachment(&self, id: i64) -> Result<(Attachment, String), Error> {
        let row = sqlx::query("SELECT * FROM attachment WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        let row = row.ok_or_else(|| Error::not_found("attachment", &id))?;
        Ok((Attachment::read(&row)?, row.try_get("content")?))
    }
}

/// `column` is one of ours.
async fn set(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    column: &'static str,
    value: &str,
) -> Result<(), Error> {
    let text = format!("UPDATE cases SET {column} = $2 WHERE id = $1");
    sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(case)
        .bind(storable(value))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
