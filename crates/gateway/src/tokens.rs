//! Tokens: what a caller shows in the key's place. Only hashes are kept.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use virustotal::quota::{Limits, Priority};

use crate::{Error, replace};

/// The file in the gateway's folder.
const FILE: &str = "gateway-tokens.json";
const LOCK: &str = "gateway-tokens.lock";
/// Version of the file's form.
const VERSION: u32 = 1;
/// Characters of a name.
const LONGEST_NAME: usize = 64;

/// What a token may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Whose calls go first where slots are scarce.
    pub priority: Priority,
    /// How many calls it may make a day.
    pub allowance: Allowance,
    /// It only asks: nothing is submitted, neither files nor URLs, comments or votes.
    pub no_upload: bool,
}

/// How many of the key's calls a token may use in a UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// As many as the key has.
    Whole,
    /// So many.
    PerDay(u32),
    /// A percentage of the key's own daily quota.
    Share(u8),
}

impl Allowance {
    /// Calls a day, with a key of these limits; `None` where there is no bound.
    ///
    /// # Errors
    /// It is a share, and the key's daily quota is not known.
    pub fn calls(self, limits: &Limits) -> Result<Option<u32>, Error> {
        match (self, limits.per_day) {
            (Self::Whole, _) => Ok(None),
            (Self::PerDay(calls), _) => Ok(Some(calls)),
            (Self::Share(percent), Some(per_day)) => {
                let calls = u64::from(per_day) * u64::from(percent) / 100;
                Ok(Some(u32::try_from(calls).unwrap_or(u32::MAX).max(1)))
            }
            (Self::Share(_), None) => Err(Error::Usage(
                "A share is a part of the key's daily quota, which is not known. Say how many calls the key has a day (vtsecops \
                 config set quota_per_day N), or give the token a number: --per-day N."
                    .to_owned(),
            )),
        }
    }
}

/// A token, as it is kept.
#[derive(Clone, Debug)]
pub struct Token {
    /// Tells tokens of one name apart.
    pub id: String,
    /// Who uses it.
    pub name: String,
    /// What it may.
    pub rights: Rights,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; it counts no more from then on. Never, where there is none.
    pub ends_at: Option<Timestamp>,
    /// When it was revoked; it counts no more.
    pub revoked_at: Option<Timestamp>,
    pub(crate) hash: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Wire {
    version: u32,
    tokens: Vec<WireToken>,
}

#[derive(Serialize, Deserialize)]
struct WireToken {
    id: String,
    name: String,
    /// SHA-256 of the token, in hexadecimal digits. A token is 256 chance bits, so nobody finds it by trying.
    hash: String,
    priority: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_day: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_percent: Option<u8>,
    no_upload: bool,
    created_at: Timestamp,
    /// Files of older versions have none: their tokens do not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
}

/// The file of tokens.
#[derive(Clone, Debug)]
pub struct Tokens {
    folder: PathBuf,
}

/// When the file was last changed, as far as the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    modified: Option<std::time::SystemTime>,
    length: u64,
    number: u64,
}

