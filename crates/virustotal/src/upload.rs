//! A file on its way to VirusTotal: streamed from wherever it is, never held in memory, and checked on the way.
//!
//! What is sent is what was looked at: a file that grows, shrinks or changes meanwhile is noticed before its last bytes
//! have left, so that VirusTotal never gets half of one content and half of another.

mod address;
mod body;
mod local;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use reqwest::Body;
use reqwest::multipart::{Form, Part};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};

pub(crate) use address::is_trusted_address;
pub(crate) use body::Unreadable;
pub use local::LocalFile;

use crate::{Error, FileHash, Tier};

/// Largest request body of `file/scan`. Source: API v2, section 2.2.
const SMALL_BODY_BYTES: u64 = 32 * 1024 * 1024;
/// Room for the multipart frame and the key, the file name excepted.
const FRAME_BYTES: u64 = 2048;
/// Largest file that goes through an upload address. Source: API v3's documented ceiling, which the service shares.
const LARGEST_BYTES: u64 = 650 * 1024 * 1024;
/// Read and sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A future that a trait object can give.
pub type Later<'a, T> = futures_util::future::BoxFuture<'a, T>;

/// Where a file's bytes are.
///
/// An error whose `ErrorKind` is `NotFound` or `PermissionDenied` is put into our words; any other is shown as it is.
pub trait Content: fmt::Debug + Send + Sync {
    /// Opens it at its start; each attempt to send it does so anew.
    fn open(&self) -> Later<'_, io::Result<Box<dyn Reading>>>;
}

/// An open file.
pub trait Reading: AsyncRead + Send + Unpin {
    /// What it looks like now.
    fn stamp(&self) -> Later<'_, io::Result<Stamp>>;
}

/// What tells that a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes of the content.
    pub size_bytes: u64,
    /// Nanoseconds since 1970, as fine as the source knows it; 0 where it does not.
    pub modified: i128,
}

/// A readable, non-empty file, and the name it is sent under. Clones are the same file.
#[derive(Clone, Debug)]
pub struct Upload {
    /// As its owner knows it; for messages, and to know it again.
    path: String,
    name: String,
    stamp: Stamp,
    content: Arc<dyn Content>,
    /// Of the content, once it has been read to its end.
    sha256: Arc<OnceLock<FileHash>>,
}

impl Upload {
    /// Looks at a regular file of this machine; nothing is read yet.
    ///
    /// # Errors
    /// [`Error::File`] names the path and why: not found, no permission, a folder, a link, empty; [`Error::TooLarge`].
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let content = Arc::new(LocalFile::new(path));
        Self::of(content, path.display().to_string()).await
    }

    /// Looks at a file that `path` names for people.
    ///
    /// # Errors
    /// As for [`Upload::open`].
    pub async fn of(content: Arc<dyn Content>, path: String) -> Result<Self, Error> {
        let looked = async { content.open().await?.stamp().await };
        let stamp = looked.await.map_err(|error| unreadable(&path, &error))?;
        if stamp.size_bytes == 0 {
            return Err(unreadable(&path, &io::Error::other("it is empty")));
        }
        // A line break would end a header of the multipart body.
        let last = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = last.replace(char::is_control, "_");
        let upload = Self {
            name: if name.is_empty() { "file".to_owned() } else { name },
            path,
            stamp,
            content,
            sha256: Arc::default(),
        };
        match upload.size_bytes() > LARGEST_BYTES {
            true => Err(upload.too_large()),
            false => Ok(upload),
        }
    }

    /// Bytes of the file when it was looked at.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.stamp.size_bytes
    }

    /// Whether it must go through an upload address, for which not every key is allowed.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.size_bytes() + FRAME_BYTES + self.name.len() as u64 > SMALL_BODY_BYTES
    }

    /// Whether a key of that kind may send it, before a byte has left.
    ///
    /// # Errors
    /// [`Error::TooLargeForKey`].
    pub fn check_size(&self, tier: Tier) -> Result<(), Error> {
        match tier == Tier::Public && self.is_large() {
            true => Err(Error::TooLargeForKey {
                size_bytes: self.size_bytes(),
                limit_bytes: SMALL_BODY_BYTES,
            }),
            false => Ok(()),
        }
    }

    /// The first bytes of the content, at most `most`; for telling its type.
    ///
    /// # Errors
    /// [`Error::File`].
    pub async fn head(&self, most: u64) -> Result<Vec<u8>, Error> {
        let read = async {
            let mut head = Vec::new();
            self.content
                .open()
                .await?
                .take(most)
                .read_to_end(&mut head)
                .await?;
            Ok(head)
        };
        read.await.map_err(|error: io::Error| self.unreadable(&error))
    }

    /// SHA-256 of the content. Reads the file unless that was done before.
    ///
    /// # Errors
    /// [`Error::File`]; also when the file changes while it is read.
    pub async fn sha256(&self) -> Result<FileHash, Error> {
        if let Some(known) = self.sha256.get() {
            return Ok(known.clone());
        }
        let hash = self
            .read_through()
            .await
            .map_err(|error| self.unreadable(&error))?;
        Ok(self.sha256.get_or_init(|| hash).clone())
    }

    async fn read_through(&self) -> io::Result<FileHash> {
        let mut file = self.content.open().await?;
        let (mut digest, mut size_bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let read = file.read(&mut buffer).await?;
            match buffer.get(..read) {
                Some(part) if !part.is_empty() => digest.update(part),
                _ => break,
            }
            size_bytes += read as u64;
            if size_bytes > self.size_bytes() {
                break;
            }
        }
        match size_bytes == self.size_bytes() && file.stamp().await? == self.stamp {
            true => Ok(FileHash::of_sha256(&digest.finalize())),
            false => Err(changed()),
        }
    }

    /// SHA-256 of the content where it is known already.
    pub(crate) fn known_sha256(&self) -> Option<&FileHash> {
        self.sha256.get()
    }

    /// Tells this content of this path from any other, without reading it.
    pub(crate) fn mark(&self) -> String {
        let Stamp { size_bytes, modified } = self.stamp;
        format!("{} {size_bytes} {modified}", self.path)
    }

    pub(crate) fn too_large(&self) -> Error {
        let limit_bytes = if self.is_large() {
            LARGEST_BYTES
        } else {
            SMALL_BODY_BYTES
        };
        Error::TooLarge {
            size_bytes: self.size_bytes(),
            limit_bytes,
        }
    }

    /// The multipart body, from a file opened anew: each attempt sends it from the start. `sent_bytes` is kept up to date.
    pub(crate) async fn form(&self, sent_bytes: &Arc<AtomicU64>) -> Result<Form, Error> {
        let file = self
            .content
            .open()
            .await
            .map_err(|error| self.unreadable(&error))?;
        let body = Body::wrap_stream(body::stream(self, file, sent_bytes));
        let part = Part::stream_with_length(body, self.size_bytes())
            .file_name(self.name.clone())
            .mime_str("application/octet-stream")
            .map_err(|_| self.unreadable(&io::Error::other("it can't be sent")))?;
        Ok(Form::new().part("file", part))
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        unreadable(&self.path, error)
    }
}

fn unreadable(path: &str, error: &io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        detail: unreadable_because(error),
    }
}

/// Why a file can't be read, for people.
#[must_use]
pub fn unreadable_because(error: &io::Error) -> String {
    // What is not the system's has words of its own.
    if error.get_ref().is_some() {
        return error.to_string();
    }
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => error.to_string(),
    }
}

fn changed() -> io::Error {
    io::Error::other("it changed while it was being read")
}
