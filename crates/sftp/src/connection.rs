//! The way from an address to an SFTP channel, and the wait for each answer on it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use russh::ChannelMsg;
use russh::client::{Config, Handle, Msg};
use russh::keys::Algorithm;
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::rawsession::SftpResult;
use russh_sftp::protocol::{Status, StatusCode};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::guard::{Failure, Guard, Notes};
use crate::trust::{Trust, is_same_kind, preferred};
use crate::wire::{Cut, End, Felt, Line, Pulse};
use crate::words::clean;
use crate::{Access, Address, Error, Stat, login};

/// Largest packet of SFTP. Source: OpenSSH, whose longest lists of names need it.
const LARGEST_PACKET: u32 = 256 * 1024;
/// The version of SFTP that is spoken.
const VERSION: u32 = 3;
/// How often a connection is felt for that is not used, so that nobody in between forgets it.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long the cause may take to show when a question failed because the channel ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Far enough away to play no part.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the clones of a server and its open files share.
pub(crate) struct Connection {
    pub(crate) sftp: RawSftpSession,
    pulse: Arc<Pulse>,
    notes: Arc<Notes>,
    learned: Option<String>,
    server: String,
    idle_timeout: Duration,
    session: Handle<Guard>,
    // Held, not used: the connection ends with it.
    _cut: Cut,
}

impl Connection {
    pub(crate) async fn open(address: &Address, access: &Access) -> Result<Self, Error> {
        let server = address.to_string();
        let Shaken {
            mut session,
            cut,
            notes,
        } = shake_hands(address, access).await?;
        login::log_in(&mut session, &access.login, &server, &notes).await?;
        let channel = sftp_channel(&session, &server, &notes).await?;
        let (stream, pulse) = Felt::new(channel.into_stream());
        let config = russh_sftp::client::Config {
            max_packet_len: LARGEST_PACKET,
            // Waiting is our own affair: it depends on when the server was heard last.
            request_timeout_secs: NEVER.as_secs(),
            ..russh_sftp::client::Config::default()
        };
        let connection = Self {
            sftp: RawSftpSession::new_with_config(stream, config),
            pulse,
            learned: notes.learned(),
            notes,
            server,
            idle_timeout: access.idle_timeout,
            session,
            _cut: cut,
        };
        connection.greet().await?;
        tracing::debug!(server = connection.server, user = access.login.user, "logged in");
        Ok(connection)
    }

    pub(crate) fn learned(&self) -> Option<&str> {
        self.learned.as_deref()
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.session.is_closed() && !self.pulse.has_ended()
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Waits for the answer to a question.
    pub(crate) async fn answer<T>(&self, question: impl Future<Output = SftpResult<T>>) -> Result<T, Error> {
        self.wait(question).await?.map_err(|status| explain(&status))
    }

    /// Waits for the answer to a question to which "that is all" is one.
    pub(crate) async fn answer_or_end<T>(
        &self,
        question: impl Future<Output = SftpResult<T>>,
    ) -> Result<Option<T>, Error> {
        match self.wait(question).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(status) if status.status_code == StatusCode::Eof => Ok(None),
            Err(status) => Err(explain(&status)),
        }
    }

