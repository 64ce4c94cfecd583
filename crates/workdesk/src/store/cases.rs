//! Cases and their alerts.

use jiff::Timestamp;
use secops::Entity;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row, Transaction};
use utoipa::ToSchema;

use super::playbooks::start_triggered;
use super::wall::{WallKind, write_down};
use super::{Store, Turn, flag, from_json, time, to_json};
use crate::Error;
use crate::text::storable;

/// Entities of one case, at most.
const MOST_ENTITIES: usize = 100_000;
/// Cases of one page, at most.
const MOST_A_PAGE: u32 = 200;

/// A case that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCase {
    /// Headline; not empty.
    pub title: String,
    /// What else there is to say.
    #[serde(default)]
    pub description: String,
    /// Whose case it is; empty is `Default Environment`.
    #[serde(default)]
    pub environment: String,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// What raised it.
    #[serde(default)]
    pub alerts: Vec<NewAlert>,
}

/// An alert of a case that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAlert {
    /// Its id where it comes from; empty gets one.
    #[serde(default)]
    pub identifier: String,
    /// Headline.
    #[serde(default)]
    pub name: String,
    /// What saw it.
    #[serde(default)]
    pub product: String,
    /// What was seen.
    #[serde(default)]
    #[schema(value_type = Vec<crate::server::EntityForm>)]
    pub entities: Vec<Entity>,
    /// What else came with it.
    #[serde(default)]
    pub rest: Map<String, Value>,
}

/// How urgent a case is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// For the record.
    Informative,
    /// When there is time.
    Low,
    /// In its turn.
    #[default]
    Medium,
    /// Before others.
    High,
    /// Now.
    Critical,
}

impl Priority {
    /// All of them, least urgent first.
    pub const ALL: [Self; 5] = [
        Self::Informative,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The word shown to people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Informative => "informative",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Informative => 0,
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Critical => 4,
        }
    }

    pub(crate) fn of_code(code: i64) -> Self {
        let known = Self::ALL.into_iter().find(|priority| priority.code() == code);
        known.unwrap_or_default()
    }
}

/// A case.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Case {
    /// Its number.
    pub id: i64,
    /// Headline.
    pub title: String,
    /// What else there is to say.
    pub description: String,
    /// Whose case it is.
    pub environment: String,
    /// How urgent it is.
    pub priority: Priority,
    /// Whether somebody has still to deal with it.
    pub is_open: bool,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When something last happened to it.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Entities of all its alerts.
    pub entities: i64,
    /// Of these, the suspicious ones.
    pub suspicious: i64,
    /// How far those who deal with it are, in the platform's words.
    pub stage: String,
    /// Who deals with it; empty for nobody.
    pub assignee: String,
    /// Words to find it by.
    pub tags: Vec<String>,
}

impl Case {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            environment: row.try_get("environment")?,
            priority: Priority::of_code(row.try_get("priority")?),
            is_open: flag(row, "is_open")?,
            created_by: row.try_get("created_by")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            entities: row.try_get("entities")?,
            suspicious: row.try_get("suspicious")?,
            stage: row.try_get("stage")?,
            assignee: row.try_get("assignee")?,
            tags: from_json(row, "tags")?,
        })
    }
}

/// Which cases are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseFilter {
    /// Of one environment.
    pub environment: Option<String>,
    /// Open ones, or closed ones.
    pub is_open: Option<bool>,
    /// Those whose title holds the text, or that have an entity whose name starts with it; in any case.
    pub text: Option<String>,
    /// Where the page before ended.
    pub after: Option<String>,
    /// Cases of a page; 50 unless told, 200 at most.
    pub limit: Option<u32>,
}

/// One page of a list, most recently changed first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CasePage {
    /// The cases.
    pub cases: Vec<Case>,
    /// Where the next page begins; `None` for the last one.
    pub next: Option<String>,
}

