//! Logging in: agent, key files, password, in this order, until the server is content.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::MethodKind;
use russh::MethodSet;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};

use crate::guard::{Guard, Notes};
use crate::{Error, Login};

/// A private key is a few kilobytes; what is larger is another file.
const LARGEST_KEY_FILE: u64 = 1024 * 1024;

/// What there is to log in with is looked at before anybody is called.
pub(crate) fn check(login: &Login) -> Result<(), Error> {
    if login.user.is_empty() {
        return Err(Error::NoLogin(
            "no user to log in with: name the account on the server",
        ));
    }
    if login.password.is_none() && login.identities.is_empty() && login.agent.is_none() {
        return Err(Error::NoLogin(
            "nothing to log in with: give a password, a key file, or the socket of an SSH agent",
        ));
    }
    Ok(())
}

/// Logs in, or says what was tried.
pub(crate) async fn log_in(
    session: &mut Handle<Guard>,
    login: &Login,
    server: &str,
    notes: &Notes,
) -> Result<(), Error> {
    let mut attempt = Attempt {
        session,
        login,
        server,
        notes,
        takes: MethodSet::empty(),
        tried: Vec::new(),
        useless: None,
    };
    match attempt.all().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(attempt.refusal()),
        Err(error) => Err(error),
    }
}

/// One login, and what is known so far of what the server wants.
struct Attempt<'a> {
    session: &'a mut Handle<Guard>,
    login: &'a Login,
    server: &'a str,
    notes: &'a Notes,
    takes: MethodSet,
    tried: Vec<String>,
    /// What could not even be tried, first of all.
    useless: Option<Error>,
}

