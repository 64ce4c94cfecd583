//! Every output of one result, with hostile text in every place, pinned by golden files.

use proptest::prelude::*;
use secops::{
    ActionResult, Entity, EntityResult, EntityType, ExecutionState, Insight, InsightKind, JsonItem,
    JsonResult, Link, OutcomeKind, Rows, ScriptForm, ScriptResult, Severity, Table,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Format, Spent, Style, render};

/// A formula, HTML, Markdown, a terminal escape, a right-to-left override, a line feed.
const HOSTILE: &str =
    "=cmd|'/c calc'!A1 <script>alert(1)</script> [x](javascript:1) **b** | \u{1b}[31m\u{202e}exe\nnext";

fn entity(
    identifier: &str,
    outcome: OutcomeKind,
    positives: Option<u64>,
    remark: Option<&str>,
) -> EntityResult {
    let risky = positives > Some(2);
    let mut entity = Entity::new(identifier, EntityType::FileHash);
    entity.is_suspicious = risky;
    let mut enrichment = Map::new();
    if outcome == OutcomeKind::Found {
        enrichment.insert("VT_Scan date".to_owned(), "2019-02-05 15:41:52".into());
        enrichment.insert("VT_positives".to_owned(), positives.into());
        enrichment.insert("VT_Detecting Engines".to_owned(), HOSTILE.into());
    }
    let total = positives.map(|_| 60);
    EntityResult {
        is_target: true,
        entity,
        outcome,
        unfinished: false,
        remark: remark.map(str::to_owned),
        risky,
        positives,
        total,
        verdict: None,
        undecided: false,
        enrichment,
    }
}

fn result() -> ActionResult {
    let report =
        RawValue::from_string(r#"{"b":1.10,"a":12345678901234567890123,"scans":{}}"#.to_owned()).unwrap();
    let columns = &["Engine", "Is Malicious", "Result", "Last Analysis"];
    let rows = Rows::new(columns, || {
        vec![["Bkav", "True", HOSTILE, "20190201"].map(str::to_owned).to_vec()]
    });
    ActionResult {
        action: "Scan Hash",
        state: ExecutionState::Completed,
        script_result: ScriptResult {
            name: "is_risky",
            value: true,
            form: ScriptForm::Boolean,
        },
        output_message: "Reports were fetched for the following hashes:\n44d88612fea8a8f36de82e1278abb02f"
            .to_owned(),
        entities: vec![
            entity(
                "44d88612fea8a8f36de82e1278abb02f",
                OutcomeKind::Found,
                Some(54),
                None,
            ),
            entity(
                "e04378820e3ef89a2c064ef7a315581c",
                OutcomeKind::Found,
                Some(0),
                Some("analysed anew"),
            ),
            entity(
                "00000000000000000000000000000000000000000000000000000000000000aa",
                OutcomeKind::Missing,
                None,
                Some("VirusTotal has never seen it"),
            ),
            entity(HOSTILE, OutcomeKind::Skipped, None, Some(HOSTILE)),
        ],
        insights: vec![Insight {
            title: "Entity insight".to_owned(),
            content: format!("VirusTotal - Hash was marked as malicious by 54 of 60 engines. {HOSTILE}"),
            severity: Severity::Warn,
            kind: InsightKind::Entity {
                entity_identifier: "44d88612fea8a8f36de82e1278abb02f".to_owned(),
                entity_type: EntityType::FileHash,
            },
            triggered_by: "VirusTotal".to_owned(),
        }],
        tables: vec![Table {
            title: "44d88612fea8a8f36de82e1278abb02f".to_owned(),
            rows,
            is_answer: false,
        }],
        links: vec![Link {
            title: "44d88612fea8a8f36de82e1278abb02f".to_owned(),
            url: "https://www.virustotal.com/file/275a/analysis/1549381312/".to_owned(),
        }],
        json_result: JsonResult::List(vec![JsonItem {
            name: "44d88612fea8a8f36de82e1278abb02f".to_owned(),
            report: report.into(),
            risky: true,
        }]),
    }
}

fn rendered(format: Format, width: u16) -> String {
    let mut out = Vec::new();
    let spent = Spent {
        calls: [("file/report", 2)].into(),
        kept_answers: 1,
    };
    render(format, &result(), &spent, Style { color: false, width }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_output_is_as_it_was() {
    for (name, format, width) in [
        ("table_wide", Format::Table, 140),
        ("table_narrow", Format::Table, 60),
        ("json", Format::Json, 80),
        ("ndjson", Format::Ndjson, 80),
        ("csv", Format::Csv, 80),
        ("markdown", Format::Markdown, 80),
    ] {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../../tests/golden" }, {
            insta::assert_snapshot!(name, rendered(format, width));
        });
    }
}

#[test]
fn json_keeps_text_digits_and_order_exactly() {
    let text = rendered(Format::Json, 80);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["entities"][3]["identifier"], HOSTILE);
    assert_eq!(
        document["json_result"][0]["EntityResult"].to_string(),
        r#"{"b":1.10,"a":12345678901234567890123,"scans":{}}"#
    );
    let line: Value = serde_json::from_str(rendered(Format::Ndjson, 80).lines().next().unwrap()).unwrap();
    assert_eq!(line["report"]["a"].to_string(), "12345678901234567890123");
}

