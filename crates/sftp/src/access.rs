//! What is needed to get at a server's files, beside its address.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::HostKeys;

/// Who logs in, and with what. Everything given is tried, in this order: agent, key files, password.
///
/// A password that opens an encrypted key file is that file's passphrase and is not sent to the server.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The account on the server.
    pub user: String,
    /// The password, and the passphrase of encrypted key files.
    pub password: Option<SecretString>,
    /// Private keys.
    pub identities: Vec<PathBuf>,
    /// Socket of an SSH agent.
    pub agent: Option<PathBuf>,
}

/// How a server is met.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who logs in.
    pub login: Login,
    /// Which host keys are believed.
    pub host_keys: HostKeys,
    /// The file of known host keys. It is read where it exists, and created when a key is to be remembered.
    pub known_hosts: PathBuf,
    /// How long connecting, key exchange and login may take together.
    pub connect_timeout: Duration,
    /// How long the server may send nothing while an answer is due.
    pub idle_timeout: Duration,
}

impl Access {
    /// New servers are believed once, and patience is 10 s for a connection and 30 s for an answer.
    #[must_use]
    pub fn new(login: Login, known_hosts: PathBuf) -> Self {
        Self {
            login,
            host_keys: HostKeys::default(),
            known_hosts,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Login};

    #[test]
    fn a_password_is_never_printed() {
        let login = Login {
            user: "alice".to_owned(),
            password: Some("swordfish".into()),
            ..Login::default()
        };
        let shown = format!("{:?}", Access::new(login, "known_hosts".into()));
        assert!(shown.contains("alice") && !shown.contains("swordfish"), "{shown}");
    }
}
