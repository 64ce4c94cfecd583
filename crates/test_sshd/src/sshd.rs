//! The server.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "/usr/sbin/sshd";
/// A server that is not there by then never will be.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// Files are given by the server itself.
const SFTP: &str = "Subsystem sftp internal-sftp\n";

/// Whether this machine has what a server needs.
#[must_use]
pub fn available() -> bool {
    Path::new(PROGRAM).exists() && Command::new("ssh-keygen").arg("-?").output().is_ok()
}

/// An account with a password, which `./test` makes where it can.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl Account {
    /// The one that the environment names.
    #[must_use]
    pub fn of_environment() -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        Some(Self {
            user: variable("VTSECOPS_TEST_SSH_USER")?,
            password: variable("VTSECOPS_TEST_SSH_PASSWORD")?,
        })
    }
}

/// A running server. The user who runs the tests may log in with [`Sshd::identity`].
pub struct Sshd {
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
    host_key: PathBuf,
    subsystem: &'static str,
}

impl Sshd {
    /// A server with an Ed25519 host key.
    ///
    /// # Errors
    /// The system's, or that the server did not start: with what it said.
    pub fn start() -> io::Result<Self> {
        Self::with_host_key("ed25519")
    }

    /// A server that lets people in but gives no files.
    ///
    /// # Errors
    /// As for [`Sshd::start`].
    pub fn without_sftp() -> io::Result<Self> {
        Self::with("ed25519", "")
    }

    /// A server with a host key of that type (`ed25519`, `ecdsa`, `rsa`).
    ///
    /// # Errors
    /// As for [`Sshd::start`].
    pub fn with_host_key(kind: &str) -> io::Result<Self> {
        Self::with(kind, SFTP)
    }

    fn with(kind: &str, subsystem: &'static str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        make_key(&folder.path().join("client"), "ed25519", "")?;
        std::fs::copy(folder.path().join("client.pub"), folder.path().join("authorized"))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let host_key = folder.path().join(format!("host-{kind}"));
        make_key(&host_key, kind, "")?;
        let server = run(folder.path(), port, &host_key, subsystem)?;
        Ok(Self {
            folder,
            port,
            server,
            host_key,
            subsystem,
        })
    }

    /// Stops it and starts it at the same address with another host key.
    ///
    /// # Errors
    /// As for [`Sshd::start`].
    pub fn change_host_key(&mut self, kind: &str) -> io::Result<()> {
        self.stop();
        self.host_key = self.folder.path().join(format!("changed-{kind}"));
        make_key(&self.host_key, kind, "")?;
        self.server = run(self.folder.path(), self.port, &self.host_key, self.subsystem)?;
        Ok(())
    }

    /// Lets whoever holds that public key in.
    ///
    /// # Errors
    /// The system's.
    pub fn authorize(&self, public_key: &Path) -> io::Result<()> {
        let path = self.folder.path().join("authorized");
        let both = format!(
            "{}{}",
            std::fs::read_to_string(&path)?,
            std::fs::read_to_string(public_key)?
        );
        std::fs::write(path, both)
    }

    /// Where it listens: `127.0.0.1` and the port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The user who runs the tests.
    #[must_use]
    pub fn user(&self) -> String {
        let name = Command::new("id").arg("-un").output();
        name.map(|name| String::from_utf8_lossy(&name.stdout).trim().to_owned())
            .unwrap_or_default()
    }

    /// A private key that lets the user in.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.folder.path().join("client")
    }

    /// A folder that is gone with the server.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The host's public key, as in a file of known hosts, the name excepted.
    ///
    /// # Errors
    /// The system's.
    pub fn public_host_key(&self) -> io::Result<String> {
        let text = std::fs::read_to_string(self.host_key.with_extension("pub"))?;
        Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    /// `SHA256:…` of the host key.
    ///
    /// # Errors
    /// The system's.
    pub fn fingerprint(&self) -> io::Result<String> {
        let told = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(&self.host_key)
            .output()?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        Ok(text.split_whitespace().nth(1).unwrap_or_default().to_owned())
    }

    fn stop(&mut self) {
        // By its own process id; it may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes a key pair: `path` and `path.pub`.
///
/// # Errors
/// The system's, or what the program said.
pub(crate) fn make_key(path: &Path, kind: &str, passphrase: &str) -> io::Result<()> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"]);
    let made = command.arg(path).stdin(Stdio::null()).output()?;
    match made.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&made.stderr).into_owned(),
        )),
    }
}

impl Sshd {
    /// Makes another key pair in the server's folder; gives the private one.
    ///
    /// # Errors
    /// As for [`Sshd::start`].
    pub fn make_identity(&self, name: &str, kind: &str, passphrase: &str) -> io::Result<PathBuf> {
        let path = self.folder.path().join(name);
        make_key(&path, kind, passphrase)?;
        Ok(path)
    }
}

fn run(folder: &Path, port: u16, host_key: &Path, subsystem: &str) -> io::Result<Child> {
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile {}\n\
         {subsystem}StrictModes no\nUsePAM no\nPasswordAuthentication yes\n\
         KbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 200\nMaxSessions 200\nLogLevel ERROR\n",
        host_key.display(),
        folder.join("authorized").display(),
        folder.join("pid").display(),
    );
    let path = folder.join("sshd_config");
    std::fs::write(&path, config)?;
    // As root it wants this folder; otherwise it does without, and it can't be made.
    let _ = std::fs::create_dir_all("/run/sshd");
    let log = std::fs::File::create(folder.join("log"))?;
    let mut server = Command::new(PROGRAM)
        .args(["-D", "-e", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    let begun = Instant::now();
    while begun.elapsed() < STARTS_WITHIN {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(server);
        }
        if server.try_wait()?.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = server.kill();
    let _ = server.wait();
    Err(io::Error::other(std::fs::read_to_string(folder.join("log"))?))
}
