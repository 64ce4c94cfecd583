//! Addresses for one use: where a large file goes, and where a download comes from. VirusTotal's own can hold a secret.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use virustotal::Version;

use crate::refusal::Refusal;
use crate::tokens::new_secret;

/// How long an address counts.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// Addresses that can be open at the same time.
const MOST: usize = 1000;
/// Of these, those of one token: nobody can take all of them.
const MOST_OF_ONE: usize = 100;

/// What an address is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// One file.
    Upload(Version),
    /// The content at that path of API v3.
    Download(Vec<String>),
}

struct Ticket {
    token_id: String,
    purpose: Purpose,
    until: Instant,
}

/// The addresses that are open.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Ticket>>);

impl Tickets {
    /// A new address's secret.
    pub(crate) fn issue(&self, token_id: &str, purpose: Purpose) -> Result<String, Refusal> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        open.retain(|_, ticket| ticket.until > now);
        let own = open.values().filter(|ticket| ticket.token_id == token_id).count();
        if open.len() >= MOST || own >= MOST_OF_ONE {
            let words = "Too many upload and download addresses are open. Use those that you have, or wait some minutes.";
            return Err(Refusal::Unavailable(words.to_owned()));
        }
        let secret = new_secret();
        let ticket = Ticket {
            token_id: token_id.to_owned(),
            purpose,
            until: now + LIFE,
        };
        open.insert(secret.clone(), ticket);
        Ok(secret)
    }

    /// Whether that is the secret of an address that still counts.
    pub(crate) fn is_open(&self, secret: &str) -> bool {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(secret)
            .is_some_and(|ticket| ticket.until > Instant::now())
    }

    /// Takes an address, once: whose token asked for it, and what it is for.
    pub(crate) fn redeem(&self, secret: &str) -> Option<(String, Purpose)> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = open.remove(secret)?;
        (ticket.until > Instant::now()).then_some((ticket.token_id, ticket.purpose))
    }
}

#[cfg(test)]
mod tests {
    use virustotal::Version;

    use super::{MOST, MOST_OF_ONE, Purpose, Tickets};

    #[test]
    fn an_address_counts_once() {
        let tickets = Tickets::default();
        let secret = tickets.issue("id", Purpose::Upload(Version::V3)).unwrap();
        assert!(tickets.is_open(&secret) && !tickets.is_open("x"));
        let taken = tickets.redeem(&secret).unwrap();
        assert_eq!(taken, ("id".to_owned(), Purpose::Upload(Version::V3)));
        assert!(!tickets.is_open(&secret));
        assert_eq!(tickets.redeem(&secret), None);
        assert_eq!(tickets.redeem("x"), None);
    }

    #[test]
    fn so_many_open_addresses_are_refused() {
        let tickets = Tickets::default();
        for number in 0..MOST {
            let token = format!("token {}", number / MOST_OF_ONE);
            tickets.issue(&token, Purpose::Upload(Version::V2)).unwrap();
        }
        assert!(tickets.issue("another", Purpose::Upload(Version::V2)).is_err());
    }
}