#[test]
fn one_odd_report_does_not_spoil_the_others() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(300), "]".repeat(300));
    let odd = r#"{"a":{"$serde_json::private::Number":"x"},"b":1,"b":2}"#;
    let mut result = result();
    result.json_result = JsonResult::Object(
        [("deep", deep.as_str()), ("odd", odd)]
            .map(|(name, text)| JsonItem {
                name: name.to_owned(),
                report: RawValue::from_string(text.to_owned()).unwrap().into(),
                risky: false,
            })
            .to_vec(),
    );
    result.entities = ["deep", "odd"]
        .map(|name| entity(name, OutcomeKind::Found, Some(0), None))
        .to_vec();
    for format in [Format::Json, Format::Ndjson] {
        let mut out = Vec::new();
        render(
            format,
            &result,
            &Spent::default(),
            Style {
                color: false,
                width: 80,
            },
            &mut out,
        )
        .unwrap();
        let plain: String = String::from_utf8(out).unwrap().split_whitespace().collect();
        assert!(plain.contains(&deep) && plain.contains(odd), "{plain}");
    }
}

/// Takes a little, then behaves like a pipe whose reader has gone.
struct Gone(usize);

impl std::io::Write for Gone {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_output_tells_a_reader_that_has_gone_from_other_trouble() {
    let mut result = result();
    result.entities = vec![entity("a", OutcomeKind::Found, Some(0), None); 500];
    for format in [
        Format::Table,
        Format::Json,
        Format::Ndjson,
        Format::Csv,
        Format::Markdown,
    ] {
        let style = Style {
            color: false,
            width: 80,
        };
        let error = render(format, &result, &Spent::default(), style, &mut Gone(100)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "{format:?}");
    }
}

#[test]
fn no_line_of_a_narrow_table_is_wider_than_the_terminal() {
    for line in rendered(Format::Table, 60)
        .lines()
        .take_while(|line| !line.starts_with("Insights"))
    {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

proptest! {
    #[test]
    fn csv_parses_back_to_the_text_but_for_the_apostrophe(texts in prop::collection::vec("[ -~\n\r\t\"=+@äש]{0,12}", 1..5)) {
        let mut result = result();
        result.entities = texts.iter().map(|text| entity(text, OutcomeKind::Failed, None, None)).collect();
        let mut out = Vec::new();
        render(Format::Csv, &result, &Spent::default(), Style { color: false, width: 80 }, &mut out).unwrap();
        let mut reader = csv::Reader::from_reader(out.as_slice());
        let cells: Vec<String> = reader.records().map(|record| record.unwrap()[1].to_owned()).collect();
        prop_assert_eq!(cells.len(), texts.len());
        for (cell, text) in cells.iter().zip(&texts) {
            prop_assert!(cell == text || *cell == format!("'{text}"), "{cell:?} {text:?}");
            prop_assert!(!cell.starts_with(['=', '@', '\t', '\r']));
        }
    }

    #[test]
    fn no_control_character_reaches_the_terminal(text in ".{0,30}") {
        let mut result = result();
        result.entities = vec![entity(&text, OutcomeKind::Failed, None, Some(&text))];
        result.output_message = text;
        for width in [60, 120] {
            let mut out = Vec::new();
            render(Format::Table, &result, &Spent::default(), Style { color: false, width }, &mut out).unwrap();
            let shown = String::from_utf8(out).unwrap();
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        }
    }
}
