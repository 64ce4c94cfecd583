//! A platform that refuses, fails, dawdles, breaks off and talks nonsense.

use std::time::Duration;

use serde_json::json;
use test_platform::{Call, Context, Entity, Fault, FaultKind, Host, Run, TargetFormat, check_run};

use crate::behind::Behind;
use crate::scene::{
    HASH, PING, SCAN_HASH, Scene, at_once, case_of, hash_context, one_risky_hash, risky_hash, stored, told,
};

/// Enough for every try, and an end for those that try until it.
const TIME: Duration = Duration::from_secs(20);

fn scanned(scene: &Scene, hash: &str) -> Run {
    scene.run(
        SCAN_HASH,
        hash_context(TargetFormat::New, &[hash]).deadline_in(TIME),
    )
}

fn is_whole(scene: &Scene, hash: &str, run: &Run) {
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        run.message()
    );
    assert_eq!(scene.platform.insights().len(), 1);
    assert_eq!(scene.platform.entity(hash, HASH).unwrap()["is_suspicious"], true);
    assert_eq!(run.json_result().as_array().unwrap().len(), 1);
}

#[test]
fn a_wrong_app_key_is_one_clear_sentence() {
    let (scene, hash) = one_risky_hash();
    let host = Host {
        key: "a-wrong-app-key".to_owned(),
        ..scene.platform.host()
    };
    let launch =
        test_platform::Launch::new(env!("CARGO_BIN_EXE_vtsecops"), &["action", SCAN_HASH], host).unwrap();
    let launch = launch.context(hash_context(TargetFormat::New, &[&hash]));
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(
        (run.state(), run.value()),
        (Some(2), json!(false)),
        "{}",
        told(std::slice::from_ref(&run))
    );
    assert!(
        run.message().contains("401") && run.message().contains("app key"),
        "{}",
        run.message()
    );
    assert!(!run.message().contains("a-wrong-app-key") && !run.stderr.contains("a-wrong-app-key"));
    assert_eq!(
        scene.platform.calls(),
        [Call::Configuration],
        "no second call with that key"
    );
    assert!(scene.simulator.calls().is_empty());
}

#[test]
fn one_failure_of_a_read_or_of_the_entities_is_made_good() {
    let kinds = [
        FaultKind::Status(500),
        FaultKind::Status(502),
        FaultKind::Status(503),
        FaultKind::Status(429),
        FaultKind::Reset,
    ];
    at_once(
        [Call::Configuration, Call::AlertFullDetails, Call::UpdateEntities],
        |call| {
            at_once(kinds.clone(), |kind| {
                let (scene, hash) = one_risky_hash();
                scene
                    .platform
                    .add_fault(Fault::new(kind.clone()).on(call).times(1));
                let run = scanned(&scene, &hash);
                is_whole(&scene, &hash, &run);
                assert!(scene.platform.count(call) > 1, "{call} {kind:?}");
            });
        },
    );
}

#[test]
fn an_answer_that_is_cut_off_is_asked_for_again() {
    at_once([Call::Configuration, Call::AlertFullDetails], |call| {
        let (scene, hash) = one_risky_hash();
        scene
            .platform
            .add_fault(Fault::new(FaultKind::Truncated).on(call).times(1));
        is_whole(&scene, &hash, &scanned(&scene, &hash));
    });
}

#[test]
fn an_insight_that_may_have_arrived_is_not_left_twice() {
    at_once([FaultKind::Status(500), FaultKind::Reset], |kind| {
        let (scene, hash) = one_risky_hash();
        scene
            .platform
            .add_fault(Fault::new(kind).on(Call::CreateCaseInsight).times(1));
        let run = scanned(&scene, &hash);
        assert_eq!(scene.platform.count(Call::CreateCaseInsight), 1);
        keeps_all_but_the_insight(&scene, &hash, &run);
    });
}

fn keeps_all_but_the_insight(scene: &Scene, hash: &str, run: &Run) {
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        run.message()
    );
    assert!(
        run.message().to_lowercase().contains("insight"),
        "{}",
        run.message()
    );
    assert_eq!(scene.platform.entity(hash, HASH).unwrap()["is_enriched"], true);
    assert_eq!(run.json_result().as_array().unwrap().len(), 1);
}

