//! Names of objects: hashes, addresses, domains and URLs, defanged or not.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use virustotal::object::{internal_address, internal_host, parse_ip, refang};
use virustotal::{DomainName, FileHash, ObjectError, UrlId};

use crate::check_words;

/// Any text as each kind of object.
pub(crate) fn objects(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let once = refang(&text);
    assert_eq!(refang(&once), once, "refanging twice is refanging once");
    assert!(once.len() <= text.len(), "refanging adds nothing");
    hash(&text);
    ip(&text);
    domain(&text);
    url(&text);
    scan_id(&text);
}

fn hash(text: &str) {
    match FileHash::parse(text) {
        Ok(hash) => {
            assert!(
                hash.as_str()
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            );
            assert!(matches!(hash.as_str().len(), 32 | 40 | 64));
            assert_eq!(FileHash::parse(hash.as_str()).as_ref(), Ok(&hash));
        }
        Err(error) => check_error(&error),
    }
}

fn ip(text: &str) {
    match parse_ip(text) {
        Ok(address) => {
            assert_eq!(internal_address(address.into()), None);
            assert_eq!(parse_ip(&address.to_string()), Ok(address));
        }
        Err(error) => check_error(&error),
    }
}

fn domain(text: &str) {
    match DomainName::parse(text) {
        Ok(name) => {
            assert_eq!(DomainName::parse(name.as_str()).as_ref(), Ok(&name));
            assert_eq!(name.registered().registered(), name.registered());
            assert_eq!(internal_host(name.as_str()), None);
            assert!(name.as_str().len() <= 253 && name.as_str().is_ascii(), "{name}");
        }
        Err(error) => check_error(&error),
    }
}

fn url(text: &str) {
    match UrlId::parse(text) {
        Ok(url) => {
            assert!(
                !url.as_str()
                    .contains(|c: char| c.is_control() || c.is_whitespace()),
                "{url}"
            );
            let again = UrlId::parse(url.as_str()).expect("what is sent is a URL");
            assert_eq!(
                (again.as_str(), again.canonical()),
                (url.as_str(), url.canonical())
            );
            let canonical = UrlId::parse(url.canonical()).expect("the canonical form is a URL");
            assert_eq!(canonical, url);
            assert_eq!(canonical.canonical(), url.canonical());
            assert!(!url.host().is_empty());
            assert_eq!(internal_host_of(url.host()), None, "{url}");
            url_id(url.as_str());
        }
        Err(error) => check_error(&error),
    }
}

fn internal_host_of(host: &str) -> Option<&'static str> {
    match host.trim_matches(['[', ']']).parse() {
        Ok(address) => internal_address(address),
        Err(_) => internal_host(host.trim_end_matches('.')),
    }
}

/// API v3 reads its name of a URL as the URL, or it is a hash.
fn url_id(text: &str) {
    let id = virustotal::fuzzing::url_id(text);
    let is_hash = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash {
        let named = BASE64_URL_SAFE_NO_PAD
            .decode(&id)
            .expect("a URL's name is base64");
        assert_eq!(named, text.as_bytes());
    }
    assert!(id.len() <= 2000, "a path that servers take");
}

fn scan_id(text: &str) {
    if let Some((hash, began)) = virustotal::fuzzing::object_of_scan_id(text) {
        assert!(FileHash::parse(hash).is_ok());
        assert!(began.is_none_or(|began| began >= 0));
    }
}

fn check_error(error: &ObjectError) {
    check_words(&error.to_string(), 200);
}
