//! The reader of `known_hosts`, as `crates/fuzz` reaches it. Nothing else uses it.

use russh::keys::PublicKey;

use crate::known_hosts::{Found, KnownHosts};
use crate::{Address, words};

/// What a file has of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The server with this key.
    Same,
    /// The server with other keys.
    Other,
    /// Nothing of the server.
    Unknown,
    /// The key is revoked for this server.
    Revoked,
}

/// What a file has of a server's key, which is given as OpenSSH writes it; `None` for what is no key.
#[must_use]
pub fn look_up(file: &[u8], address: &Address, key: &str) -> Option<Known> {
    let key: PublicKey = key.parse().ok()?;
    let known = KnownHosts::parse(file).look_up(&address.known_as(), &key);
    Some(match known {
        Found::Same => Known::Same,
        Found::Other { .. } => Known::Other,
        Found::Unknown => Known::Unknown,
        Found::Revoked { .. } => Known::Revoked,
    })
}

/// The line that is written for a server.
#[must_use]
pub fn line(address: &Address, key: &str) -> String {
    format!("{} {key}\n", address.known_as())
}

/// What a server says, made fit to be shown.
#[must_use]
pub fn shown(words: &str) -> String {
    words::clean(words)
}
