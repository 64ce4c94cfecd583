//! What there is to know of a made-up file beyond its verdicts: `allinfo` in API v2, attributes in API v3.

use serde_json::{Value, json};

use super::{Dice, hex};
use crate::objects::file::File;

/// See the module.
pub(crate) struct Facts {
    pub(crate) type_description: &'static str,
    pub(crate) type_tag: &'static str,
    pub(crate) type_extension: &'static str,
    pub(crate) magic: &'static str,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) exiftool: Value,
    pub(crate) imphash: Option<String>,
    pub(crate) times_submitted: u64,
    pub(crate) unique_sources: u64,
    pub(crate) reputation: i64,
    pub(crate) harmless_votes: u64,
    pub(crate) malicious_votes: u64,
}

/// Description, tag, extension, magic, MIME type, tags.
type Type = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const TYPES: [Type; 4] = [
    (
        "Win32 EXE",
        "peexe",
        "exe",
        "PE32 executable",
        "application/octet-stream",
        &["peexe", "overlay"],
    ),
    (
        "Win32 EXE",
        "peexe",
        "exe",
        "PE32 executable",
        "application/octet-stream",
        &["peexe", "signed"],
    ),
    ("PDF", "pdf", "pdf", "PDF document", "application/pdf", &["pdf"]),
    ("Text", "text", "txt", "ASCII text", "text/plain", &["text"]),
];

impl Facts {
    pub(crate) fn of(file: &File, seed: u64) -> Self {
        let mut dice = Dice::new(seed, &format!("facts of {}", file.hashes.sha256));
        let choice = usize::try_from(dice.roll(TYPES.len() as u64)).unwrap_or(0);
        let (type_description, type_tag, type_extension, magic, mime, tags) =
            TYPES.get(choice).copied().unwrap_or_default();
        let malicious_votes = if file.positives > 5 { dice.roll(6) } else { 0 };
        let harmless_votes = if file.positives == 0 { dice.roll(4) } else { 0 };
        let signed_votes =
            i64::try_from(harmless_votes).unwrap_or(0) - i64::try_from(malicious_votes).unwrap_or(0);
        Self {
            type_description,
            type_tag,
            type_extension,
            magic,
            tags: tags.to_vec(),
            exiftool: json!({"MIMEType": mime, "FileTypeExtension": type_extension}),
            imphash: (type_tag == "peexe").then(|| hex(&dice.roll(u64::MAX).to_be_bytes()).repeat(2)),
            times_submitted: 1 + dice.roll(50),
            unique_sources: 1 + dice.roll(20),
            reputation: 11 * signed_votes,
            harmless_votes,
            malicious_votes,
        }
    }
}
