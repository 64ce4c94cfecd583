//! Seals what must not stand in the database as it is. The key is never in the database.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::Error;
use crate::store::new_token;

/// Bytes of a key.
const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 24;
/// Before each sealed text, so that another form can follow this one.
const FORM: &str = "x1.";

/// Seals and opens, with one key.
#[derive(Clone)]
pub struct Sealer(XChaCha20Poly1305);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// A sealer with that key.
    #[must_use]
    pub fn new(key: &[u8; KEY_LENGTH]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// A new key as text, which [`Sealer::from_text`] reads.
    #[must_use]
    pub fn new_key() -> String {
        new_token()
    }

    /// A sealer with the key of that text: 64 hexadecimal digits.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.len() == 2 * KEY_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let byte = |place: usize| u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok();
        let key: Option<Vec<u8>> = (0..KEY_LENGTH).filter(|_| digits).map(byte).collect();
        Some(Self::new(&key?.try_into().ok()?))
    }

    /// Seals a text for one place: it opens there only.
    pub(crate) fn seal(&self, place: &str, text: &str) -> Result<String, Error> {
        let nonce: [u8; NONCE_LENGTH] = rand::random();
        let payload = Payload {
            msg: text.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        // Only a text of hundreds of gigabytes is too long.
        let sealed = sealed.map_err(|_| Error::Invalid("the settings are too long".to_owned()))?;
        let bytes: Vec<u8> = nonce.into_iter().chain(sealed).collect();
        Ok(format!("{FORM}{}", BASE64_STANDARD.encode(bytes)))
    }

    /// Opens what was sealed for that place.
    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<String, Error> {
        let unreadable = || {
            Error::Damaged(format!(
                "the settings of {place} can't be opened: they were sealed with another key, or changed since"
            ))
        };
        let encoded = sealed.strip_prefix(FORM).ok_or_else(unreadable)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| unreadable())?;
        let (nonce, msg) = bytes.split_at_checked(NONCE_LENGTH).ok_or_else(unreadable)?;
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| unreadable())?;
        let aad = place.as_bytes();
        let opened = self.0.decrypt(&XNonce::from(nonce), Payload { msg, aad });
        String::from_utf8(opened.map_err(|_| unreadable())?).map_err(|_| unreadable())
    }
}

#[cfg(test)]
mod tests {
    use super::Sealer;

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        let key = Sealer::new_key();
        let sealed = Sealer::from_text(&key).unwrap().seal("p", "t").unwrap();
        let again = Sealer::from_text(&format!(" {key}\n")).unwrap();
        assert_eq!(again.open("p", &sealed).unwrap(), "t");
        for wrong in ["", "00", &key[1..], &format!("+{}", &key[1..]), &"é".repeat(32)] {
            assert!(Sealer::from_text(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_in_the_same_place_only() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal("instance a", "the key").unwrap();
        assert!(!sealed.contains("the key"), "{sealed}");
        assert_ne!(sealed, sealer.seal("instance a", "the key").unwrap());
        assert_eq!(sealer.open("instance a", &sealed).unwrap(), "the key");
        let refused = [
            sealer.open("instance b", &sealed),
            Sealer::new(&[8; 32]).open("instance a", &sealed),
            sealer.open("instance a", &sealed[..sealed.len() - 4]),
            sealer.open("instance a", "x1."),
            sealer.open("instance a", "the key"),
        ];
        assert!(refused.iter().all(Result::is_err), "{refused:?}");
    }
}
