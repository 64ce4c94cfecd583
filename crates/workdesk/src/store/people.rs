//! People, and the audit log.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::sessions::end_all_but;
use super::tokens::remove_all;
use super::{Store, Turn, flag, time};
use crate::Error;
use crate::text::hex;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look at everything but people.
    Viewer,
    /// Make cases, run actions.
    Analyst,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Analyst, Self::Admin];

    /// The word shown to people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Somebody who works here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Their number.
    pub id: i64,
    /// By which they log in.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Somebody who works here, and what lets them in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub person: Person,
    /// Whether they log in with a password; else with single sign-on.
    pub has_password: bool,
    /// Browsers in which they are logged in.
    pub sessions: i64,
    /// Their tokens that have not ended.
    pub tokens: i64,
}

/// What of somebody's stays when their password changes.
struct Staying<'a> {
    /// The token of a session; empty for none.
    session: &'a str,
    /// Their tokens of the HTTP API.
    tokens: bool,
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Did what.
    pub deed: String,
    /// To what.
    pub object: String,
    /// What else there is to know; no secrets.
    pub detail: String,
}

impl Person {
    pub(super) fn read(row: &AnyRow) -> Result<Self, Error> {
        let role: String = row.try_get("role")?;
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            role: Role::named(&role).ok_or_else(|| Error::Damaged(format!("a role is {role:?}")))?,
        })
    }
}

impl Store {
    /// Whether somebody can log in; before that, the set-up link makes the first one.
    ///
    /// # Errors
    /// The database's.
    pub async fn has_people(&self) -> Result<bool, Error> {
        let people: i64 = sqlx::query_scalar("SELECT count(*) FROM person")
            .fetch_one(&self.pool)
            .await?;
        Ok(people > 0)
    }

    /// Adds somebody.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or a password that can't be used; [`Error::Conflict`] for a name that is taken; [`Error::Busy`].
    pub async fn add_person(
        &self,
        name: &str,
        role: Role,
        password: SecretString,
        by: &str,
    ) -> Result<Person, Error> {
        let name = usable(name)?;
        let hash = self.hashing.of_new(password, name).await?;
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        untaken(&mut transaction, name).await?;
        let row = sqlx::query(
            "INSERT INTO person (name, role, password, created_at) VALUES ($1, $2, $3, $4) RETURNING id, name, role",
        )
        .bind(name)
        .bind(role.name())
        .bind(hash)
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        audit(&mut transaction, by, "added a person", name, role.name(), now).await?;
        transaction.commit().await?;
        Person::read(&row)
    }

