//! A connection to a server, and the questions that can be asked of it.

use std::fmt;
use std::sync::Arc;

use russh_sftp::protocol::{FileAttributes, OpenFlags};

use crate::connection::Connection;
use crate::{Access, Address, Entry, Error, File, Stat, login};

/// Most names that are taken from one folder.
const MOST_NAMES: usize = 100_000;
/// Longest name that is taken from a folder. Linux has 255 bytes at most; each may show as three when it can't be read.
const LONGEST_NAME: usize = 1024;
/// Longest path that a Linux server can look at. Source: `PATH_MAX`.
const LONGEST_PATH: usize = 4096;

/// One connection to a server, logged in. Clones share it; it ends with the last of them and their files.
#[derive(Clone)]
pub struct Server {
    connection: Arc<Connection>,
}

impl Server {
    /// Connects, checks the host key, logs in and starts SFTP.
    ///
    /// # Errors
    /// [`Error`] says what is in the way. Nothing secret is sent before the host key is believed.
    pub async fn connect(address: &Address, access: &Access) -> Result<Self, Error> {
        login::check(&access.login)?;
        let connecting = Box::pin(Connection::open(address, access));
        match tokio::time::timeout(access.connect_timeout, connecting).await {
            Ok(connection) => Ok(Self {
                connection: Arc::new(connection?),
            }),
            Err(_) => Err(Error::ConnectTimedOut {
                server: address.to_string(),
                after: access.connect_timeout,
            }),
        }
    }

    /// The fingerprint of the host key, if this connection was the first to meet it and wrote it down.
    #[must_use]
    pub fn learned(&self) -> Option<&str> {
        self.connection.learned()
    }

    /// Whether the connection still stands, as far as is known without asking.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// What the server says of a file; links are followed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoPermission`], or what keeps the server from answering.
    pub async fn stat(&self, path: &str) -> Result<Stat, Error> {
        let path = sendable(path)?;
        let answer = self.connection.answer(self.connection.sftp.stat(path)).await?;
        Ok(Stat::from(&answer.attrs))
    }

    /// What the server says of a file or a link itself.
    ///
    /// # Errors
    /// As [`Server::stat`].
    pub async fn lstat(&self, path: &str) -> Result<Stat, Error> {
        let path = sendable(path)?;
        let answer = self.connection.answer(self.connection.sftp.lstat(path)).await?;
        Ok(Stat::from(&answer.attrs))
    }

    /// The names in a folder, sorted, without `.` and `..`.
    ///
    /// # Errors
    /// As [`Server::stat`]; [`Error::TooManyNames`], and [`Error::Unusable`] for names that no file can have.
    pub async fn list(&self, folder: &str) -> Result<Vec<Entry>, Error> {
        let path = sendable(folder)?;
        let open = self.connection.sftp.opendir(path);
        let handle = self.connection.answer(open).await?.handle;
        let names = self.names(&handle).await;
        self.connection.close(handle).await;
        let mut names = names?;
        names.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(names)
    }

    async fn names(&self, handle: &str) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        // Names that are left out count too, or a server could go on for ever.
        let mut seen = 0;
        loop {
            let read = self.connection.sftp.readdir(handle);
            let Some(answer) = self.connection.answer_or_end(read).await? else {
                return Ok(entries);
            };
            let files = answer.files;
            if files.is_empty() {
                return Err(Error::Unusable("a list of names has none"));
            }
            seen += files.len();
            if seen > MOST_NAMES {
                return Err(Error::TooManyNames(MOST_NAMES));
            }
            for file in files {
                let stat = Stat::from(&file.attrs);
                match file.filename.as_str() {
                    "." | ".." => {}
                    name if name.is_empty() || name.len() > LONGEST_NAME || name.contains(['/', '\0']) => {
                        return Err(Error::Unusable("a folder has a name that no file can have"));
                    }
                    _ => entries.push(Entry {
                        is_exact: !file.filename.contains('\u{fffd}'),
                        name: file.filename,
                        stat,
                    }),
                }
            }
        }
    }

    /// The absolute path without links, `.` and `..`.
    ///
    /// # Errors
    /// As [`Server::stat`]; [`Error::NotUtf8`] when the links lead to a name that can't be written down.
    pub async fn canonical(&self, path: &str) -> Result<String, Error> {
        let path = sendable(path)?;
        let answer = self
            .connection
            .answer(self.connection.sftp.realpath(path))
            .await?;
        let Some(file) = answer.files.into_iter().next() else {
            return Err(Error::Unusable("a path has no name"));
        };
        if file.filename.contains('\u{fffd}') {
            return Err(Error::NotUtf8);
        }
        if !file.filename.starts_with('/')
            || file.filename.contains('\0')
            || file.filename.len() > LONGEST_PATH
        {
            return Err(Error::Unusable("a path that is not absolute, or no path at all"));
        }
        Ok(file.filename)
    }

    /// Opens a file for reading. Opening a pipe would wait for a writer: ask for its [`Stat`] first.
    ///
    /// # Errors
    /// As [`Server::stat`].
    pub async fn open(&self, path: &str) -> Result<File, Error> {
        let path = sendable(path)?;
        let open = self
            .connection
            .sftp
            .open(path, OpenFlags::READ, FileAttributes::empty());
        let handle = self.connection.answer(open).await?.handle;
        Ok(File::new(Arc::clone(&self.connection), handle))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.connection.server()).finish()
    }
}

/// A path that no file can have is not sent: a server would read another one, or hang up.
fn sendable(path: &str) -> Result<&str, Error> {
    if path.is_empty() || path.len() > LONGEST_PATH || path.contains('\0') {
        return Err(Error::NotFound);
    }
    Ok(path)
}
