//! Cases from what people have: a text, a file, a mail with who wrote to whom, its links and what is attached.

use mail_parser::{Address, Message, MessageParser, MimeHeaders};
use secops::{Entity, EntityType};
use sha2::{Digest, Sha256};

use crate::text::{hex, visible};
use crate::{Error, NewAlert, NewCase, indicators};

/// Mails within mails that are looked into.
const DEEPEST: usize = 4;
/// Of a title, in characters.
const LONGEST_TITLE: usize = 500;
/// Of a mail's text, in characters, that the case shows.
const LONGEST_TEXT: usize = 50_000;

/// A case that is to be made of a text: what it names becomes entities. Without a title it gets the text's first line.
#[must_use]
pub fn case_of_text(title: &str, text: String) -> NewCase {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    let title = match title.trim() {
        "" => first.unwrap_or("A text").chars().take(LONGEST_TITLE).collect(),
        title => title.to_owned(),
    };
    let alert = NewAlert {
        name: "Text".to_owned(),
        product: "workdesk".to_owned(),
        entities: indicators(&text),
        ..NewAlert::default()
    };
    NewCase {
        title,
        description: text,
        alerts: vec![alert],
        ..NewCase::default()
    }
}

/// A case that is to be made of a file: a mail (`.eml`), a case as JSON (`.json`), or a text.
///
/// # Errors
/// [`Error::Invalid`] for a mail or a case that can't be read.
pub fn case_of_file(name: &str, bytes: &[u8]) -> Result<NewCase, Error> {
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("eml") => case_of_mail(bytes),
        Some("json") => serde_json::from_slice(bytes)
            .map_err(|error| Error::Invalid(told(&format!("{name} is no case as JSON: {error}")))),
        _ => {
            let text = String::from_utf8_lossy(bytes);
            Ok(case_of_text(name, text.trim_start_matches('\u{feff}').to_owned()))
        }
    }
}

/// What is wrong with a file, in which there may be anything: within bounds, and without what writes to a terminal.
fn told(words: &str) -> String {
    let words: String = words.chars().take(LONGEST_TITLE).collect();
    visible(&words).chars().take(LONGEST_TITLE).collect()
}

/// A case that is to be made of a mail as it is stored: an `.eml` file.
///
/// Attachments become entities by their SHA-256; their contents are not kept.
///
/// # Errors
/// [`Error::Invalid`] for bytes that are no mail.
pub fn case_of_mail(bytes: &[u8]) -> Result<NewCase, Error> {
    let mail = MessageParser::default().parse(bytes);
    let mail = mail.filter(|mail| mail.from().is_some() || mail.subject().is_some());
    let mail = mail
        .ok_or_else(|| Error::Invalid("this is no mail: it has neither a sender nor a subject".to_owned()))?;
    let mut entities = Vec::new();
    gather(&mail, 0, &mut entities);
    let subject = mail
        .subject()
        .map(str::trim)
        .filter(|subject| !subject.is_empty());
    let title = subject.unwrap_or("A mail without a subject");
    let title: String = title.chars().take(LONGEST_TITLE).collect();
    let alert = NewAlert {
        name: title.clone(),
        product: "mail".to_owned(),
        entities: distinct(entities),
        ..NewAlert::default()
    };
    Ok(NewCase {
        title,
        description: description(&mail),
        alerts: vec![alert],
        ..NewCase::default()
    })
}

/// Everything that the mail names, and the mails in it.
fn gather(mail: &Message<'_>, depth: usize, entities: &mut Vec<Entity>) {
    let people = [
        mail.from(),
        mail.sender(),
        mail.reply_to(),
        mail.to(),
        mail.cc(),
        mail.bcc(),
    ];
    for address in people.into_iter().flatten().flat_map(addresses) {
        entities.extend(indicators(&address));
    }
    if let Some(subject) = mail.subject() {
        entities.extend(indicators(subject));
    }
    for place in 0..mail.text_body_count() {
        if let Some(text) = mail.body_text(place) {
            entities.extend(indicators(&text));
        }
    }
    for place in 0..mail.html_body_count() {
        if let Some(markup) = mail.body_html(place) {
            entities.extend(indicators(&without_marks(&markup)));
        }
    }
    for attachment in mail.attachments() {
        if let Some(inner) = attachment.message().filter(|_| depth < DEEPEST) {
            gather(inner, depth + 1, entities);
            continue;
        }
        let contents = attachment.contents();
        let digest = hex(&Sha256::digest(contents));
        let mut entity = Entity::new(digest, EntityType::FileHash);
        let name = attachment.attachment_name().unwrap_or_default();
        let properties = &mut entity.additional_properties;
        properties.insert("FileName".to_owned(), name.into());
        properties.insert("FileSize".to_owned(), contents.len().into());
        entities.push(entity);
    }
}

