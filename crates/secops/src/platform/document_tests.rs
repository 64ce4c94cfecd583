use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Document, MEGABYTE};
use crate::platform::input::Targets;
use crate::{ActionResult, JsonItem, JsonResult, Link, Rows, ScriptForm, ScriptResult, Table};

fn item(name: &str, report: &str, risky: bool) -> JsonItem {
    JsonItem {
        name: name.to_owned(),
        report: Arc::from(RawValue::from_string(report.to_owned()).unwrap()),
        risky,
    }
}

fn result(items: Vec<JsonItem>) -> ActionResult {
    let script_result = ScriptResult {
        name: "is_success",
        value: true,
        form: ScriptForm::Text,
    };
    ActionResult {
        json_result: JsonResult::List(items),
        ..ActionResult::new("Scan IP", script_result, "done é")
    }
}

fn typed(names: &[&str]) -> Targets {
    Targets::Typed(
        names
            .iter()
            .map(|name| ((*name).to_owned(), "ADDRESS".to_owned()))
            .collect(),
    )
}

fn written(result: &ActionResult, targets: &Targets, megabytes: u64) -> (String, Value, Value) {
    let mut out = Vec::new();
    Document::of(result, targets, megabytes)
        .write(&mut out, "log\n")
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let objects = serde_json::from_str(document["ResultObjectJson"].as_str().unwrap()).unwrap();
    (text, document, objects)
}

#[test]
fn the_document_has_the_platforms_keys_in_its_order_and_is_ascii() {
    let mut result = result(vec![item("8.8.8.8", r#"{"b":"é<","a":1.10}"#, false)]);
    result.tables.push(Table {
        title: "8.8.8.8".to_owned(),
        rows: Rows::new(&["hostname"], || vec![vec!["a,b".to_owned()]]),
        is_answer: false,
    });
    result.links.push(Link {
        title: "8.8.8.8".to_owned(),
        url: "https://v/".to_owned(),
    });
    let (text, document, objects) = written(&result, &typed(&["8.8.8.8"]), 15);
    assert!(text.is_ascii() && !text.contains('<'));
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "Message",
            "ResultObjectJson",
            "ResultValue",
            "DebugOutput",
            "ExecutionState"
        ]
    );
    assert_eq!(
        (
            &document["Message"],
            &document["ResultValue"],
            &document["ExecutionState"]
        ),
        (&json!("done é"), &json!("true"), &json!(0))
    );
    assert_eq!(
        objects.to_string(),
        json!({
            "8.8.8.8_None": {
                "Title": "8.8.8.8", "Type": null, "IsForEntity": true, "Content": "", "RawJson": "",
                "CSVLines": ["hostname", "a b"], "Attachments": {}, "Htmls": {}, "Markdowns": {}, "Links": ["https://v/"],
            },
            "JsonResult": {
                "Title": "JsonResult", "Type": null, "IsForEntity": false, "Content": "",
                "RawJson": objects["JsonResult"]["RawJson"], "CSVLines": "", "Attachments": {}, "Htmls": {}, "Markdowns": {},
            },
        })
        .to_string()
    );
    let raw = objects["JsonResult"]["RawJson"].as_str().unwrap();
    assert_eq!(
        raw,
        r#"[{"EntityResult":{"b":"\u00e9\u003c","a":1.10},"Entity":"8.8.8.8"}]"#
    );
}

#[test]
fn older_platforms_get_bare_keys_without_types() {
    let mut result = result(Vec::new());
    result.links.push(Link {
        title: "x".to_owned(),
        url: "https://v/".to_owned(),
    });
    let (_, _, objects) = written(&result, &Targets::Untyped(vec!["X".to_owned()]), 15);
    assert_eq!(objects["x"]["IsForEntity"], false);
    assert!(objects["x"].get("Type").is_none() && objects["JsonResult"].get("Type").is_none());
}

#[test]
fn what_is_too_much_is_left_out_by_whole_reports_with_the_risky_ones_kept() {
    let report = format!(r#"{{"q":"{}"}}"#, r#"\"é"#.repeat(10_000));
    let items = (0..60)
        .map(|n| item(&format!("e{n}"), &report, n >= 55))
        .collect();
    let mut result = result(items);
    result.tables.push(Table {
        title: "e0".to_owned(),
        rows: Rows::new(&["a"], || vec![vec!["x".repeat(2_000_000)]]),
        is_answer: false,
    });
    let (_, document, objects) = written(&result, &typed(&[]), 1);
    assert!(document["ResultObjectJson"].as_str().unwrap().len() as u64 <= MEGABYTE);
    let kept: Vec<Value> = serde_json::from_str(objects["JsonResult"]["RawJson"].as_str().unwrap()).unwrap();
    let names: Vec<&str> = kept.iter().map(|item| item["Entity"].as_str().unwrap()).collect();
    assert!(names.len() > 5 && names.len() < 60);
    assert_eq!(names[names.len() - 5..], ["e55", "e56", "e57", "e58", "e59"]);
    assert_eq!(names[0], "e0");
    let message = document["Message"].as_str().unwrap();
    let note = format!("The JSON result holds {} of 60 reports", names.len());
    assert!(
        message.contains(&note) && message.contains("Tables and links of 1 of 1 titles"),
        "{message}"
    );
    assert!(
        kept.iter()
            .all(|item| item["EntityResult"]["q"].as_str().unwrap().len() == 30_000)
    );
}

#[test]
fn a_waiting_run_hands_its_state_over_as_text() {
    let mut out = Vec::new();
    Document::waiting("Continuing...", &json!({"version": 1}))
        .write(&mut out, "")
        .unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"Message":"Continuing...","ResultObjectJson":"{}","ResultValue":"{\"version\":1}","DebugOutput":"","ExecutionState":1}"#
    );
}