impl Store {
    /// Makes a case with its alerts and entities, and starts the playbooks that are for it, all or nothing. Equal entities of an
    /// alert become one.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what can't be used.
    pub async fn create_case(&self, new: NewCase, by: &str) -> Result<Case, Error> {
        let title = new.title.trim();
        if title.is_empty() {
            return Err(Error::Invalid("the case has no title".to_owned()));
        }
        let entities: usize = new.alerts.iter().map(|alert| alert.entities.len()).sum();
        if entities > MOST_ENTITIES {
            return Err(Error::Invalid(format!(
                "the case has {entities} entities; at most {MOST_ENTITIES} are taken"
            )));
        }
        let environment = match new.environment.trim() {
            "" => DEFAULT_ENVIRONMENT,
            named => &storable(named),
        };
        let now = self.now();
        let mut transaction = self.begin(Turn::New).await?;
        sqlx::query(
            "INSERT INTO environment (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        )
        .bind(environment)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO cases (title, description, environment, priority, is_open, created_by, created_at, updated_at, \
             entities, suspicious) VALUES ($1, $2, $3, $4, 1, $5, $6, $6, 0, 0) RETURNING id",
        )
        .bind(storable(title))
        .bind(storable(new.description.trim()))
        .bind(environment)
        .bind(new.priority.code())
        .bind(storable(by))
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        for (place, alert) in new.alerts.iter().enumerate() {
            insert_alert(&mut transaction, id, place, alert, now).await?;
        }
        recount(&mut transaction, id, now).await?;
        write_down(&mut transaction, id, WallKind::Created, by, title, None, now).await?;
        let row = sqlx::query("SELECT * FROM cases WHERE id = $1")
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
        let is_any = start_triggered(&mut transaction, &Case::read(&row)?, now).await?;
        transaction.commit().await?;
        if is_any {
            self.playbook_bell.notify_one();
        }
        self.changed(id, None).await;
        self.case(id).await
    }

    /// One case.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn case(&self, id: i64) -> Result<Case, Error> {
        let row = sqlx::query("SELECT * FROM cases WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        Case::read(&row.ok_or_else(|| Error::not_found("case", &id))?)
    }

    /// A page of the cases that the filter lets through.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a place that no page ended at.
    pub async fn cases(&self, filter: &CaseFilter) -> Result<CasePage, Error> {
        let limit = filter.limit.unwrap_or(50).clamp(1, MOST_A_PAGE);
        let (mut sql, mut values) = ("SELECT * FROM cases WHERE 1 = 1".to_owned(), Vec::new());
        let mut add = |part: &str, value: Bound| {
            values.push(value);
            sql.push_str(&part.replace("$$", &format!("${}", values.len())));
        };
        if let Some(environment) = &filter.environment {
            add(" AND environment = $$", Bound::Text(storable(environment)));
        }
        if let Some(is_open) = filter.is_open {
            add(" AND is_open = $$", Bound::Number(i64::from(is_open)));
        }
        let text = storable(filter.text.as_deref().map(str::trim).unwrap_or_default());
        if !text.is_empty() {
            let part = format!("%{}%", escaped(&text.to_lowercase()));
            let start = text.to_uppercase();
            // No character stands behind this one.
            let end = format!("{start}\u{10ffff}");
            add(" AND (lower(title) LIKE $$ ESCAPE '\\'", Bound::Text(part));
            add(
                " OR id IN (SELECT case_id FROM entity WHERE identifier >= $$",
                Bound::Text(start),
            );
            add(" AND identifier < $$))", Bound::Text(end));
        }
        if let Some(after) = &filter.after {
            let (at, id) = place(after)?;
            add(" AND (updated_at < $$", Bound::Number(at));
            add(" OR (updated_at = $$", Bound::Number(at));
            add(" AND id < $$))", Bound::Number(id));
        }
        add(
            " ORDER BY updated_at DESC, id DESC LIMIT $$",
            Bound::Number(i64::from(limit) + 1),
        );
        let query = values
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, value| match value {
                Bound::Number(number) => query.bind(number),
                Bound::Text(text) => query.bind(text),
            });
        let rows = query.fetch_all(&self.pool).await?;
        let mut cases = rows.iter().map(Case::read).collect::<Result<Vec<_>, _>>()?;
        let is_more = cases.len() > limit as usize;
        cases.truncate(limit as usize);
        let next = cases
            .last()
            .filter(|_| is_more)
            .map(|last| format!("{}-{}", last.updated_at.as_millisecond(), last.id));
        Ok(CasePage { cases, next })
    }

    /// Closes a case, or opens it again.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is so already.
    pub async fn set_open(&self, id: i64, is_open: bool, by: &str) -> Result<Case, Error> {
        let case = self.case(id).await?;
        let already = if is_open { "open" } else { "closed" };
        if case.is_open == is_open {
            return Err(Error::Conflict(format!("case {id} is {already} already")));
        }
        let now = self.now();
        let mut transaction = self.begin(Turn::Case(id)).await?;
        set_open_in(&mut transaction, id, is_open, by, now).await?;
        transaction.commit().await?;
        self.changed(id, None).await;
        self.case(id).await
    }
}

