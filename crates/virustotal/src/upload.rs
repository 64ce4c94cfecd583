//! A file on its way to VirusTotal: streamed, never held in memory.

use std::path::{Path, PathBuf};

use reqwest::Body;
use reqwest::multipart::{Form, Part};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::Error;

/// Largest request body of `file/scan`. Source: API v2, section 2.2.
const SMALL_BODY_BYTES: u64 = 32 * 1024 * 1024;
/// Room for the multipart frame and the key, the file name excepted.
const FRAME_BYTES: u64 = 2048;
/// Largest file that goes through an upload address. Source: API v3's documented ceiling, which the service shares.
const LARGEST_BYTES: u64 = 650 * 1024 * 1024;

/// A readable, non-empty regular file, and the name it is sent under.
#[derive(Clone, Debug)]
pub struct Upload {
    path: PathBuf,
    name: String,
    size_bytes: u64,
}

impl Upload {
    /// Looks at the file; nothing is read yet.
    ///
    /// # Errors
    /// [`Error::File`] names the path and why: not found, no permission, a folder, empty; [`Error::TooLarge`].
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let failed = |detail: &str| Error::File {
            path: path.display().to_string(),
            detail: detail.to_owned(),
        };
        let file = File::open(path)
            .await
            .map_err(|error| failed(&in_words(&error)))?;
        let metadata = file.metadata().await.map_err(|error| failed(&in_words(&error)))?;
        if metadata.is_dir() {
            return Err(failed("it is a folder"));
        }
        if !metadata.is_file() {
            return Err(failed("it is not a regular file"));
        }
        if metadata.len() == 0 {
            return Err(failed("it is empty"));
        }
        let name = path
            .file_name()
            .map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned());
        let upload = Self {
            path: path.to_owned(),
            name,
            size_bytes: metadata.len(),
        };
        if upload.size_bytes > LARGEST_BYTES {
            return Err(upload.too_large());
        }
        Ok(upload)
    }

    /// Bytes of the file when it was looked at.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Whether it must go through an upload address, for which not every key is allowed.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.size_bytes + FRAME_BYTES + self.name.len() as u64 > SMALL_BODY_BYTES
    }

    /// SHA-256 of the content, in lower case. Reads the file once.
    pub(crate) async fn sha256(&self) -> Result<String, Error> {
        let failed = |error: std::io::Error| Error::File {
            path: self.path.display().to_string(),
            detail: in_words(&error),
        };
        let mut file = File::open(&self.path).await.map_err(failed)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = file.read(&mut buffer).await.map_err(failed)?;
            match buffer.get(..read) {
                Some(part) if !part.is_empty() => digest.update(part),
                _ => break,
            }
        }
        let hash = digest.finalize();
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(crate) fn too_large(&self) -> Error {
        let limit_bytes = if self.is_large() {
            LARGEST_BYTES
        } else {
            SMALL_BODY_BYTES
        };
        Error::TooLarge {
            size_bytes: self.size_bytes,
            limit_bytes,
        }
    }

    /// The multipart body, from a file opened anew: each attempt sends it from the start.
    pub(crate) async fn form(&self) -> Result<Form, Error> {
        let failed = |detail: String| Error::File {
            path: self.path.display().to_string(),
            detail,
        };
        let file = File::open(&self.path)
            .await
            .map_err(|error| failed(in_words(&error)))?;
        let body = Body::wrap_stream(ReaderStream::with_capacity(file, 64 * 1024));
        let part = Part::stream_with_length(body, self.size_bytes)
            .file_name(self.name.clone())
            .mime_str("application/octet-stream")
            .map_err(|_| failed("it can't be sent".to_owned()))?;
        Ok(Form::new().part("file", part))
    }
}

fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => error.to_string(),
    }
}
