//! What keeps a gateway, or a command about it, from doing its work.

use std::path::Path;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for can't be done; says what to do instead.
    #[error("{0}")]
    Usage(String),
    /// A file can't be read or written.
    #[error("{0}")]
    File(String),
    /// A file is not what it should be; says what to do.
    #[error("{0}")]
    Damaged(String),
}

impl Error {
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::File(format!("{}: {error}", path.display()))
    }
}
