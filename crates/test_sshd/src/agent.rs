//! An agent that holds a key.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running `ssh-agent`.
pub struct Agent {
    folder: tempfile::TempDir,
    agent: Child,
}

impl Agent {
    /// An agent that holds this private key.
    ///
    /// # Errors
    /// The system's, or that the key was not taken.
    pub fn holding(identity: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("socket");
        let agent = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let agent = Self { folder, agent };
        for _ in 0..200 {
            if socket.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let added = Command::new("ssh-add")
            .arg(identity)
            .env("SSH_AUTH_SOCK", &socket)
            .stdin(Stdio::null())
            .output()?;
        match added.status.success() {
            true => Ok(agent),
            false => Err(io::Error::other(
                String::from_utf8_lossy(&added.stderr).into_owned(),
            )),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}
