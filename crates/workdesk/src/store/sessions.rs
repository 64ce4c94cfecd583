//! Who is logged in: sessions, each of somebody, until they end by themselves or are ended.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::people::{audit, fingerprint, new_token, person_in};
use super::{Store, Turn, maybe_time, time};
use crate::{Error, Person};

/// How long somebody stays logged in, whatever they do.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// How long, when they do nothing.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often a use is written down.
const USED_EVERY: Duration = Duration::from_secs(60);

/// A browser in which somebody is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// By which it is named; it lets nobody in.
    pub name: String,
    /// When somebody logged in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// Whether it is that of whoever asks.
    pub is_own: bool,
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    /// Begins a session of somebody; gives its token.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn begin_session(&self, person: &Person) -> Result<String, Error> {
        let (token, now) = (new_token(), self.now());
        let mut transaction = self.begin(Turn::House).await?;
        sweep(&mut transaction, now).await?;
        sqlx::query(
            "INSERT INTO session (token, person_id, created_at, expires_at, used_at) VALUES ($1, $2, $3, $4, $3)",
        )
        .bind(fingerprint(&token))
        .bind(person.id)
        .bind(now)
        .bind(now.saturating_add(milliseconds(LONGEST)))
        .execute(&mut *transaction)
        .await?;
        audit(&mut transaction, &person.name, "logged in", &person.name, "", now).await?;
        transaction.commit().await?;
        Ok(token)
    }

    /// Whose session it is, if it has not ended. Asking is using it.
    ///
    /// # Errors
    /// The database's.
    pub async fn person_of(&self, token: &str) -> Result<Option<Person>, Error> {
        let (fingerprint, now) = (fingerprint(token), self.now());
        let row = sqlx::query(
            "SELECT person.id, name, role, used_at FROM session JOIN person ON person.id = person_id \
             WHERE token = $1 AND expires_at > $2 AND (used_at IS NULL OR used_at > $3)",
        )
        .bind(&fingerprint)
        .bind(now)
        .bind(self.idle_since())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        // Who was let in by a process of the version before has none yet.
        let used_at: Option<i64> = row.try_get("used_at")?;
        if used_at.is_none_or(|used_at| now - used_at >= milliseconds(USED_EVERY)) {
            sqlx::query("UPDATE session SET used_at = $2 WHERE token = $1")
                .bind(&fingerprint)
                .bind(now)
                .execute(&self.pool)
                .await?;
        }
        Person::read(&row).map(Some)
    }

    /// Ends a session, as its owner asks.
    ///
    /// # Errors
    /// The database's.
    pub async fn log_out(&self, token: &str) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let owner: Option<i64> =
            sqlx::query_scalar("DELETE FROM session WHERE token = $1 RETURNING person_id")
                .bind(fingerprint(token))
                .fetch_optional(&mut *transaction)
                .await?;
        // It may have ended by itself.
        if let Some(owner) = owner {
            let person = person_in(&mut transaction, owner).await?;
            audit(
                &mut transaction,
                &person.name,
                "logged out",
                &person.name,
                "",
                now,
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Somebody's sessions that have not ended, the newest first; `token` is that of whoever asks.
    ///
    /// # Errors
    /// The database's.
    pub async fn sessions(&self, owner: &Person, token: &str) -> Result<Vec<Session>, Error> {
        let (own, now) = (fingerprint(token), self.now());
        let rows = sqlx::query(
            "SELECT token, created_at, used_at FROM session \
             WHERE person_id = $1 AND expires_at > $2 AND (used_at IS NULL OR used_at > $3) ORDER BY created_at DESC, token",
        )
        .bind(owner.id)
        .bind(now)
        .bind(self.idle_since())
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &AnyRow| {
            let name: String = row.try_get("token")?;
            Ok(Session {
                is_own: name == own,
                name,
                created_at: time(row, "created_at")?,
                used_at: maybe_time(row, "used_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Ends one of somebody's sessions.
    ///
    /// # Errors
    /// [`Error::Conflict`] where they have none of that name.
    pub async fn end_session(&self, owner: &Person, name: &str) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let ended = sqlx::query("DELETE FROM session WHERE token = $1 AND person_id = $2")
            .bind(name)
            .bind(owner.id)
            .execute(&mut *transaction)
            .await?;
        if ended.rows_affected() == 0 {
            return Err(Error::Conflict("the session has ended already".to_owned()));
        }
        audit(
            &mut transaction,
            &owner.name,
            "ended a session",
            &owner.name,
            "",
            now,
        )
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends all of somebody's sessions; gives how many.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn end_sessions(&self, id: i64, by: &str) -> Result<u64, Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let person = person_in(&mut transaction, id).await?;
        let ended = end_all_but(&mut transaction, id, "").await?;
        let detail = ended.to_string();
        audit(&mut transaction, by, "ended sessions", &person.name, &detail, now).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Since when a session must have been used to go on, in milliseconds since 1970.
    pub(super) fn idle_since(&self) -> i64 {
        self.now() - milliseconds(IDLE)
    }
}

/// Ends somebody's sessions but the one with that token; gives how many.
pub(super) async fn end_all_but(
    transaction: &mut Transaction<'static, Any>,
    person: i64,
    token: &str,
) -> Result<u64, Error> {
    let ended = sqlx::query("DELETE FROM session WHERE person_id = $1 AND token <> $2")
        .bind(person)
        .bind(fingerprint(token))
        .execute(&mut **transaction)
        .await?;
    Ok(ended.rows_affected())
}

/// Removes sessions that have ended by themselves, and writes down whose.
async fn sweep(transaction: &mut Transaction<'static, Any>, now: i64) -> Result<(), Error> {
    let idle = now - milliseconds(IDLE);
    let rows = sqlx::query(
        "SELECT name, count(*) AS ended FROM session JOIN person ON person.id = person_id \
         WHERE expires_at <= $1 OR used_at <= $2 GROUP BY name ORDER BY name",
    )
    .bind(now)
    .bind(idle)
    .fetch_all(&mut **transaction)
    .await?;
    for row in &rows {
        let (name, ended): (String, i64) = (row.try_get("name")?, row.try_get("ended")?);
        let detail = format!(
            "{ended}; not used for {} minutes, or begun {} hours ago",
            IDLE.as_secs() / 60,
            LONGEST.as_secs() / 3600
        );
        audit(transaction, "time", "ended sessions", &name, &detail, now).await?;
    }
    sqlx::query("DELETE FROM session WHERE expires_at <= $1 OR used_at <= $2")
        .bind(now)
        .bind(idle)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
