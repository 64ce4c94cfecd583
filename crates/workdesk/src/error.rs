//! What the workdesk can't do, by what the caller should do about it.

use std::fmt::Display;

use sqlx::migrate::MigrateError;

/// Why a request could not be fulfilled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `case`, `entity`, …
        what: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// What was given can't be used: nothing was changed.
    #[error("{0}")]
    Invalid(String),
    /// The old password that was given with a new one is not the one that is known: nothing was changed.
    #[error("the old password is wrong")]
    WrongPassword,
    /// Too much of that kind is asked at once: nothing was changed.
    #[error("{0}")]
    Busy(String),
    /// Not with the role of whoever asks: nothing was changed.
    #[error("{0}")]
    NotAllowed(String),
    /// It can't be done in the present state: nothing was changed.
    #[error("{0}")]
    Conflict(String),
    /// The database refused, or is not there.
    #[error("the database failed: {}", in_words(.0))]
    Database(#[from] sqlx::Error),
    /// The database can't be brought to this version's form.
    #[error("the database can't be opened: {}", of_migration(.0))]
    Migration(#[from] MigrateError),
    /// A later version has brought the database to a form that this one can't work with.
    #[error(
        "the database can't be opened: a later version has brought its tables to step {found}, and this version can work with steps up to \
         {borne}; start that version, or a later one"
    )]
    TooNew {
        /// How far the tables are.
        found: i64,
        /// How far they may be.
        borne: i64,
    },
    /// What the database holds can't be read: another program wrote it, or it is damaged.
    #[error("the database holds something unreadable: {0}")]
    Damaged(String),
}

impl Error {
    /// Whether others were only in the way: a lock that did not come in time, or two that waited for each other.
    pub(crate) fn is_passing(&self) -> bool {
        let error = match self {
            Self::Database(error) => error,
            Self::Migration(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => error,
            _ => return false,
        };
        let code = error.as_database_error().and_then(|error| error.code());
        code.is_some_and(|code| ["40P01", "55P03"].contains(&&*code))
    }

    pub(crate) fn not_found(what: &'static str, id: &(impl ToString + ?Sized)) -> Self {
        Self::NotFound {
            what,
            id: id.to_string(),
        }
    }
}

/// What a database's error means, and what to do about it where that is known.
fn in_words(error: &sqlx::Error) -> String {
    let out_of_reach = |cause: &dyn Display| {
        format!("it can't be reached ({cause}). Check its address and the network, and whether it runs")
    };
    match error {
        sqlx::Error::Io(cause) => out_of_reach(cause),
        sqlx::Error::Tls(cause) => out_of_reach(cause),
        sqlx::Error::PoolTimedOut => "no connection to it came free in time; try again later".to_owned(),
        sqlx::Error::Database(told) => match of_file(told.code().as_deref()) {
            Some(advice) => format!("{}. {advice}", told.message()),
            None => error.to_string(),
        },
        other => other.to_string(),
    }
}

fn of_migration(error: &MigrateError) -> String {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => in_words(error),
        other => other.to_string(),
    }
}

/// What to do, by SQLite's code; those of PostgreSQL have five characters. Source: SQLite's result codes, the lower eight bits.
fn of_file(code: Option<&str>) -> Option<&'static str> {
    let code = code.filter(|code| code.len() < 5)?.parse::<u32>().ok()?;
    Some(match code & 0xff {
        5 | 6 => "Another program holds the file: end it, or try again later",
        8 => "The file can't be written: look at its rights, and those of its folder",
        10 | 13 => "Make room on the disk, if it is full",
        11 | 26 => "The file is damaged: put a copy in its place with vtsecops workdesk restore",
        14 => "The file can't be opened: look at its rights, and those of its folder",
        _ => return None,
    })
}

/// The words of an error as a sentence.
pub(crate) fn sentence(words: &str) -> String {
    let mut letters = words.trim_end_matches('.').chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::of_file;

    #[test]
    fn what_to_do_goes_by_the_lower_bits_and_not_by_codes_of_a_server() {
        assert!(of_file(Some("13")).is_some_and(|advice| advice.contains("Make room")));
        // A log that can't grow, and a busy file that recovers.
        assert_eq!(of_file(Some("4874")), of_file(Some("10")));
        assert_eq!(of_file(Some("261")), of_file(Some("5")));
        for unknown in [Some("53100"), Some("1"), Some("x"), None] {
            assert_eq!(of_file(unknown), None);
        }
    }
}
