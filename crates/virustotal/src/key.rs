//! The API key: it can be sent, and not printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A VirusTotal API key. `Debug` shows stars; the memory is wiped when it goes.
#[derive(Clone)]
pub struct ApiKey(SecretString);

/// The text given can't be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing but blanks.
    #[error("Api Key is missing")]
    Missing,
    /// A key is 64 hexadecimal digits; whatever else it becomes, it stays printable ASCII without blanks.
    #[error("Api Key is not a VirusTotal key: it has characters that no key has")]
    Malformed,
}

impl ApiKey {
    /// Takes a key, blanks around it removed.
    ///
    /// # Errors
    /// An empty text, or one with blanks or control characters inside; neither is worth a call.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Missing);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Malformed);
        }
        Ok(Self(text.into()))
    }

    /// The key as it is, for whoever must hand it on.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        self.0.clone()
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiKey, KeyError};

    #[test]
    fn a_key_is_never_printed() {
        let key = ApiKey::parse(" secret-key \n").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(***)");
        assert_eq!(key.expose(), "secret-key");
        assert_eq!(ApiKey::parse(" \n").unwrap_err(), KeyError::Missing);
        assert_eq!(ApiKey::parse("a b").unwrap_err(), KeyError::Malformed);
    }
}