/// A value of a statement that is put together.
enum Bound {
    Number(i64),
    Text(String),
}

async fn set_open_in(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    is_open: bool,
    by: &str,
    now: i64,
) -> Result<(), Error> {
    sqlx::query("UPDATE cases SET is_open = $2, updated_at = $3 WHERE id = $1")
        .bind(case)
        .bind(i64::from(is_open))
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    let kind = if is_open {
        WallKind::Opened
    } else {
        WallKind::Closed
    };
    write_down(transaction, case, kind, by, "", None, now).await
}

/// Closes a case, unless it is closed.
pub(super) async fn close_in(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    by: &str,
    now: i64,
) -> Result<(), Error> {
    let is_open: i64 = sqlx::query_scalar("SELECT is_open FROM cases WHERE id = $1")
        .bind(case)
        .fetch_one(&mut **transaction)
        .await?;
    match is_open {
        0 => Ok(()),
        _ => set_open_in(transaction, case, false, by, now).await,
    }
}

pub(super) async fn set_priority(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    priority: Priority,
) -> Result<(), Error> {
    sqlx::query("UPDATE cases SET priority = $2 WHERE id = $1")
        .bind(case)
        .bind(priority.code())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Whose cases those are that name nobody.
const DEFAULT_ENVIRONMENT: &str = "Default Environment";

async fn insert_alert(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    place: usize,
    alert: &NewAlert,
    now: i64,
) -> Result<(), Error> {
    let identifier = match alert.identifier.trim() {
        "" => format!("alert-{}", place + 1),
        identifier => storable(identifier),
    };
    let name = match alert.name.trim() {
        "" => identifier.as_str(),
        name => name,
    };
    let inserted = sqlx::query_scalar(
        "INSERT INTO alert (case_id, identifier, name, product, created_at, rest) VALUES ($1, $2, $3, $4, $5, $6) \
         RETURNING id",
    )
    .bind(case)
    .bind(&identifier)
    .bind(storable(name))
    .bind(storable(alert.product.trim()))
    .bind(now)
    .bind(to_json(&alert.rest)?)
    .fetch_one(&mut **transaction)
    .await;
    let alert_id: i64 = inserted.map_err(|error| match is_double(&error) {
        true => Error::Invalid(format!(
            "two alerts of the case have the identifier {identifier:?}"
        )),
        false => error.into(),
    })?;
    for entity in &alert.entities {
        super::entities::insert(transaction, case, alert_id, entity, now).await?;
    }
    Ok(())
}

fn is_double(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Brings what a list shows of a case up to date.
pub(super) async fn recount(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    now: i64,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE cases SET updated_at = $2, entities = (SELECT count(*) FROM entity WHERE case_id = $1), \
         suspicious = (SELECT count(*) FROM entity WHERE case_id = $1 AND is_suspicious = 1) WHERE id = $1",
    )
    .bind(case)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A text in which nothing stands for something else.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn place(text: &str) -> Result<(i64, i64), Error> {
    let parsed = text
        .split_once('-')
        .and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    parsed.ok_or_else(|| Error::Invalid(format!("{text:?} is no place where a page ended")))
}
