//! Texts for people, in which nobody follows a suspicious name by mistake.

use aho_corasick::{AhoCorasick, MatchKind};
use secops::EntityType;

use crate::text::visible;
use crate::{Error, StoredEntity};

/// Finds the suspicious hosts and addresses of a case.
pub(super) struct Defanger(AhoCorasick);

impl Defanger {
    /// For texts of the case that has these entities.
    ///
    /// # Errors
    /// [`Error::Damaged`] for more names than can be looked for, which does not occur.
    pub(super) fn of(entities: &[StoredEntity]) -> Result<Self, Error> {
        let suspicious = entities.iter().filter(|stored| stored.entity.is_suspicious);
        let names = suspicious.filter_map(name).collect::<Vec<_>>();
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(names);
        let finder = finder.map_err(|error| Error::Damaged(error.to_string()))?;
        Ok(Self(finder))
    }

    /// The text, already made visible, with every such name as `hxxp://bad[.]example`. Where one is a part of another name, that is
    /// changed too: one too many can still be read, one too few can be followed.
    pub(super) fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        for found in self.0.find_iter(text) {
            out.push_str(&without_scheme(part(done, found.start())));
            out.push_str(&bracketed(&without_scheme(part(found.start(), found.end()))));
            done = found.end();
        }
        out.push_str(part(done, text.len()));
        out
    }
}

/// What to look for; nothing for what can't be followed. Of a URL it is the host, as the same host with another path is as bad.
fn name(stored: &StoredEntity) -> Option<String> {
    let text = visible(stored.entity.original_identifier());
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = match stored.entity.entity_type {
        EntityType::Url => of_url(&text),
        EntityType::Address
        | EntityType::Domain
        | EntityType::Hostname
        | EntityType::SourceDomain
        | EntityType::DestinationDomain
        | EntityType::User => text.trim_end_matches('.'),
        _ => return None,
    };
    // A word by itself leads nowhere, and would be found everywhere.
    let is_name = name.contains(['.', ':']) && name.contains(|c: char| c.is_alphanumeric());
    is_name.then(|| name.to_owned())
}

/// The host of a URL; the scheme with it where the host is one word.
fn of_url(url: &str) -> &str {
    let start = url.find("://").map_or(0, |scheme| scheme + "://".len());
    let (scheme, rest) = url.split_at(start);
    let end = rest.find(['/', '?', '#', '\\', ' ']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[').and_then(|own| own.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    match host.contains(['.', ':']) || authority.len() != host.len() {
        true => host.trim_end_matches('.'),
        false => url.get(..scheme.len() + end).unwrap_or_default(),
    }
}

/// What stands before a host, or is one with its scheme: `http://` becomes `hxxp://` where the host goes on from it.
fn without_scheme(text: &str) -> String {
    let whole = || text.to_owned();
    let Some((before, after)) = text.rsplit_once("://") else {
        return whole();
    };
    if after.contains(|c: char| c.is_whitespace() || "/?#".contains(c)) {
        return whole();
    }
    for (scheme, harmless) in [("https", "hxxps"), ("http", "hxxp"), ("ftp", "fxp")] {
        let start = before.len().saturating_sub(scheme.len());
        if let Some((before, own)) = before.split_at_checked(start)
            && own.eq_ignore_ascii_case(scheme)
        {
            return format!("{before}{harmless}://{after}");
        }
    }
    whole()
}

/// `bad[.]example`; an address of the newer kind has no dots.
fn bracketed(name: &str) -> String {
    let start = name.find("://").map_or(0, |scheme| scheme + "://".len());
    let (scheme, host) = name.split_at(start);
    match host.contains('.') {
        true => format!("{scheme}{}", host.replace('.', "[.]")),
        false => format!("{scheme}{}", host.replacen(':', "[:]", 1)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use secops::{Entity, EntityType};

    use super::Defanger;
    use crate::StoredEntity;

    fn of(names: &[(&str, EntityType)]) -> Defanger {
        let stored = |(name, entity_type): &(&str, EntityType)| {
            let mut entity = Entity::new(*name, entity_type.clone());
            entity.is_suspicious = true;
            StoredEntity {
                id: 1,
                case: 1,
                alert: 1,
                entity,
                created_at: Timestamp::UNIX_EPOCH,
                updated_at: Timestamp::UNIX_EPOCH,
            }
        };
        Defanger::of(&names.iter().map(stored).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn names_are_defanged_so_that_nobody_follows_them() {
        for (name, entity_type, expected) in [
            (
                "http://bad.example/a.b?c=d.e",
                EntityType::Url,
                "hxxp://bad[.]example/a.b?c=d.e",
            ),
            ("HTTPS://bad.example", EntityType::Url, "hxxps://bad[.]example"),
            (
                "ftp://me:pass@bad.example:21/x",
                EntityType::Url,
                "fxp://me:pass@bad[.]example:21/x",
            ),
            (
                "http://[2001:db8::1]:80/",
                EntityType::Url,
                "hxxp://[2001[:]db8::1]:80/",
            ),
            ("http://srv01/x", EntityType::Url, "hxxp://srv01/x"),
            ("bad.example/x.y", EntityType::Url, "bad[.]example/x.y"),
            ("198.51.100.7", EntityType::Address, "198[.]51[.]100[.]7"),
            ("2001:db8::1", EntityType::Address, "2001[:]db8::1"),
            ("bad.example", EntityType::Domain, "bad[.]example"),
            ("billing@bad.example", EntityType::User, "billing@bad[.]example"),
            (
                "44d88612fea8a8f36de82e1278abb02f",
                EntityType::FileHash,
                "44d88612fea8a8f36de82e1278abb02f",
            ),
            ("invoice.pdf", EntityType::FileName, "invoice.pdf"),
        ] {
            assert_eq!(of(&[(name, entity_type)]).text(name), expected);
        }
    }

    #[test]
    fn a_text_keeps_everything_but_the_suspicious_names_in_it() {
        let defanger = of(&[
            ("https://bad.example/login", EntityType::Url),
            ("evil.bad.example", EntityType::Domain),
            ("198.51.100.7", EntityType::Address),
            ("srv01", EntityType::Hostname),
        ]);
        for (text, expected) in [
            (
                "See https://BAD.example/other and http://evil.bad.example.",
                "See hxxps://BAD[.]example/other and hxxp://evil[.]bad[.]example.",
            ),
            (
                "https://good.example/?to=198.51.100.7",
                "https://good.example/?to=198[.]51[.]100[.]7",
            ),
            ("访问bad.example查看 on srv01", "访问bad[.]example查看 on srv01"),
            (
                "https://x.bad.example/ https://good.example/",
                "hxxps://x.bad[.]example/ https://good.example/",
            ),
            ("hxxp://bad[.]example", "hxxp://bad[.]example"),
        ] {
            assert_eq!(defanger.text(text), expected);
        }
        assert_eq!(of(&[]).text("https://good.example"), "https://good.example");
    }

    proptest! {
        #[test]
        fn no_suspicious_name_is_left(parts in proptest::collection::vec("bad\\.|example|BAD\\.EXAMPLE|https?://|[ -~é]", 0..30)) {
            let text = parts.concat();
            let defanged = of(&[("http://bad.example/x", EntityType::Url)]).text(&text);
            prop_assert!(!defanged.to_lowercase().contains("bad.example"), "{defanged}");
            prop_assert!(!defanged.to_lowercase().contains("http://bad[.]"), "{defanged}");
        }
    }
}
