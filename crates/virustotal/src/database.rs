//! The PostgreSQL that many machines share.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::Error;

/// Where the database is, and who we are there. Never printed: the address may hold a password.
#[derive(Clone)]
pub struct Database {
    address: SecretString,
    options: Box<PgConnectOptions>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl fmt::Display for Database {
    /// Host, port and name, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        let name = options.get_database().unwrap_or_else(|| options.get_username());
        write!(f, "{}:{}/{name}", options.get_host(), options.get_port())
    }
}

impl Database {
    /// From `postgres://user@host:port/name?sslmode=verify-full`. What the address does not say comes from PostgreSQL's own variables
    /// (`PGHOST`, `PGPASSWORD`, `PGSSLROOTCERT` …) and its file of passwords (`PGPASSFILE`, `~/.pgpass`).
    ///
    /// # Errors
    /// [`Error::Settings`]: it is no such address.
    pub fn parse(address: &str) -> Result<Self, Error> {
        let is_ours = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| address.starts_with(scheme));
        if !is_ours {
            let words = "the database's address must begin with postgres://, as postgres://vtsecops@db.example/vtsecops";
            return Err(Error::Settings(words.to_owned()));
        }
        // The error would repeat the address, and so the password.
        let options = PgConnectOptions::from_str(address)
            .map_err(|_| Error::Settings("the database's address can't be read".to_owned()))?;
        Ok(Self {
            address: address.into(),
            options: Box::new(options),
        })
    }

    /// Whether the address itself holds a password.
    #[must_use]
    pub fn names_password(&self) -> bool {
        let parsed = url::Url::parse(self.expose());
        parsed.is_ok_and(|url| {
            url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
        })
    }

    /// The address as it was given, password and all.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.address.expose_secret()
    }

    /// For one connection of that name, no statement of which takes longer.
    pub(crate) fn options(&self, name: &str, longest_statement: Duration) -> PgConnectOptions {
        let milliseconds = longest_statement.as_millis().to_string();
        PgConnectOptions::clone(&self.options)
            .application_name(&format!("vtsecops {name}"))
            .options([
                ("statement_timeout", milliseconds.as_str()),
                // Who was cut off in the middle of something must not keep the others waiting.
                ("idle_in_transaction_session_timeout", "5000"),
            ])
    }
}
