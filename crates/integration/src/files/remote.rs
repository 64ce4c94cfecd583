//! Files of a server, over one connection that all of them share.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sftp::{Access, Address, Error, Server};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Mutex;
use virustotal::{Content, Later, Reading, Stamp};

use super::place::{Kind, NO_TEXT, Named, Seen};

/// Connections that may be lost before the server is given up: one that drops every one of them is not worth more.
const MOST_LOST: u32 = 3;

/// A server, connected to when a file of it is first wanted.
pub(crate) struct Remote {
    address: Address,
    access: Access,
    line: Mutex<Line>,
}

struct Line {
    server: Option<Server>,
    /// Why there will be none any more.
    given_up: Option<Error>,
    lost: u32,
    /// The host key that was believed because the server was new.
    learned: Option<String>,
}

impl Remote {
    pub(crate) fn new(address: Address, access: Access) -> Self {
        let line = Line {
            server: None,
            given_up: None,
            lost: 0,
            learned: None,
        };
        Self {
            address,
            access,
            line: Mutex::new(line),
        }
    }

    /// What people must know about how the server was met.
    pub(crate) async fn notice(&self) -> Option<String> {
        let learned = self.line.lock().await.learned.clone()?;
        Some(format!(
            "{} was not known. Its host key {learned} is believed from now on ({}). Compare it with the server's own.",
            self.address,
            self.access.known_hosts.display()
        ))
    }

    async fn server(&self) -> io::Result<Server> {
        self.connect().await.map_err(as_io)
    }

    async fn connect(&self) -> Result<Server, Error> {
        let mut line = self.line.lock().await;
        match &line.server {
            Some(server) if server.is_open() && line.given_up.is_none() => return Ok(server.clone()),
            // The next file gets a new connection, but not for ever.
            Some(_) => {
                line.server = None;
                line.lost += 1;
            }
            None => {}
        }
        if line.lost >= MOST_LOST {
            line.given_up.get_or_insert(Error::ConnectionLost {
                server: self.address.to_string(),
                detail: Some(format!("{MOST_LOST} times; it is not tried again")),
            });
        }
        if let Some(error) = &line.given_up {
            return Err(error.clone());
        }
        match Server::connect(&self.address, &self.access).await {
            Ok(server) => {
                line.learned = line
                    .learned
                    .take()
                    .or_else(|| server.learned().map(str::to_owned));
                line.server = Some(server.clone());
                Ok(server)
            }
            // A wrong password is not tried a hundred times.
            Err(error) => {
                line.given_up = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Gives the answer on. Who lets one file wait in vain is not waited for two hundred times.
    async fn heard<T>(&self, answer: Result<T, Error>) -> io::Result<T> {
        if let Err(error @ Error::TimedOut { .. }) = &answer {
            self.line
                .lock()
                .await
                .given_up
                .get_or_insert_with(|| error.clone());
        }
        answer.map_err(as_io)
    }

    pub(super) async fn look(&self, path: &Path) -> io::Result<Seen> {
        let path = text(path)?;
        let stat = self.heard(self.server().await?.lstat(path).await).await?;
        Ok(Seen {
            kind: kind(stat.kind),
            size_bytes: stat.size_bytes,
        })
    }

    pub(super) async fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = text(path)?;
        let canonical = self.heard(self.server().await?.canonical(path).await).await;
        canonical.map(PathBuf::from)
    }

    pub(super) async fn list(&self, folder: &Path) -> io::Result<Vec<Named>> {
        let folder = text(folder)?;
        let entries = self.heard(self.server().await?.list(folder).await).await?;
        let named = entries.into_iter().map(|entry| Named {
            name: entry.name.into(),
            kind: kind(entry.stat.kind),
            is_exact: entry.is_exact,
        });
        Ok(named.collect())
    }
}

fn kind(kind: sftp::Kind) -> Kind {
    match kind {
        sftp::Kind::File => Kind::File,
        sftp::Kind::Folder => Kind::Folder,
        sftp::Kind::Link => Kind::Link,
        sftp::Kind::Other => Kind::Special,
    }
}

fn as_io(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound => io::ErrorKind::NotFound,
        Error::NoPermission => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other(NO_TEXT))
}

/// One file of a server.
pub(super) struct RemoteFile {
    remote: Arc<Remote>,
    path: String,
}

impl RemoteFile {
    pub(super) fn new(remote: &Arc<Remote>, path: &Path) -> io::Result<Self> {
        Ok(Self {
            remote: Arc::clone(remote),
            path: text(path)?.to_owned(),
        })
    }
}

impl std::fmt::Debug for RemoteFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RemoteFile({}:{:?})", self.remote.address, self.path)
    }
}

impl Content for RemoteFile {
    fn open(&self) -> Later<'_, io::Result<Box<dyn Reading>>> {
        Box::pin(async {
            let server = self.remote.server().await?;
            let opened = server.open(&self.path).await;
            let file = self.remote.heard(opened).await?;
            Ok(Box::new(Open(file)) as Box<dyn Reading>)
        })
    }
}

struct Open(sftp::File);

impl AsyncRead for Open {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Reading for Open {
    fn stamp(&self) -> Later<'_, io::Result<Stamp>> {
        Box::pin(async {
            let stat = self.0.stat().await.map_err(as_io)?;
            const NANOSECONDS: i128 = 1_000_000_000;
            Ok(Stamp {
                size_bytes: stat.size_bytes,
                modified: i128::from(stat.modified.unwrap_or(0)) * NANOSECONDS,
            })
        })
    }
}
