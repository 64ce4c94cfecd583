//! Texts that want to be something else: CSV, markup, formulas, half characters.

use serde_json::{Value, json};
use test_platform::{Alert, Case, Context, Entity, Run, TargetFormat, csv_fields};

use crate::behind::Behind;
use crate::oracle::{Oracle, report};
use crate::scene::{
    ADDRESS, DOMAIN, FORMATS, HASH, HOSTNAME, SCAN_HASH, SCAN_IP, SCAN_URL, Scene, UPLOAD, URL, USER,
    at_once, case_of, context, hash_context, risky_hash, stored, told,
};

const TEXTS: [&str; 12] = [
    "a\"b'c`d",
    "line\r\nbreak\tand\u{b}more",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "<script>alert(1)</script><img src=x onerror=y>",
    "😀\u{10ffff}\u{200f}\u{202e}",
    "nul\u{0}nul",
    "{\"Message\": \"x\"}",
    "\\u0022,\\\\,%22",
    "ÄÖß\u{feff}",
];

/// No cell of a table is a formula.
fn no_formula(run: &Run) {
    for member in run.objects().as_object().unwrap().values() {
        for line in member["CSVLines"].as_array().into_iter().flatten() {
            for field in csv_fields(line.as_str().unwrap()).unwrap() {
                assert!(!field.trim_start().starts_with(['=', '+', '-', '@']), "{field}");
            }
        }
    }
}

#[test]
fn identifiers_that_are_no_objects_are_listed_and_not_sent() {
    for format in FORMATS {
        for (action, entity_type) in [
            (SCAN_HASH, HASH),
            (SCAN_IP, ADDRESS),
            (SCAN_URL, URL),
            (DOMAIN, HOSTNAME),
            (DOMAIN, USER),
        ] {
            let scene = Scene::new(TEXTS.map(|text| Entity::new(text, entity_type)));
            let targets = TEXTS.map(|text| (text, entity_type));
            let run = scene.run(action, context(format, &targets).parameter("Threshold", "3"));
            assert_eq!(run.code, Some(0), "{}", told(std::slice::from_ref(&run)));
            no_formula(&run);
            let asked: Vec<String> = scene
                .simulator
                .calls()
                .into_iter()
                .flat_map(|call| call.resources)
                .collect();
            assert!(asked.is_empty(), "{action}: {asked:?}");
        }
    }
}

#[test]
fn hostile_fields_of_entities_go_back_as_they_came() {
    if Behind::IS_STRICT {
        return;
    }
    let hash = risky_hash(1);
    let mut entity = Entity::stored(&hash, HASH);
    for (n, text) in TEXTS.iter().enumerate() {
        entity = entity
            .property(&format!("p{n} {text}"), *text)
            .field(&format!("f{n} {text}"), json!({"x": [text, 1.50, 1e300, null]}));
    }
    entity = entity.property(
        "number",
        serde_json::from_str::<Value>("123456789012345678901234567890.10").unwrap(),
    );
    let scene = Scene::new([entity]);
    let run = scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&stored(&hash)]));
    assert_eq!(run.value(), json!(true), "{}", run.message());
    assert_eq!(scene.platform.written().len(), 1);
    let number = scene.property(&stored(&hash), HASH, "number");
    assert_eq!(number.to_string(), "123456789012345678901234567890.10");
}

#[test]
fn half_characters_in_the_case_and_the_context_are_survived() {
    let hash = risky_hash(1);
    for escape in [r"\ud800", r"\udc00", r"\ud83d\ud83d"] {
        let entity = Entity::stored(&hash, HASH).property("Note", "x<S>y");
        let case = Case::new(17).alert(Alert::new("ALERT-1").entity(entity).field("name", "<S>"));
        let scene = Scene::with(
            |builder| builder.case(case).spell("<S>", escape),
            |simulator| simulator,
        );
        let context = hash_context(TargetFormat::New, &[&stored(&hash)])
            .set("environment", "E<S>")
            .parameter("Unknown", "<S>")
            .spell("<S>", escape);
        let launch = scene.launch(SCAN_HASH, context);
        let run = launch.run().unwrap();
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{escape} {}",
            told(&[run])
        );
    }
}

#[test]
fn half_characters_are_written_back_as_they_came() {
    let hash = risky_hash(1);
    let entity = Entity::stored(&hash, HASH).property("Note", "x<S>y");
    let scene = Scene::with(
        |builder| builder.case(case_of([entity])).spell("<S>", r"\ud800"),
        |simulator| simulator,
    );
    scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&stored(&hash)]));
    assert_eq!(scene.property(&stored(&hash), HASH, "Note"), "x<S>y");
}

#[test]
fn hostile_parameters_are_refused_or_ignored() {
    for text in TEXTS {
        let (scene, hash) = crate::scene::one_risky_hash();
        let targets = [(hash.as_str(), HASH)];
        let run = scene.run(
            SCAN_HASH,
            context(TargetFormat::New, &targets).parameter("Threshold", text),
        );
        assert_eq!(run.state(), Some(2), "{text:?}: {}", run.message());
        let run = scene.run(
            SCAN_HASH,
            context(TargetFormat::New, &targets)
                .parameter("Threshold", "3")
                .parameter(text, text),
        );
        assert_eq!(run.value(), json!(true), "{text:?}: {}", run.message());
    }
}

#[test]
fn parameters_of_other_types_do_not_break_the_run() {
    for value in [
        json!([]),
        json!({}),
        json!([1]),
        json!(true),
        json!(1e300),
        json!(-0.0),
    ] {
        let (scene, hash) = crate::scene::one_risky_hash();
        for name in [
            "Threshold",
            "Rescan after days",
            "Fetch Comments",
            "additional_data",
        ] {
            let context = hash_context(TargetFormat::New, &[&hash]).parameter(name, value.clone());
            let run = scene.run(SCAN_HASH, context);
            assert!(run.code == Some(0) && !run.message().is_empty(), "{name} {value}");
        }
    }
}

