//! What can go wrong, by what a person should do about it.

use std::io;
use std::time::Duration;

/// Why a server or a file can't be read. The file is not named: whoever asked knows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path names nothing.
    #[error("there is no such file on the server")]
    NotFound,
    /// The account may not read it.
    #[error("no permission to read it on the server; log in as a user who may")]
    NoPermission,
    /// The path leads to a name that can't be written down exactly, so nothing can be asked about it.
    #[error("its real name on the server is not UTF-8 and can't be named exactly; rename it there")]
    NotUtf8,
    /// A folder with more names than are held in memory.
    #[error("the folder has more than {0} names; name the files")]
    TooManyNames(usize),
    /// The name can't be resolved, or nobody answers at the address.
    #[error("{server} cannot be reached: {detail}. Check the name, the port and the firewalls in between")]
    NotReachable {
        /// The server's address.
        server: String,
        /// Why, in the system's words.
        detail: String,
    },
    /// No connection within the time for it.
    #[error("{server} did not take the connection and the login within {}", in_words(*.after))]
    ConnectTimedOut {
        /// The server's address.
        server: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// An answer was due, and for so long the server has sent nothing.
    #[error("{server} stopped answering for {}; try again later", in_words(*.after))]
    TimedOut {
        /// The server's address.
        server: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// What answers is no SSH server, or one with none but outdated algorithms.
    #[error("no SSH connection with {server}: {detail}")]
    NotSsh {
        /// The server's address.
        server: String,
        /// What is in the way.
        detail: String,
    },
    /// The server has never been met, and only known ones are believed.
    #[error(
        "the host key of {server} is not known: {fingerprint}. Compare it with what `ssh-keygen -lf` shows for the \
         key on the server itself; if it is the same, pin this fingerprint or add the key to {known_hosts}"
    )]
    HostKeyUnknown {
        /// The server's address.
        server: String,
        /// The key that it presented.
        fingerprint: String,
        /// The file that should know it.
        known_hosts: String,
    },
    /// The server has been met with another key.
    #[error(
        "the host key of {server} has changed to {fingerprint}: somebody may be in between, so nothing was sent. \
         Only if the server was set up anew, remove line {line} of {known_hosts}"
    )]
    HostKeyChanged {
        /// The server's address.
        server: String,
        /// The key that it presented.
        fingerprint: String,
        /// The file that has another one.
        known_hosts: String,
        /// Where it has it; lines count from 1.
        line: usize,
    },
    /// The key is known to be in wrong hands.
    #[error(
        "the host key of {server}, {fingerprint}, is revoked in line {line} of {known_hosts}: nothing was sent. \
         Give the server a new key"
    )]
    HostKeyRevoked {
        /// The server's address.
        server: String,
        /// The key that it presented.
        fingerprint: String,
        /// The file that revokes it.
        known_hosts: String,
        /// Where; lines count from 1.
        line: usize,
    },
    /// The server has none of the pinned keys.
    #[error(
        "the host key of {server}, {fingerprint}, is none of the pinned ones: somebody may be in between, so nothing \
         was sent. Only if the server was set up anew, pin its new key"
    )]
    HostKeyNotPinned {
        /// The server's address.
        server: String,
        /// The key that it presented.
        fingerprint: String,
    },
    /// The file of known host keys can't be used; without it a changed key would not be noticed.
    #[error(
        "the file of known host keys can't be used: {path}: {detail}. Make it readable and writable, or pin the host key"
    )]
    KnownHosts {
        /// The file.
        path: String,
        /// Why, in the system's words.
        detail: String,
    },
    /// There is no user, or nothing to log in with.
    #[error("{0}")]
    NoLogin(&'static str),
    /// The server takes nothing of what was given.
    #[error("{server} refused the login of {user} (tried: {tried}; the server takes: {takes})")]
    LoginRefused {
        /// The server's address.
        server: String,
        /// The account.
        user: String,
        /// What was tried, in words.
        tried: String,
        /// The methods that the server offers, in its words.
        takes: String,
    },
    /// A key file is of no use, and there was nothing else to log in with.
    #[error("the key file {path} can't be used: {detail}")]
    Identity {
        /// The key file.
        path: String,
        /// Why.
        detail: String,
    },
    /// The SSH agent is of no use, and there was nothing else to log in with.
    #[error("the SSH agent can't be used: {0}")]
    Agent(String),
    /// The connection was there and is gone.
    #[error("the connection to {server} was lost{}", because(.detail))]
    ConnectionLost {
        /// The server's address.
        server: String,
        /// What is known of the reason.
        detail: Option<String>,
    },
    /// The login works, but the server gives no files.
    #[error(
        "{server} takes the login but offers no SFTP: {detail}. Enable the sftp subsystem of its SSH server for this user"
    )]
    NoSftp {
        /// The server's address.
        server: String,
        /// What happened instead.
        detail: String,
    },
    /// The server's own trouble with one request, in its words.
    #[error("the server could not do it: {0}")]
    Server(String),
    /// The server's answer makes no sense.
    #[error("the server's answer is unusable: {0}")]
    Unusable(&'static str),
}

impl Error {
    /// Whether the server is the trouble, and not one file: other files on it need not be tried now.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        !matches!(
            self,
            Self::NotFound
                | Self::NoPermission
                | Self::NotUtf8
                | Self::TooManyNames(_)
                | Self::Server(_)
                | Self::Unusable(_)
        )
    }
}

/// For readers: the error is inside, `get_ref` and a downcast give it back.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::NotFound => io::ErrorKind::NotFound,
            Error::NoPermission => io::ErrorKind::PermissionDenied,
            Error::TimedOut { .. } | Error::ConnectTimedOut { .. } => io::ErrorKind::TimedOut,
            Error::ConnectionLost { .. } => io::ErrorKind::ConnectionReset,
            Error::Unusable(_) => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

fn in_words(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

fn because(detail: &Option<String>) -> String {
    detail
        .as_ref()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::Error;

    #[test]
    fn a_reader_gives_the_error_back() {
        let error = Error::TimedOut {
            server: "files".to_owned(),
            after: Duration::from_millis(1500),
        };
        assert!(error.is_connection());
        assert_eq!(
            error.to_string(),
            "files stopped answering for 1500 ms; try again later"
        );
        let wrapped = io::Error::from(error.clone());
        assert_eq!(wrapped.kind(), io::ErrorKind::TimedOut);
        assert_eq!(
            wrapped.get_ref().and_then(|inner| inner.downcast_ref()),
            Some(&error)
        );
    }

    #[test]
    fn one_bad_file_is_no_bad_server() {
        assert!(!Error::NotFound.is_connection());
        assert!(!Error::Server("Failure".to_owned()).is_connection());
        assert!(Error::Agent("gone".to_owned()).is_connection());
    }
}
