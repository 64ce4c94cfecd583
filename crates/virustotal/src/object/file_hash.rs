//! File hashes: MD5, SHA-1, SHA-256.

use std::fmt;

use super::ObjectError;

/// Which hash a text is, told by its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashKind {
    /// 64 digits.
    Sha256,
    /// 40 digits.
    Sha1,
    /// 32 digits.
    Md5,
}

/// One hash of a file, in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileHash {
    kind: HashKind,
    hex: Box<str>,
}

impl FileHash {
    /// Reads an MD5, SHA-1 or SHA-256 in any case, blanks around it ignored.
    ///
    /// # Errors
    /// Says which character is wrong, or how many digits there are.
    pub fn parse(text: &str) -> Result<Self, ObjectError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ObjectError::Empty);
        }
        if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit()) {
            return Err(ObjectError::HashDigit {
                character,
                position: index + 1,
            });
        }
        let kind = match text.len() {
            64 => HashKind::Sha256,
            40 => HashKind::Sha1,
            32 => HashKind::Md5,
            digits => return Err(ObjectError::HashLength { digits }),
        };
        Ok(Self {
            kind,
            hex: text.to_ascii_lowercase().into(),
        })
    }

    /// The SHA-256 of these bytes of a digest.
    pub(crate) fn of_sha256(digest: &[u8]) -> Self {
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            kind: HashKind::Sha256,
            hex: hex.into(),
        }
    }

    /// Which of the three it is.
    #[must_use]
    pub fn kind(&self) -> HashKind {
        self.kind
    }

    /// The digits, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex)
    }
}

impl fmt::Debug for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FileHash, HashKind, ObjectError};

    #[test]
    fn a_typo_is_named_with_its_place() {
        let error = FileHash::parse("44d88612fea8a8f36de82e1278abb02O").unwrap_err();
        assert_eq!(error.to_string(), "'O' at position 32 is not a hexadecimal digit");
        let error = FileHash::parse("44d88612fea8a8f36de82e1278abb02").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a file hash has 32, 40 or 64 hexadecimal digits, this has 31"
        );
        assert_eq!(FileHash::parse("  ").unwrap_err(), ObjectError::Empty);
    }

    proptest! {
        #[test]
        fn normalisation_is_idempotent_and_ignores_case(hex in "[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}") {
            let hash = FileHash::parse(&hex).unwrap();
            prop_assert_eq!(&FileHash::parse(hash.as_str()).unwrap(), &hash);
            prop_assert_eq!(&FileHash::parse(&format!(" {} ", hex.to_uppercase())).unwrap(), &hash);
            prop_assert_eq!(hash.kind(), match hex.len() { 32 => HashKind::Md5, 40 => HashKind::Sha1, _ => HashKind::Sha256 });
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = FileHash::parse(&text);
        }
    }
}