    /// A part of an open file; none at its end.
    pub(crate) async fn read(
        &self,
        handle: String,
        offset: u64,
        bytes: u32,
    ) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.answer_or_end(self.sftp.read(handle, offset, bytes)).await?;
        Ok(answer.map(|data| data.data))
    }

    pub(crate) async fn fstat(&self, handle: String) -> Result<Stat, Error> {
        let answer = self.answer(self.sftp.fstat(handle)).await?;
        Ok(Stat::from(&answer.attrs))
    }

    /// Lets the server forget a file or folder. What it says to that changes nothing that was read.
    pub(crate) async fn close(&self, handle: String) {
        let _ = self.wait(self.sftp.close(handle)).await;
    }

    /// Waits for as long as anything comes: an answer may stand in line behind others on a slow connection.
    async fn wait<T>(
        &self,
        question: impl Future<Output = SftpResult<T>>,
    ) -> Result<Result<T, Status>, Error> {
        let asked = Instant::now();
        let mut question = pin!(question);
        let mut end = pin!(self.pulse.end());
        loop {
            let since = self.pulse.heard().max(asked);
            let until = since
                .checked_add(self.idle_timeout)
                .unwrap_or_else(|| since + NEVER);
            tokio::select! {
                biased;
                answer = &mut question => return self.take(answer).await,
                _ = &mut end => {
                    // The answer may have been the last thing that came.
                    return match timeout(Duration::ZERO, &mut question).await {
                        Ok(answer) => self.take(answer).await,
                        Err(_) => Err(self.lost().await),
                    };
                }
                () = sleep_until(until) => {
                    if self.pulse.heard() <= since {
                        return Err(self.timed_out());
                    }
                }
            }
        }
    }

    async fn take<T>(&self, answer: SftpResult<T>) -> Result<Result<T, Status>, Error> {
        match answer {
            Ok(answer) => Ok(Ok(answer)),
            Err(SftpError::Status(status)) => Ok(Err(status)),
            Err(SftpError::Timeout) => Err(self.timed_out()),
            Err(SftpError::UnexpectedPacket) => Err(Error::Unusable("it answers another question")),
            Err(SftpError::Limited(_) | SftpError::IO(_) | SftpError::UnexpectedBehavior(_)) => {
                Err(self.lost().await)
            }
        }
    }

    async fn lost(&self) -> Error {
        let end = timeout(LAST_WORDS, self.pulse.end()).await;
        Error::ConnectionLost {
            server: self.server.clone(),
            detail: match end {
                Ok(End::Garbled) => Some("what the server sent is no SFTP".to_owned()),
                Ok(End::Closed) | Err(_) => self.notes.farewell(),
            },
        }
    }

    fn timed_out(&self) -> Error {
        Error::TimedOut {
            server: self.server.clone(),
            after: self.idle_timeout,
        }
    }

    /// Agrees on a version. A login that leads elsewhere shows here.
    async fn greet(&self) -> Result<(), Error> {
        let no_sftp = |detail: &str| Error::NoSftp {
            server: self.server.clone(),
            detail: detail.to_owned(),
        };
        match self.answer(self.sftp.init()).await {
            Ok(greeting) if greeting.version >= VERSION => Ok(()),
            Ok(_) => Err(no_sftp("its version of SFTP is too old")),
            Err(error @ Error::ConnectionLost { .. }) if self.session.is_closed() => Err(error),
            Err(Error::ConnectionLost {
                detail: Some(detail), ..
            }) => Err(no_sftp(&format!(
                "{detail} (does a start-up file of the account's shell print something?)"
            ))),
            Err(Error::ConnectionLost { detail: None, .. }) => Err(no_sftp(
                "it closes the channel at once (may the account use a shell?)",
            )),
            Err(error) => Err(error),
        }
    }
}

/// A connection whose host key is believed.
struct Shaken {
    session: Handle<Guard>,
    cut: Cut,
    notes: Arc<Notes>,
}

/// Connects and believes the host key.
///
/// Which of its keys a server presents depends on what is asked for, and a pin does not tell its kind. So a server with
/// a key that is not pinned is asked for its next kind, until it has none left.
async fn shake_hands(address: &Address, access: &Access) -> Result<Shaken, Error> {
    let trust = Trust::new(address, access);
    let reading = trust.clone();
    let mut algorithms = tokio::task::spawn_blocking(move || reading.algorithms())
        .await
        .unwrap_or(Err(Error::Unusable("the known host keys were not read")))?;
    let mut not_pinned = None;
    while !algorithms.is_empty() {
        let stream = reach(address, access.connect_timeout).await?;
        let (line, cut) = Line::new(stream);
        let notes = Arc::new(Notes::default());
        let guard = Guard::new(trust.clone(), Arc::clone(&notes));
        let config = Arc::new(config(&algorithms, access.idle_timeout));
        let error = match russh::client::connect_stream(config, line, guard).await {
            Ok(session) => return Ok(Shaken { session, cut, notes }),
            Err(Failure::Refused(error)) => error,
            Err(Failure::Ssh(error)) => in_the_way(&error, address, &notes),
        };
        match (error, notes.presented()) {
            (error @ Error::HostKeyNotPinned { .. }, Some(kind)) => {
                algorithms.retain(|algorithm| !is_same_kind(algorithm, &kind));
                not_pinned.get_or_insert(error);
            }
            (error, _) => return Err(not_pinned.unwrap_or(error)),
        }
    }
    Err(not_pinned.unwrap_or(Error::Unusable("no host key was asked for")))
}

