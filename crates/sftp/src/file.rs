//! A file on a server, read as a stream.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::connection::Connection;
use crate::{Error, Stat};

/// How much is asked for at once, and how often ahead of the reader: together the memory that an open file takes,
/// and what is on the way while an answer travels.
const PART_BYTES: u32 = 64 * 1024;
const PARTS_AHEAD: usize = 16;
/// Smaller answers than this don't make the next questions smaller.
const SMALLEST_PART_BYTES: u32 = 4 * 1024;

/// A file opened for reading.
///
/// It reads ahead of its reader, 1 MB at most. The server decides where the file ends, so a reader that trusts no
/// server stops by itself. Errors come as [`io::Error`] with an [`Error`] inside; after one, no read succeeds.
pub struct File {
    connection: Arc<Connection>,
    handle: String,
    /// Where the next question starts, and how much it asks for.
    next: u64,
    part_bytes: u32,
    /// Whether the server has answered a question of this size in full.
    is_proven: bool,
    asked: VecDeque<Question>,
    /// What has come and has not been read yet.
    part: Vec<u8>,
    taken: usize,
    state: State,
}

enum State {
    Open,
    Ended,
    Failed(Error),
}

/// Bytes, or the end of the file.
type Answer = Result<Option<Vec<u8>>, Error>;

struct Question {
    offset: u64,
    bytes: u32,
    answer: Pending,
}

enum Pending {
    Waiting(Pin<Box<dyn Future<Output = Answer> + Send + Sync>>),
    Ready(Option<Answer>),
}

impl File {
    pub(crate) fn new(connection: Arc<Connection>, handle: String) -> Self {
        Self {
            connection,
            handle,
            next: 0,
            part_bytes: PART_BYTES,
            is_proven: false,
            asked: VecDeque::new(),
            part: Vec::new(),
            taken: 0,
            state: State::Open,
        }
    }

    /// What the server says of the file that is open, even if its name now leads to another one.
    ///
    /// # Errors
    /// What keeps the server from answering.
    pub fn stat(&self) -> impl Future<Output = Result<Stat, Error>> + Send + use<> {
        let connection = Arc::clone(&self.connection);
        let handle = self.handle.clone();
        async move { connection.fstat(handle).await }
    }

    /// Asks ahead. One question alone shows how much the server gives at once and where a small file ends.
    fn ask(&mut self, cx: &mut Context<'_>) {
        let ahead = if self.is_proven { PARTS_AHEAD } else { 1 };
        while self.asked.len() < ahead {
            let (connection, handle) = (Arc::clone(&self.connection), self.handle.clone());
            let (offset, bytes) = (self.next, self.part_bytes);
            let mut answer: Pin<Box<dyn Future<Output = Answer> + Send + Sync>> =
                Box::pin(async move { connection.read(handle, offset, bytes).await });
            // A question is sent when it is polled first.
            let answer = match answer.as_mut().poll(cx) {
                Poll::Ready(answer) => Pending::Ready(Some(answer)),
                Poll::Pending => Pending::Waiting(answer),
            };
            self.next = self.next.saturating_add(u64::from(bytes));
            self.asked.push_back(Question {
                offset,
                bytes,
                answer,
            });
        }
    }

    /// Waits for the next part; at the end of the file it is empty.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ask(cx);
        let Some(first) = self.asked.front_mut() else {
            return Poll::Ready(Err(Error::Unusable("no question was asked")));
        };
        let answer = ready!(first.answer.poll(cx));
        let (offset, bytes) = (first.offset, first.bytes);
        self.asked.pop_front();
        let Some(part) = answer?.filter(|part| !part.is_empty()) else {
            self.state = State::Ended;
            self.asked.clear();
            self.part = Vec::new();
            self.taken = 0;
            return Poll::Ready(Ok(()));
        };
        let came = u32::try_from(part.len()).unwrap_or(u32::MAX);
        if came > bytes {
            return Poll::Ready(Err(Error::Unusable("it has more bytes than were asked for")));
        }
        self.is_proven = came == bytes;
        if !self.is_proven {
            // The rest was asked for past a gap: ask again from there, for as much as the server gives.
            self.asked.clear();
            self.next = offset.saturating_add(u64::from(came));
            self.part_bytes = came.max(SMALLEST_PART_BYTES);
        }
        self.part = part;
        self.taken = 0;
        Poll::Ready(Ok(()))
    }
}

impl Pending {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        match self {
            Self::Waiting(answer) => answer.as_mut().poll(cx),
            Self::Ready(answer) => Poll::Ready(
                answer
                    .take()
                    .unwrap_or(Err(Error::Unusable("it was taken already"))),
            ),
        }
    }
}

impl AsyncRead for File {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let file = self.get_mut();
        loop {
            let rest = file.part.get(file.taken..).unwrap_or_default();
            if !rest.is_empty() || buf.remaining() == 0 {
                let bytes = rest.len().min(buf.remaining());
                buf.put_slice(rest.get(..bytes).unwrap_or_default());
                file.taken += bytes;
                return Poll::Ready(Ok(()));
            }
            match &file.state {
                State::Open => {}
                State::Ended => return Poll::Ready(Ok(())),
                State::Failed(error) => return Poll::Ready(Err(error.clone().into())),
            }
            if let Err(error) = ready!(file.poll_part(cx)) {
                file.asked.clear();
                file.state = State::Failed(error);
            }
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // The server's end is closed without waiting for its answer. Outside of a runtime there is no connection either.
        if tokio::runtime::Handle::try_current().is_ok() {
            let close = pin!(self.connection.close(std::mem::take(&mut self.handle)));
            let _ = close.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}
