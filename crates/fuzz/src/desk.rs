//! What people give the workdesk: texts, mails, cases, playbooks.

use std::collections::{BTreeMap, HashSet};

use secops::{Entity, EntityType};
use serde_json::Value;
use virustotal::object::refang;
use virustotal::{DomainName, FileHash, UrlId};
use workdesk::playbook::{Due, Facts, Offered, Outlook, Problem, States, StepState, diagram, outline};
use workdesk::{NewCase, Playbook, case_of_file, case_of_mail, case_of_text, indicators};

use crate::{check_words, parts};

/// A text that somebody pasted.
pub(crate) fn indicators_in_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = indicators(&text);
    check_entities(&found, text.len());
    let words: Vec<String> = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .map(|word| refang(word).to_lowercase())
        .collect();
    for entity in &found {
        let name = entity.identifier.to_lowercase();
        // A URL may have got its canonical form, a domain that of DNS.
        if name.is_ascii() && text.is_ascii() && entity.entity_type != EntityType::Url {
            let bare = name.trim_end_matches('.');
            assert!(
                words.iter().any(|word| word.contains(bare)),
                "{entity:?} stands in the text"
            );
        }
        check_indicator(entity);
        let again = indicators(&entity.identifier);
        assert_eq!(
            again,
            std::slice::from_ref(entity),
            "an indicator is found in itself"
        );
    }
    let case = case_of_text("", text.to_string());
    assert!(!case.title.is_empty() && case.title.chars().count() <= 500);
}

fn check_indicator(entity: &Entity) {
    let name = &entity.identifier;
    assert!(!name.contains(char::is_whitespace), "{name:?}");
    match entity.entity_type {
        EntityType::FileHash => assert_eq!(FileHash::parse(name).unwrap().as_str(), name),
        EntityType::Domain => assert_eq!(DomainName::parse(name).unwrap().as_str(), name),
        EntityType::Url => match UrlId::parse(name) {
            Ok(url) => assert_eq!((url.as_str(), entity.is_internal), (name.as_str(), false)),
            Err(error) => assert!(error.is_internal() && entity.is_internal),
        },
        EntityType::Address => assert!(name.parse::<std::net::IpAddr>().is_ok()),
        EntityType::Hostname => assert!(entity.is_internal),
        EntityType::User => assert!(DomainName::parse(name.rsplit_once('@').unwrap().1).is_ok()),
        ref other => panic!("{other}"),
    }
}

/// Each once, and no more than a text of that length can name.
fn check_entities(entities: &[Entity], length: usize) {
    let mut seen = HashSet::new();
    for entity in entities {
        assert!(
            seen.insert((entity.identifier.to_uppercase(), entity.entity_type.clone())),
            "{entity:?}"
        );
        assert!(entity.identifier.len() <= 3 * length + 100, "{entity:?}");
    }
}

/// A mail as it is stored.
pub(crate) fn mail(data: &[u8]) {
    let case = match case_of_mail(data) {
        Ok(case) => case,
        Err(error) => return check_words(&error.to_string(), 200),
    };
    check_case(&case);
    assert_eq!(case.alerts.len(), 1);
    check_entities(&case.alerts[0].entities, data.len());
    assert!(case.title.chars().count() <= 500);
    assert!(
        case.alerts[0].name.chars().count() <= 500,
        "the alert's name has an end"
    );
    assert!(case.description.len() <= 300_000 + 4 * data.len());
    for entity in &case.alerts[0].entities {
        if entity.entity_type == EntityType::FileHash && entity.additional_properties.contains_key("FileName")
        {
            assert_eq!(
                FileHash::parse(&entity.identifier).unwrap().as_str(),
                entity.identifier
            );
        }
    }
}

/// A file that becomes a case, and its name.
pub(crate) fn case_file(data: &[u8]) {
    let [name, content] = parts(data);
    let name = String::from_utf8_lossy(name);
    for name in [&*name, "case.json", "mail.eml", "notes.txt"] {
        match case_of_file(name, content) {
            Ok(case) => check_case(&case),
            Err(error) => check_words(&error.to_string(), 500 + name.len()),
        }
    }
}

/// It can be written as JSON and read again.
fn check_case(case: &NewCase) {
    let text = serde_json::to_vec(case).unwrap();
    assert_eq!(&case_of_file("again.json", &text).unwrap(), case);
}

/// A playbook, carried out to its end where it can be read, and a JSON that its actions result in.
pub(crate) fn playbook(data: &[u8]) {
    let [text, result] = parts(data);
    let text = String::from_utf8_lossy(text);
    check_problems(&Playbook::check_text(&text), text.len());
    let playbook = match Playbook::read(&text) {
        Ok(playbook) => playbook,
        Err(problems) => {
            assert!(!problems.is_empty());
            return check_problems(&problems, text.len());
        }
    };
    assert!(!playbook.steps.is_empty());
    assert_eq!(Playbook::read(&text).as_ref(), Ok(&playbook));
    let problems = playbook.check(&Offered::default());
    check_problems(&problems, text.len());
    let result = serde_json::from_slice(result).ok();
    for failing in [false, true] {
        carry_out(&playbook, result.as_ref(), failing, text.len());
    }
}

fn check_problems(problems: &[Problem], length: usize) {
    for problem in problems {
        assert!(problem.line.is_none_or(|line| line <= length as u64 + 1));
        check_words(&problem.to_string(), 2000 + 12 * length);
        assert!(!problem.words.is_empty());
    }
}

/// Every step begins once at most, and there is an end.
fn carry_out(playbook: &Playbook, result: Option<&Value>, failing: bool, length: usize) {
    let mut states: States = BTreeMap::new();
    let entities = [Entity::new(
        "44d88612fea8a8f36de82e1278abb02f",
        EntityType::FileHash,
    )];
    let facts = Facts { entities: &entities };
    loop {
        draw(playbook, &states, length);
        let (due, outlook) = playbook.due(&states, facts);
        let begun: Vec<(String, StepState)> = due
            .iter()
            .map(|due| (due.id().to_owned(), ended(due, result, failing)))
            .collect();
        match outlook {
            Outlook::GoesOn => assert!(!begun.is_empty(), "it goes on"),
            Outlook::Done | Outlook::Failed { .. } => {
                assert!(begun.is_empty());
                return;
            }
        }
        for (id, state) in begun {
            assert!(
                !states.contains_key(&id) || has_twins(playbook),
                "{id} begins once"
            );
            states.insert(id, state);
        }
        assert!(states.len() <= length, "no more steps than are written down");
    }
}

/// Two steps of one id: [`Playbook::check`] refuses them.
fn has_twins(playbook: &Playbook) -> bool {
    let problems = playbook.check(&Offered::default());
    problems
        .iter()
        .any(|problem| problem.words.contains("there are two steps"))
}

fn ended(due: &Due<'_>, result: Option<&Value>, failing: bool) -> StepState {
    match due {
        Due::Action { .. } if failing => StepState::Failed,
        Due::Approval { .. } => StepState::Chose(!failing),
        Due::Choose { outcome, .. } => StepState::Chose(*outcome),
        Due::Skip { .. } => StepState::Skipped,
        _ => StepState::Done {
            script_result: result.cloned(),
        },
    }
}

/// The pictures can be drawn, are not out of proportion, and nothing of the text is markup in them.
fn draw(playbook: &Playbook, states: &States, length: usize) {
    for markup in [
        diagram(playbook, states).into_string(),
        outline(playbook, states).into_string(),
    ] {
        assert!(markup.len() <= 4000 + 3000 * length);
        assert!(!markup.contains("<script"));
    }
}
