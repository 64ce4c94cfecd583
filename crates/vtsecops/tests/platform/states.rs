//! States that the original integration left: an instance that is upgraded meanwhile goes on from them.

use serde_json::{Value, json};
use test_platform::{Context, Entity, Run, TargetFormat};

use crate::scene::{
    HASH, SCAN_HASH, SCAN_URL, Scene, UPLOAD, URL, case_of, context, hash_context, risky_hash, stored, told,
};

/// A follow-up with that state, and those after it.
fn resumed(scene: &Scene, action: &str, context: Context, state: &str) -> Vec<Run> {
    let launch = scene.launch(action, context);
    let mut runs = vec![launch.follow_up(state).unwrap()];
    while runs.last().unwrap().state() == Some(1) && runs.len() < 100 {
        let value = runs.last().unwrap().value();
        runs.push(launch.follow_up(value.as_str().unwrap()).unwrap());
    }
    scene.sound(&launch, &runs);
    runs
}

/// The report of a hash as the simulator gives it, by way of an action.
fn report(hash: &str) -> Value {
    let scene = Scene::new([Entity::stored(hash, HASH)]);
    let run = scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&stored(hash)]));
    run.json_result()[0]["EntityResult"].clone()
}

#[test]
fn done_and_queued_hashes_of_the_original_are_finished() {
    let (done, queued) = (risky_hash(1), risky_hash(2));
    let scene = Scene::new([Entity::stored(&done, HASH), Entity::stored(&queued, HASH)]);
    let scan_id = report(&queued)["scan_id"].clone();
    let state = json!({
        stored(&done): {"Report": report(&done), "Task ID": null, "Status": "Done"},
        stored(&queued): {"Report": {}, "Task ID": scan_id, "Status": "Queued"},
    });
    let context = hash_context(TargetFormat::New, &[&stored(&done), &stored(&queued)]);
    let runs = resumed(&scene, SCAN_HASH, context, &state.to_string());
    let run = runs.last().unwrap();
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        told(&runs)
    );
    assert_eq!(
        run.json_result().as_array().unwrap().len(),
        2,
        "{}",
        run.message()
    );
    assert_eq!(
        (scene.platform.written().len(), scene.platform.insights().len()),
        (2, 2)
    );
}

#[test]
fn every_other_status_of_the_original_is_told() {
    let statuses = ["Missing", "Failed", "Forbidden", "Limit", "Done"];
    let hashes: Vec<String> = (0..5).map(|n| stored(&risky_hash(n))).collect();
    let scene = Scene::new(hashes.iter().map(|hash| Entity::stored(hash, HASH)));
    let entries = hashes.iter().zip(statuses).map(|(hash, status)| {
        (
            hash.clone(),
            json!({"Report": {}, "Task ID": null, "Status": status}),
        )
    });
    let state = Value::Object(entries.collect());
    let names: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let runs = resumed(
        &scene,
        SCAN_HASH,
        hash_context(TargetFormat::New, &names),
        &state.to_string(),
    );
    let run = runs.last().unwrap();
    assert_eq!(run.state(), Some(0), "{}", told(&runs));
    for hash in &hashes {
        assert!(
            run.message().to_uppercase().contains(hash),
            "{hash} is not told:\n{}",
            run.message()
        );
    }
    assert!(
        run.message().contains("do not exist on VirusTotal"),
        "{}",
        run.message()
    );
}

#[test]
fn urls_of_the_original_are_finished_under_their_original_spelling() {
    let (known, new) = (
        "http://positives-12.example/Path",
        "http://positives-4.example/Other",
    );
    let scene = Scene::new([Entity::stored(known, URL), Entity::stored(new, URL)]);
    let targets = [stored(known), stored(new)];
    let targets = [(targets[0].as_str(), URL), (targets[1].as_str(), URL)];
    let make = |format| context(format, &targets).parameter("Threshold", "3");
    // Analyses of the simulator's own: it knows no other ids of URLs.
    let rescan = scene.launch(
        SCAN_URL,
        make(TargetFormat::New).parameter("Rescan after days", "0"),
    );
    let reports = scene.drive(&rescan).last().unwrap().json_result();
    scene.platform.clear();
    scene
        .platform
        .put_case(&case_of([Entity::stored(known, URL), Entity::stored(new, URL)]));
    let state = json!({
        known: {"Report": reports[0]["EntityResult"], "Task ID": null, "Status": "Done"},
        new: {"Report": {}, "Task ID": reports[1]["EntityResult"]["scan_id"], "Status": "Queued"},
    });
    let runs = resumed(&scene, SCAN_URL, make(TargetFormat::New), &state.to_string());
    let run = runs.last().unwrap();
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        told(&runs)
    );
    assert_eq!(run.json_result().as_array().unwrap().len(), 2);
    assert_eq!(scene.platform.written().len(), 2);
}

