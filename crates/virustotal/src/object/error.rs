//! Why a text names no object that may be asked about.

/// Why a text is not turned into an object; the message is written for the person who gave the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Blank text.
    #[error("it is empty")]
    Empty,
    /// Right digits, wrong count: often a character lost while copying.
    #[error("a file hash has 32, 40 or 64 hexadecimal digits, this has {digits}")]
    HashLength {
        /// How many characters there are.
        digits: usize,
    },
    /// A character that no hash has.
    #[error("{character:?} at position {position} is not a hexadecimal digit")]
    HashDigit {
        /// The first offending character.
        character: char,
        /// Its position, counted from 1.
        position: usize,
    },
    /// Not an IP address at all.
    #[error("it is not an IP address")]
    NotAnIp,
    /// IPv6 has no report in API v2.
    #[error("VirusTotal's API v2 has no reports on IPv6 addresses")]
    Ipv6,
    /// Not a domain name by the rules of DNS.
    #[error("it is not a domain name ({0})")]
    NotADomain(&'static str),
    /// Not a URL.
    #[error("it is not a URL ({0})")]
    NotAUrl(String),
    /// A scheme that VirusTotal doesn't scan.
    #[error("VirusTotal scans http, https and ftp addresses, not {0}:")]
    Scheme(String),
    /// A user without a mail address names no domain.
    #[error("it names no domain: a user name is looked up by the part after @")]
    UserWithoutDomain,
    /// Asking would tell an outsider about the own network.
    #[error("not sent to VirusTotal: {0}")]
    Internal(&'static str),
}

impl ObjectError {
    /// Whether the text is well formed and only withheld because it is internal.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Internal(_))
    }
}
