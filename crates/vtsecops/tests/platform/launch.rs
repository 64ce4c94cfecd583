//! What the platform says at the start: arguments, environment, context.

use serde_json::{Value, json};
use test_platform::{Context, Entity, Form, TargetFormat, check_log};

use crate::scene::{HASH, PING, SCAN_HASH, Scene, hash_context, log_file, one_risky_hash, told};

#[test]
fn a_byte_order_mark_is_allowed() {
    let scene = Scene::new([]);
    let run = scene.run(PING, Context::new().byte_order_mark());
    assert_eq!(run.value(), json!("true"), "{}", run.message());
}

#[test]
fn optional_keys_may_be_absent() {
    let (scene, hash) = one_risky_hash();
    let optional = [
        "workflow_instance_id",
        "parent_workflow_instance_id",
        "execution_deadline_unix_time_ms",
        "async_polling_interval_in_sec",
        "async_total_duration_deadline",
        "script_timeout_deadline",
        "use_proxy_settings",
        "max_json_result_size",
        "vault_settings",
        "pythonVersion",
    ];
    let context = optional
        .into_iter()
        .fold(hash_context(TargetFormat::New, &[&hash]), Context::without);
    let run = scene.run(SCAN_HASH, context);
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        run.message()
    );
}

#[test]
fn required_keys_may_be_absent_too() {
    let (scene, hash) = one_risky_hash();
    let required = [
        "environment",
        "workflow_id",
        "integration_identifier",
        "action_definition_name",
        "original_requesting_user",
        "default_result_value",
        "alert_id",
    ];
    for key in required {
        let run = scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]).without(key));
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{key}: {}",
            run.message()
        );
    }
    let run = scene.run(
        SCAN_HASH,
        hash_context(TargetFormat::New, &[&hash]).without("target_entities"),
    );
    assert_eq!(run.state(), Some(0), "{}", run.message());
    for key in ["parameters", "case_id", "integration_instance"] {
        let run = scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]).without(key));
        assert!(run.code == Some(0) && !run.message().is_empty(), "{key}");
    }
}

#[test]
fn every_key_may_be_null() {
    let (scene, hash) = one_risky_hash();
    let full: Value = serde_json::from_slice(&Context::new().to_bytes(None)).unwrap();
    for key in full.as_object().unwrap().keys() {
        let run = scene.run(
            SCAN_HASH,
            hash_context(TargetFormat::New, &[&hash]).set(key, Value::Null),
        );
        assert!(run.code == Some(0) && !run.message().is_empty(), "{key}");
    }
}

#[test]
fn parameters_may_be_null_and_say_what_is_missing() {
    let (scene, hash) = one_risky_hash();
    let run = scene.run(
        SCAN_HASH,
        hash_context(TargetFormat::New, &[&hash]).set("parameters", Value::Null),
    );
    assert_eq!(run.state(), Some(2));
    assert!(run.message().contains("Threshold"), "{}", run.message());
    let run = scene.run(PING, Context::new().set("parameters", Value::Null));
    assert_eq!(run.value(), json!("true"), "{}", run.message());
}

#[test]
fn the_case_may_be_a_text_or_a_number() {
    for case in [json!("17"), json!(17)] {
        let (scene, hash) = one_risky_hash();
        let run = scene.run(
            SCAN_HASH,
            hash_context(TargetFormat::New, &[&hash]).set("case_id", case.clone()),
        );
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{}",
            run.message()
        );
        assert_eq!(scene.platform.insights()[0]["case_id"], case);
    }
}

#[test]
fn an_action_without_a_case_still_pings() {
    for case in [json!(null), json!(0), json!("-1")] {
        let scene = Scene::new([]);
        let run = scene.run(
            PING,
            Context::new().set("case_id", case).set("alert_id", Value::Null),
        );
        assert_eq!(run.value(), json!("true"), "{}", run.message());
    }
}

#[test]
fn unknown_options_are_ignored() {
    let scene = Scene::new([]);
    let launch = scene
        .launch(PING, Context::new())
        .argument("--debugMode")
        .argument("--useElastic")
        .argument("--futureOption=1")
        .option("--anotherFutureOption", "value");
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(run.value(), json!("true"), "{}", told(&[run]));
}

#[test]
fn options_may_be_shortened_and_joined_with_their_value() {
    let ways: [fn(&str) -> Vec<String>; 4] = [
        |path| vec!["--log".to_owned(), path.to_owned()],
        |path| vec![format!("--logPath={path}")],
        |path| vec![format!("--logP=\"{path}\"")],
        |path| vec!["--logPath".to_owned(), format!("\"{path}\"")],
    ];
    for way in ways {
        let scene = Scene::new([]);
        let launch = scene.bare(PING, Context::new());
        let log = log_file(&launch);
        let launch = way(log.to_str().unwrap())
            .into_iter()
            .fold(launch, |launch, argument| launch.argument(argument))
            .argument("--corr=\"c-1\"")
            .argument("--onePlatform");
        scene.platform.expect_header("correlation_id", "c-1");
        scene.platform.expect_form(Form::OnePlatform);
        let run = launch.run().unwrap();
        scene.sound(&launch, std::slice::from_ref(&run));
        assert_eq!(run.value(), json!("true"), "{}", told(&[run]));
        assert!(!std::fs::read_to_string(&log).unwrap().is_empty());
    }
}

