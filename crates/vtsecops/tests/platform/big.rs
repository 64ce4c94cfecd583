//! A case with thousands of entities, and results that the platform would not take.

use serde_json::json;
use test_platform::{Call, Entity, TargetFormat};

use crate::oracle::{Oracle, report};
use crate::scene::{HASH, SCAN_HASH, Scene, hash_context, stored, told};

const ENTITIES: u64 = 5_000;
const TARGETS: u64 = 1_000;
const MEGABYTE: usize = 1_048_576;

#[test]
fn a_huge_case_is_scanned_whole_and_its_result_is_cut_by_whole_entities() {
    let hashes: Vec<String> = (0..TARGETS)
        .map(|n| stored(&simulator::synthetic_file(n).sha256))
        .collect();
    let others = (TARGETS..ENTITIES).map(|n| Entity::new(&format!("OTHER-{n}"), "PROCESS"));
    let scene = Scene::new(hashes.iter().map(|hash| Entity::stored(hash, HASH)).chain(others));
    let names: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let context = hash_context(TargetFormat::New, &names).set("max_json_result_size", 1);
    // Checked against that size, as every document is.
    let run = scene.run(SCAN_HASH, context);
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        run.message()
    );
    assert_eq!(
        scene.platform.written().len(),
        hashes.len(),
        "enrichment is complete"
    );
    assert_eq!(scene.platform.count(Call::UpdateEntities), 1);
    assert!(
        run.message().contains("1 MB"),
        "{}",
        &run.message()[run.message().len() - 400..]
    );
    let text = run.document.as_ref().unwrap()["ResultObjectJson"]
        .as_str()
        .unwrap();
    assert!(
        text.len() <= MEGABYTE && text.len() > MEGABYTE / 2,
        "{}",
        text.len()
    );
    let result = run.json_result();
    let kept = result.as_array().unwrap();
    assert!(!kept.is_empty() && kept.len() < hashes.len());
    for item in kept {
        assert!(item["EntityResult"]["scans"].as_object().unwrap().len() > 10);
    }
}

#[test]
fn a_result_that_fits_is_not_cut() {
    let hashes: Vec<String> = (0..20)
        .map(|n| stored(&simulator::synthetic_file(n).sha256))
        .collect();
    let scene = Scene::new(hashes.iter().map(|hash| Entity::stored(hash, HASH)));
    let names: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let run = scene.run(SCAN_HASH, hash_context(TargetFormat::Old, &names));
    assert_eq!(
        run.json_result().as_array().unwrap().len(),
        20,
        "{}",
        told(&[run])
    );
    assert!(!run.message().contains("MB"));
}

#[test]
fn one_report_that_is_too_large_leaves_an_empty_list_and_the_enrichment() {
    let hashes = simulator::file_with_positives(12, 1);
    let scene = Scene::new([Entity::stored(&hashes.sha256, HASH)]);
    let mut report = report(&hashes);
    report["filler"] = json!("x".repeat(2 * MEGABYTE));
    let oracle = Oracle::saying(report.to_string());
    let hash = stored(&hashes.sha256);
    let context = hash_context(TargetFormat::New, &[&hash]).set("max_json_result_size", 1);
    let launch = scene
        .launch(SCAN_HASH, context)
        .variable("VTSECOPS_VIRUSTOTAL_URL", oracle.base_url());
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        run.message()
    );
    assert_eq!(run.json_result(), json!([]));
    assert!(run.message().contains("1 MB"), "{}", run.message());
    assert_eq!(scene.property(&hash, HASH, "VT_positives"), json!(5));
}
