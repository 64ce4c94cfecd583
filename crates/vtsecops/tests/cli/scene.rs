//! A simulator, an empty home, and the program with nothing of this machine's settings.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use simulator::{Builder, KeyKind, Running, Simulator};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Recognisable, so that a test can look for it where it must not be.
pub(crate) const KEY: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
pub(crate) const EICAR: &str = "44d88612fea8a8f36de82e1278abb02f";
pub(crate) const BENIGN: &str = "e04378820e3ef89a2c064ef7a315581c";

pub(crate) struct Scene {
    pub(crate) home: TempDir,
    pub(crate) running: Running,
    _runtime: Runtime,
}

/// What a run left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder.key(KEY, KeyKind::Private))
    }

    pub(crate) fn with(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = Runtime::new().unwrap();
        let builder = settings(Simulator::builder().scan_for(std::time::Duration::from_millis(300)));
        let running = runtime.block_on(builder.start()).unwrap();
        Self {
            home: tempfile::tempdir().unwrap(),
            running,
            _runtime: runtime,
        }
    }

    /// The program without a key.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vtsecops"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("VTSECOPS_VIRUSTOTAL_URL", self.running.base_url())
            // The simulator has no quota unless a test gives it one.
            .env("VTSECOPS_QUOTA_PER_MINUTE", "none")
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// The program with the key in its environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.env("VTSECOPS_API_KEY", KEY);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        fed(self.command(arguments), input)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

pub(crate) fn fed(mut command: Command, input: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeding = std::thread::spawn(move || {
        // A program that reads nothing closes the pipe.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    output.into()
}
