//! A result on standard output, held against the protocol.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::context::TargetFormat;
use crate::csv;
use crate::json::Members;
use crate::process::Run;

/// What the launch said that decides the result's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Decides keys and members of the result objects.
    pub format: TargetFormat,
    /// Identifiers of the target entities.
    pub targets: Vec<String>,
    /// Largest `ResultObjectJson`.
    pub max_json_result_size_mb: u64,
}

const KEYS: [&str; 5] = [
    "Message",
    "ResultObjectJson",
    "ResultValue",
    "DebugOutput",
    "ExecutionState",
];
const JSON_RESULT: &str = "JsonResult";
const MEGABYTE: u64 = 1_048_576;
const IN_PROGRESS: u64 = 1;

/// What is wrong with how a run ended: its document where it ended well, otherwise that there is one, or no reason.
#[must_use]
pub fn check_run(run: &Run, asked: &Asked) -> Vec<String> {
    let mut wrong = Vec::new();
    if run.timed_out {
        wrong.push("it did not end".to_owned());
    } else if run.code == Some(0) {
        wrong.extend(check_document(&run.stdout, asked));
    } else {
        if !run.stdout.is_empty() {
            wrong.push(format!("exit status {:?}, but something on stdout", run.code));
        }
        if run.stderr.trim().is_empty() {
            wrong.push(format!("exit status {:?} without a word", run.code));
        }
    }
    wrong
}

/// What is wrong with a result.
#[must_use]
pub fn check_document(stdout: &[u8], asked: &Asked) -> Vec<String> {
    let mut wrong = Vec::new();
    if !stdout.is_ascii() {
        wrong.push("stdout is not ASCII".to_owned());
    }
    let text = String::from_utf8_lossy(stdout);
    if text.trim() != text {
        wrong.push("stdout has blanks around the document".to_owned());
    }
    let document = match Members::read(&text) {
        Ok(document) => document,
        Err(error) => {
            wrong.push(format!("stdout is not one JSON object: {error}"));
            return wrong;
        }
    };
    if document.keys() != KEYS {
        wrong.push(format!("the keys are {:?}", document.keys()));
    }
    let value = |key| {
        document
            .text(key)
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
    };
    for key in ["Message", "DebugOutput"] {
        if !value(key).is_some_and(|value| value.is_string()) {
            wrong.push(format!("{key} is no string"));
        }
    }
    let state = value("ExecutionState").and_then(|state| state.as_u64());
    if state.is_none_or(|state| state > 3) {
        wrong.push(format!("ExecutionState is {:?}", value("ExecutionState")));
    }
    check_value(value("ResultValue"), state, &mut wrong);
    match value("ResultObjectJson") {
        Some(Value::Null) => {}
        Some(Value::String(objects)) => check_objects(&objects, asked, &mut wrong),
        other => wrong.push(format!(
            "ResultObjectJson is neither null nor a string: {other:?}"
        )),
    }
    wrong
}

fn check_value(value: Option<Value>, state: Option<u64>, wrong: &mut Vec<String>) {
    match value {
        Some(Value::String(text)) if state == Some(IN_PROGRESS) => {
            if let Err(error) = serde_json::from_str::<Value>(&text) {
                wrong.push(format!("in progress, but ResultValue holds no JSON: {error}"));
            }
        }
        Some(other) if state == Some(IN_PROGRESS) => {
            wrong.push(format!("in progress, but ResultValue is {other}"));
        }
        None | Some(Value::Array(_) | Value::Object(_)) => {
            wrong.push("ResultValue is no plain value".to_owned());
        }
        Some(_) => {}
    }
}

fn check_objects(text: &str, asked: &Asked, wrong: &mut Vec<String>) {
    if !text.is_ascii() {
        wrong.push("ResultObjectJson is not ASCII inside".to_owned());
    }
    if text.chars().count() as u64 > asked.max_json_result_size_mb * MEGABYTE {
        wrong.push(format!(
            "ResultObjectJson has {} characters",
            text.chars().count()
        ));
    }
    let objects = match Members::read(text) {
        Ok(objects) => objects,
        Err(error) => {
            wrong.push(format!("ResultObjectJson holds no JSON object: {error}"));
            return;
        }
    };
    let mut keys = objects.keys();
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair.first() == pair.last()) {
        wrong.push(format!("two members are called {:?}", twice.first()));
    }
    for (key, member) in &objects.0 {
        check_member(key, member, asked, wrong);
    }
}

