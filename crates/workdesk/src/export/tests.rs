//! Exports of a case whose texts are all hostile, and of a large one.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use secops::{Entity, EntityType, Parameters};
use serde_json::Value;

use super::markdown::escaped;
use super::{Format, Record, export};
use crate::{Case, Priority, Run, RunState, StoredEntity, StoredInsight, WallEntry, WallKind};

const AT: &str = "2026-11-28T07:30:00.5Z";

fn at(seconds: i64) -> Timestamp {
    AT.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn stored(id: i64, name: &str, entity_type: EntityType) -> StoredEntity {
    let mut entity = Entity::new(name.to_uppercase(), entity_type);
    entity
        .additional_properties
        .insert("OriginalIdentifier".to_owned(), name.into());
    StoredEntity {
        id,
        case: 7,
        alert: 1,
        entity,
        created_at: at(0),
        updated_at: at(60),
    }
}

fn flagged(mut stored: StoredEntity, score: &str) -> StoredEntity {
    let entity = &mut stored.entity;
    entity
        .additional_properties
        .insert("VT_Risk Score".to_owned(), score.into());
    (entity.is_suspicious, entity.is_enriched) = (!score.starts_with("0/"), true);
    stored
}

fn record(entities: Vec<StoredEntity>) -> Record {
    let suspicious = entities
        .iter()
        .filter(|stored| stored.entity.is_suspicious)
        .count();
    Record {
        at: at(120),
        case: Case {
            id: 7,
            title: "<b>Bill</b> | =1+1 \u{202e}[x](javascript:alert(1))".to_owned(),
            description: "First line\n# no heading\n`code` https://bad.example/ *bold*".to_owned(),
            environment: "Default Environment".to_owned(),
            priority: Priority::High,
            is_open: true,
            created_by: "ann".to_owned(),
            created_at: at(0),
            updated_at: at(60),
            entities: i64::try_from(entities.len()).unwrap(),
            suspicious: i64::try_from(suspicious).unwrap(),
            stage: "Triage".to_owned(),
            assignee: String::new(),
            tags: vec!["a|b".to_owned()],
        },
        insights: vec![StoredInsight {
            id: 3,
            entity: Some(1),
            run: Some(2),
            title: "Entity insight".to_owned(),
            content: "marked as malicious\nby <10> of 12".to_owned(),
            severity: 1,
            triggered_by: "VirusTotal".to_owned(),
            at: at(30),
        }],
        runs: vec![Run {
            id: 2,
            case: 7,
            action: "Scan Hash".to_owned(),
            instance: "default".to_owned(),
            parameters: Parameters::new().with("Threshold", "3"),
            targets: vec![1],
            state: RunState::Done,
            step: 1,
            saved: None,
            message: "Reports were fetched:\n| a | b |".to_owned(),
            script_result: Some(true.into()),
            result: None,
            requested_by: "ann".to_owned(),
            created_at: at(10),
            started_at: Some(at(11)),
            ended_at: Some(at(20)),
            due_at: at(10),
            deadline_at: None,
            cancel_asked: false,
        }],
        wall: vec![WallEntry {
            id: 1,
            at: at(0),
            kind: WallKind::Comment,
            actor: "ann".to_owned(),
            text: "![x](https://bad.example/pixel.png) <script>alert(1)</script> \u{0}".to_owned(),
            run: None,
        }],
        entities,
    }
}

fn hostile() -> Record {
    record(vec![
        flagged(
            stored(1, "44d88612fea8a8f36de82e1278abb02f", EntityType::FileHash),
            "10/12",
        ),
        flagged(
            stored(2, "http://bad.example/it's?a=1|b", EntityType::Url),
            "5/70",
        ),
        flagged(stored(3, "http://bad.example/x'y", EntityType::Url), "5/70"),
        flagged(stored(4, "198.51.100.7", EntityType::Address), "0/60"),
        stored(5, "198.51.100.7", EntityType::Address),
        stored(6, "2001:db8::1", EntityType::Address),
        flagged(stored(7, "Bad.example", EntityType::Domain), "2/60"),
        stored(8, "billing@bad.example", EntityType::User),
        stored(9, "=cmd|' /C calc'!A0", EntityType::FileName),
        stored(10, "no hash at all", EntityType::FileHash),
        stored(
            11,
            "<img src=x onerror=alert(1)>\u{202e}gpj.exe",
            EntityType::Other("Mine".into()),
        ),
    ])
}

fn text(record: &Record, format: Format) -> String {
    String::from_utf8(export(record, format).unwrap()).unwrap()
}

#[test]
fn exports_are_as_they_were() {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../../tests/golden");
    settings.bind(|| {
        for format in Format::ALL.into_iter().filter(|format| *format != Format::Pdf) {
            insta::assert_snapshot!(format!("export_{}", format.name()), text(&hostile(), format));
        }
    });
}

#[test]
fn every_reference_of_a_bundle_is_in_it_and_nothing_is_there_twice() {
    let bundle: Value = serde_json::from_str(&text(&hostile(), Format::Stix)).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    let ids: Vec<&str> = objects
        .iter()
        .map(|object| object["id"].as_str().unwrap())
        .collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len());
    for object in objects {
        let id = object["id"].as_str().unwrap();
        let (kind, uuid) = id.split_once("--").unwrap();
        assert_eq!((kind, uuid.len()), (object["type"].as_str().unwrap(), 36), "{id}");
        let list = object["object_refs"].as_array().cloned().unwrap_or_default();
        let single = ["created_by_ref", "source_ref", "target_ref"].map(|name| object[name].clone());
        for reference in list.iter().chain(single.iter().filter(|value| !value.is_null())) {
            assert!(ids.contains(&reference.as_str().unwrap()), "{reference} of {id}");
        }
    }
    // Everybody gives this address this id: it follows from the standard's rule.
    let address = record(vec![stored(1, "198.51.100.3", EntityType::Address)]);
    let bundle = text(&address, Format::Stix);
    assert!(
        bundle.contains("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
        "{bundle}"
    );
}

#[test]
fn an_id_stays_when_the_case_changes_and_is_of_no_other_case() {
    let ids = |change: fn(&mut Record)| {
        let mut record = hostile();
        change(&mut record);
        let event: Value = serde_json::from_str(&text(&record, Format::Misp)).unwrap();
        let bundle: Value = serde_json::from_str(&text(&record, Format::Stix)).unwrap();
        (event["Event"]["uuid"].clone(), bundle["id"].clone())
    };
    let first = ids(|_| ());
    let changed = ids(|record| {
        record.case.title = "Another".to_owned();
        (record.case.updated_at, record.at) = (at(500), at(600));
    });
    assert_eq!(first, changed);
    let number = ids(|record| record.case.id = 8);
    let moment = ids(|record| record.case.created_at = at(1));
    for other in [number, moment] {
        assert!(other.0 != first.0 && other.1 != first.1, "{other:?}");
    }
}

#[test]
fn suspicious_names_are_defanged_in_every_text_for_people_and_exact_for_machines() {
    const URL: &str = "http://bad.example/login";
    let mut record = record(vec![
        flagged(stored(1, URL, EntityType::Url), "5/70"),
        flagged(stored(2, "203.0.113.9", EntityType::Address), "5/70"),
        stored(3, "198.51.100.7", EntityType::Address),
    ]);
    let said = format!("Look at {URL}, BAD.example and 203.0.113.9, not at 198.51.100.7");
    record.case.title.clone_from(&said);
    record.case.description.clone_from(&said);
    record.case.tags = vec!["bad.example".to_owned()];
    record.insights[0].content.clone_from(&said);
    record.runs[0].message.clone_from(&said);
    record.wall[0].text.clone_from(&said);
    let pdf = export(&record, Format::Pdf).unwrap();
    let pdf = lopdf::Document::load_mem(&pdf).unwrap();
    let pages: Vec<u32> = pdf.get_pages().keys().copied().collect();
    let pdf = pdf.extract_text(&pages).unwrap().replace('\n', "");
    // What Markdown escapes stands there as people see it.
    let markdown = text(&record, Format::Markdown)
        .replace('\\', "")
        .replace("&#58;", ":");
    for report in [pdf, markdown] {
        let lower = report.to_lowercase();
        assert!(
            !lower.contains("bad.example") && !lower.contains("203.0.113.9"),
            "{report}"
        );
        assert!(report.contains("hxxp://bad[.]example/login"), "{report}");
        assert!(report.contains("198.51.100.7"), "{report}");
    }
    for format in [Format::Json, Format::Csv, Format::Stix, Format::Misp] {
        let exact = text(&record, format);
        assert!(
            exact.contains(URL) && !exact.contains("[.]"),
            "{}: {exact}",
            format.name()
        );
    }
}

#[test]
fn the_printed_report_has_every_entity_and_its_pages_are_numbered() {
    let many: Vec<StoredEntity> = (0..300)
        .map(|n| stored(n, &format!("host-{n}.corp.example"), EntityType::Hostname))
        .collect();
    let mut many = record(many);
    many.wall[0].text = "w".repeat(5_000);
    let bytes = export(&many, Format::Pdf).unwrap();
    assert_eq!(bytes, export(&many, Format::Pdf).unwrap());
    let document = lopdf::Document::load_mem(&bytes).unwrap();
    let pages = document.get_pages();
    assert!(pages.len() > 5, "{}", pages.len());
    let all: Vec<u32> = pages.keys().copied().collect();
    let text = document.extract_text(&all).unwrap().replace('\n', "");
    for n in [0, 150, 299] {
        assert!(text.contains(&format!("host-{n}.corp.example")), "{n}");
    }
    assert!(text.contains(&format!("page 3 of {}", pages.len())));
    let hostile = export(&hostile(), Format::Pdf).unwrap();
    let document = lopdf::Document::load_mem(&hostile).unwrap();
    let all: Vec<u32> = document.get_pages().keys().copied().collect();
    let text = document.extract_text(&all).unwrap().replace('\n', "");
    assert!(
        text.contains("\\u{202e}") && text.contains("hxxp://bad[.]example"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn no_text_is_markup(text in "[ -~\u{a0}-\u{ff}]{0,60}") {
        let escaped = escaped(&text);
        let bytes = escaped.as_bytes();
        for (place, byte) in bytes.iter().enumerate() {
            let before = bytes[..place].iter().rev().take_while(|byte| **byte == b'\\').count();
            if b"|[]*_`~<!".contains(byte) {
                prop_assert!(before % 2 == 1, "{escaped}");
            }
        }
        prop_assert!(!escaped.contains("://") && !escaped.contains("www."), "{escaped}");
        prop_assert!(!escaped.trim_start().starts_with(['#', '-', '+', '=', '>']), "{escaped}");
    }

    #[test]
    fn a_spreadsheet_gets_the_cells_and_no_formula(name in "[!-~][ -~]{0,30}", value in "[ -~\r\n\t]{0,30}") {
        let mut entity = stored(1, name.trim(), EntityType::FileName);
        entity.entity.additional_properties.insert("Note".to_owned(), value.clone().into());
        let bytes = export(&record(vec![entity]), Format::Csv).unwrap();
        let mut reader = ::csv::ReaderBuilder::new().from_reader(bytes.as_slice());
        let header = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let note = row.get(header.iter().position(|name| name == "Note").unwrap()).unwrap();
        prop_assert_eq!(note.strip_prefix('\'').filter(|rest| *rest == value).unwrap_or(note), value.as_str());
        for cell in &row {
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
        }
    }
}
