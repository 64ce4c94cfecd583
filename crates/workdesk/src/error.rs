//! What the workdesk can't do, by what the caller should do about it.

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
    /// Not with the role of whoever asks: nothing was changed.
    #[error("{0}")]
    NotAllowed(String),
    /// It can't be done in the present state: nothing was changed.
    #[error("{0}")]
    Conflict(String),
    /// So many do the same that there is no place for one more: nothing was changed.
    #[error("{0}")]
    Busy(String),
    /// The database refused, or is not there.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The database can't be brought to this version's form.
    #[error("the database can't be opened: {0}")]
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

/// The words of an error as a sentence.
pub(crate) fn sentence(words: &str) -> String {
    let mut letters = words.trim_end_matches('.').chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}