fn config(algorithms: &[Algorithm], idle_timeout: Duration) -> Config {
    Config {
        client_id: russh::SshId::Standard("SSH-2.0-vtsecops".into()),
        preferred: preferred(algorithms),
        keepalive_interval: Some(KEEPALIVE.max(idle_timeout / 2)),
        ..Config::default()
    }
}

/// Connects to the first of the host's addresses that answers. None gets more than its share of the time, or one that
/// is dead would take it all.
async fn reach(address: &Address, time: Duration) -> Result<TcpStream, Error> {
    let server = address.to_string();
    let unreachable = |detail: String| Error::NotReachable {
        server: server.clone(),
        detail,
    };
    let candidates: Vec<SocketAddr> = tokio::net::lookup_host((address.host(), address.port()))
        .await
        .map_err(|error| {
            unreachable(format!(
                "its name can't be resolved ({})",
                clean(&error.to_string())
            ))
        })?
        .collect();
    let until = Instant::now().checked_add(time);
    let mut last = "its name has no address".to_owned();
    for (place, candidate) in candidates.iter().enumerate() {
        let left = u32::try_from(candidates.len() - place).unwrap_or(u32::MAX);
        let time = until.map_or(NEVER, |until| until.saturating_duration_since(Instant::now()));
        match timeout(time / left.max(1), TcpStream::connect(candidate)).await {
            Ok(Ok(stream)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "small packets may be delayed");
                }
                return Ok(stream);
            }
            Ok(Err(error)) => last = in_words(&error),
            Err(_) => "no answer".clone_into(&mut last),
        }
    }
    Err(unreachable(last))
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no way to it in the network".to_owned()
        }
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        _ => error.to_string(),
    }
}

/// What kept a connection from being made.
fn in_the_way(error: &russh::Error, address: &Address, notes: &Notes) -> Error {
    let server = address.to_string();
    let detail = match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            let offers = clean(&theirs.join(", "));
            format!(
                "it has no {kind:?} algorithm that is safe enough; it offers {offers}. Update its SSH server"
            )
        }
        russh::Error::Version => "what answers is no SSH server. Check the port".to_owned(),
        russh::Error::WrongServerSig => "it does not prove that its host key is its own".to_owned(),
        russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect
            if notes.presented().is_none() && notes.farewell().is_none() =>
        {
            "the connection was lost before a host key was shown. Check the port, and whether the server lets this machine in"
                .to_owned()
        }
        russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect => {
            return Error::ConnectionLost {
                server,
                detail: notes.farewell(),
            };
        }
        error => clean(&error.to_string()),
    };
    Error::NotSsh { server, detail }
}

/// Opens a channel with SFTP at its other end.
async fn sftp_channel(
    session: &Handle<Guard>,
    server: &str,
    notes: &Notes,
) -> Result<russh::Channel<Msg>, Error> {
    let lost = || Error::ConnectionLost {
        server: server.to_owned(),
        detail: notes.farewell(),
    };
    let no_sftp = |detail: &str| Error::NoSftp {
        server: server.to_owned(),
        detail: detail.to_owned(),
    };
    let mut channel = match session.channel_open_session().await {
        Ok(channel) => channel,
        Err(russh::Error::ChannelOpenFailure(_)) => return Err(no_sftp("it opens no channel")),
        Err(_) => return Err(lost()),
    };
    channel
        .request_subsystem(true, "sftp")
        .await
        .map_err(|_| lost())?;
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return Ok(channel),
            Some(ChannelMsg::Failure) => return Err(no_sftp("it has no such subsystem")),
            Some(ChannelMsg::Eof | ChannelMsg::Close) => {
                return Err(no_sftp("it closes the channel at once"));
            }
            Some(_) => {}
            None if session.is_closed() => return Err(lost()),
            None => return Err(no_sftp("it closes the channel at once")),
        }
    }
}

fn explain(status: &Status) -> Error {
    match status.status_code {
        StatusCode::NoSuchFile => Error::NotFound,
        StatusCode::PermissionDenied => Error::NoPermission,
        StatusCode::Ok => Error::Unusable("it answers another question"),
        StatusCode::OpUnsupported => Error::Server("it does not support that".to_owned()),
        _ => Error::Server(clean(&status.error_message)),
    }
}