#[test]
fn the_log_file_and_stderr_have_the_same_stamped_lines_and_the_debug_output_the_bare_text() {
    let (scene, hash) = one_risky_hash();
    let launch = scene.launch(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]));
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    let log = std::fs::read_to_string(log_file(&launch)).unwrap();
    assert!(check_log(&log).is_empty() && !log.is_empty());
    assert_eq!(run.stderr, log);
    let debug = run.document.as_ref().unwrap()["DebugOutput"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!debug.is_empty() && !debug.contains(",000 INFO]"), "{debug}");
    let first = log.lines().next().unwrap().split_once("] ").unwrap().1;
    assert!(debug.contains(first), "{debug}");
}

#[test]
fn a_log_file_that_cannot_be_written_is_said_and_the_run_goes_on() {
    let scene = Scene::new([]);
    let launch = scene
        .bare(PING, Context::new())
        .option("--logPath", "/nowhere/at/all/script.log");
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(run.value(), json!("true"));
    assert!(
        run.stderr.contains("/nowhere/at/all/script.log"),
        "{}",
        run.stderr
    );
}

#[test]
fn without_options_and_without_the_word_for_the_run_an_action_begins() {
    let (scene, hash) = one_risky_hash();
    let launch = scene
        .bare(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]))
        .without_which_run();
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(run.value(), json!(true), "{}", told(&[run]));
}

#[test]
fn an_empty_state_on_a_first_run_is_none() {
    let (scene, hash) = one_risky_hash();
    let run = scene.run(
        SCAN_HASH,
        hash_context(TargetFormat::New, &[&hash]).parameter("additional_data", ""),
    );
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        run.message()
    );
}

#[test]
fn input_that_is_no_context_ends_with_1_and_an_empty_stdout() {
    for input in [&b""[..], b"[]", b"{", b"\xff\xfe", b"null", b"{} {}"] {
        let scene = Scene::new([]);
        let launch = scene.launch(PING, Context::new().raw(input));
        let run = launch.run().unwrap();
        scene.sound(&launch, std::slice::from_ref(&run));
        assert_eq!(
            run.code,
            Some(1),
            "{input:?}: {}",
            told(std::slice::from_ref(&run))
        );
    }
}

#[test]
fn an_action_that_does_not_exist_ends_with_its_name_and_an_empty_stdout() {
    let scene = Scene::new([]);
    let launch = scene.launch("Scan Everything", Context::new());
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("Scan Everything"), "{}", run.stderr);
}

#[test]
fn entities_come_in_the_order_of_the_alert_not_of_the_targets() {
    let (a, b) = (crate::scene::risky_hash(1), crate::scene::risky_hash(2));
    let scene = Scene::new([Entity::stored(&a, HASH), Entity::stored(&b, HASH)]);
    let launch = scene.launch(
        SCAN_HASH,
        hash_context(TargetFormat::New, &[&b.to_uppercase(), &a.to_uppercase()]),
    );
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    let result = run.json_result();
    assert_eq!(result[0]["Entity"], json!(a.to_uppercase()), "{result}");
}

#[test]
fn numbers_work_as_parameters() {
    let (scene, hash) = one_risky_hash();
    let context = hash_context(TargetFormat::New, &[&hash])
        .parameter("Threshold", 13)
        .parameter("Rescan after days", 100_000);
    let run = scene.run(SCAN_HASH, context);
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(false)),
        "{}",
        run.message()
    );
}

#[test]
fn a_full_log_file_is_put_aside() {
    let scene = Scene::new([]);
    let launch = scene.launch(PING, Context::new());
    let line = "[2026-01-01,00:00:00,000 INFO] of before\n";
    std::fs::write(log_file(&launch), line.repeat(5_242_880 / line.len() + 1)).unwrap();
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    let aside = launch.work_folder().join("script.log.1");
    assert!(std::fs::metadata(aside).unwrap().len() > 5_000_000);
    assert!(std::fs::metadata(log_file(&launch)).unwrap().len() < 100_000);
}

#[test]
fn a_log_file_is_added_to() {
    let scene = Scene::new([]);
    let launch = scene.launch(PING, Context::new());
    launch.run().unwrap();
    let before = std::fs::read_to_string(log_file(&launch)).unwrap();
    launch.run().unwrap();
    assert!(
        std::fs::read_to_string(log_file(&launch))
            .unwrap()
            .starts_with(&before)
    );
}

#[test]
fn a_synchronous_action_begins_whatever_it_is_told_of_the_run() {
    for state in ["", "null", "x", "{}"] {
        let scene = Scene::new([]);
        let launch = scene.launch(PING, Context::new());
        let run = launch.follow_up(state).unwrap();
        scene.sound(&launch, std::slice::from_ref(&run));
        assert_eq!(run.value(), json!("true"), "{state:?} {}", run.message());
    }
}

#[test]
fn a_target_that_is_spelled_in_another_case_is_found() {
    let hash = crate::scene::risky_hash(1);
    let scene = Scene::new([Entity::stored(&hash, HASH)]);
    let run = scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]));
    assert_eq!(run.value(), json!(true), "{}", run.message());
    assert_eq!(scene.platform.written().len(), 1);
}
