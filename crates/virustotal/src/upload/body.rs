//! The bytes of an upload, as they leave.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, stream};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::{CHUNK_BYTES, Reading, Upload, changed};
use crate::{Error, FileHash};

/// Why an upload's file could not be read to its end. The request that carried it is broken off.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) Error);

/// Counts what has left; takes it back when the attempt is given up.
struct Counter {
    total: Arc<AtomicU64>,
    counted: u64,
    is_whole: bool,
}

impl Counter {
    fn add(&mut self, bytes: usize) {
        self.counted += bytes as u64;
        self.total.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if !self.is_whole {
            self.total.fetch_sub(self.counted, Ordering::Relaxed);
        }
    }
}

struct Sending {
    upload: Upload,
    file: Box<dyn Reading>,
    digest: Sha256,
    left: u64,
    /// Read and not yet sent: the last one only leaves when the file has proven to be what it was.
    held: Vec<u8>,
    counter: Counter,
}

/// The content of `file`, which `upload` has opened.
pub(super) fn stream(
    upload: &Upload,
    file: Box<dyn Reading>,
    sent_bytes: &Arc<AtomicU64>,
) -> impl Stream<Item = Result<Vec<u8>, Unreadable>> + Send + 'static {
    let sending = Sending {
        upload: upload.clone(),
        file,
        digest: Sha256::new(),
        left: upload.size_bytes(),
        held: Vec::new(),
        counter: Counter {
            total: Arc::clone(sent_bytes),
            counted: 0,
            is_whole: false,
        },
    };
    stream::try_unfold(sending, |mut sending| async move {
        let chunk = sending
            .next()
            .await
            .map_err(|error| Unreadable(sending.upload.unreadable(&error)))?;
        Ok(chunk.map(|chunk| (chunk, sending)))
    })
}

impl Sending {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.left == 0 && self.held.is_empty() {
            self.counter.is_whole = true;
            return Ok(None);
        }
        loop {
            let chunk = self.read().await?;
            if chunk.is_empty() {
                self.check().await?;
                let last = std::mem::take(&mut self.held);
                self.counter.add(last.len());
                return Ok(Some(last));
            }
            let before = std::mem::replace(&mut self.held, chunk);
            if !before.is_empty() {
                self.counter.add(before.len());
                return Ok(Some(before));
            }
        }
    }

    async fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        // Small reads are put together: each chunk is a frame of the body.
        while chunk.len() < CHUNK_BYTES {
            let room = CHUNK_BYTES - chunk.len();
            if (&mut self.file).take(room as u64).read_buf(&mut chunk).await? == 0 {
                break;
            }
        }
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or_else(changed)?;
        self.digest.update(&chunk);
        Ok(chunk)
    }

    /// At the end: whether it is still the file that was looked at.
    async fn check(&mut self) -> io::Result<()> {
        let hash = FileHash::of_sha256(&std::mem::take(&mut self.digest).finalize());
        let is_same = self.left == 0 && self.file.stamp().await? == self.upload.stamp;
        match is_same && *self.upload.sha256.get_or_init(|| hash.clone()) == hash {
            true => Ok(()),
            false => Err(changed()),
        }
    }
}