impl Attempt<'_> {
    async fn all(&mut self) -> Result<bool, Error> {
        // Asks what the server takes. It counts as no attempt.
        let asked = self.session.authenticate_none(&self.login.user).await;
        if self.settle(asked)? {
            return Ok(true);
        }
        if self.takes(MethodKind::PublicKey) {
            if let Some(socket) = &self.login.agent
                && self.agent(socket).await?
            {
                return Ok(true);
            }
            let mut password_opens_a_key = false;
            for path in &self.login.identities {
                match read_key(path.clone(), self.login.password.clone()).await {
                    Ok(opened) => {
                        password_opens_a_key |= opened.was_encrypted;
                        if self.key_file(path, opened.key).await? {
                            return Ok(true);
                        }
                    }
                    Err(detail) => self.skip(
                        format!("key file {}: {detail}", path.display()),
                        Error::Identity {
                            path: path.display().to_string(),
                            detail,
                        },
                    ),
                }
            }
            if password_opens_a_key {
                // It is a passphrase, which is no server's business.
                return Ok(false);
            }
        }
        match &self.login.password {
            Some(password) => self.password(password).await,
            None => Ok(false),
        }
    }

    async fn key_file(&mut self, path: &Path, key: PrivateKey) -> Result<bool, Error> {
        self.tried.push(format!("key file {}", path.display()));
        let hash = if key.algorithm().is_rsa() {
            self.rsa_hash().await
        } else {
            None
        };
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let answer = self.session.authenticate_publickey(&self.login.user, key).await;
        self.settle(answer)
    }

    /// A server that does not say what it knows will know the usual one. SHA-1 is not used.
    async fn rsa_hash(&self) -> Option<HashAlg> {
        let best = self.session.best_supported_rsa_hash().await;
        best.ok().flatten().flatten().or(Some(HashAlg::Sha256))
    }

    async fn password(&mut self, password: &SecretString) -> Result<bool, Error> {
        if self.takes(MethodKind::Password) {
            self.tried.push("password".to_owned());
            let answer = self
                .session
                .authenticate_password(&self.login.user, password.expose_secret())
                .await;
            return self.settle(answer);
        }
        if self.takes(MethodKind::KeyboardInteractive) {
            self.tried.push("password, on request".to_owned());
            return self.answer_prompts(password).await;
        }
        Ok(false)
    }

    /// Answers the one question that must be the one for the password: alone, and typed unseen.
    async fn answer_prompts(&mut self, password: &SecretString) -> Result<bool, Error> {
        let mut answer = self
            .session
            .authenticate_keyboard_interactive_start(&self.login.user, None)
            .await;
        let mut is_told = false;
        // A server may ask nothing a few times over, but not for ever.
        for _ in 0..4 {
            let replies = match answer {
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => {
                    match prompts.as_slice() {
                        [] => Vec::new(),
                        [prompt] if !prompt.echo && !is_told => {
                            is_told = true;
                            vec![password.expose_secret().to_owned()]
                        }
                        _ => {
                            self.tried
                                .push("the server asked for more than a password".to_owned());
                            return Ok(false);
                        }
                    }
                }
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(true),
                Ok(KeyboardInteractiveAuthResponse::Failure {
                    remaining_methods,
                    partial_success,
                }) => {
                    return self.settle(Ok(AuthResult::Failure {
                        remaining_methods,
                        partial_success,
                    }));
                }
                Err(error) => return self.settle(Err(error)),
            };
            answer = self
                .session
                .authenticate_keyboard_interactive_respond(replies)
                .await;
        }
        Ok(false)
    }

    /// Takes in an answer; true is a login. When the server has hung up there is no use in going on.
    fn settle(&mut self, answer: Result<AuthResult, russh::Error>) -> Result<bool, Error> {
        match answer {
            Ok(AuthResult::Success) => return Ok(true),
            Ok(AuthResult::Failure {
                remaining_methods,
                partial_success,
            }) => {
                if !remaining_methods.is_empty() {
                    self.takes = remaining_methods;
                    if partial_success && let Some(last) = self.tried.last_mut() {
                        last.push_str(" (accepted, but more is wanted)");
                    }
                    return Ok(false);
                }
            }
            Err(_) => {}
        }
        if !self.session.is_closed() {
            return Ok(false);
        }
        let farewell = self.notes.farewell();
        // Most often too many keys; a server says so and hangs up.
        if let Some(words) = &farewell
            && !self.tried.is_empty()
        {
            self.tried.push(format!("then {words}"));
            return Err(self.refusal());
        }
        Err(Error::ConnectionLost {
            server: self.server.to_owned(),
            detail: farewell,
        })
    }

    fn takes(&self, method: MethodKind) -> bool {
        self.takes.contains(&method)
    }

    fn skip(&mut self, words: String, error: Error) {
        self.tried.push(words);
        self.useless.get_or_insert(error);
    }

    fn refusal(&mut self) -> Error {
        // With a single thing given, that it is of no use says more than that nothing was accepted.
        if self.tried.len() == 1
            && let Some(error) = self.useless.take()
        {
            return error;
        }
        let join = |words: &[String]| {
            if words.is_empty() {
                "nothing".to_owned()
            } else {
                words.join(", ")
            }
        };
        let takes: Vec<String> = self.takes.iter().map(String::from).collect();
        Error::LoginRefused {
            server: self.server.to_owned(),
            user: self.login.user.clone(),
            tried: join(&self.tried),
            takes: join(&takes),
        }
    }

    #[cfg(unix)]
    async fn agent(&mut self, socket: &Path) -> Result<bool, Error> {
        use russh::keys::agent::AgentIdentity;
        use russh::keys::agent::client::AgentClient;

        let unusable = |error: russh::keys::Error| {
            let detail = format!("{}: {error}", socket.display());
            (format!("agent {detail}"), Error::Agent(detail))
        };
        let mut agent = match AgentClient::connect_uds(socket).await {
            Ok(agent) => agent,
            Err(error) => {
                let (words, error) = unusable(error);
                self.skip(words, error);
                return Ok(false);
            }
        };
        // Keys that are bound to certain servers need it; agents that know no binding refuse it, and it does no harm.
        if let Some(binding) = self.session.agent_session_binding().cloned()
            && agent.bind_session(&binding, false).await.is_err()
        {
            tracing::debug!("the SSH agent does not bind sessions");
        }
        let identities = match agent.request_identities().await {
            Ok(identities) => identities,
            Err(error) => {
                let (words, error) = unusable(error);
                self.skip(words, error);
                return Ok(false);
            }
        };
        if identities.is_empty() {
            let words = "it holds no keys";
            self.skip(format!("agent: {words}"), Error::Agent(words.to_owned()));
            return Ok(false);
        }
        self.tried.push(format!(
            "agent ({} {})",
            identities.len(),
            if identities.len() == 1 { "key" } else { "keys" }
        ));
        for identity in identities {
            let is_rsa = identity.public_key().algorithm().is_rsa();
            let hash = if is_rsa { self.rsa_hash().await } else { None };
            let user = &self.login.user;
            let answer = match identity {
                AgentIdentity::PublicKey { key, .. } => {
                    self.session
                        .authenticate_publickey_with(user, key, hash, &mut agent)
                        .await
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    self.session
                        .authenticate_certificate_with(user, certificate, hash, &mut agent)
                        .await
                }
            };
            // An agent that does not sign with one key may do so with the next.
            let answer = answer.or_else(|error| match error {
                russh::AgentAuthError::Send(_) => Err(russh::Error::SendError),
                russh::AgentAuthError::Key(_) => Ok(AuthResult::Failure {
                    remaining_methods: self.takes.clone(),
                    partial_success: false,
                }),
            });
            if self.settle(answer)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[cfg(not(unix))]
    async fn agent(&mut self, _: &Path) -> Result<bool, Error> {
        let words = "agents are used on Unix only";
        self.skip(words.to_owned(), Error::Agent(words.to_owned()));
        Ok(false)
    }
}

struct Opened {
    key: PrivateKey,
    was_encrypted: bool,
}

/// Reads and opens a key file. Opening an encrypted one takes a noticeable time by design, so it is done aside.
async fn read_key(path: PathBuf, passphrase: Option<SecretString>) -> Result<Opened, String> {
    tokio::task::spawn_blocking(move || open_key(&path, passphrase.as_ref()))
        .await
        .unwrap_or_else(|_| Err("it can't be read".to_owned()))
}

fn open_key(path: &Path, passphrase: Option<&SecretString>) -> Result<Opened, String> {
    let size = std::fs::metadata(path).map_err(|error| in_words(&error))?;
    if !size.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if size.len() > LARGEST_KEY_FILE {
        return Err("it is too large for a private key".to_owned());
    }
    let text = SecretString::from(std::fs::read_to_string(path).map_err(|error| in_words(&error))?);
    match decode_secret_key(text.expose_secret(), None) {
        Ok(key) if !key.is_encrypted() => {
            return Ok(Opened {
                key,
                was_encrypted: false,
            });
        }
        Ok(_) | Err(russh::keys::Error::KeyIsEncrypted) => {}
        // Which formats say that they are encrypted, and which just fail, is the library's affair.
        Err(_) if text.expose_secret().contains("ENCRYPTED") => {}
        Err(_) => return Err("it is no private key that can be read".to_owned()),
    }
    let Some(passphrase) = passphrase else {
        return Err("it is encrypted; give its passphrase as the password, or use an SSH agent".to_owned());
    };
    match decode_secret_key(text.expose_secret(), Some(passphrase.expose_secret())) {
        Ok(key) if !key.is_encrypted() => Ok(Opened {
            key,
            was_encrypted: true,
        }),
        _ => Err("it is encrypted, and the password is not its passphrase".to_owned()),
    }
}

fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        std::io::ErrorKind::InvalidData => "it is no private key that can be read".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, open_key};
    use crate::{Error, Login};

    #[test]
    fn a_login_without_a_user_or_a_secret_is_refused_before_anybody_is_called() {
        let mut login = Login::default();
        assert!(matches!(check(&login), Err(Error::NoLogin(words)) if words.contains("no user")));
        login.user = "alice".to_owned();
        assert!(matches!(check(&login), Err(Error::NoLogin(words)) if words.contains("a password")));
        login.password = Some("secret".into());
        assert_eq!(check(&login), Ok(()));
    }

    #[test]
    fn a_key_file_that_is_none_is_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let told = |path| open_key(path, None).err();
        assert_eq!(told(&path).as_deref(), Some("there is no such file"));
        assert_eq!(told(folder.path()).as_deref(), Some("it is not a regular file"));
        for content in [
            &b"nonsense"[..],
            b"\xff\xfe",
            b"",
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n",
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(
                told(&path).as_deref(),
                Some("it is no private key that can be read")
            );
        }
    }
}
