//! What is answered to a server that speaks first: nothing but a judgement on its key.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session};
use russh::keys::{Algorithm, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelId};

use crate::Error;
use crate::trust::Trust;
use crate::words::clean;

/// Stands between the server and us.
pub(crate) struct Guard {
    trust: Trust,
    believed: Option<PublicKey>,
    notes: Arc<Notes>,
}

/// What is learnt on the way, for whoever holds the connection.
#[derive(Default)]
pub(crate) struct Notes {
    inner: Mutex<Written>,
}

#[derive(Default)]
struct Written {
    learned: Option<String>,
    presented: Option<Algorithm>,
    farewell: Option<String>,
}

/// Why a connection ended: the library's words, or a judgement of ours.
#[derive(Debug)]
pub(crate) enum Failure {
    Ssh(russh::Error),
    Refused(Error),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl Notes {
    /// The fingerprint of a key that was believed because it was the first.
    pub(crate) fn learned(&self) -> Option<String> {
        self.with(|written| written.learned.clone())
    }

    /// The kind of the key that the server presented.
    pub(crate) fn presented(&self) -> Option<Algorithm> {
        self.with(|written| written.presented.clone())
    }

    /// What the server said when it hung up, in a sentence.
    pub(crate) fn farewell(&self) -> Option<String> {
        let words = self.with(|written| written.farewell.clone())?;
        Some(format!("it hung up with \u{201c}{words}\u{201d}"))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Written) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Guard {
    pub(crate) fn new(trust: Trust, notes: Arc<Notes>) -> Self {
        Self {
            trust,
            believed: None,
            notes,
        }
    }
}

impl Handler for Guard {
    type Error = Failure;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        let key = presented.public_key();
        // Keys are exchanged anew now and then; the server stays the one it was.
        if let Some(believed) = &self.believed {
            return Ok(believed.key_data() == key.key_data());
        }
        if presented.certificate().is_some() {
            // None was asked for.
            return Ok(false);
        }
        self.notes
            .with(|written| written.presented = Some(key.algorithm()));
        let trust = self.trust.clone();
        let judged = key.clone();
        let verdict = tokio::task::spawn_blocking(move || trust.judge(&judged)).await;
        let learned = verdict
            .map_err(|_| Failure::Ssh(russh::Error::UnknownKey))?
            .map_err(Failure::Refused)?;
        self.notes.with(|written| written.learned = learned);
        self.believed = Some(key);
        Ok(true)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Failure>) -> Result<(), Failure> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.notes
                    .with(|written| written.farewell = Some(clean(&info.message)));
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }

    // Channels that a server opens are for those who forward ports, agents or screens. Dropping the handle refuses.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn should_accept_unknown_server_channel(&mut self, _: ChannelId, _: &str) -> bool {
        false
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn openssh_ext_host_keys_announced(
        &mut self,
        _: Vec<PublicKey>,
        _: &mut Session,
    ) -> Result<(), Failure> {
        // A server that vouches for its own further keys is no reason to believe them.
        Ok(())
    }
}
