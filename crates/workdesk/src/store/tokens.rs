//! Tokens of the HTTP API: each is somebody's, for some purposes, until a day.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::people::{audit, fingerprint, new_token, person_in};
use super::{Store, Turn, maybe_time, time};
use crate::{Error, Person, Role};

/// Tokens of one person, at most.
const MOST: i64 = 50;
/// Before each token, so that one that has leaked is known for what it is.
const MARK: &str = "vtd_";

/// What a token may be used for. It never goes beyond its owner's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// To look at cases.
    Read,
    /// To make cases and run actions, too.
    Act,
    /// As the platform's key: by programs that use its SDK.
    Sdk,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Act, Self::Sdk];

    /// The word shown to people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Act => "act",
            Self::Sdk => "sdk",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// The least role that can have it.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Act => Role::Analyst,
            // It reads the settings of instances.
            Self::Sdk => Role::Admin,
        }
    }
}

/// A token, without the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    /// Its number.
    pub id: i64,
    /// What it is for, in its owner's words.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

/// Somebody who comes with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Whose token it is.
    pub person: Person,
    /// What the token is called.
    pub token_name: String,
}

impl ApiToken {
    fn read(row: &AnyRow) -> Result<Self, Error> {
        let scopes: String = row.try_get("scopes")?;
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            scopes: scopes.split_whitespace().filter_map(Scope::named).collect(),
            created_at: time(row, "created_at")?,
            expires_at: time(row, "expires_at")?,
            used_at: maybe_time(row, "used_at")?,
        })
    }
}

impl Store {
    /// Makes a token for somebody; gives it, this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a name or a scope; [`Error::NotAllowed`] for a scope beyond the role;
    /// [`Error::Conflict`] where there are too many.
    pub async fn add_token(
        &self,
        owner: &Person,
        name: &str,
        scopes: &[Scope],
        lasts: Duration,
    ) -> Result<(ApiToken, String), Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 64 {
            return Err(Error::Invalid("a token's name has 1 to 64 characters".to_owned()));
        }
        if scopes.is_empty() {
            return Err(Error::Invalid(
                "the token would be for nothing: choose a scope".to_owned(),
            ));
        }
        if let Some(scope) = scopes.iter().find(|scope| scope.role() > owner.role) {
            return Err(Error::NotAllowed(format!(
                "the scope {} is for the role {}; yours is {}",
                scope.name(),
                scope.role().name(),
                owner.role.name()
            )));
        }
        let token = format!("{MARK}{}", new_token());
        let words: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
        let (words, now) = (words.join(" "), self.now());
        let mut transaction = self.begin(Turn::House).await?;
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM api_token WHERE person_id = $1")
            .bind(owner.id)
            .fetch_one(&mut *transaction)
            .await?;
        if known >= MOST {
            return Err(Error::Conflict(format!(
                "{} has {MOST} tokens: remove one first",
                owner.name
            )));
        }
        let row = sqlx::query(
            "INSERT INTO api_token (person_id, name, fingerprint, scopes, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
        )
        .bind(owner.id)
        .bind(name)
        .bind(fingerprint(&token))
        .bind(&words)
        .bind(now)
        .bind(now.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)))
        .fetch_one(&mut *transaction)
        .await?;
        audit(&mut transaction, &owner.name, "made a token", name, &words, now).await?;
        transaction.commit().await?;
        Ok((ApiToken::read(&row)?, token))
    }

    /// Somebody's tokens, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn tokens(&self, owner: &Person) -> Result<Vec<ApiToken>, Error> {
        let rows = sqlx::query("SELECT * FROM api_token WHERE person_id = $1 ORDER BY id DESC")
            .bind(owner.id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(ApiToken::read).collect()
    }

    /// Removes one of somebody's tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_token(&self, owner: &Person, id: i64) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let name: Option<String> =
            sqlx::query_scalar("DELETE FROM api_token WHERE id = $1 AND person_id = $2 RETURNING name")
                .bind(id)
                .bind(owner.id)
                .fetch_optional(&mut *transaction)
                .await?;
        let name = name.ok_or_else(|| Error::not_found("token", &id))?;
        audit(&mut transaction, &owner.name, "removed a token", &name, "", now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Removes all of somebody's tokens; gives how many.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_tokens(&self, id: i64, by: &str) -> Result<u64, Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let person = person_in(&mut transaction, id).await?;
        let removed = remove_all(&mut transaction, id).await?;
        let detail = removed.to_string();
        audit(&mut transaction, by, "removed tokens", &person.name, &detail, now).await?;
        transaction.commit().await?;
        Ok(removed)
    }

    /// Whose token it is, if it has not ended and may be used for that.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a purpose it is not made for.
    pub async fn bearer(&self, token: &str, scope: Scope) -> Result<Option<Bearer>, Error> {
        let row = sqlx::query(
            "SELECT person.id, person.name, role, scopes, api_token.id AS token_id, api_token.name AS token_name, used_at \
             FROM api_token JOIN person ON person.id = person_id WHERE fingerprint = $1 AND expires_at > $2",
        )
        .bind(fingerprint(token))
        .bind(self.now())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let person = Person::read(&row)?;
        let scopes: String = row.try_get("scopes")?;
        let mut scopes = scopes.split_whitespace().filter_map(Scope::named);
        let reaches = |own: Scope| own == scope || (own == Scope::Act && scope == Scope::Read);
        if !scopes.any(reaches) || scope.role() > person.role {
            return Err(Error::NotAllowed(format!(
                "the token is not for the scope {}",
                scope.name()
            )));
        }
        let used_at: Option<i64> = row.try_get("used_at")?;
        let now = self.now();
        if used_at.is_none_or(|used_at| now - used_at >= 60_000) {
            sqlx::query("UPDATE api_token SET used_at = $2 WHERE id = $1")
                .bind(row.try_get::<i64, _>("token_id")?)
                .bind(now)
                .execute(&self.pool)
                .await?;
        }
        Ok(Some(Bearer {
            person,
            token_name: row.try_get("token_name")?,
        }))
    }
}

/// Removes somebody's tokens; gives how many.
pub(super) async fn remove_all(
    transaction: &mut Transaction<'static, Any>,
    owner: i64,
) -> Result<u64, Error> {
    let removed = sqlx::query("DELETE FROM api_token WHERE person_id = $1")
        .bind(owner)
        .execute(&mut **transaction)
        .await?;
    Ok(removed.rows_affected())
}