#[test]
fn a_configuration_that_cannot_be_had_fails_with_its_name() {
    at_once(
        [FaultKind::Status(500), FaultKind::Status(404), FaultKind::Reset],
        |kind| {
            let (scene, hash) = one_risky_hash();
            scene
                .platform
                .add_fault(Fault::new(kind.clone()).on(Call::Configuration));
            let run = scanned(&scene, &hash);
            assert_eq!(
                (run.state(), run.value()),
                (Some(2), json!(false)),
                "{kind:?} {}",
                run.message()
            );
            assert!(run.message().contains("configuration"), "{}", run.message());
            assert!(scene.simulator.calls().is_empty());
        },
    );
}

#[test]
fn an_alert_that_cannot_be_had_is_looked_for_among_all() {
    at_once(
        [
            FaultKind::Status(500),
            FaultKind::Status(404),
            FaultKind::Body("null".to_owned()),
            FaultKind::Body("{}".to_owned()),
            FaultKind::Body("<html>".to_owned()),
            FaultKind::Body("[1, 2]".to_owned()),
            FaultKind::Body(String::new()),
            FaultKind::Body("{\"domain_entities\": 7}".to_owned()),
        ],
        |kind| {
            let (scene, hash) = one_risky_hash();
            scene
                .platform
                .add_fault(Fault::new(kind.clone()).on(Call::AlertFullDetails));
            let run = scanned(&scene, &hash);
            is_whole(&scene, &hash, &run);
            assert_eq!(scene.platform.count(Call::AlertsFullDetails), 1, "{kind:?}");
        },
    );
}

#[test]
fn a_case_that_cannot_be_had_at_all_fails_with_a_clear_message() {
    at_once(
        [
            FaultKind::Status(500),
            FaultKind::Body("<html>".to_owned()),
            FaultKind::Reset,
        ],
        |kind| {
            let (scene, hash) = one_risky_hash();
            for call in [Call::AlertFullDetails, Call::AlertsFullDetails] {
                scene.platform.add_fault(Fault::new(kind.clone()).on(call));
            }
            let run = scanned(&scene, &hash);
            assert_eq!(
                (run.state(), run.value()),
                (Some(2), json!(false)),
                "{kind:?} {}",
                run.message()
            );
            assert!(run.message().contains("alert"), "{kind:?}: {}", run.message());
            assert!(scene.simulator.calls().is_empty());
        },
    );
}

#[test]
fn entities_that_cannot_be_written_leave_the_result_and_are_named() {
    at_once(
        [FaultKind::Status(500), FaultKind::Status(400), FaultKind::Reset],
        |kind| {
            let (scene, hash) = one_risky_hash();
            scene
                .platform
                .add_fault(Fault::new(kind.clone()).on(Call::UpdateEntities));
            let run = scanned(&scene, &hash);
            assert_eq!(run.value(), json!(true), "{kind:?}");
            assert_eq!(run.json_result().as_array().unwrap().len(), 1);
            assert_eq!(scene.platform.insights().len(), 1);
            let message = run.message();
            assert!(
                message.contains("Reports were fetched") && message.contains("entities"),
                "{message}"
            );
        },
    );
}

#[test]
fn insights_that_cannot_be_left_keep_everything_else() {
    at_once(
        [FaultKind::Status(500), FaultKind::Status(403), FaultKind::Reset],
        |kind| {
            let (scene, hash) = one_risky_hash();
            scene
                .platform
                .add_fault(Fault::new(kind).on(Call::CreateCaseInsight));
            let run = scanned(&scene, &hash);
            keeps_all_but_the_insight(&scene, &hash, &run);
        },
    );
}

