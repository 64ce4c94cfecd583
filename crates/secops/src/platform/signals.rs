//! Signals, as the platform's SDK takes them: to stop is to stop, an interrupt lets the run come to its end.

use super::Log;

/// What the SDK's −143 becomes as an exit code.
#[cfg(unix)]
const TERMINATED: i32 = 113;

/// Watches for signals until the process ends; when it returns, no signal is missed any more.
#[cfg(unix)]
pub(super) fn watch(log: Log) {
    use tokio::signal::unix::{SignalKind, signal};

    let (ready, watching) = std::sync::mpsc::channel();
    // A thread of its own: the run may be busy, and SIGTERM does not wait.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let (Ok(mut terminate), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                return;
            };
            let _ = ready.send(());
            loop {
                tokio::select! {
                    _ = terminate.recv() => {
                        log.warn("Termination signal [15] received, exiting...");
                        exit(TERMINATED);
                    }
                    _ = interrupt.recv() => log.warn(
                        "Cancellation signal [2] received, ignoring to finish execution gracefully.",
                    ),
                }
            }
        });
    });
    // An error is a thread that can't watch: then the system's own rules are left.
    let _ = watching.recv();
}

/// Elsewhere the platform does not run.
#[cfg(not(unix))]
pub(super) fn watch(_: Log) {}

#[cfg(unix)]
#[expect(clippy::exit, reason = "a signal ends the process, whatever it does")]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}
