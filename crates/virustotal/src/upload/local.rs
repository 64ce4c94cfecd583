//! Files of this machine.

use std::fs::Metadata;
use std::io;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use tokio::fs::File;

use super::{Content, Later, Reading, Stamp};

/// Bytes that are fetched from the disk at once: few changes between threads, little memory.
const BUFFER_BYTES: usize = 512 * 1024;

/// A regular file. A link is refused: who made it may not be who names it.
#[derive(Clone, Debug)]
pub struct LocalFile {
    path: PathBuf,
}

impl LocalFile {
    /// The file at `path`; nothing is looked at yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// A file that is open already, as it comes.
    ///
    /// # Errors
    /// It is no regular file.
    pub async fn opened(mut file: File) -> io::Result<Box<dyn Reading>> {
        file.set_max_buf_size(BUFFER_BYTES);
        check(&file.metadata().await?)?;
        Ok(Box::new(file))
    }
}

impl Content for LocalFile {
    fn open(&self) -> Later<'_, io::Result<Box<dyn Reading>>> {
        Box::pin(async {
            // Before it is opened: to open a pipe is to wait for its other end.
            check(&tokio::fs::symlink_metadata(&self.path).await?)?;
            Self::opened(File::open(&self.path).await?).await
        })
    }
}

fn check(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let trouble = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "it is a folder",
        () if kind.is_symlink() => "it is a symbolic link",
        () => "it is not a regular file",
    };
    Err(io::Error::other(trouble))
}

impl Reading for File {
    fn stamp(&self) -> Later<'_, io::Result<Stamp>> {
        Box::pin(async {
            let metadata = self.metadata().await?;
            let modified = metadata.modified().ok();
            let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
            Ok(Stamp {
                size_bytes: metadata.len(),
                modified: since
                    .and_then(|since| i128::try_from(since.as_nanos()).ok())
                    .unwrap_or(0),
            })
        })
    }
}