#[test]
fn uploads_of_the_original_are_finished() {
    let (done, pending) = (risky_hash(1), risky_hash(2));
    let scene = Scene::new([]);
    let scan_id = |hash: &str| report(hash)["scan_id"].clone();
    let state = json!([
        [["/srv/done.bin", scan_id(&done), report(&done)]],
        [["/srv/pending.bin", scan_id(&pending)]],
        ["/srv/failed.bin"],
        ["/srv/limit.bin"],
    ]);
    let paths = "/srv/done.bin,/srv/pending.bin,/srv/failed.bin,/srv/limit.bin";
    let context = Context::new()
        .parameter("Threshold", "3")
        .parameter("File Paths", paths);
    let runs = resumed(&scene, UPLOAD, context, &state.to_string());
    let run = runs.last().unwrap();
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!("true")),
        "{}",
        told(&runs)
    );
    let result = run.json_result();
    let mut keys: Vec<&String> = result.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["/srv/done.bin", "/srv/pending.bin"]);
    for path in paths.split(',') {
        assert!(
            run.message().contains(path),
            "{path} is not told:\n{}",
            run.message()
        );
    }
    assert_eq!(scene.platform.insights().len(), 2);
    assert!(scene.simulator.uploads().is_empty());
}

#[test]
fn empty_states_of_the_original_are_understood() {
    for (action, state) in [(SCAN_HASH, "{}"), (SCAN_URL, "{}"), (UPLOAD, "[[], [], [], []]")] {
        let scene = Scene::new([]);
        let context = Context::new()
            .parameter("Threshold", "3")
            .parameter("File Paths", "/srv/x");
        let runs = resumed(&scene, action, context, state);
        assert_ne!(runs.last().unwrap().state(), Some(1), "{action}");
        assert!(!runs.last().unwrap().message().is_empty());
    }
}

#[test]
fn a_state_that_is_none_fails_with_a_reason_and_no_call() {
    for state in [
        "",
        "x",
        "null",
        "7",
        "[]",
        "{\"version\": 99}",
        "{\"a\": 1}",
        "[[1], [2], [3], [4]]",
        "[\"\\ud800\"]",
    ] {
        for action in [SCAN_HASH, SCAN_URL, UPLOAD] {
            let scene = Scene::new([]);
            let context = Context::new()
                .parameter("Threshold", "3")
                .parameter("File Paths", "/srv/x");
            let launch = scene.launch(action, context);
            let run = launch.follow_up(state).unwrap();
            scene.sound(&launch, std::slice::from_ref(&run));
            assert_ne!(run.state(), Some(1), "{action} {state:?}");
            assert!(!run.message().is_empty(), "{action} {state:?}");
            assert!(scene.simulator.calls().is_empty(), "{action} {state:?}");
        }
    }
}

#[test]
fn a_follow_up_in_another_case_than_the_state_says_finds_its_entities_in_any_case() {
    let hash = risky_hash(1);
    let scene = Scene::new([Entity::stored(&hash, HASH)]);
    let state = json!({hash.as_str(): {"Report": report(&hash), "Task ID": null, "Status": "Done"}});
    let runs = resumed(
        &scene,
        SCAN_HASH,
        hash_context(TargetFormat::Old, &[&stored(&hash)]),
        &state.to_string(),
    );
    assert_eq!(runs.last().unwrap().value(), json!(true), "{}", told(&runs));
    assert_eq!(scene.platform.written().len(), 1);
}
