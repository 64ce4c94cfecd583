//! Indicators in a text that somebody pasted: hashes, URLs, addresses, domains, mail addresses; defanged or not.

use std::collections::HashSet;

use secops::{Entity, EntityType};
use virustotal::object::{internal_address, internal_host, refang};
use virustotal::{DomainName, FileHash, UrlId};

/// What stands around an indicator and is none of it.
const AROUND: &[char] = &[
    '"', '\'', '`', '<', '>', '(', ')', '{', '}', ',', ';', '|', '*', '“', '”', '‘', '’', '«', '»',
];
/// What ends a sentence, and perhaps an indicator.
const AT_THE_END: &[char] = &['.', ':', '!', '?', ']', '…'];

/// Entities for what the text names, each once, in its order. Private ones are marked as internal: no action sends them.
#[must_use]
pub fn indicators(text: &str) -> Vec<Entity> {
    let mut seen = HashSet::new();
    // A control character is a part of no indicator, and some are not seen.
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let found = words.filter_map(indicator);
    found
        .filter(|entity| seen.insert((entity.identifier.to_uppercase(), entity.entity_type.clone())))
        .collect()
}

/// The indicator that a word is.
fn indicator(word: &str) -> Option<Entity> {
    // Brackets are a part of `1.2.3[.]4`, so the ends are looked at after the middle is put right.
    let word = refang(word);
    let word = word.trim_start_matches(|letter| letter == '[' || AROUND.contains(&letter));
    let word = word.trim_end_matches(|letter| AROUND.contains(&letter) || AT_THE_END.contains(&letter));
    if word.len() < 4 {
        return None;
    }
    if let Ok(hash) = FileHash::parse(word) {
        return Some(Entity::new(hash.as_str(), EntityType::FileHash));
    }
    if word.contains("://") {
        let url = UrlId::parse(word);
        return match &url {
            Ok(url) => Some(Entity::new(url.as_str(), EntityType::Url)),
            Err(error) if error.is_internal() => Some(internal(word, EntityType::Url)),
            Err(_) => None,
        };
    }
    if let Ok(address) = word.parse() {
        return Some(match internal_address(address) {
            None => Entity::new(word, EntityType::Address),
            Some(_) => internal(word, EntityType::Address),
        });
    }
    if let Some((name, host)) = word.rsplit_once('@') {
        let is_mail = !name.is_empty() && !name.contains('@') && DomainName::parse(host).is_ok();
        return is_mail.then(|| Entity::new(word, EntityType::User));
    }
    domain(word)
}

/// A domain, if its ending is one that names end in: most words with a dot are none.
fn domain(word: &str) -> Option<Entity> {
    if !word.contains('.') || word.contains(['/', '\\', '=']) {
        return None;
    }
    match DomainName::parse(word) {
        Ok(domain) => Some(Entity::new(domain.as_str(), EntityType::Domain)),
        // `srv01.corp` is somebody's; `report.pdf` looks the same, and is nothing to ask about either.
        Err(error) if error.is_internal() && internal_host(word).is_some_and(is_known_ending) => {
            Some(internal(word, EntityType::Hostname))
        }
        Err(_) => None,
    }
}

/// Whether the reason is an ending that only private names have.
fn is_known_ending(reason: &str) -> bool {
    !reason.contains("public list")
}

fn internal(word: &str, entity_type: EntityType) -> Entity {
    let mut entity = Entity::new(word, entity_type);
    entity.is_internal = true;
    entity
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::indicators;

    fn found(text: &str) -> Vec<(String, String, bool)> {
        let entities = indicators(text).into_iter();
        entities
            .map(|entity| {
                let kind = entity.entity_type.name().to_owned();
                (entity.identifier, kind, entity.is_internal)
            })
            .collect()
    }

    #[test]
    fn a_report_as_people_write_it_gives_its_indicators_once() {
        let text = "Dropped 44D88612FEA8A8F36DE82E1278ABB02F (see hxxps://bad[.]example/x?y=1).\n\
                    It called 198[.]51.100.7, then 10.0.0.5; mail from \"billing@bad.example\".\n\
                    Again: 44d88612fea8a8f36de82e1278abb02f bad[.]example 2001:db8::1 http://10.0.0.5/admin";
        let expected = [
            ("44d88612fea8a8f36de82e1278abb02f", "FILEHASH", false),
            ("https://bad.example/x?y=1", "DestinationURL", false),
            ("198.51.100.7", "ADDRESS", false),
            ("10.0.0.5", "ADDRESS", true),
            ("billing@bad.example", "USERUNIQNAME", false),
            ("bad.example", "DOMAIN", false),
            ("2001:db8::1", "ADDRESS", false),
            ("http://10.0.0.5/admin", "DestinationURL", true),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, kind, is_internal)| ((*name).to_owned(), (*kind).to_owned(), *is_internal))
            .collect();
        assert_eq!(found(text), expected);
    }

    #[test]
    fn whatever_ends_a_word_is_none_of_it() {
        for text in [
            "(http://bad.example/x?y=1.).",
            "[\"http://bad.example/x?y=1\"];",
            "<[http://bad.example/x?y=1]>…)",
        ] {
            let expected = (
                "http://bad.example/x?y=1".to_owned(),
                "DestinationURL".to_owned(),
                false,
            );
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn control_characters_stand_between_words() {
        let names: Vec<_> = found("bad.example\0 http://bad.example/x)\u{e}8.8.8.8")
            .into_iter()
            .map(|own| own.0)
            .collect();
        assert_eq!(names, ["bad.example", "http://bad.example/x", "8.8.8.8"]);
    }

    #[test]
    fn words_that_only_look_alike_are_none() {
        for text in [
            "e.g. the file report.pdf, version 1.2.3 at 10:30",
            "C:\\Windows\\x.dll",
            "a@b",
            "...",
            "",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_stops_it_and_nothing_is_found_twice(text in ".{0,200}") {
            let all = found(&text);
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            prop_assert_eq!(distinct.len(), all.len());
        }
    }
}