impl Tokens {
    /// The tokens in that folder; nothing is read yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// All of them, revoked ones included, oldest first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn list(&self) -> Result<Vec<Token>, Error> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::file(&path, &error)),
        };
        let damaged = |what: &str| {
            Error::Damaged(format!(
                "{}: {what}. Put a copy of it back, or move it away and make new tokens: vtsecops gateway token add NAME",
                path.display()
            ))
        };
        let wire: Wire = serde_json::from_str(&text).map_err(|error| damaged(&error.to_string()))?;
        if wire.version != VERSION {
            return Err(damaged("it is of another version of vtsecops"));
        }
        let tokens = wire.tokens.into_iter().map(Token::read);
        let tokens: Option<Vec<Token>> = tokens.collect();
        tokens.ok_or_else(|| damaged("one of its tokens can't be read"))
    }

    /// Makes a token, which may have an end, and gives it, for the only time.
    ///
    /// # Errors
    /// The name is taken or can't be one, or the file can't be written.
    pub fn add(
        &self,
        name: &str,
        rights: Rights,
        now: Timestamp,
        ends_at: Option<Timestamp>,
    ) -> Result<SecretString, Error> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
            return Err(Error::Usage(format!(
                "{name:?} can't be a token's name: give it up to {LONGEST_NAME} letters, digits, dots, hyphens and underscores."
            )));
        }
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        if tokens.iter().any(|token| token.name == name && token.counts(now)) {
            return Err(Error::Usage(format!(
                "There is a token {name} already. Revoke it first (vtsecops gateway token revoke {name}), or choose another name."
            )));
        }
        let secret = new_secret();
        tokens.push(Token {
            id: hex(&rand::random::<[u8; 6]>()),
            name: name.to_owned(),
            rights,
            created_at: now,
            ends_at,
            revoked_at: None,
            hash: hash(&secret),
        });
        self.write(&tokens)?;
        Ok(secret.into())
    }

    /// Revokes a token: from now on it gets what a wrong key gets.
    ///
    /// # Errors
    /// There is none of that name that counts, or the file can't be written.
    pub fn revoke(&self, name: &str, now: Timestamp) -> Result<(), Error> {
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        let token = tokens
            .iter_mut()
            .find(|token| token.name == name && token.counts(now));
        let Some(token) = token else {
            return Err(Error::Usage(format!(
                "There is no token {name:?}. vtsecops gateway token list shows those that there are."
            )));
        };
        token.revoked_at = Some(now);
        self.write(&tokens)
    }

    pub(crate) fn seen(&self) -> Option<Seen> {
        let metadata = fs::metadata(self.path()).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Some(Seen {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            number,
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Keeps others from changing the file meanwhile.
    fn lock(&self) -> Result<File, Error> {
        crate::make_folder(&self.folder)?;
        let path = self.folder.join(LOCK);
        let lock = File::options().create(true).append(true).open(&path);
        let lock = lock.map_err(|error| Error::file(&path, &error))?;
        lock.lock().map_err(|error| Error::file(&path, &error))?;
        Ok(lock)
    }

    /// Written whole or not at all, readable by its owner alone.
    fn write(&self, tokens: &[Token]) -> Result<(), Error> {
        let path = self.path();
        let wire = Wire {
            version: VERSION,
            tokens: tokens.iter().map(Token::to_wire).collect(),
        };
        let text = serde_json::to_string_pretty(&wire).map_err(|error| Error::Damaged(error.to_string()))?;
        replace(&path, text.as_bytes()).map_err(|error| Error::file(&path, &error))
    }
}

impl Token {
    /// Whether it counts at that moment.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && !self.has_ended(now)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|end| now >= end)
    }

    fn read(wire: WireToken) -> Option<Self> {
        let allowance = match (wire.per_day, wire.share_percent) {
            (None, None) => Allowance::Whole,
            (Some(calls), None) => Allowance::PerDay(calls),
            (None, Some(percent)) => Allowance::Share(percent),
            (Some(_), Some(_)) => return None,
        };
        Some(Self {
            hash: unhex(&wire.hash)?,
            id: wire.id,
            name: wire.name,
            rights: Rights {
                priority: Priority::ALL
                    .into_iter()
                    .find(|priority| priority.name() == wire.priority)?,
                allowance,
                no_upload: wire.no_upload,
            },
            created_at: wire.created_at,
            ends_at: wire.ends_at,
            revoked_at: wire.revoked_at,
        })
    }

    fn to_wire(&self) -> WireToken {
        let (per_day, share_percent) = match self.rights.allowance {
            Allowance::Whole => (None, None),
            Allowance::PerDay(calls) => (Some(calls), None),
            Allowance::Share(percent) => (None, Some(percent)),
        };
        WireToken {
            id: self.id.clone(),
            name: self.name.clone(),
            hash: hex(&self.hash),
            priority: self.rights.priority.name().to_owned(),
            per_day,
            share_percent,
            no_upload: self.rights.no_upload,
            created_at: self.created_at,
            ends_at: self.ends_at,
            revoked_at: self.revoked_at,
        }
    }
}

/// 64 hexadecimal digits, as a key of VirusTotal has: clients that check a key's form take it.
pub(crate) fn new_secret() -> String {
    hex(&rand::random::<[u8; 32]>())
}

pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use secrecy::ExposeSecret;
    use virustotal::quota::{Limits, Priority};

    use super::{Allowance, Rights, Tokens};

    fn rights(allowance: Allowance) -> Rights {
        Rights {
            priority: Priority::Background,
            allowance,
            no_upload: true,
        }
    }

    #[test]
    fn a_token_is_kept_as_a_hash_and_comes_back_with_its_rights() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(folder.path());
        assert!(tokens.list().unwrap().is_empty());
        let secret = tokens
            .add("soar", rights(Allowance::Share(20)), Timestamp::UNIX_EPOCH, None)
            .unwrap();
        assert_eq!(secret.expose_secret().len(), 64);
        let text = std::fs::read_to_string(tokens.path()).unwrap();
        assert!(!text.contains(secret.expose_secret()), "{text}");
        let listed = tokens.list().unwrap();
        assert_eq!(listed[0].rights, rights(Allowance::Share(20)));
        assert_eq!(listed[0].hash, super::hash(secret.expose_secret()));
        assert!(
            tokens
                .add("soar", rights(Allowance::Whole), Timestamp::UNIX_EPOCH, None)
                .is_err()
        );
        assert!(
            tokens
                .add("a b", rights(Allowance::Whole), Timestamp::UNIX_EPOCH, None)
                .is_err()
        );
        tokens.revoke("soar", Timestamp::UNIX_EPOCH).unwrap();
        assert!(tokens.revoke("soar", Timestamp::UNIX_EPOCH).is_err());
        // The name is free again; what the first one did stays its own.
        tokens
            .add("soar", rights(Allowance::PerDay(7)), Timestamp::UNIX_EPOCH, None)
            .unwrap();
        let listed = tokens.list().unwrap();
        assert!(listed[0].revoked_at.is_some() && listed[1].revoked_at.is_none());
        assert_ne!(listed[0].id, listed[1].id);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(tokens.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{mode:o}");
        }
    }

    #[test]
    fn a_token_counts_until_its_end_and_its_name_is_free_again_then() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(folder.path());
        let (begin, end) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(86_400).unwrap());
        let before = Timestamp::from_millisecond(86_399_999).unwrap();
        let add = |now| tokens.add("soar", rights(Allowance::Whole), now, Some(end));
        add(begin).unwrap();
        let token = tokens.list().unwrap().remove(0);
        assert_eq!(token.ends_at, Some(end));
        assert!(token.counts(before) && !token.counts(end));
        assert!(add(before).is_err());
        tokens.add("soar", rights(Allowance::Whole), end, None).unwrap();
        // The one that counts is revoked, not the one before it.
        tokens.revoke("soar", end).unwrap();
        let listed = tokens.list().unwrap();
        assert!(listed[0].revoked_at.is_none() && listed[1].revoked_at.is_some());
        assert!(tokens.revoke("soar", end).is_err());
    }

    #[test]
    fn the_tokens_of_a_file_of_before_ends_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(folder.path());
        let old = format!(
            r#"{{"version": 1, "tokens": [{{"id": "1", "name": "soar", "hash": "{}", "priority": "playbook", "no_upload": false,
                "created_at": "2026-01-01T00:00:00Z"}}]}}"#,
            "ab".repeat(32)
        );
        std::fs::write(tokens.path(), old).unwrap();
        let token = tokens.list().unwrap().remove(0);
        assert!(token.ends_at.is_none() && token.counts(Timestamp::MAX));
    }

    #[test]
    fn a_damaged_file_is_told_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::new(folder.path());
        std::fs::write(tokens.path(), "{").unwrap();
        assert!(tokens.list().is_err());
        assert!(
            tokens
                .add("a", rights(Allowance::Whole), Timestamp::UNIX_EPOCH, None)
                .is_err()
        );
        assert_eq!(std::fs::read_to_string(tokens.path()).unwrap(), "{");
    }

    #[test]
    fn a_share_is_a_part_of_the_keys_day() {
        let limits = |per_day| Limits {
            per_day,
            ..Limits::default()
        };
        let calls = |allowance: Allowance, per_day| allowance.calls(&limits(per_day)).ok();
        assert_eq!(calls(Allowance::Share(20), Some(500)), Some(Some(100)));
        assert_eq!(calls(Allowance::Share(1), Some(4)), Some(Some(1)));
        assert_eq!(calls(Allowance::Share(20), None), None);
        assert_eq!(calls(Allowance::PerDay(7), None), Some(Some(7)));
        assert_eq!(calls(Allowance::Whole, Some(500)), Some(None));
    }
}
