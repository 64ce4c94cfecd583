//! A process while it runs, and what it left.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// Exit status; `None` where a signal or the test ended it.
    pub code: Option<i32>,
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
    /// The result, where standard output is JSON.
    pub document: Option<Value>,
    /// It did not end in time and was killed.
    pub timed_out: bool,
}

impl Run {
    fn field(&self, name: &str) -> Value {
        self.document
            .as_ref()
            .and_then(|document| document.get(name))
            .cloned()
            .unwrap_or_default()
    }

    /// The output message; empty without a result.
    #[must_use]
    pub fn message(&self) -> String {
        self.field("Message").as_str().unwrap_or_default().to_owned()
    }

    /// The script result; null without a result.
    #[must_use]
    pub fn value(&self) -> Value {
        self.field("ResultValue")
    }

    /// The execution state.
    #[must_use]
    pub fn state(&self) -> Option<u64> {
        self.field("ExecutionState").as_u64()
    }

    /// Tables, links and JSON by key; null without any.
    #[must_use]
    pub fn objects(&self) -> Value {
        let text = self.field("ResultObjectJson");
        text.as_str()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// The JSON result; null without one.
    #[must_use]
    pub fn json_result(&self) -> Value {
        let objects = self.objects();
        let text = objects
            .pointer("/JsonResult/RawJson")
            .and_then(Value::as_str)
            .unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// A process that was started and has not been waited for. Dropped, it is killed.
pub struct Running {
    child: Child,
    stdout: Receiver<Vec<u8>>,
    stderr: Arc<Said>,
    limit: Duration,
}

/// Standard error as it comes.
#[derive(Default)]
struct Said {
    so_far: Mutex<(Vec<u8>, bool)>,
    more: Condvar,
}

impl Said {
    fn lock(&self) -> MutexGuard<'_, (Vec<u8>, bool)> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, mut from: impl Read) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            self.lock().0.extend(buffer.get(..length).unwrap_or_default());
            self.more.notify_all();
        }
        self.lock().1 = true;
        self.more.notify_all();
    }

    /// Waits until `enough` of what has been said, or the end.
    fn wait(&self, within: Duration, enough: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        let mut said = self.lock();
        loop {
            let text = String::from_utf8_lossy(&said.0).into_owned();
            let left = within.checked_sub(begun.elapsed());
            let (false, false, Some(left)) = (said.1, enough(&text), left) else {
                return text;
            };
            said = self
                .more
                .wait_timeout(said, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Running {
    pub(crate) fn start(mut command: Command, input: Vec<u8>, limit: Duration) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that reads nothing closes the pipe.
            std::thread::spawn(move || stdin.write_all(&input));
        }
        let (send, stdout) = channel();
        if let Some(mut out) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = out.read_to_end(&mut bytes);
                let _ = send.send(bytes);
            });
        }
        let stderr = Arc::new(Said::default());
        if let Some(err) = child.stderr.take() {
            let said = Arc::clone(&stderr);
            std::thread::spawn(move || said.listen(err));
        }
        Ok(Self {
            child,
            stdout,
            stderr,
            limit,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name, such as `TERM`.
    ///
    /// # Errors
    /// The system's, or that there is no such process any more.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other("the signal was not sent"))
        }
    }

    /// Waits until it has said `text` on standard error; false when it ends or `within` passes before.
    #[must_use]
    pub fn says(&self, text: &str, within: Duration) -> bool {
        self.stderr
            .wait(within, |said| said.contains(text))
            .contains(text)
    }

    /// Waits for its end, for as long as the launch allows.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(mut self) -> io::Result<Run> {
        let output = self.stdout.recv_timeout(self.limit);
        let timed_out = output.is_err();
        if timed_out {
            self.child.kill()?;
        }
        let status = self.child.wait()?;
        let stderr = self.stderr.wait(self.limit, |_| false);
        let stdout = output.unwrap_or_default();
        Ok(Run {
            code: status.code(),
            document: serde_json::from_slice(&stdout).ok(),
            stdout,
            stderr,
            timed_out,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
