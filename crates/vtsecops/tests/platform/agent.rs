//! Started by a remote agent.

use serde_json::{Value, json};
use test_platform::{Call, Entity, Form, Remote, TargetFormat};

use crate::scene::{HASH, KEY, SCAN_HASH, Scene, case_of, hash_context, risky_hash, stored, told};

fn remote(scene: &Scene, key: Option<&str>, hash: &str) -> Remote {
    Remote {
        server_api_root: format!("{}/pub/api", scene.platform.origin()),
        environment_api_key: key.map(str::to_owned),
        case: case_of([Entity::stored(hash, HASH)]).full(),
    }
}

#[test]
fn with_a_key_of_the_environment_calls_go_to_the_host_in_the_legacy_form() {
    let hash = risky_hash(1);
    let scene = Scene::new([Entity::stored(&hash, HASH)]);
    scene.platform.expect_form(Form::Legacy);
    let mut host = scene.platform.host();
    // Neither the key nor the address of the command line counts.
    (host.key, host.port) = ("not-used".to_owned(), 1);
    let context = hash_context(TargetFormat::New, &[&stored(&hash)]);
    let launch = test_platform::Launch::new(env!("CARGO_BIN_EXE_vtsecops"), &["action", SCAN_HASH], host)
        .unwrap()
        .context(context)
        .variable("VTSECOPS_VIRUSTOTAL_URL", scene.simulator.base_url())
        .remote(remote(&scene, Some(scene.platform.key()), &hash));
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        told(&[run])
    );
    assert_eq!(
        scene.calls(),
        [Call::Configuration, Call::CreateCaseInsight, Call::UpdateEntities]
    );
    assert_eq!(
        scene.platform.entity(&stored(&hash), HASH).unwrap()["is_suspicious"],
        true
    );
    assert!(!launch.work_folder().join("rest_calls.json").exists());
}

#[test]
fn the_proxy_settings_of_the_platform_are_not_fetched() {
    let hash = risky_hash(1);
    let scene = Scene::new([Entity::stored(&hash, HASH)]);
    let context = hash_context(TargetFormat::New, &[&stored(&hash)]).set("use_proxy_settings", true);
    let launch = scene
        .launch(SCAN_HASH, context)
        .remote(remote(&scene, Some(scene.platform.key()), &hash));
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(run.value(), json!(true), "{}", told(&[run]));
    assert_eq!(scene.platform.count(Call::ProxySettings), 0);
}

#[test]
fn without_a_key_the_configuration_cannot_be_read_and_the_run_says_so() {
    let hash = risky_hash(1);
    let scene = Scene::new([]);
    let context = hash_context(TargetFormat::New, &[&stored(&hash)]);
    let launch = scene
        .launch(SCAN_HASH, context)
        .remote(remote(&scene, None, &hash));
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(
        (run.state(), run.value()),
        (Some(2), json!(false)),
        "{}",
        told(std::slice::from_ref(&run))
    );
    assert!(
        run.message().contains("agent") || run.message().contains("configuration"),
        "{}",
        run.message()
    );
    assert!(scene.platform.requests().is_empty());
}

#[test]
fn without_a_key_of_the_environment_but_with_one_for_virustotal_writes_are_left_for_the_agent() {
    let hash = risky_hash(1);
    let scene = Scene::new([]);
    let context = hash_context(TargetFormat::New, &[&stored(&hash)]);
    let launch = scene
        .launch(SCAN_HASH, context)
        .variable("VTSECOPS_API_KEY", KEY)
        .remote(remote(&scene, None, &hash));
    // What is there already stays.
    std::fs::write(
        launch.work_folder().join("rest_calls.json"),
        "[{\"https://before\": 1}]",
    )
    .unwrap();
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        told(std::slice::from_ref(&run))
    );
    assert!(scene.platform.requests().is_empty());
    let text = std::fs::read_to_string(launch.work_folder().join("rest_calls.json")).unwrap();
    let calls: Value = serde_json::from_str(&text).unwrap();
    let calls = calls.as_array().unwrap();
    let addresses: Vec<&String> = calls
        .iter()
        .map(|call| call.as_object().unwrap().keys().next().unwrap())
        .collect();
    let address = |name: &str| {
        format!(
            "{}/api/external/v1/sdk/{name}?format=snake",
            scene.platform.origin()
        )
    };
    assert_eq!(
        addresses,
        [
            "https://before",
            &address("CreateCaseInsight"),
            &address("UpdateEntities")
        ]
    );
    let entities = calls[2].as_object().unwrap().values().next().unwrap();
    assert_eq!(entities[0]["identifier"], json!(stored(&hash)));
    assert_eq!(entities[0]["additional_properties"]["IsSuspicious"], "True");
}

#[test]
fn a_remote_agent_that_left_no_case_is_told_so() {
    let hash = risky_hash(1);
    let scene = Scene::new([]);
    let mut remote = remote(&scene, Some(scene.platform.key()), &hash);
    for case in [json!(null), json!({}), json!([])] {
        remote.case = case;
        let launch = scene
            .launch(SCAN_HASH, hash_context(TargetFormat::New, &[&stored(&hash)]))
            .remote(remote.clone());
        let run = launch.run().unwrap();
        scene.sound(&launch, std::slice::from_ref(&run));
        assert_eq!(run.state(), Some(2), "{}", told(std::slice::from_ref(&run)));
        assert!(run.message().contains("case_data.json"), "{}", run.message());
    }
}
