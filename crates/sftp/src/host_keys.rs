//! Which host keys are taken for the server's own.

use std::fmt;
use std::str::FromStr;

use russh::keys::{HashAlg, PublicKey, ssh_key};

/// The SHA-256 of a host key, as `ssh-keygen -l` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(ssh_key::Fingerprint);

/// What is done about a server's host key.
///
/// A key that is marked `@revoked` in the `known_hosts` file, and one other than those recorded there, is always
/// refused (with pinned keys, the records are not looked at).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostKeys {
    /// Only servers that the `known_hosts` file has.
    Strict,
    /// A server that is met for the first time is believed, and its key written to the `known_hosts` file.
    #[default]
    AcceptNew,
    /// Only these keys, whatever the `known_hosts` file has.
    Pinned(Vec<Fingerprint>),
}

/// The text given names no way to check host keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostKeysError {
    /// Neither a policy nor a fingerprint.
    #[error(
        "host keys are checked as strict, accept-new, or by fingerprints such as SHA256:… (commas between them)"
    )]
    Unknown,
    /// `MD5:…` and others.
    #[error("host key fingerprints are SHA256:… ones; ssh-keygen -l -E sha256 shows them")]
    OtherHash,
    /// `SHA256:` with something else than 32 bytes in Base64 behind.
    #[error("a host key's fingerprint is SHA256: and 43 characters of Base64; one of these is not")]
    Malformed,
}

impl Fingerprint {
    /// Reads `SHA256:` and 43 characters of Base64.
    ///
    /// # Errors
    /// Another hash, or something that is no fingerprint.
    pub fn parse(text: &str) -> Result<Self, HostKeysError> {
        let text = text.trim();
        let Some(digits) = text.strip_prefix("SHA256:") else {
            let is_other = ["MD5:", "SHA1:", "SHA512:"].iter().any(|hash| {
                text.get(..hash.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(hash))
            });
            return Err(if is_other {
                HostKeysError::OtherHash
            } else {
                HostKeysError::Unknown
            });
        };
        let digits = digits.strip_suffix('=').unwrap_or(digits);
        format!("SHA256:{digits}")
            .parse()
            .map(Self)
            .map_err(|_| HostKeysError::Malformed)
    }

    pub(crate) fn of(key: &PublicKey) -> Self {
        Self(key.fingerprint(HashAlg::Sha256))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Fingerprint {
    type Err = HostKeysError;

    fn from_str(text: &str) -> Result<Self, HostKeysError> {
        Self::parse(text)
    }
}

impl FromStr for HostKeys {
    type Err = HostKeysError;

    fn from_str(text: &str) -> Result<Self, HostKeysError> {
        match text.trim() {
            "strict" => Ok(Self::Strict),
            "accept-new" => Ok(Self::AcceptNew),
            pins => pins
                .split(',')
                .map(Fingerprint::parse)
                .collect::<Result<_, _>>()
                .map(Self::Pinned),
        }
    }
}

impl fmt::Display for HostKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strict => f.write_str("strict"),
            Self::AcceptNew => f.write_str("accept-new"),
            Self::Pinned(pins) => {
                for (place, pin) in pins.iter().enumerate() {
                    if place > 0 {
                        f.write_str(",")?;
                    }
                    pin.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HostKeys, HostKeysError};

    const ONE: &str = "SHA256:aSJQbNFOqcHHA6BqHJ7kHWdlNn8PsWCzNyJW2QLHXO0";
    const TWO: &str = "SHA256:wwb4oOs/sclAwixf7kLbySfDGndq1m794DZA18eQvCI";

    #[test]
    fn a_policy_is_read_back_as_it_is_shown() {
        for text in ["strict", "accept-new", ONE, &format!("{ONE},{TWO}")] {
            assert_eq!(text.parse::<HostKeys>().unwrap().to_string(), text);
        }
        assert_eq!(
            format!(" {ONE}= , {TWO}")
                .parse::<HostKeys>()
                .unwrap()
                .to_string(),
            format!("{ONE},{TWO}")
        );
        assert_eq!(HostKeys::default(), HostKeys::AcceptNew);
    }

    #[test]
    fn what_is_no_policy_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", HostKeysError::Unknown),
            ("no", HostKeysError::Unknown),
            ("MD5:00:11", HostKeysError::OtherHash),
            ("SHA256:", HostKeysError::Malformed),
            ("SHA256:abc", HostKeysError::Malformed),
            (&format!("{ONE},"), HostKeysError::Unknown),
        ] {
            assert_eq!(text.parse::<HostKeys>(), Err(reason), "{text:?}");
        }
    }
}