    /// Takes in somebody for whom a provider of identities vouches; a new one gets an account without a password. Their role is what the
    /// provider says, each time; but the last admin stays one, as nobody else could make another.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that can't be used; [`Error::Conflict`] for one that somebody else has.
    pub(crate) async fn enter_by_subject(
        &self,
        subject: &str,
        name: &str,
        role: Role,
    ) -> Result<Person, Error> {
        const BY: &str = "single sign-on";
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let row = sqlx::query("SELECT id, name, role FROM person WHERE subject = $1")
            .bind(subject)
            .fetch_optional(&mut *transaction)
            .await?;
        let person = match row {
            Some(row) => {
                let mut person = Person::read(&row)?;
                let is_kept =
                    person.role == Role::Admin && !has_another_admin(&mut transaction, person.id).await?;
                if is_kept && role != Role::Admin {
                    let detail = format!("admin, the last one; the provider says {}", role.name());
                    audit(&mut transaction, BY, "kept a role", &person.name, &detail, now).await?;
                } else if person.role != role {
                    sqlx::query("UPDATE person SET role = $2 WHERE id = $1")
                        .bind(person.id)
                        .bind(role.name())
                        .execute(&mut *transaction)
                        .await?;
                    audit(
                        &mut transaction,
                        BY,
                        "changed a role",
                        &person.name,
                        role.name(),
                        now,
                    )
                    .await?;
                    person.role = role;
                }
                person
            }
            None => {
                let name = usable(name)?;
                untaken(&mut transaction, name).await?;
                let row = sqlx::query(
                    "INSERT INTO person (name, role, password, created_at, subject) VALUES ($1, $2, '', $3, $4) \
                     RETURNING id, name, role",
                )
                .bind(name)
                .bind(role.name())
                .bind(now)
                .bind(subject)
                .fetch_one(&mut *transaction)
                .await?;
                audit(&mut transaction, BY, "added a person", name, role.name(), now).await?;
                Person::read(&row)?
            }
        };
        transaction.commit().await?;
        Ok(person)
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn people(&self) -> Result<Vec<Person>, Error> {
        let rows = sqlx::query("SELECT id, name, role FROM person ORDER BY lower(name)")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(Person::read).collect()
    }

    /// Everybody, by name, with what lets them in.
    ///
    /// # Errors
    /// The database's.
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        let rows = sqlx::query(
            "SELECT id, name, role, CASE WHEN subject IS NULL THEN 1 ELSE 0 END AS has_password, \
             (SELECT count(*) FROM session WHERE person_id = person.id AND expires_at > $1 AND (used_at IS NULL OR used_at > $2)) AS sessions, \
             (SELECT count(*) FROM api_token WHERE person_id = person.id AND expires_at > $1) AS tokens \
             FROM person ORDER BY lower(name)",
        )
        .bind(self.now())
        .bind(self.idle_since())
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &AnyRow| {
            Ok(Member {
                person: Person::read(row)?,
                has_password: flag(row, "has_password")?,
                sessions: row.try_get("sessions")?,
                tokens: row.try_get("tokens")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Whether somebody logs in with a password, not with single sign-on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn has_password(&self, person: &Person) -> Result<bool, Error> {
        let subject: Option<Option<String>> = sqlx::query_scalar("SELECT subject FROM person WHERE id = $1")
            .bind(person.id)
            .fetch_optional(&self.pool)
            .await?;
        let subject = subject.ok_or_else(|| Error::not_found("person", &person.id))?;
        Ok(subject.is_none())
    }

    /// The name of whoever would log in with that one, as it is written here.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn name_like(&self, given: &str) -> Result<Option<String>, Error> {
        if usable(given).is_err() {
            return Ok(None);
        }
        let name = sqlx::query_scalar("SELECT name FROM person WHERE lower(name) = $1")
            .bind(given.trim().to_lowercase())
            .fetch_optional(&self.pool)
            .await?;
        Ok(name)
    }

    /// Removes somebody, and with them their sessions and tokens. What they have done stays.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for the last admin.
    pub async fn remove_person(&self, id: i64, by: &str) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let person = person_in(&mut transaction, id).await?;
        another_admin(&mut transaction, id).await?;
        sqlx::query("DELETE FROM person WHERE id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        audit(&mut transaction, by, "removed a person", &person.name, "", now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Gives somebody another role. It holds from their next request on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for the last admin.
    pub async fn set_role(&self, id: i64, role: Role, by: &str) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let person = person_in(&mut transaction, id).await?;
        if person.role == Role::Admin && role != Role::Admin {
            another_admin(&mut transaction, id).await?;
        }
        sqlx::query("UPDATE person SET role = $2 WHERE id = $1")
            .bind(id)
            .bind(role.name())
            .execute(&mut *transaction)
            .await?;
        audit(
            &mut transaction,
            by,
            "changed a role",
            &person.name,
            role.name(),
            now,
        )
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Changes one's own password; ends every session of theirs but the one with that token, and removes their tokens of the HTTP API unless these
    /// are to stay.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] where the old one is wrong; [`Error::Invalid`] where the new one can't be used; [`Error::Busy`].
    pub async fn change_password(
        &self,
        person: &Person,
        old: SecretString,
        new: SecretString,
        session: &str,
        keeps_tokens: bool,
    ) -> Result<(), Error> {
        let hash: Option<String> = sqlx::query_scalar("SELECT password FROM person WHERE id = $1")
            .bind(person.id)
            .fetch_optional(&self.pool)
            .await?;
        if !self.hashing.verified(hash, old).await? {
            return Err(Error::WrongPassword);
        }
        let staying = Staying {
            session,
            tokens: keeps_tokens,
        };
        self.set_password(person.id, new, &staying, &person.name).await
    }

    /// Gives somebody a new password, ends their sessions, and removes their tokens of the HTTP API.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for one that can't be used; [`Error::Busy`].
    pub async fn reset_password(&self, id: i64, new: SecretString, by: &str) -> Result<(), Error> {
        let staying = Staying {
            session: "",
            tokens: false,
        };
        self.set_password(id, new, &staying, by).await
    }

    async fn set_password(
        &self,
        id: i64,
        new: SecretString,
        staying: &Staying<'_>,
        by: &str,
    ) -> Result<(), Error> {
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM person WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        let name = name.ok_or_else(|| Error::not_found("person", &id))?;
        let hash = self.hashing.of_new(new, &name).await?;
        let now = self.now();
        let mut transaction = self.begin(Turn::House).await?;
        let changed = sqlx::query("UPDATE person SET password = $2 WHERE id = $1 AND subject IS NULL")
            .bind(id)
            .bind(hash)
            .execute(&mut *transaction)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(Error::Conflict(format!(
                "{name} logs in with single sign-on and has no password here"
            )));
        }
        let ended = end_all_but(&mut transaction, id, staying.session).await?;
        let mut detail = format!("sessions ended: {ended}");
        if !staying.tokens {
            let removed = remove_all(&mut transaction, id).await?;
            detail.push_str(&format!(", tokens removed: {removed}"));
        }
        audit(&mut transaction, by, "changed a password", &name, &detail, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Logs somebody in: gives the token of a new session, or `None` for a wrong name or password, which take the same time; but a name that nobody
    /// can have takes none.
    ///
    /// # Errors
    /// [`Error::Busy`]; the database's.
    pub async fn log_in(
        &self,
        name: &str,
        password: SecretString,
    ) -> Result<Option<(Person, String)>, Error> {
        if usable(name).is_err() {
            return Ok(None);
        }
        let row = sqlx::query("SELECT id, name, role, password FROM person WHERE lower(name) = $1")
            .bind(name.trim().to_lowercase())
            .fetch_optional(&self.pool)
            .await?;
        let hash: Option<String> = row.as_ref().map(|row| row.try_get("password")).transpose()?;
        let is_right = self.hashing.verified(hash, password).await?;
        let Some(row) = row.filter(|_| is_right) else {
            return Ok(None);
        };
        let person = Person::read(&row)?;
        let token = self.begin_session(&person).await?;
        Ok(Some((person, token)))
    }

    /// One more entry of the audit log, of something that has changed nothing.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn note(
        &self,
        actor: &str,
        deed: &str,
        object: &str,
        detail: &str,
    ) -> Result<(), Error> {
        let mut transaction = self.begin(Turn::New).await?;
        audit(&mut transaction, actor, deed, object, detail, self.now()).await?;
        Ok(transaction.commit().await?)
    }

    /// The newest entries of the audit log, newest first; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub async fn audit_log(&self, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let rows = sqlx::query("SELECT * FROM audit ORDER BY id DESC LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| {
            Ok(AuditEntry {
                at: time(row, "at")?,
                actor: row.try_get("actor")?,
                deed: row.try_get("deed")?,
                object: row.try_get("object")?,
                detail: row.try_get("detail")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

fn usable(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    let is_usable = |c: char| c.is_alphanumeric() || "._-@".contains(c);
    match !name.is_empty() && name.chars().count() <= 64 && name.chars().all(is_usable) {
        true => Ok(name),
        false => Err(Error::Invalid(
            "a name has 1 to 64 letters, digits, dots, dashes, underscores or @".to_owned(),
        )),
    }
}

async fn untaken(transaction: &mut Transaction<'static, Any>, name: &str) -> Result<(), Error> {
    let taken: i64 = sqlx::query_scalar("SELECT count(*) FROM person WHERE lower(name) = $1")
        .bind(name.to_lowercase())
        .fetch_one(&mut **transaction)
        .await?;
    match taken {
        0 => Ok(()),
        _ => Err(Error::Conflict(format!("the name {name} is taken"))),
    }
}

pub(super) async fn person_in(transaction: &mut Transaction<'static, Any>, id: i64) -> Result<Person, Error> {
    let row = sqlx::query("SELECT id, name, role FROM person WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **transaction)
        .await?;
    Person::read(&row.ok_or_else(|| Error::not_found("person", &id))?)
}

/// Somebody must stay an admin.
async fn another_admin(transaction: &mut Transaction<'static, Any>, id: i64) -> Result<(), Error> {
    match has_another_admin(transaction, id).await? {
        false => Err(Error::Conflict(
            "somebody must stay an admin: add another one first".to_owned(),
        )),
        true => Ok(()),
    }
}

async fn has_another_admin(transaction: &mut Transaction<'static, Any>, id: i64) -> Result<bool, Error> {
    let others: i64 = sqlx::query_scalar("SELECT count(*) FROM person WHERE role = 'admin' AND id <> $1")
        .bind(id)
        .fetch_one(&mut **transaction)
        .await?;
    Ok(others > 0)
}

/// One more entry of the audit log, with the change that it tells of.
pub(super) async fn audit(
    transaction: &mut Transaction<'static, Any>,
    actor: &str,
    deed: &str,
    object: &str,
    detail: &str,
    now: i64,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO audit (at, actor, deed, object, detail) VALUES ($1, $2, $3, $4, $5)")
        .bind(now)
        .bind(actor)
        .bind(deed)
        .bind(object)
        .bind(detail)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// 256 bits that nobody guesses, as text.
pub(crate) fn new_token() -> String {
    let bytes: [u8; 32] = rand::random();
    hex(&bytes)
}

pub(super) fn fingerprint(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}
