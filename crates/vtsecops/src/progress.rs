//! The progress bar: on standard error, only where a person watches.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use virustotal::Client;

/// Work that is over sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(400);
const REFRESH: Duration = Duration::from_millis(100);

/// Shows how far `client` has come while `work` runs.
pub(crate) async fn while_watching<T>(client: &Arc<Client>, quiet: bool, work: impl Future<Output = T>) -> T {
    if quiet || !std::io::stderr().is_terminal() {
        return work.await;
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{spinner} {pos} of {len} answered [{wide_bar}] {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    let mut work = std::pin::pin!(work);
    let mut pause = PATIENCE;
    let output = loop {
        tokio::select! {
            output = &mut work => break output,
            () = tokio::time::sleep(pause) => {}
        }
        pause = REFRESH;
        let progress = client.progress();
        bar.set_length(progress.expected);
        bar.set_position(progress.answered);
        bar.tick();
    };
    bar.finish_and_clear();
    output
}
