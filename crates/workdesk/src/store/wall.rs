//! The case wall: what happened on a case, in order.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use utoipa::ToSchema;

use super::{Store, Turn, time};
use crate::Error;
use crate::text::storable;

/// Longest comment, in characters.
const LONGEST_COMMENT: usize = 50_000;

/// One entry of a case wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WallEntry {
    /// Its number.
    pub id: i64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened.
    pub kind: WallKind,
    /// Who did it.
    pub actor: String,
    /// The words of it.
    pub text: String,
    /// The run that it is about.
    pub run: Option<i64>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WallKind {
    /// The case was made.
    Created,
    /// It was opened again.
    Opened,
    /// It was closed.
    Closed,
    /// Somebody said something.
    Comment,
    /// An action was asked for.
    Asked,
    /// An action has ended.
    Ended,
    /// Its title, priority, stage or the like was changed.
    Changed,
    /// A file was put on it.
    Attached,
    /// What a playbook asked was decided.
    Decided,
}

impl WallKind {
    const ALL: [Self; 9] = [
        Self::Created,
        Self::Opened,
        Self::Closed,
        Self::Comment,
        Self::Asked,
        Self::Ended,
        Self::Changed,
        Self::Attached,
        Self::Decided,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Comment => "comment",
            Self::Asked => "asked",
            Self::Ended => "ended",
            Self::Changed => "changed",
            Self::Attached => "attached",
            Self::Decided => "decided",
        }
    }

    /// What somebody did, after their name.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Created => "made the case",
            Self::Opened => "opened the case again",
            Self::Closed => "closed the case",
            Self::Comment => "said",
            Self::Asked => "asked for",
            Self::Ended => "has ended",
            Self::Changed => "changed",
            Self::Attached => "attached",
            Self::Decided => "decided",
        }
    }

    fn named(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| Error::Damaged(format!("a case wall's entry is of the kind {name:?}")))
    }
}

impl Store {
    /// The newest entries of a case's wall before the entry `before`, newest first; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn wall(&self, case: i64, before: Option<i64>, limit: u32) -> Result<Vec<WallEntry>, Error> {
        let rows = sqlx::query("SELECT * FROM wall WHERE case_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3")
            .bind(case)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| {
            let kind: String = row.try_get("kind")?;
            Ok(WallEntry {
                id: row.try_get("id")?,
                at: time(row, "at")?,
                kind: WallKind::named(&kind)?,
                actor: row.try_get("actor")?,
                text: row.try_get("text")?,
                run: row.try_get("run_id")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Says something on a case's wall.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for an empty or too long text.
    pub async fn comment(&self, case: i64, text: &str, by: &str) -> Result<(), Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::Invalid("the comment is empty".to_owned()));
        }
        if text.chars().count() > LONGEST_COMMENT {
            return Err(Error::Invalid(format!(
                "the comment is longer than {LONGEST_COMMENT} characters"
            )));
        }
        self.case(case).await?;
        let now = self.now();
        let mut transaction = self.begin(Turn::Case(case)).await?;
        write_down(&mut transaction, case, WallKind::Comment, by, text, None, now).await?;
        sqlx::query("UPDATE cases SET updated_at = $2 WHERE id = $1")
            .bind(case)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.changed(case, None).await;
        Ok(())
    }
}

/// One more entry on a case's wall.
pub(super) async fn write_down(
    transaction: &mut Transaction<'static, Any>,
    case: i64,
    kind: WallKind,
    actor: &str,
    text: &str,
    run: Option<i64>,
    now: i64,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO wall (case_id, at, kind, actor, text, run_id) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(case)
        .bind(now)
        .bind(kind.name())
        .bind(storable(actor))
        .bind(storable(text))
        .bind(run)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
