//! What people see while a run goes on, on standard error: sentences, and a progress bar where somebody watches.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use virustotal::{Client, Notify, Weight};

/// Work that is over sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(400);
const REFRESH: Duration = Duration::from_millis(100);

/// Tells people sentences, above the bar where there is one. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Teller {
    quiet: bool,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Teller {
    /// A quiet one tells warnings only.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            bar: Arc::default(),
        }
    }

    fn tell(&self, weight: Weight, sentence: &str) {
        let line = match weight {
            Weight::Hint if self.quiet => return,
            Weight::Hint => sentence.to_owned(),
            Weight::Warning => format!("warning: {sentence}"),
        };
        match &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(|| crate::tell(&line)),
            None => crate::tell(&line),
        }
    }

    /// What is good to know.
    pub(crate) fn hint(&self, sentence: &str) {
        self.tell(Weight::Hint, sentence);
    }

    /// What is not as it should be.
    pub(crate) fn warn(&self, sentence: &str) {
        self.tell(Weight::Warning, sentence);
    }

    /// For those who have something to tell.
    pub(crate) fn notify(&self) -> Notify {
        let teller = self.clone();
        Notify::new(move |weight, sentence| teller.tell(weight, sentence))
    }

    fn show(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }
}

/// Shows how far `client` has come while `work` runs.
pub(crate) async fn while_watching<T>(
    client: &Arc<Client>,
    teller: &Teller,
    quiet: bool,
    work: impl Future<Output = T>,
) -> T {
    if quiet || !std::io::stderr().is_terminal() {
        return work.await;
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{spinner} {pos} of {len} answered{msg} [{wide_bar}] {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    teller.show(Some(bar.clone()));
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
        if progress.bytes_to_send > 0 {
            bar.set_message(format!(
                ", {} of {} sent",
                HumanBytes(progress.bytes_sent),
                HumanBytes(progress.bytes_to_send)
            ));
        }
        bar.tick();
    };
    teller.show(None);
    bar.finish_and_clear();
    output
}
