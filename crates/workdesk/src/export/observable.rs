//! What an entity is to other platforms, if its text is what its type says.

use std::net::IpAddr;

use secops::EntityType;
use virustotal::FileHash;

use crate::StoredEntity;

/// Something that can be observed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Observable {
    Md5(String),
    Sha1(String),
    Sha256(String),
    Ipv4(String),
    Ipv6(String),
    Domain(String),
    Url(String),
    Mail(String),
}

impl Observable {
    /// `None` for an entity that is something else, or not what its type says.
    pub(super) fn of(stored: &StoredEntity) -> Option<Self> {
        let text = stored.entity.original_identifier().trim();
        match &stored.entity.entity_type {
            EntityType::FileHash | EntityType::ParentHash | EntityType::ChildHash => hash(text),
            EntityType::Address => match text.parse().ok()? {
                IpAddr::V4(address) => Some(Self::Ipv4(address.to_string())),
                IpAddr::V6(address) => Some(Self::Ipv6(address.to_string())),
            },
            EntityType::Url => is_url(text).then(|| Self::Url(text.to_owned())),
            EntityType::Domain
            | EntityType::Hostname
            | EntityType::SourceDomain
            | EntityType::DestinationDomain => is_host(text).then(|| Self::Domain(text.to_ascii_lowercase())),
            EntityType::User => {
                let (name, host) = text.rsplit_once('@')?;
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
                let is_mail = !name.is_empty() && name.chars().all(is_plain) && is_host(host);
                is_mail.then(|| Self::Mail(text.to_ascii_lowercase()))
            }
            _ => None,
        }
    }
}

fn hash(text: &str) -> Option<Observable> {
    let hash = FileHash::parse(text).ok()?.as_str().to_ascii_lowercase();
    match hash.len() {
        32 => Some(Observable::Md5(hash)),
        40 => Some(Observable::Sha1(hash)),
        64 => Some(Observable::Sha256(hash)),
        _ => None,
    }
}

fn is_url(text: &str) -> bool {
    let scheme = text
        .split_once("://")
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let is_known = scheme.is_some_and(|(scheme, rest)| {
        ["http", "https", "ftp"].contains(&scheme.as_str()) && !rest.is_empty()
    });
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(c);
    is_known && !text.chars().any(is_odd)
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(is_plain)
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}
