//! Whether a host key is believed.

use std::borrow::Cow;
use std::path::PathBuf;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

use crate::host_keys::Fingerprint;
use crate::known_hosts::{Found, KnownHosts, remember};
use crate::{Access, Address, Error, HostKeys};

/// What the server may prove itself with, best first. RSA with SHA-1 is not among it.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// Everything that the decision depends on.
#[derive(Clone)]
pub(crate) struct Trust {
    server: String,
    known_as: String,
    host_keys: HostKeys,
    known_hosts: PathBuf,
}

impl Trust {
    pub(crate) fn new(address: &Address, access: &Access) -> Self {
        Self {
            server: address.to_string(),
            known_as: address.known_as(),
            host_keys: access.host_keys.clone(),
            known_hosts: access.known_hosts.clone(),
        }
    }

    /// The algorithms to offer. Those of the recorded keys come first: a server with several keys shall present the
    /// one that is known, or it would look like a changed one.
    pub(crate) fn algorithms(&self) -> Result<Vec<Algorithm>, Error> {
        let recorded = match self.host_keys {
            HostKeys::Pinned(_) => Vec::new(),
            HostKeys::Strict | HostKeys::AcceptNew => {
                KnownHosts::read(&self.known_hosts)?.algorithms(&self.known_as)
            }
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = ALGORITHMS
            .into_iter()
            .partition(|offered| recorded.iter().any(|known| is_same_kind(known, offered)));
        first.extend(rest);
        Ok(first)
    }

    /// Judges the key and, where that is the policy, remembers it. A fingerprint says that it did.
    ///
    /// Reads and writes a file, so it blocks.
    pub(crate) fn judge(&self, key: &PublicKey) -> Result<Option<String>, Error> {
        let found = KnownHosts::read(&self.known_hosts)?.look_up(&self.known_as, key);
        match (&self.host_keys, found) {
            (_, Found::Revoked { line }) => Err(self.refusal(key, Found::Revoked { line })),
            (HostKeys::Pinned(pins), _) if pins.contains(&Fingerprint::of(key)) => Ok(None),
            (HostKeys::Pinned(_), _) => Err(Error::HostKeyNotPinned {
                server: self.server.clone(),
                fingerprint: Fingerprint::of(key).to_string(),
            }),
            (_, Found::Same) => Ok(None),
            (HostKeys::AcceptNew, Found::Unknown) => {
                match remember(&self.known_hosts, &self.known_as, key)? {
                    Found::Unknown => Ok(Some(Fingerprint::of(key).to_string())),
                    Found::Same => Ok(None),
                    found => Err(self.refusal(key, found)),
                }
            }
            (_, found) => Err(self.refusal(key, found)),
        }
    }

    fn refusal(&self, key: &PublicKey, found: Found) -> Error {
        let server = self.server.clone();
        let fingerprint = Fingerprint::of(key).to_string();
        let known_hosts = self.known_hosts.display().to_string();
        match found {
            Found::Revoked { line } => Error::HostKeyRevoked {
                server,
                fingerprint,
                known_hosts,
                line,
            },
            Found::Other { line } => Error::HostKeyChanged {
                server,
                fingerprint,
                known_hosts,
                line,
            },
            Found::Unknown | Found::Same => Error::HostKeyUnknown {
                server,
                fingerprint,
                known_hosts,
            },
        }
    }
}

/// Whether a key of the one kind proves itself with the other: an RSA key has several ways to sign.
pub(crate) fn is_same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    let is_rsa = |kind: &Algorithm| matches!(kind, Algorithm::Rsa { .. });
    one == other || (is_rsa(one) && is_rsa(other))
}

/// As the SSH library wants them.
pub(crate) fn preferred(algorithms: &[Algorithm]) -> russh::Preferred {
    russh::Preferred {
        key: Cow::Owned(algorithms.to_vec()),
        ..russh::Preferred::DEFAULT
    }
}
