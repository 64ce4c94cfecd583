//! Where the files are: on this machine, or on a server.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use virustotal::{Content, LocalFile};

use super::remote::{Remote, RemoteFile};

/// Why a server's file can't be named to it.
pub(super) const NO_TEXT: &str =
    "its name is not UTF-8, which can't be asked for over SFTP; rename or copy it";

/// Where the files are.
#[derive(Clone)]
pub(super) enum Place {
    Here,
    Server(Arc<Remote>),
}

/// What something in a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A device, a pipe, a socket.
    Special,
}

/// What there is at a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) kind: Kind,
    pub(super) size_bytes: u64,
}

/// A name in a folder.
pub(super) struct Named {
    pub(super) name: OsString,
    pub(super) kind: Kind,
    /// Whether that is how the name is spelled; one that a server does not tell exactly can't be asked for.
    pub(super) is_exact: bool,
}

impl Place {
    /// What is at that very path: a link is told as such.
    pub(super) async fn look(&self, path: &Path) -> io::Result<Seen> {
        match self {
            Self::Here => tokio::fs::symlink_metadata(path).await.map(|found| seen(&found)),
            Self::Server(remote) => remote.look(path).await,
        }
    }

    /// The path without links, `.` and `..`.
    pub(super) async fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        match self {
            Self::Here => tokio::fs::canonicalize(path).await,
            Self::Server(remote) => remote.canonical(path).await,
        }
    }

    /// What is in a folder, by name.
    pub(super) async fn list(&self, folder: &Path) -> io::Result<Vec<Named>> {
        match self {
            Self::Here => list(folder).await,
            Self::Server(remote) => remote.list(folder).await,
        }
    }

    /// The bytes at a path.
    pub(super) fn content(&self, path: &Path) -> io::Result<Arc<dyn Content>> {
        Ok(match self {
            Self::Here => Arc::new(LocalFile::new(path)),
            Self::Server(remote) => Arc::new(RemoteFile::new(remote, path)?),
        })
    }
}

fn seen(metadata: &std::fs::Metadata) -> Seen {
    Seen {
        kind: kind(metadata.file_type()),
        size_bytes: metadata.len(),
    }
}

fn kind(kind: std::fs::FileType) -> Kind {
    match () {
        () if kind.is_file() => Kind::File,
        () if kind.is_dir() => Kind::Folder,
        () if kind.is_symlink() => Kind::Link,
        () => Kind::Special,
    }
}

async fn list(folder: &Path) -> io::Result<Vec<Named>> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        names.push(Named {
            name: entry.file_name(),
            kind: kind(entry.file_type().await?),
            is_exact: true,
        });
    }
    names.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(names)
}