fn check_member(key: &str, member: &RawValue, asked: &Asked, wrong: &mut Vec<String>) {
    let Ok(member) = Members::read(member.get()) else {
        wrong.push(format!("{key:?} is no object"));
        return;
    };
    let mut expected = vec!["Title"];
    if asked.format == TargetFormat::New {
        expected.push("Type");
    }
    expected.extend([
        "IsForEntity",
        "Content",
        "RawJson",
        "CSVLines",
        "Attachments",
        "Htmls",
        "Markdowns",
    ]);
    if member.text("Links").is_some() {
        expected.push("Links");
    }
    if member.keys() != expected {
        wrong.push(format!("{key:?} has the keys {:?}", member.keys()));
    }
    let value = |name| {
        member
            .text(name)
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .unwrap_or_default()
    };
    let mut complain = |what: String| wrong.push(format!("{key:?}: {what}"));
    let title = value("Title");
    let title = title.as_str().unwrap_or_default();
    let is_json_result = title == JSON_RESULT && key == JSON_RESULT;
    let due = match asked.format {
        _ if is_json_result => JSON_RESULT.to_owned(),
        TargetFormat::New => format!("{title}_None"),
        TargetFormat::Old => title.to_owned(),
    };
    if key != due {
        complain(format!("the title is {title:?}"));
    }
    if !value("Type").is_null() {
        complain("Type is not null".to_owned());
    }
    let same = |as_is: bool| {
        asked.targets.iter().any(|target| {
            if as_is {
                target == title
            } else {
                target.to_lowercase() == title.to_lowercase()
            }
        })
    };
    let due = same(true) && !is_json_result;
    // Spelled in another case, it may be the entity or not.
    let is_certain = is_json_result || !same(false) || same(true);
    if !value("IsForEntity").is_boolean() || (is_certain && value("IsForEntity") != Value::Bool(due)) {
        complain(format!("IsForEntity is {}", value("IsForEntity")));
    }
    if value("Content") != "" {
        complain("Content is not empty".to_owned());
    }
    check_raw_json(&value("RawJson"), is_json_result, &mut complain);
    check_lines(&value("CSVLines"), &mut complain);
    for name in ["Attachments", "Htmls", "Markdowns"] {
        let of_strings = value(name)
            .as_object()
            .is_some_and(|files| files.values().all(Value::is_string));
        if !of_strings {
            complain(format!("{name} is no object of strings"));
        }
    }
    if member.text("Links").is_some() {
        let links = value("Links");
        if !links
            .as_array()
            .is_some_and(|links| !links.is_empty() && links.iter().all(Value::is_string))
        {
            complain("Links is no list of strings with one at least".to_owned());
        }
    }
}

fn check_raw_json(value: &Value, required: bool, complain: &mut impl FnMut(String)) {
    match value.as_str() {
        Some("") if !required => {}
        Some(text) => {
            if let Err(error) = serde_json::from_str::<Box<RawValue>>(text) {
                complain(format!("RawJson holds no JSON: {error}"));
            }
        }
        None => complain("RawJson is no string".to_owned()),
    }
}

