//! Domain and host names.

use std::fmt;
use std::net::IpAddr;

use url::Host;

use super::{ObjectError, internal_address, internal_host, refang};

/// A public domain or host name: lower case, Punycode, no dot at the end.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(Box<str>);

/// Longest name that DNS carries, in bytes.
const MAX_NAME: usize = 253;
/// Longest part between two dots, in bytes.
const MAX_LABEL: usize = 63;

impl DomainName {
    /// Reads a host name; defanged forms and names in any script are understood.
    ///
    /// # Errors
    /// Tells malformed names from internal ones, which must not be asked about.
    pub fn parse(text: &str) -> Result<Self, ObjectError> {
        let text = refang(text);
        let text = text.trim_end_matches('.');
        if text.is_empty() {
            return Err(ObjectError::Empty);
        }
        let bare = text.trim_matches(['[', ']']);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Err(internal_address(address).map_or(
                ObjectError::NotADomain("it is an IP address"),
                ObjectError::Internal,
            ));
        }
        let name = match Host::parse(text) {
            Ok(Host::Domain(name)) => name.trim_end_matches('.').to_ascii_lowercase(),
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => return Err(ObjectError::NotADomain("it is an IP address")),
            Err(_) => return Err(ObjectError::NotADomain("it has characters that no name has")),
        };
        check_labels(&name)?;
        match internal_host(&name) {
            Some(reason) => Err(ObjectError::Internal(reason)),
            None => Ok(Self(name.into())),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that somebody registered (`example.co.in` for `www.example.co.in`), by the public suffix list.
    ///
    /// A public suffix itself stays as it is.
    #[must_use]
    pub fn registered(&self) -> Self {
        psl::domain_str(&self.0).map_or_else(|| self.clone(), |name| Self(name.into()))
    }
}

fn check_labels(name: &str) -> Result<(), ObjectError> {
    if name.len() > MAX_NAME {
        return Err(ObjectError::NotADomain("it is longer than 253 characters"));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(ObjectError::NotADomain("two dots stand side by side"));
        }
        if label.len() > MAX_LABEL {
            return Err(ObjectError::NotADomain("a part is longer than 63 characters"));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(ObjectError::NotADomain("a part starts or ends with a hyphen"));
        }
        if !label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return Err(ObjectError::NotADomain("it has characters that no name has"));
        }
    }
    Ok(())
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DomainName, ObjectError};

    #[test]
    fn spellings_of_one_name_are_equal() {
        let name = DomainName::parse("example.co.in").unwrap();
        for text in ["EXAMPLE.co.in", "example[.]co.in", " example.co.in. "] {
            assert_eq!(DomainName::parse(text).unwrap(), name, "{text}");
        }
        assert_eq!(
            DomainName::parse("bücher.de").unwrap().as_str(),
            "xn--bcher-kva.de"
        );
    }

    #[test]
    fn the_registered_part_is_found_by_the_public_suffix_list() {
        let registered = |text| DomainName::parse(text).unwrap().registered();
        assert_eq!(registered("www.mail.example.co.in").as_str(), "example.co.in");
        assert_eq!(registered("example.com").as_str(), "example.com");
        assert_eq!(registered("a.malicious.example").as_str(), "malicious.example");
        assert_eq!(registered("co.uk").as_str(), "co.uk");
    }

    #[test]
    fn malformed_and_internal_names_are_told_apart() {
        assert!(DomainName::parse("srv01").unwrap_err().is_internal());
        assert!(DomainName::parse("10.0.0.1").unwrap_err().is_internal());
        for text in [
            "a..example",
            "-a.example",
            "a b.example",
            "exa$mple.com",
            "8.8.8.8",
            "a/b.example",
        ] {
            assert!(
                matches!(DomainName::parse(text), Err(ObjectError::NotADomain(_))),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn normalisation_is_idempotent(text in r"[a-zA-Zäß0-9_\-\.\[\]]{1,20}\.(com|example|co\.in)") {
            if let Ok(name) = DomainName::parse(&text) {
                prop_assert_eq!(&DomainName::parse(name.as_str()).unwrap(), &name);
                prop_assert_eq!(name.registered().registered(), name.registered());
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = DomainName::parse(&text);
        }
    }
}
