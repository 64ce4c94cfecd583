//! How long a run may take.

use std::time::Duration;

use serde_json::json;
use test_platform::{Call, Entity, TargetFormat};

use crate::scene::{
    ADDRESS, HASH, SCAN_HASH, SCAN_IP, Scene, case_of, context, hash_context, one_risky_hash, risky_hash,
    stored,
};

#[test]
fn a_deadline_of_0_is_no_limit() {
    for deadline in [json!(0), json!(null), json!("0")] {
        let (scene, hash) = one_risky_hash();
        let context = hash_context(TargetFormat::New, &[&hash])
            .set("execution_deadline_unix_time_ms", deadline.clone())
            .set("script_timeout_deadline", 0);
        let run = scene.run(SCAN_HASH, context);
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{deadline} {}",
            run.message()
        );
    }
}

#[test]
fn a_deadline_in_the_past_ends_at_once_and_lists_what_was_not_reached() {
    for (action, entity_type, identifier) in [
        (SCAN_HASH, HASH, stored(&risky_hash(1))),
        (SCAN_IP, ADDRESS, "198.51.100.7".to_owned()),
    ] {
        let scene = Scene::new([Entity::stored(&identifier, entity_type)]);
        let context = context(TargetFormat::New, &[(&identifier, entity_type)])
            .parameter("Threshold", "3")
            .set("execution_deadline_unix_time_ms", 1_700_000_000_000_u64);
        let run = scene.run(action, context);
        assert_eq!(run.state(), Some(3), "{}", run.message());
        let message = run.message().to_uppercase();
        assert!(
            message.contains(&identifier) && message.contains("TIME RAN OUT"),
            "{}",
            run.message()
        );
        assert!(scene.simulator.calls().is_empty());
    }
}

#[test]
fn a_near_deadline_ends_in_time_with_what_is_finished() {
    let address = |n: u64| simulator::synthetic_ip(n).to_string();
    let addresses: Vec<String> = (0..8).map(address).collect();
    let scene = Scene::new(addresses.iter().map(|address| Entity::new(address, ADDRESS)));
    // The first are answered; then VirusTotal says nothing more.
    scene
        .simulator
        .add_fault(simulator::Fault::new(simulator::FaultKind::Hang).for_resource(&addresses[7]));
    let targets: Vec<(&str, &str)> = addresses
        .iter()
        .map(|address| (address.as_str(), ADDRESS))
        .collect();
    let context = context(TargetFormat::New, &targets).deadline_in(Duration::from_secs(4));
    let launch = scene.launch(SCAN_IP, context).limit(Duration::from_secs(8));
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert!(run.message().contains(&addresses[7]), "{}", run.message());
    assert_eq!(
        run.json_result().as_array().unwrap().len(),
        7,
        "{}",
        run.message()
    );
    assert_eq!(scene.platform.written().len(), 7);
    assert_eq!(run.value(), json!("true"));
}

#[test]
fn a_long_quota_wait_does_not_outlast_the_deadline() {
    let hashes: Vec<String> = (0..3).map(risky_hash).collect();
    let entities: Vec<Entity> = hashes.iter().map(|hash| Entity::stored(hash, HASH)).collect();
    let scene = Scene::with(|builder| builder.case(case_of(entities)), |simulator| simulator);
    scene
        .simulator
        .add_fault(simulator::Fault::new(simulator::FaultKind::Quota));
    let names: Vec<String> = hashes.iter().map(|hash| stored(hash)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let context = hash_context(TargetFormat::New, &names).deadline_in(Duration::from_secs(3));
    let launch = scene.launch(SCAN_HASH, context).limit(Duration::from_secs(8));
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(run.value(), json!(false));
    assert!(
        run.message().contains("API request limitation"),
        "{}",
        run.message()
    );
}

#[test]
fn the_last_run_of_an_asynchronous_action_concludes_with_what_there_is() {
    let hash = risky_hash(1);
    let scene = Scene::with(
        |builder| builder.case(case_of([Entity::stored(&hash, HASH)])),
        |simulator| simulator.scan_for(Duration::from_secs(3600)),
    );
    // All runs together should have been over long ago: there will be no other.
    let context = hash_context(TargetFormat::New, &[&stored(&hash)])
        .parameter("Rescan after days", "0")
        .set("async_total_duration_deadline", 1_700_000_000_000_u64);
    let run = scene.run(SCAN_HASH, context);
    assert_ne!(run.state(), Some(1), "{}", run.message());
    // The existing report is never lost.
    assert_eq!(run.value(), json!(true), "{}", run.message());
    assert_eq!(scene.platform.count(Call::UpdateEntities), 1);
}

/// Nine hashes, three calls of four; the quota has one left.
fn nine_hashes_and_one_call() -> (Scene, Vec<String>) {
    let hashes: Vec<String> = (0..9).map(risky_hash).collect();
    let entities: Vec<Entity> = hashes.iter().map(|hash| Entity::stored(hash, HASH)).collect();
    let scene = Scene::with(|builder| builder.case(case_of(entities)), |simulator| simulator);
    let refuse = simulator::Fault::new(simulator::FaultKind::Quota).after(1);
    scene.simulator.add_fault(refuse);
    (scene, hashes.iter().map(|hash| stored(hash)).collect())
}

#[test]
fn a_used_up_quota_is_not_waited_for_when_the_action_is_told_so() {
    let (scene, hashes) = nine_hashes_and_one_call();
    let names: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let context = hash_context(TargetFormat::New, &names)
        .parameter("Wait For Quota", "false")
        .deadline_in(Duration::from_secs(600));
    // Killed, should it wait.
    let launch = scene.launch(SCAN_HASH, context).limit(Duration::from_secs(20));
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!((run.state(), run.value()), (Some(0), json!(true)));
    assert_eq!(run.json_result().as_array().unwrap().len(), 4);
    assert!(
        run.message().contains("API request limitation"),
        "{}",
        run.message()
    );
}

#[test]
fn what_the_quota_did_not_allow_is_asked_for_in_the_next_run() {
    let (scene, hashes) = nine_hashes_and_one_call();
    let names: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let context = hash_context(TargetFormat::New, &names)
        .parameter("Wait For Quota", "false")
        // Far ahead: the platform will start the action again.
        .set("async_total_duration_deadline", 4_000_000_000_000_u64);
    let launch = scene.launch(SCAN_HASH, context);
    let first = launch.run().unwrap();
    assert_eq!(first.state(), Some(1), "{}", first.message());
    assert!(
        first.message().contains("wait for the quota of the API key"),
        "{}",
        first.message()
    );
    scene.simulator.clear_faults();
    // The ledger keeps the key closed for a minute after a refusal; here nobody waits for that.
    std::fs::remove_dir_all(launch.home().join(".local/state")).unwrap();
    let state = first.value();
    let second = launch.follow_up(state.as_str().unwrap()).unwrap();
    scene.sound(&launch, &[first, second.clone()]);
    assert_eq!((second.state(), second.value()), (Some(0), json!(true)));
    assert_eq!(second.json_result().as_array().unwrap().len(), 9);
    assert_eq!(scene.platform.written().len(), 9);
}
