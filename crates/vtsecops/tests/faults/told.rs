//! What a process has left.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How a process ended and what it said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    /// The result, where standard output is JSON.
    pub(crate) document: Value,
    /// What people read in the end: the platform's message, a page, an answer of the gateway.
    pub(crate) message: String,
    pub(crate) timed_out: bool,
    pub(crate) took: Duration,
    /// Of an action on the platform.
    pub(crate) state: Option<u64>,
    /// What was not as it should be while it ran.
    pub(crate) wrong: Vec<String>,
}

impl Told {
    /// Everything that people read.
    pub(crate) fn said(&self) -> String {
        let of_result = self.document["output_message"].as_str().unwrap_or_default();
        let out = if of_result.is_empty() {
            &self.out
        } else {
            of_result
        };
        format!("{}\n{out}\n{}", self.message, self.err)
    }

    /// How the look-up of an entity ended.
    pub(crate) fn outcome(&self, name: &str) -> String {
        let entities = self.document["entities"].as_array();
        let found = entities
            .into_iter()
            .flatten()
            .find(|entity| entity["identifier"] == name);
        found
            .and_then(|entity| entity["outcome"].as_str())
            .unwrap_or("nothing")
            .to_owned()
    }
}

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How much longer than it may take it is waited for, to see whether it ends at all.
const GRACE: Duration = Duration::from_secs(3);

/// Runs a command to its end; one that takes much longer than it may is killed.
pub(crate) fn ran(mut command: Command, longest: Duration) -> Told {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = reading(child.stdout.take().unwrap());
    let err = reading(child.stderr.take().unwrap());
    let mut timed_out = false;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > longest + GRACE {
            timed_out = true;
            child.kill().unwrap();
            break child.wait().unwrap();
        }
        std::thread::sleep(LOOK);
    };
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    Told {
        code: status.code(),
        document: serde_json::from_str(&out).unwrap_or_default(),
        out,
        err,
        timed_out,
        took: begun.elapsed(),
        ..Told::default()
    }
}

fn reading(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What can't be read any more was not said.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