fn addresses(of: &Address<'_>) -> Vec<String> {
    let all = of.iter().filter_map(|address| address.address());
    all.map(str::to_owned).collect()
}

/// Markup in which attributes stand apart, so that a link is a word.
fn without_marks(markup: &str) -> String {
    markup.replace(['"', '\'', '<', '>'], " ").replace("&amp;", "&")
}

fn distinct(entities: Vec<Entity>) -> Vec<Entity> {
    let mut seen = std::collections::HashSet::new();
    let mut kept = entities;
    kept.retain(|entity| seen.insert((entity.identifier.to_uppercase(), entity.entity_type.clone())));
    kept
}

fn description(mail: &Message<'_>) -> String {
    let mut lines = Vec::new();
    let people = [
        ("From", mail.from()),
        ("Reply-To", mail.reply_to()),
        ("To", mail.to()),
        ("Cc", mail.cc()),
    ];
    for (name, address) in people {
        if let Some(address) = address {
            lines.push(format!("{name}: {}", addresses(address).join(", ")));
        }
    }
    if let Some(date) = mail.date() {
        lines.push(format!("Date: {}", date.to_rfc3339()));
    }
    if let Some(id) = mail.message_id() {
        lines.push(format!("Message-ID: {id}"));
    }
    if let Some(text) = mail.body_text(0) {
        lines.push(String::new());
        lines.push(text.chars().take(LONGEST_TEXT).collect());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secops::EntityType;

    use super::{LONGEST_TITLE, case_of_file, case_of_mail};

    const MAIL: &str = "From: \"Billing\" <billing@bad.example>\r\nTo: jane@corp.example\r\nReply-To: x@other.example\r\n\
        Subject: =?utf-8?Q?Rechnung_f=C3=BCr_M=C3=A4rz?=\r\nMIME-Version: 1.0\r\nDate: Mon, 2 Feb 2026 10:00:00 +0000\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
        <p>Please <a href=\"https://bad.example/pay?a=1&amp;b=2\">pay</a> via 198.51.100.7</p>\r\n--b\r\n\
        Content-Type: application/pdf; name=\"bill.pdf\"\r\nContent-Disposition: attachment; filename=\"bill.pdf\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";

    #[test]
    fn a_mail_gives_its_people_links_and_attachments() {
        let case = case_of_mail(MAIL.as_bytes()).unwrap();
        assert_eq!(case.title, "Rechnung für März");
        assert!(
            case.description.contains("From: billing@bad.example"),
            "{}",
            case.description
        );
        let entities = &case.alerts[0].entities;
        let has = |name: &str, entity_type: EntityType| {
            entities
                .iter()
                .any(|own| own.identifier == name && own.entity_type == entity_type)
        };
        for person in ["billing@bad.example", "jane@corp.example", "x@other.example"] {
            assert!(has(person, EntityType::User), "{person}: {entities:?}");
        }
        assert!(
            has("https://bad.example/pay?a=1&b=2", EntityType::Url),
            "{entities:?}"
        );
        assert!(has("198.51.100.7", EntityType::Address));
        // SHA-256 of "hello".
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let file = entities.iter().find(|own| own.identifier == hash).unwrap();
        assert_eq!(file.additional_properties["FileName"], "bill.pdf");
    }

    #[test]
    fn what_is_no_mail_is_told() {
        for bytes in [&b""[..], b"hello", b"\xff\xfe\x00", b"{\"a\": 1}"] {
            assert!(case_of_mail(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_long_subject_is_cut_wherever_it_is_shown() {
        let case = case_of_mail(format!("Subject: {}\n\nx", "ä ".repeat(5000)).as_bytes()).unwrap();
        for shown in [&case.title, &case.alerts[0].name] {
            assert_eq!(shown.chars().count(), LONGEST_TITLE);
        }
    }

    #[test]
    fn a_file_can_not_write_to_the_terminal_by_what_is_wrong_with_it() {
        let content = format!("{{\"a\\u001b[2J{}\": 1}}", "x".repeat(100_000));
        let words = case_of_file("b\r.json", content.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(!words.contains(char::is_control), "{words:?}");
        assert!(
            words.len() < 1000 && words.contains("is no case as JSON"),
            "{words}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(bytes: Vec<u8>) {
            let _ = case_of_mail(&bytes);
            let _ = case_of_mail(&[b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n", &bytes[..]].concat());
        }
    }
}
