//! A thread for the client's look-ups, which a server can't hand from thread to thread while they wait.

use std::io;

use futures_util::future::{Either, LocalBoxFuture, select};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

type Job = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

/// The thread; it ends with this value.
pub(crate) struct LookUps(mpsc::UnboundedSender<Job>);

impl LookUps {
    pub(crate) fn begin() -> io::Result<Self> {
        let (send, mut jobs) = mpsc::unbounded_channel::<Job>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("gateway-look-ups".to_owned())
            .spawn(move || {
                LocalSet::new().block_on(&runtime, async {
                    while let Some(job) = jobs.recv().await {
                        spawn_local(job());
                    }
                });
            })?;
        Ok(Self(send))
    }

    /// Does that work there, for as long as somebody waits for it. `None` when the thread is gone.
    pub(crate) async fn run<T, W>(&self, work: impl FnOnce() -> W + Send + 'static) -> Option<T>
    where
        T: Send + 'static,
        W: Future<Output = T> + 'static,
    {
        let (mut send, done) = oneshot::channel();
        let job: Job = Box::new(move || {
            Box::pin(async move {
                let output = {
                    let work = std::pin::pin!(work());
                    let gone = std::pin::pin!(send.closed());
                    match select(work, gone).await {
                        Either::Left((output, _)) => Some(output),
                        Either::Right(_) => None,
                    }
                };
                if let Some(output) = output {
                    // Whoever waited may have gone this moment.
                    let _ = send.send(output);
                }
            })
        });
        self.0.send(job).ok()?;
        done.await.ok()
    }
}
