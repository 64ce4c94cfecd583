//! What the simulator has seen.

use std::time::Duration;

/// One request. The key itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `GET` or `POST`.
    pub method: String,
    /// Path below API v2's base, such as `file/report`; in API v3 its kind, such as `v3/files`; the whole path elsewhere.
    pub endpoint: String,
    /// Whether the key is known.
    pub key_ok: bool,
    /// Whether the key was part of the address.
    pub key_in_query: bool,
    /// Resources asked for.
    pub items: usize,
    /// Which ones, as sent.
    pub resources: Vec<String>,
    /// The status answered; 0 where there was no answer.
    pub status: u16,
    /// Time since the start, when it was answered.
    pub at: Duration,
    /// As sent.
    pub user_agent: String,
    /// As sent.
    pub content_type: Option<String>,
    /// Whether the answer would be compressed.
    pub gzip_accepted: bool,
    /// Whether the extra fields were asked for.
    pub allinfo: bool,
}

/// One uploaded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Name in the multipart part.
    pub file_name: String,
    /// Bytes of the content.
    pub size_bytes: u64,
    /// Of the content.
    pub sha256: String,
}
