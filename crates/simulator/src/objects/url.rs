//! URLs.

use super::{Dice, Wish, hex, usual_moment, usual_positives, wish};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// The nth URL that is always known.
#[must_use]
pub fn synthetic_url(n: u64) -> String {
    format!("http://host-{n}.synthetic.example/path/{n}?a=1,2")
}

/// The nth domain that is always known.
#[must_use]
pub fn synthetic_domain(n: u64) -> String {
    format!("synthetic-{n}.example")
}

/// One URL.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    /// Scheme and host in lower case, a path.
    pub(crate) canonical: String,
    pub(crate) sha256: String,
    pub(crate) known: bool,
    pub(crate) positives: u32,
    pub(crate) scanned_at: Timestamp,
}

impl Url {
    /// The URL that a text names; `None` where it names none.
    pub(crate) fn parse(text: &str, seed: u64) -> Option<Self> {
        let (canonical, host) = canonical(text)?;
        let mut dice = Dice::new(seed, &canonical);
        let (known, positives, scanned_at) = (
            dice.chance(85),
            usual_positives(&mut dice),
            usual_moment(&mut dice),
        );
        let (known, positives) = match wish(&host) {
            Some(Wish::Unknown) => (false, 0),
            Some(Wish::Positives(positives)) => (true, positives),
            None => (known || host.ends_with("synthetic.example"), positives),
        };
        let sha256 = hex(&Sha256::digest(&canonical));
        Some(Self {
            canonical,
            sha256,
            known,
            positives,
            scanned_at,
        })
    }
}

/// Adds a missing scheme and the slash of an empty path, as far as the reference describes it.
pub(crate) fn canonical(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => ("http".to_owned(), text),
    };
    if !matches!(scheme.as_str(), "http" | "https" | "ftp") {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => ":21",
    };
    let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let fine = host.contains('.')
        && !host.contains("..")
        && !host.chars().any(|c| c.is_whitespace() || c.is_control());
    if !fine {
        return None;
    }
    let path = match path {
        "" => "/".to_owned(),
        _ if path.starts_with('/') => path.to_owned(),
        _ => format!("/{path}"),
    };
    Some((format!("{scheme}://{authority}{path}"), host.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Url, canonical};

    #[test]
    fn the_canonical_form_has_a_scheme_and_a_path() {
        let form = |text| canonical(text).map(|(form, _)| form);
        assert_eq!(form("1234.example").as_deref(), Some("http://1234.example/"));
        assert_eq!(form("HTTP://A.example:80").as_deref(), Some("http://a.example/"));
        assert_eq!(
            form("https://a.example/B?c").as_deref(),
            Some("https://a.example/B?c")
        );
        assert_eq!(form("gogles"), None);
        // The reference's own figure.
        assert!(
            Url::parse("google.com", 0)
                .unwrap()
                .sha256
                .starts_with("cf4b367e49bf")
        );
    }
}
