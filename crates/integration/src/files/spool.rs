//! What is no ordinary file, such as a device or a file of `/proc`: it has no length before it has been read, so it is
//! copied into a file without a name first.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use virustotal::{Content, Later, LocalFile, Reading};

/// More than VirusTotal takes: what is longer is as good as endless.
const MOST_BYTES: u64 = 651 * 1024 * 1024;

/// A copy. It is gone when the last of those who read it is.
#[derive(Clone, Debug)]
pub(super) struct Spooled(Arc<File>);

impl Spooled {
    /// Copies what can be read at `path` now.
    pub(super) async fn of(path: &Path) -> io::Result<Self> {
        let mut options = tokio::fs::OpenOptions::new();
        options.read(true);
        // A pipe that nobody writes to is empty, not waited for.
        #[cfg(unix)]
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let source = options.open(path).await?;
        let copy = tokio::task::spawn_blocking(tempfile::tempfile)
            .await
            .map_err(io::Error::other)??;
        let mut target = tokio::fs::File::from_std(copy.try_clone()?);
        match tokio::io::copy(&mut source.take(MOST_BYTES), &mut target).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::other("there is nothing to read from it now"));
            }
            copied => copied?,
        };
        target.flush().await?;
        Ok(Self(Arc::new(copy)))
    }
}

impl Content for Spooled {
    fn open(&self) -> Later<'_, io::Result<Box<dyn Reading>>> {
        Box::pin(async {
            let mut file = tokio::fs::File::from_std(self.0.try_clone()?);
            file.rewind().await?;
            LocalFile::opened(file).await
        })
    }
}
