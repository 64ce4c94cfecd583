//! What can go wrong, by what the caller should do about it.

use std::time::Duration;

use crate::Stop;

/// Why a question has no answer. A caller matches on the variant, never on a status number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key is unknown (403 or 401 where every key is allowed). No further call can succeed.
    #[error("VirusTotal refused the API key. Check that it is complete and not revoked")]
    Key,
    /// The key is good, but not for this: most often a public key on a private endpoint. Don't repeat.
    #[error("VirusTotal does not allow {endpoint} with this API key: it needs a private (premium) one")]
    Forbidden {
        /// Path below the base, such as `file/rescan`.
        endpoint: &'static str,
    },
    /// A quota (minute, day or month) is used up and no slot comes free before the deadline.
    #[error("the API key's quota is used up{}", hint(*.retry_after))]
    Quota {
        /// The earliest moment worth another try, counted from the refusal; `None` when unknown.
        retry_after: Option<Duration>,
    },
    /// VirusTotal calls the request wrong (400). Don't repeat.
    #[error("VirusTotal rejected the request to {endpoint} as invalid")]
    InvalidArgument {
        /// Path below the base.
        endpoint: &'static str,
    },
    /// The upload is larger than the endpoint takes (413, or known before).
    #[error("the file is too large for VirusTotal: {size_bytes} bytes, at most {limit_bytes}")]
    TooLarge {
        /// Bytes of the file.
        size_bytes: u64,
        /// Bytes that are taken.
        limit_bytes: u64,
    },
    /// The upload is larger than a public key may send. Nothing was sent.
    #[error(
        "the file is too large for a public API key: {size_bytes} bytes, at most {limit_bytes}. \
         Is it a private one? Then say so: vtsecops config set tier private"
    )]
    TooLargeForKey {
        /// Bytes of the file.
        size_bytes: u64,
        /// Bytes that are taken.
        limit_bytes: u64,
    },
    /// API v3 has no such object.
    #[error("VirusTotal does not have it")]
    Missing,
    /// It is there already: an identical comment, a second vote.
    #[error("VirusTotal has it already: {0}")]
    Duplicate(String),
    /// The address is not an API (404, or a redirect): a wrong base address or a proxy in between.
    #[error("{endpoint} is not there: is the VirusTotal address right? (it answered {status})")]
    NotFound {
        /// Path below the base.
        endpoint: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// The server's certificate is not trusted. Don't repeat.
    #[error(
        "the server's TLS certificate is not trusted ({detail}). If a proxy with its own authority is in between, \
         name its certificate (CA file); do not switch verification off for the real VirusTotal"
    )]
    Certificate {
        /// The TLS library's words.
        detail: String,
    },
    /// Something that may pass: retried until the attempts or the time ran out, but for [`Trouble::BodyTooLarge`].
    #[error("{trouble}{}{}", in_all(*.attempts), .trouble.advice())]
    Transient {
        /// What the last attempt met.
        trouble: Trouble,
        /// How many calls were made.
        attempts: u32,
    },
    /// The caller's deadline or cancellation ended it. The object was not answered.
    #[error("{0}")]
    Stopped(#[from] Stop),
    /// A file to upload could not be read.
    #[error("{path}: {detail}")]
    File {
        /// The path as given.
        path: String,
        /// Why, in the system's words.
        detail: String,
    },
    /// The client can't be set up: a bad address, an unreadable CA file, a bad proxy.
    #[error("{0}")]
    Settings(String),
}

/// What a single attempt met that may be gone with the next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection: name not found, refused, unreachable, proxy down.
    #[error("VirusTotal cannot be reached: {0}")]
    Connect(String),
    /// No connection, as this process can open no more files.
    #[error("no more files can be opened by this program")]
    NoHandles,
    /// The connection broke before the answer was complete.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// No (complete) answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// A server error.
    #[error("VirusTotal has trouble of its own (HTTP {0})")]
    Status(u16),
    /// An answer that is not what the API describes.
    #[error("VirusTotal's answer is unusable: {0}")]
    Body(String),
    /// What was about to be submitted could not be written down where others see it, so it was not submitted.
    #[error("the database does not answer, so nothing was submitted: it could be submitted twice")]
    NotWrittenDown,
    /// A call could not be counted where others see it, so it was not made.
    #[error("the database does not answer, so no call was made: nobody would have counted it")]
    NotCounted,
    /// An answer beyond the bound, cut off.
    #[error("VirusTotal's answer is larger than {0} bytes")]
    BodyTooLarge(u64),
}

fn in_all(attempts: u32) -> String {
    match attempts {
        // It did not come to that.
        0 => String::new(),
        1 => " (1 attempt)".to_owned(),
        _ => format!(" ({attempts} attempts)"),
    }
}

fn hint(wait: Option<Duration>) -> String {
    wait.map(|wait| format!("; try again in {}", crate::quota::in_words(wait)))
        .unwrap_or_default()
}

impl Trouble {
    /// What to do next, as the end of a sentence.
    fn advice(&self) -> &'static str {
        match self {
            Self::NoHandles => ". Let it open more (ulimit -n)",
            Self::Connect(_) => ". Check the address, the network and the proxy",
            Self::Broken(_) | Self::TimedOut(_) | Self::Status(_) => "; try again later",
            Self::Body(_) => ". Check the address, and what stands in between",
            Self::NotWrittenDown | Self::NotCounted => "; try again when it does",
            Self::BodyTooLarge(_) => "",
        }
    }

    /// Whether the request may have done its work all the same: there was nobody to say that it did not.
    pub(crate) fn may_have_arrived(&self) -> bool {
        matches!(
            self,
            Self::Broken(_) | Self::TimedOut(_) | Self::Body(_) | Self::BodyTooLarge(_)
        )
    }

    /// Whether a smaller request could go through where this one did not: one bad resource spoils a batch.
    pub(crate) fn may_be_one_resource(&self) -> bool {
        !matches!(
            self,
            Self::Connect(_) | Self::NoHandles | Self::NotWrittenDown | Self::NotCounted
        )
    }
}