#[test]
fn files_with_hostile_names_are_uploaded_under_the_names_they_have() {
    let scene = Scene::new([]);
    let keeper = scene.launch(UPLOAD, Context::new());
    let names = [
        "=cmd.bin",
        "<b>bold</b>",
        "quo\"te.bin",
        "😀.bin",
        "line\nbreak.bin",
    ];
    for name in names.map(|name| name.replace("</", "<_")) {
        let path = keeper.work_folder().join(&name);
        std::fs::write(&path, "simulate:positives=12").unwrap();
        let text = path.to_str().unwrap().to_owned();
        let quoted = format!("\"{}\"", text.replace('"', "\"\""));
        scene.platform.clear();
        let launch = scene.launch(
            UPLOAD,
            Context::new()
                .parameter("Threshold", "3")
                .parameter("File Paths", quoted),
        );
        let runs = scene.drive(&launch);
        let run = runs.last().unwrap();
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!("true")),
            "{name}: {}",
            told(&runs)
        );
        assert!(run.json_result().get(&text).is_some(), "{name}");
        no_formula(run);
    }
}

#[test]
fn a_report_full_of_hostile_texts_stays_a_table_and_valid_json() {
    let hashes = simulator::file_with_positives(12, 1);
    let hash = stored(&hashes.sha256);
    let mut report = report(&hashes);
    for text in TEXTS {
        report["scans"][text] = json!({"detected": true, "version": text, "result": text, "update": text});
    }
    report["tags"] = json!(TEXTS);
    report["submission_names"] = json!(TEXTS);
    report["verbose_msg"] = json!(TEXTS.join(""));
    let oracle = Oracle::saying(report.to_string());
    at_once(FORMATS, |format| {
        let scene = Scene::new([Entity::stored(&hashes.sha256, HASH)]);
        let launch = scene
            .launch(SCAN_HASH, hash_context(format, &[&hash]))
            .variable("VTSECOPS_VIRUSTOTAL_URL", oracle.base_url());
        let run = launch.run().unwrap();
        scene.sound(&launch, std::slice::from_ref(&run));
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{}",
            run.message()
        );
        no_formula(&run);
        // JSON keeps exactly what VirusTotal sent.
        assert_eq!(
            run.json_result()[0]["EntityResult"].to_string(),
            report.to_string()
        );
        assert_eq!(
            scene.property(&hash, HASH, "VT_verbose_msg"),
            report["verbose_msg"]
        );
        let table = run.objects();
        let lines = table
            .as_object()
            .unwrap()
            .values()
            .find_map(|member| member["CSVLines"].as_array())
            .unwrap();
        assert_eq!(
            lines.len(),
            TEXTS.len() + 1,
            "a line for each engine and the header"
        );
    });
}

#[test]
fn a_report_is_passed_on_with_its_numbers_and_half_characters() {
    let hashes = simulator::file_with_positives(12, 1);
    let hash = stored(&hashes.sha256);
    let odd = r#""odd": [1.10, 1E5, 123456789012345678901234567890, -0.0], "half": "x\ud800y", "#;
    let text = report(&hashes).to_string().replacen('{', &format!("{{{odd}"), 1);
    let oracle = Oracle::saying(text);
    let scene = Scene::new([Entity::stored(&hashes.sha256, HASH)]);
    let launch = scene
        .launch(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]))
        .variable("VTSECOPS_VIRUSTOTAL_URL", oracle.base_url());
    let run = launch.run().unwrap();
    assert_eq!(
        (run.code, run.state()),
        (Some(0), Some(0)),
        "{}",
        told(std::slice::from_ref(&run))
    );
    let objects = run.objects();
    let raw = objects["JsonResult"]["RawJson"].as_str().unwrap();
    for number in ["1.10", "1E5", "123456789012345678901234567890", "-0.0"] {
        assert!(raw.contains(number), "{number}: {raw}");
    }
    assert!(raw.contains("\"half\""), "{raw}");
}

#[test]
fn a_title_that_is_called_like_the_json_result_does_not_replace_it() {
    for format in FORMATS {
        let hash = risky_hash(1);
        let scene = Scene::new([Entity::stored(&hash, HASH), Entity::new("JsonResult", HOSTNAME)]);
        let run = scene.run(DOMAIN, context(format, &[("JsonResult", HOSTNAME)]));
        assert_eq!(run.code, Some(0));
        assert!(run.objects().as_object().is_some());
    }
}

#[test]
fn a_permalink_that_is_no_web_address_is_not_linked() {
    let hashes = simulator::file_with_positives(12, 1);
    let hash = stored(&hashes.sha256);
    for link in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "",
        "x",
    ] {
        let mut report = report(&hashes);
        report["permalink"] = json!(link);
        let oracle = Oracle::saying(report.to_string());
        let scene = Scene::new([Entity::stored(&hashes.sha256, HASH)]);
        let launch = scene
            .launch(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]))
            .variable("VTSECOPS_VIRUSTOTAL_URL", oracle.base_url());
        let run = launch.run().unwrap();
        scene.sound(&launch, std::slice::from_ref(&run));
        assert_eq!(run.value(), json!(true), "{}", run.message());
        let objects = run.objects();
        let links: Vec<&Value> = objects
            .as_object()
            .unwrap()
            .values()
            .filter_map(|member| member.get("Links"))
            .collect();
        assert!(links.is_empty(), "{link:?}: {links:?}");
    }
}
