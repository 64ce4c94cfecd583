//! The two layers that bytes pass: the TCP connection below SSH and the SFTP channel above it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// Ends a connection when it goes. The SSH library's task would otherwise live for as long as a server likes that
/// falls silent in the middle of a key exchange.
pub(crate) struct Cut {
    _held: oneshot::Sender<()>,
}

/// A TCP connection that can be cut.
pub(crate) struct Line {
    stream: TcpStream,
    cut: oneshot::Receiver<()>,
}

impl Line {
    pub(crate) fn new(stream: TcpStream) -> (Self, Cut) {
        let (held, cut) = oneshot::channel();
        (Self { stream, cut }, Cut { _held: held })
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match Pin::new(&mut self.cut).poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(_) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// How an SFTP channel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server closed it, or the connection broke.
    Closed,
    /// It was given up on this side: what the server sends is no SFTP.
    Garbled,
}

/// When a server was heard last, and whether it still can be.
pub(crate) struct Pulse {
    heard: Mutex<Instant>,
    end: watch::Sender<Option<End>>,
}

impl Pulse {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            heard: Mutex::new(Instant::now()),
            end: watch::Sender::new(None),
        })
    }

    pub(crate) fn heard(&self) -> Instant {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing can come any more.
    pub(crate) async fn end(&self) -> End {
        let mut ends = self.end.subscribe();
        let end = ends.wait_for(Option::is_some).await;
        end.ok().and_then(|end| *end).unwrap_or(End::Closed)
    }

    /// Whether the stream has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    fn beat(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn stop(&self, how: End) {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert(how);
            first
        });
    }
}

/// An SFTP channel whose pulse is felt.
pub(crate) struct Felt<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Felt<S> {
    pub(crate) fn new(stream: S) -> (Self, Arc<Pulse>) {
        let pulse = Pulse::new();
        let felt = Self {
            stream,
            pulse: Arc::clone(&pulse),
        };
        (felt, pulse)
    }
}

impl<S> Drop for Felt<S> {
    fn drop(&mut self) {
        self.pulse.stop(End::Garbled);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Felt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if result.is_ok() && buf.filled().len() > before {
            self.pulse.beat();
        } else {
            self.pulse.stop(End::Closed);
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Felt<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
