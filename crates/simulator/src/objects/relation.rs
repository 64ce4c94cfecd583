//! What a made-up file or URL is related to: other made-up objects, which have views of their own.

use super::Dice;
use super::file::synthetic_file;
use super::ip::synthetic_ip;
use super::url::{synthetic_domain, synthetic_url};

/// The other end of a relationship.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// By SHA-256.
    File(String),
    Url(String),
    Domain(String),
    Ip(String),
}

impl Target {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::File(name) | Self::Url(name) | Self::Domain(name) | Self::Ip(name) => name,
        }
    }
}

/// Numbers of the made-up objects that others are related to.
const TARGETS: u64 = 1000;

/// What an object is related to in that way, newest first.
pub(crate) fn of(object: &str, relationship: &str, seed: u64) -> Vec<Target> {
    let mut dice = Dice::new(seed, &format!("{relationship} of {object}"));
    let most = match relationship {
        "contacted_domains" | "contacted_ips" | "contacted_urls" => 24,
        _ => 4,
    };
    let count = dice.roll(most);
    let mut targets: Vec<Target> = Vec::new();
    for _ in 0..count {
        let n = dice.roll(TARGETS);
        let target = match relationship {
            "itw_urls" | "contacted_urls" | "redirecting_urls" => Target::Url(synthetic_url(n)),
            "contacted_domains" => Target::Domain(synthetic_domain(n)),
            "contacted_ips" => Target::Ip(synthetic_ip(n).to_string()),
            _ => Target::File(synthetic_file(n).sha256),
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

/// The names alone.
pub(crate) fn names(object: &str, relationship: &str, seed: u64) -> Vec<String> {
    of(object, relationship, seed)
        .iter()
        .map(|target| target.name().to_owned())
        .collect()
}

/// The address that served a URL last.
pub(crate) fn serving_address(url: &str, seed: u64) -> Target {
    let n = Dice::new(seed, &format!("address of {url}")).roll(TARGETS);
    Target::Ip(synthetic_ip(n).to_string())
}
