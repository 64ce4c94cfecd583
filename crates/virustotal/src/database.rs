//! The PostgreSQL that many machines share.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

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

    /// What is wrong with how the server is reached, as the end of a sentence; `None` where its certificate is checked, it is on this machine,
    /// or the address says that there is to be no TLS (`sslmode=disable`).
    #[must_use]
    pub fn doubt(&self) -> Option<&'static str> {
        let host = self.options.get_host();
        let is_loopback = host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .map_or(host == "localhost", |address| address.is_loopback());
        let is_socket = self.options.get_socket().is_some() || host.starts_with('/');
        if is_loopback || is_socket {
            return None;
        }
        match self.options.get_ssl_mode() {
            PgSslMode::VerifyFull | PgSslMode::VerifyCa | PgSslMode::Disable => None,
            PgSslMode::Require => {
                Some("its certificate is not checked, so somebody in between can be in its place")
            }
            PgSslMode::Prefer | PgSslMode::Allow => {
                Some("its certificate is not checked, and it is spoken to in clear where it has none")
            }
        }
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

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn a_server_elsewhere_whose_certificate_is_not_checked_is_doubted() {
        // Where nothing is said, PostgreSQL's own variable has its say: not of these.
        for (address, is_doubted) in [
            ("postgres://u@db.example/d?sslmode=prefer", true),
            ("postgres://u@db.example/d?sslmode=require", true),
            ("postgres://u@192.0.2.1/d?sslmode=allow", true),
            ("postgres://u@db.example/d?sslmode=verify-full", false),
            ("postgres://u@db.example/d?sslmode=verify-ca", false),
            ("postgres://u@db.example/d?sslmode=disable", false),
            ("postgres://u@localhost/d?sslmode=prefer", false),
            ("postgres://u@127.0.0.1:5433/d?sslmode=prefer", false),
            ("postgres://u@[::1]/d?sslmode=prefer", false),
            ("postgres:///d?host=/run/postgresql&sslmode=prefer", false),
        ] {
            let database = Database::parse(address).unwrap();
            assert_eq!(database.doubt().is_some(), is_doubted, "{address}");
        }
    }
}
