//! What the platform gets of every action, pinned: result documents, insights, entities and calls. How each differs from the
//! original integration, and why, is in `docs/compatibility.md`.

use serde_json::{Value, json};
use test_platform::{Context, Entity, Run, TargetFormat};

use crate::scene::{
    ADDRESS, DOMAIN, HASH, HOSTNAME, PING, SCAN_HASH, SCAN_IP, SCAN_URL, Scene, UPLOAD, URL, case_of, context,
};

/// One action on the seed's object.
struct Case {
    name: &'static str,
    action: &'static str,
    sample: Option<&'static str>,
    target: Option<(&'static str, &'static str)>,
    parameters: &'static [(&'static str, &'static str)],
}

const CASES: [Case; 7] = [
    Case {
        name: "ping",
        action: PING,
        sample: None,
        target: None,
        parameters: &[],
    },
    Case {
        name: "get_domain_report",
        action: DOMAIN,
        sample: Some("seed_get_domain_report"),
        target: Some(("example.co.in", HOSTNAME)),
        parameters: &[],
    },
    Case {
        name: "scan_hash",
        action: SCAN_HASH,
        sample: Some("seed_scan_hash"),
        target: Some(("44d88612fea8a8f36de82e1278abb02f", HASH)),
        parameters: &[("Threshold", "3")],
    },
    Case {
        name: "scan_hash_refined",
        action: SCAN_HASH,
        sample: Some("seed_scan_hash"),
        target: Some(("44d88612fea8a8f36de82e1278abb02f", HASH)),
        parameters: &[
            ("Threshold", "1"),
            ("Engine Allowlist", "bkav, Nobody"),
            ("Engine Percentage Threshold", "100"),
            ("Enrichment Prefix", "none"),
        ],
    },
    Case {
        name: "scan_ip",
        action: SCAN_IP,
        sample: Some("seed_scan_ip"),
        target: Some(("192.0.2.1", ADDRESS)),
        parameters: &[("Threshold", "5")],
    },
    Case {
        name: "scan_url",
        action: SCAN_URL,
        sample: Some("seed_scan_url"),
        target: Some(("http://example.php", URL)),
        parameters: &[("Threshold", "5"), ("Create Insight", "false")],
    },
    Case {
        name: "upload_and_scan_file",
        action: UPLOAD,
        sample: Some("seed_upload_and_scan_file"),
        target: Some(("file_path", "FILENAME")),
        parameters: &[("Threshold", "3"), ("Upload Policy", "Always")],
    },
];

#[test]
fn what_the_platform_gets_of_every_action_is_as_it_was() {
    for case in CASES {
        let document = document(&case);
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../golden/platform" }, {
            insta::assert_snapshot!(case.name, document);
        });
    }
}

fn document(case: &Case) -> String {
    let entity = case.target.map(|(text, kind)| Entity::stored(text, kind));
    let scene = Scene::with(
        |builder| builder.case(case_of(entity)),
        |simulator| {
            simulator
                .clock(|| "2026-11-24T12:00:00Z".parse().unwrap())
                .scan_for(std::time::Duration::ZERO)
        },
    );
    if let Some(sample) = case.sample {
        assert!(scene.simulator.put_sample(sample), "{sample}");
    }
    let target = case.target.map(|(text, kind)| (text.to_uppercase(), kind));
    let targets: Vec<(&str, &str)> = target.iter().map(|(text, kind)| (text.as_str(), *kind)).collect();
    let mut order: Context = context(TargetFormat::New, &targets);
    for (name, value) in case.parameters {
        order = order.parameter(name, *value);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file_path");
    std::fs::write(&path, "harmless\n").unwrap();
    if case.action == UPLOAD {
        order = order.parameter("File Paths", path.to_str().unwrap());
    }
    let launch = scene.launch(case.action, order);
    let runs: Vec<Value> = scene.drive(&launch).iter().map(shown).collect();
    let calls: Vec<String> = scene
        .platform
        .calls()
        .iter()
        .map(|call| format!("{call:?}"))
        .collect();
    let document = json!({
        "runs": runs,
        "insights": scene.platform.insights(),
        "entities": scene.platform.written(),
        "platform calls": calls,
        "VirusTotal calls": scene.simulator.calls().len(),
    });
    serde_json::to_string_pretty(&document)
        .unwrap()
        .replace(folder.path().to_str().unwrap(), "{folder}")
}

/// A run's document, what is JSON inside it opened.
fn shown(run: &Run) -> Value {
    let mut objects = run.objects();
    if let Some(member) = objects.pointer_mut("/JsonResult/RawJson") {
        *member = run.json_result();
    }
    let in_progress = run.state() == Some(1);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    json!({
        "Message": lines(&run.message()),
        // A state holds the time.
        "ResultValue": if in_progress { json!("{state}") } else { run.value() },
        "ExecutionState": run.state(),
        "ResultObjectJson": objects,
    })
}
