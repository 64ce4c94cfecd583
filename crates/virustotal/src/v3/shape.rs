//! Objects of API v3 as reports in API v2's shape, so that whoever reads reports needs to know one shape only.
//!
//! Pure: JSON in, JSON out. Every attribute may be missing, null or of another type; its field is then left out.
//! What v3 knows and v2 has no place for is in [`Beyond`]. Source: the mapping of v3 to v2, whose sections are
//! named where they apply.

mod analysis;
mod attribute;
mod beyond;
mod comment;
mod dates;
mod domain;
mod draft;
mod engines;
mod file;
#[cfg(test)]
mod golden;
mod ip;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod promises;
mod related;
#[cfg(test)]
mod robust;
mod url;

use serde_json::Value;

pub use self::beyond::{Beyond, Certificate, Family, Rank, SandboxVerdict, Severities, Signature, Votes};
pub(crate) use self::{
    analysis::{Analysis, AnalysisStatus, with_analysis},
    comment::comments,
    domain::domain,
    engines::count_results,
    file::file,
    ip::ip,
    related::Related,
    url::url,
};

/// Whether engines that merely suspect count as positives. By default they don't, as in API v2.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counting {
    /// Whether an engine's `suspicious` counts as well as its `malicious`.
    pub(crate) suspicious: bool,
}

/// What an object comes to in API v2.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shaped {
    /// A report: a JSON object with its keys in the order of the known samples.
    Report(Value),
    /// No analysis has finished yet.
    Queued,
}

/// What an analysis looked at. Domains and addresses have no analyses of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file, named by its SHA-256.
    File,
    /// A URL, named by the SHA-256 of its canonical form.
    Url,
}