fn check_lines(value: &Value, complain: &mut impl FnMut(String)) {
    let lines = match value {
        Value::String(text) if text.is_empty() => return,
        Value::Array(lines) => lines,
        _ => return complain("CSVLines is neither \"\" nor a list".to_owned()),
    };
    let mut width = None;
    for line in lines {
        let fields = line.as_str().and_then(csv::fields);
        let Some(fields) = fields else {
            complain(format!("{line} is no line of CSV"));
            continue;
        };
        if *width.get_or_insert(fields.len()) != fields.len() {
            complain(format!("{line} has {} fields", fields.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Asked, TargetFormat, check_document};

    fn asked(format: TargetFormat) -> Asked {
        Asked {
            format,
            targets: vec!["8.8.8.8".to_owned()],
            max_json_result_size_mb: 1,
        }
    }

    fn member() -> Value {
        json!({"Title": "8.8.8.8", "Type": null, "IsForEntity": true, "Content": "", "RawJson": "", "CSVLines":
            ["a,b", "\"1,2\",3"], "Attachments": {}, "Htmls": {}, "Markdowns": {}, "Links": ["https://x.example"]})
    }

    fn json_result() -> Value {
        json!({"Title": "JsonResult", "Type": null, "IsForEntity": false, "Content": "", "RawJson": "[]",
            "CSVLines": "", "Attachments": {}, "Htmls": {}, "Markdowns": {}})
    }

    fn document(objects: &Value) -> Value {
        json!({"Message": "m", "ResultObjectJson": objects.to_string(), "ResultValue": "true", "DebugOutput": "",
            "ExecutionState": 0})
    }

    fn wrong(document: &Value) -> Vec<String> {
        check_document(document.to_string().as_bytes(), &asked(TargetFormat::New))
    }

    #[test]
    fn a_good_document_passes_in_both_formats() {
        let objects = json!({"8.8.8.8_None": member(), "JsonResult": json_result()});
        assert_eq!(wrong(&document(&objects)), [""; 0]);
        let mut old = json!({"8.8.8.8": member(), "JsonResult": json_result()});
        for member in old.as_object_mut().unwrap().values_mut() {
            member.as_object_mut().unwrap().shift_remove("Type");
        }
        let text = document(&old).to_string();
        assert_eq!(
            check_document(text.as_bytes(), &asked(TargetFormat::Old)),
            [""; 0]
        );
        assert!(!check_document(text.as_bytes(), &asked(TargetFormat::New)).is_empty());
    }

    #[test]
    fn each_flaw_of_the_frame_is_found() {
        let good = document(&json!({}));
        for (name, value, said) in [
            ("Message", json!(null), "Message is no string"),
            ("DebugOutput", json!(1), "DebugOutput is no string"),
            ("ExecutionState", json!(4), "ExecutionState is"),
            ("ExecutionState", json!("0"), "ExecutionState is"),
            ("ResultValue", json!([]), "no plain value"),
            ("ResultObjectJson", json!({}), "neither null nor a string"),
            ("ResultObjectJson", json!("[]"), "no JSON object"),
            (
                "ResultObjectJson",
                json!(" ".repeat(1_100_000) + "{}"),
                "characters",
            ),
            ("Extra", json!(1), "the keys are"),
        ] {
            let mut document = good.clone();
            document[name] = value;
            let wrong = wrong(&document);
            assert!(wrong.len() == 1 && wrong[0].contains(said), "{said}: {wrong:?}");
        }
        let mut in_progress = good;
        in_progress["ExecutionState"] = json!(1);
        in_progress["ResultValue"] = json!(true);
        assert!(wrong(&in_progress)[0].contains("in progress"));
        in_progress["ResultValue"] = json!("not json");
        assert!(wrong(&in_progress)[0].contains("holds no JSON"));
        in_progress["ResultValue"] = json!("{\"a\": 1}");
        assert_eq!(wrong(&in_progress), [""; 0]);
    }

    #[test]
    fn what_is_not_one_ascii_object_is_found() {
        let good = document(&json!({})).to_string();
        let of = |text: &str| check_document(text.as_bytes(), &asked(TargetFormat::New));
        assert!(of(&format!("{good}\n"))[0].contains("blanks"));
        assert!(of(&format!("{good}{good}"))[0].contains("not one JSON object"));
        assert!(of("")[0].contains("not one JSON object"));
        assert!(of(&good.replace("\"m\"", "\"ü\""))[0].contains("not ASCII"));
        let doubled = good.replacen('{', "{\"Message\": \"n\", ", 1);
        assert!(of(&doubled)[0].contains("the keys are"));
        let inside = document(&json!({"x": "ü"})).to_string().replace('ü', "\\u00fc");
        assert!(of(&inside)[0].contains("not ASCII inside"));
    }

    #[test]
    fn each_flaw_of_a_member_is_found() {
        for (name, value, said) in [
            ("Title", json!("other"), "the title is"),
            ("Type", json!("ADDRESS"), "Type is not null"),
            ("IsForEntity", json!(false), "IsForEntity"),
            ("Content", json!("x"), "Content"),
            ("RawJson", json!("{"), "RawJson holds no JSON"),
            ("RawJson", json!({}), "RawJson is no string"),
            ("CSVLines", json!({}), "CSVLines is neither"),
            ("CSVLines", json!(["a,b", "c"]), "has 1 fields"),
            ("CSVLines", json!(["a\"b"]), "no line of CSV"),
            ("Attachments", json!([]), "Attachments"),
            ("Htmls", json!({"a": 1}), "Htmls"),
            ("Links", json!([]), "Links"),
            ("More", json!(1), "has the keys"),
        ] {
            let mut member = member();
            member[name] = value;
            let wrong = wrong(&document(&json!({"8.8.8.8_None": member})));
            assert!(
                wrong.iter().any(|wrong| wrong.contains(said)),
                "{said}: {wrong:?}"
            );
        }
        let objects = format!("{{\"JsonResult\": {0}, \"JsonResult\": {0}}}", json_result());
        let mut twice = document(&json!({}));
        twice["ResultObjectJson"] = json!(objects);
        assert!(wrong(&twice)[0].contains("two members"));
        let mut empty = json_result();
        empty["RawJson"] = json!("");
        assert!(wrong(&document(&json!({"JsonResult": empty})))[0].contains("RawJson"));
    }
}
