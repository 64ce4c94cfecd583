//! An SSH server that says what it is told to say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use russh::keys::{Algorithm, EcdsaCurve, PrivateKey, key::safe_rng};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use sftp::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Packet types of SFTP. Source: draft-ietf-secsh-filexfer-02, section 3.
pub(crate) const OPEN: u8 = 3;
pub(crate) const READ: u8 = 5;
pub(crate) const OPENDIR: u8 = 11;
pub(crate) const READDIR: u8 = 12;
pub(crate) const REALPATH: u8 = 16;
pub(crate) const STAT: u8 = 17;
const INIT: u8 = 1;
const VERSION: u8 = 2;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;

/// What is answered to a packet: its type and its number in, bytes out.
pub(crate) type Script = fn(u8, u32) -> Vec<u8>;

/// How it behaves.
#[derive(Clone)]
pub(crate) struct Liar {
    pub(crate) script: Script,
    /// How it lets somebody in.
    pub(crate) methods: Vec<MethodKind>,
    /// What it asks who logs in interactively, one question after the other.
    pub(crate) prompts: Vec<&'static str>,
    pub(crate) lets_in: bool,
    /// What it got to see.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    pub(crate) keys: Vec<PrivateKey>,
}

impl Liar {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            script,
            methods: vec![MethodKind::Password],
            prompts: vec!["Password: "],
            lets_in: true,
            seen: Arc::default(),
            keys: vec![key(Algorithm::Ed25519)],
        }
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) async fn start(&self) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let config = Arc::new(Config {
            methods: MethodSet::from(self.methods.as_slice()),
            auth_rejection_time: std::time::Duration::ZERO,
            keys: self.keys.clone(),
            ..Config::default()
        });
        let liar = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let talk = Talk {
                    liar: liar.clone(),
                    asked: 0,
                    channels: HashMap::new(),
                };
                let running = russh::server::run_stream(Arc::clone(&config), stream, talk);
                tokio::spawn(async move {
                    if let Ok(session) = running.await {
                        let _ = session.await;
                    }
                });
            }
        });
        Address::parse(&address).unwrap()
    }
}

pub(crate) fn key(algorithm: Algorithm) -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), algorithm).unwrap()
}

pub(crate) fn ecdsa() -> PrivateKey {
    key(Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    })
}

/// One client.
struct Talk {
    liar: Liar,
    asked: usize,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Talk {
    fn note(&self, words: impl Into<String>) {
        self.liar.seen.lock().unwrap().push(words.into());
    }

    fn verdict(&self) -> Auth {
        if self.liar.lets_in {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }
}

impl Handler for Talk {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, Self::Error> {
        self.note(password);
        Ok(self.verdict())
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.note("a key");
        Ok(self.verdict())
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        for answer in response.into_iter().flatten() {
            self.note(String::from_utf8_lossy(&answer));
        }
        let Some(prompt) = self.liar.prompts.get(self.asked) else {
            return Ok(self.verdict());
        };
        self.asked += 1;
        Ok(Auth::Partial {
            name: "".into(),
            instructions: "".into(),
            prompts: vec![((*prompt).into(), false)].into(),
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        let Some(channel) = self.channels.remove(&id) else {
            return Ok(());
        };
        let script = self.liar.script;
        let mut stream = channel.into_stream();
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u32().await {
                let mut packet = vec![0; length as usize];
                if stream.read_exact(&mut packet).await.is_err() {
                    break;
                }
                let number = u32::from_be_bytes(packet[1..5].try_into().unwrap());
                let answer = match packet[0] {
                    INIT => framed(VERSION, &3_u32.to_be_bytes()),
                    kind => script(kind, number),
                };
                if stream.write_all(&answer).await.is_err() {
                    break;
                }
            }
        });
        // Nobody asked for these.
        let handle = session.handle();
        let seen = Arc::clone(&self.liar.seen);
        tokio::spawn(async move {
            let opened = [
                handle
                    .channel_open_forwarded_tcpip("localhost", 22, "localhost", 22)
                    .await
                    .is_ok(),
                handle.channel_open_agent().await.is_ok(),
                handle.channel_open_x11("localhost", 22).await.is_ok(),
            ];
            seen.lock().unwrap().push(format!("channels: {opened:?}"));
        });
        Ok(())
    }
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).unwrap();
    [&length.to_be_bytes()[..], &[kind], body].concat()
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

pub(crate) fn handle(number: u32) -> Vec<u8> {
    framed(HANDLE, &[&number.to_be_bytes()[..], &text(b"h")].concat())
}

pub(crate) fn data(number: u32, bytes: usize) -> Vec<u8> {
    framed(
        DATA,
        &[&number.to_be_bytes()[..], &text(&vec![7; bytes])].concat(),
    )
}

pub(crate) fn status(number: u32, code: u32, words: &str) -> Vec<u8> {
    let body = [
        &number.to_be_bytes()[..],
        &code.to_be_bytes(),
        &text(words.as_bytes()),
        &text(b"en"),
    ];
    framed(STATUS, &body.concat())
}

/// Names without attributes.
pub(crate) fn names(number: u32, names: &[&[u8]]) -> Vec<u8> {
    let count = u32::try_from(names.len()).unwrap();
    let mut body = [number.to_be_bytes(), count.to_be_bytes()].concat();
    for name in names {
        body.extend([text(name), text(b"long"), vec![0; 4]].concat());
    }
    framed(NAME, &body)
}
