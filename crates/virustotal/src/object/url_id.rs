//! Web addresses.

use std::fmt;
use std::hash::{Hash, Hasher};

use url::{Host, Url};

use super::{ObjectError, internal_address, internal_host, refang};

/// A public web address: sent as the person wrote it, compared by its canonical form.
///
/// VirusTotal canonicalises by itself and echoes the text as `resource`, so the text is kept.
#[derive(Clone, Debug)]
pub struct UrlId {
    text: Box<str>,
    canonical: Url,
}

impl UrlId {
    /// Reads a URL; defanged forms are understood, a missing scheme means `http`.
    ///
    /// # Errors
    /// Tells malformed text, schemes that VirusTotal doesn't scan, and hosts of the own network apart.
    pub fn parse(text: &str) -> Result<Self, ObjectError> {
        let text = refang(text);
        if text.is_empty() {
            return Err(ObjectError::Empty);
        }
        let with_scheme = match has_scheme(&text) {
            true => text.into_owned(),
            false => format!("http://{text}"),
        };
        let canonical = canonical(&with_scheme)?;
        if !matches!(canonical.scheme(), "http" | "https" | "ftp") {
            return Err(ObjectError::Scheme(canonical.scheme().to_owned()));
        }
        check_host(&canonical)?;
        Ok(Self {
            text: sendable(with_scheme, &canonical),
            canonical,
        })
    }

    /// The text to send: as written, but refanged and with a scheme.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical form, by which two spellings are one object.
    #[must_use]
    pub fn canonical(&self) -> &str {
        self.canonical.as_str()
    }

    /// The host: a name or an address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.canonical.host_str().unwrap_or_default()
    }
}

/// What a canonical form comes to when it is read again, at most: each time is shorter.
const ROUNDS: usize = 8;

/// The canonical form, which is read again as itself: a backslash that becomes a slash may leave a defanged one.
fn canonical(text: &str) -> Result<Url, ObjectError> {
    let parse = |text: &str| Url::parse(text).map_err(|error| ObjectError::NotAUrl(error.to_string()));
    let mut url = parse(text)?;
    for _ in 0..ROUNDS {
        match refang(url.as_str()) {
            shorter if shorter != url.as_str() => url = parse(&shorter)?,
            _ => return Ok(url),
        }
    }
    Err(ObjectError::NotAUrl("it is defanged too many times".to_owned()))
}

/// A batch is separated by line feeds, so a text with white space or controls inside is sent in canonical form.
fn sendable(text: String, canonical: &Url) -> Box<str> {
    match text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        true => canonical.as_str().into(),
        false => text.into(),
    }
}

/// `example.com:8080/x` is a host with a port, not a scheme; `mailto:a@b` and `http:/x` have a scheme.
fn has_scheme(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, rest)) => {
            let well_formed = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
            well_formed
                && (rest.starts_with('/')
                    || !(scheme.contains('.') || rest.starts_with(|c: char| c.is_ascii_digit())))
        }
        None => false,
    }
}

fn check_host(url: &Url) -> Result<(), ObjectError> {
    let internal = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            if name.is_empty() || name.contains("..") || name.contains('%') {
                return Err(ObjectError::NotAUrl("its host is not a domain name".to_owned()));
            }
            internal_host(name)
        }
        Some(Host::Ipv4(v4)) => internal_address(v4.into()),
        Some(Host::Ipv6(v6)) => internal_address(v6.into()),
        None => return Err(ObjectError::NotAUrl("it has no host".to_owned())),
    };
    internal.map_or(Ok(()), |reason| Err(ObjectError::Internal(reason)))
}

impl PartialEq for UrlId {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for UrlId {}

impl Hash for UrlId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl PartialOrd for UrlId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UrlId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.canonical.cmp(&other.canonical)
    }
}

impl fmt::Display for UrlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ObjectError, UrlId};

    #[test]
    fn spellings_of_one_address_are_equal_and_the_text_is_kept() {
        let url = UrlId::parse("http://example.com/").unwrap();
        for text in [
            "http://example.com",
            "HTTP://EXAMPLE.com:80/",
            "hxxp://example[.]com",
            "example.com",
        ] {
            assert_eq!(UrlId::parse(text).unwrap(), url, "{text}");
        }
        assert_eq!(
            UrlId::parse("http://example.com").unwrap().as_str(),
            "http://example.com"
        );
        assert_ne!(
            UrlId::parse("http://example.com/A").unwrap(),
            UrlId::parse("http://example.com/a").unwrap()
        );
        assert_eq!(
            UrlId::parse("example.com:8080/x").unwrap().canonical(),
            "http://example.com:8080/x"
        );
    }

    #[test]
    fn a_canonical_form_is_read_again_as_itself() {
        for text in [
            "http://a.example/[\\]x",
            "http://a.example/(\t.)x",
            "http://a.example/\\[\\]\\.x",
        ] {
            let url = UrlId::parse(text).unwrap();
            let again = UrlId::parse(url.canonical()).unwrap();
            assert_eq!(again.canonical(), url.canonical(), "{text}");
            assert_eq!(
                UrlId::parse(url.as_str()).unwrap().as_str(),
                url.as_str(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_text_can_never_break_a_batch_into_lines() {
        let url = UrlId::parse("http://example.com/a b\nhttp://other.example/").unwrap();
        assert!(!url.as_str().contains(['\n', '\r', ' ']), "{url}");
    }

    #[test]
    fn malformed_internal_and_unsupported_addresses_are_told_apart() {
        for text in [
            "http://10.0.0.1/x",
            "https://srv01/",
            "http://localhost:8080",
            "http://[::1]/",
            "http://2130706433/",
        ] {
            assert!(UrlId::parse(text).unwrap_err().is_internal(), "{text}");
        }
        for text in [
            "http://",
            "http://a..com/",
            "http:///",
            "http://exa mple.com/",
            "gogles://",
        ] {
            let error = UrlId::parse(text).unwrap_err();
            assert!(
                matches!(error, ObjectError::NotAUrl(_) | ObjectError::Scheme(_)),
                "{text}: {error}"
            );
        }
        assert_eq!(
            UrlId::parse("mailto:a@b.example").unwrap_err(),
            ObjectError::Scheme("mailto".to_owned())
        );
        assert!(UrlId::parse("gogles").unwrap_err().is_internal());
    }

    proptest! {
        #[test]
        fn normalisation_is_idempotent(text in r"(https?://|hxxp://|)[a-zA-Z0-9\.\[\]@:%-]{1,20}\.com(/[ -~]{0,20})?") {
            if let Ok(url) = UrlId::parse(&text) {
                let again = UrlId::parse(url.as_str()).unwrap();
                prop_assert_eq!(&again, &url);
                prop_assert_eq!(again.as_str(), url.as_str());
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = UrlId::parse(&text);
        }
    }
}
