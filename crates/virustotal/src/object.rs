//! What VirusTotal reports on: a file, a URL, a domain or an IP address.
//!
//! Parsing normalises, so that two spellings of one object compare equal, and refuses what must not be
//! asked: malformed text, private addresses, internal host names. Nothing here does I/O.

mod defang;
mod domain;
mod error;
mod file_hash;
mod internal;
mod ip;
mod url_id;

use std::fmt;
use std::net::Ipv4Addr;

pub use defang::refang;
pub use domain::DomainName;
pub use error::ObjectError;
pub use file_hash::{FileHash, HashKind};
pub use internal::{internal_address, internal_host};
pub use ip::parse_ip;
pub use url_id::UrlId;

/// The name of one object; equal for every spelling of it.
///
/// MD5 and SHA-256 of one file are different names: only a report tells that they belong together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectId {
    /// A file, by one of its hashes.
    File(FileHash),
    /// A web address.
    Url(UrlId),
    /// A domain or host name.
    Domain(DomainName),
    /// An IPv4 address; API v2 knows no other.
    Ip(Ipv4Addr),
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(hash) => hash.fmt(f),
            Self::Url(url) => url.fmt(f),
            Self::Domain(domain) => domain.fmt(f),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}