#[test]
fn garbage_instead_of_a_configuration_is_said_to_be_that() {
    at_once(
        [
            "",
            "<html>",
            "null",
            "[]",
            "7",
            "{\"Api Key\": [1]}",
            "{\"Api Key\"",
            "\u{0}\u{1}",
        ],
        |body| {
            let (scene, hash) = one_risky_hash();
            scene
                .platform
                .add_fault(Fault::new(FaultKind::Body(body.to_owned())).on(Call::Configuration));
            let run = scanned(&scene, &hash);
            assert_eq!(
                (run.state(), run.value()),
                (Some(2), json!(false)),
                "{body:?}: {}",
                run.message()
            );
            assert!(!run.message().is_empty());
            assert!(scene.simulator.calls().is_empty());
        },
    );
}

#[test]
fn whatever_a_write_is_answered_with_is_fine() {
    at_once(["", "<html>", "null", "true", "{\"a\""], |body| {
        let (scene, hash) = one_risky_hash();
        for call in [Call::UpdateEntities, Call::CreateCaseInsight] {
            scene
                .platform
                .add_fault(Fault::new(FaultKind::Body(body.to_owned())).on(call));
        }
        let run = scanned(&scene, &hash);
        assert_eq!((run.state(), run.value()), (Some(0), json!(true)), "{body:?}");
        let quiet = scanned(&one_risky_hash().0, &hash);
        assert_eq!(run.message(), quiet.message(), "{body:?}");
    });
}

#[test]
fn a_slow_platform_is_waited_for() {
    let (scene, hash) = one_risky_hash();
    scene
        .platform
        .add_fault(Fault::new(FaultKind::Delay(Duration::from_millis(100))));
    is_whole(&scene, &hash, &scanned(&scene, &hash));
}

#[test]
fn a_platform_that_is_not_there_fails_and_says_where() {
    let scene = Scene::new([]);
    let host = Host {
        port: 1,
        ..scene.platform.host()
    };
    let launch = test_platform::Launch::new(env!("CARGO_BIN_EXE_vtsecops"), &["action", PING], host).unwrap();
    let launch = launch.context(Context::new().deadline_in(TIME));
    let run = launch.run().unwrap();
    assert_eq!(check_run(&run, &launch.its_context().asked()), [""; 0]);
    assert_eq!((run.state(), run.value()), (Some(2), json!("false")));
    assert!(run.message().contains("127.0.0.1:1"), "{}", run.message());
}

#[test]
fn one_entity_that_is_malformed_does_not_cost_the_others() {
    if Behind::IS_STRICT {
        return;
    }
    let (good, bad) = (risky_hash(1), risky_hash(2));
    let broken = [
        Entity::stored(&bad, HASH).field("additional_properties", json!(null)),
        Entity::stored(&bad, HASH).field("is_suspicious", json!(null)),
        Entity::stored(&bad, HASH).field("creation_time", json!("yesterday")),
        Entity::stored("", HASH),
        Entity::stored(&bad, HASH).field("identifier", json!(null)),
        Entity::stored(&bad, HASH).field("entity_type", json!(7)),
    ];
    at_once(broken, |entity| {
        let scene = Scene::with(
            |builder| builder.case(case_of([entity.clone(), Entity::stored(&good, HASH)])),
            |simulator| simulator,
        );
        let (good, bad) = (stored(&good), stored(&bad));
        let launch = scene.launch(SCAN_HASH, hash_context(TargetFormat::New, &[&bad, &good]));
        let run = launch.run().unwrap();
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{entity:?} {}",
            told(&[run])
        );
        assert_eq!(scene.platform.entity(&good, HASH).unwrap()["is_suspicious"], true);
    });
}

#[test]
fn virustotals_faults_are_made_good_and_what_cannot_be_is_listed() {
    let (scene, hash) = one_risky_hash();
    scene
        .simulator
        .add_fault(simulator::Fault::new(simulator::FaultKind::Status(503)).times(1));
    is_whole(&scene, &hash, &scanned(&scene, &hash));

    let (scene, hash) = one_risky_hash();
    scene
        .simulator
        .add_fault(simulator::Fault::new(simulator::FaultKind::NotJson));
    let run = scene.run(
        SCAN_HASH,
        hash_context(TargetFormat::New, &[&hash]).deadline_in(Duration::from_secs(8)),
    );
    assert_eq!(run.value(), json!(false));
    assert!(
        run.message().contains("The following hashes have failed"),
        "{}",
        run.message()
    );
}
