//! Runs: asked for, taken, ended, whatever happens in between.

use std::time::Duration;

use secops::EntityType::{Address, Domain, FileHash, Url};
use secops::Parameters;
use serde_json::{Value, json};
use simulator::unknown_file;
use workdesk::{Error, NewRun, RunState, WallKind};

use crate::scene::{EICAR, Scene, scan, simulator};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_enriches_its_entities_and_says_so_in_the_case() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let unknown = unknown_file(1).sha256;
    let case = scene
        .case(&[(EICAR, FileHash), (&unknown, FileHash), ("bad.example", Domain)])
        .await;
    let asked = engine.ask(scan(&case, "Scan Hash"), "ann").await.unwrap();
    let run = scene.ended(asked.id).await;
    assert_eq!(run.state, RunState::Done, "{}", run.message);
    assert_eq!(run.script_result, Some(Value::Bool(true)));
    let result: Value = serde_json::from_str(run.result.unwrap().get()).unwrap();
    assert!(result["tables"][0]["rows"].as_array().unwrap().len() > 5);
    assert_eq!(result["json_result"], Value::Null);
    let json: Value = serde_json::from_str(&scene.store.json_result(run.id).await.unwrap()).unwrap();
    assert_eq!(
        (json.as_array().unwrap().len(), &json[0]["Entity"]),
        (1, &json!(EICAR.to_uppercase()))
    );
    assert_eq!(json[0]["EntityResult"]["response_code"], 1);

    let entities = scene.store.entities(case.id, 0, 10).await.unwrap();
    let eicar = &entities[0];
    assert!(eicar.entity.is_suspicious && eicar.entity.is_enriched);
    assert!(eicar.entity.additional_properties.contains_key("VT_positives"));
    assert!(!entities[1].entity.is_enriched && !entities[2].entity.is_enriched);
    let history = scene.store.enrichments(eicar.id).await.unwrap();
    assert_eq!((history.len(), history[0].run), (1, Some(run.id)));
    assert_eq!(history[0].changes["VT_positives"].from, None);
    assert_eq!(history[0].changes["is_suspicious"].to, json!(true));
    let insights = scene.store.insights(case.id, 0, u32::MAX).await.unwrap();
    assert_eq!(insights[0].entity, Some(eicar.id));
    assert_eq!(scene.store.case(case.id).await.unwrap().suspicious, 1);
    let wall = scene.store.wall(case.id, None, 10).await.unwrap();
    let kinds: Vec<WallKind> = wall.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [WallKind::Ended, WallKind::Asked, WallKind::Created]);

    // The same again changes nothing, and says nothing of a change.
    let again = engine.ask(scan(&case, "Scan Hash"), "ann").await.unwrap();
    scene.ended(again.id).await;
    assert_eq!(scene.store.enrichments(eicar.id).await.unwrap().len(), 1);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_goes_on_where_the_process_that_began_it_ended() {
    let running = simulator(|builder| builder.scan_for(Duration::from_secs(2))).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let case = scene.case(&[("http://unknown.example/new", Url)]).await;
    let asked = engine.ask(scan(&case, "Scan URL"), "ann").await.unwrap();
    let waiting = scene.until(asked.id, |run| run.state == RunState::Waiting).await;
    assert!(
        waiting.message.contains("http://unknown.example/new"),
        "{}",
        waiting.message
    );
    engine.stop().await;
    let scene = scene.reopened().await;
    let engine = scene.engine(&running).await;
    let run = scene.ended(asked.id).await;
    assert_eq!(run.state, RunState::Done, "{}", run.message);
    assert_eq!(running.count("url/scan"), 1, "nothing is submitted twice");
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_cancelled_before_while_and_not_after() {
    let running = simulator(|builder| builder.latency(Duration::from_secs(1))).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let case = scene
        .case(&[("8.8.1.1", Address), ("8.8.1.2", Address), ("8.8.1.3", Address)])
        .await;
    let asked = engine.ask(scan(&case, "Scan IP"), "ann").await.unwrap();
    scene.until(asked.id, |run| run.state == RunState::Running).await;
    let cancelled = engine.cancel(asked.id, "ben").await.unwrap();
    assert!(cancelled.cancel_asked || cancelled.state == RunState::Cancelled);
    let run = scene.ended(asked.id).await;
    assert_eq!(run.state, RunState::Cancelled, "{}", run.message);
    let again = engine.cancel(asked.id, "ben").await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    engine.stop().await;

    // Nobody takes it: it ends at once.
    let queued = scene
        .store
        .queue_run(scan(&case, "Scan IP"), "ann")
        .await
        .unwrap();
    let cancelled = scene.store.cancel_run(queued.id, "ben").await.unwrap();
    assert_eq!(cancelled.state, RunState::Cancelled);
    assert!(cancelled.message.contains("ben"), "{}", cancelled.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_without_an_engine_is_taken_when_there_is_one() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let case = scene.case(&[(EICAR, FileHash)]).await;
    let queued = scene
        .store
        .queue_run(scan(&case, "Scan Hash"), "ann")
        .await
        .unwrap();
    assert_eq!(queued.state, RunState::Queued);
    let scene = scene.reopened().await;
    let engine = scene.engine(&running).await;
    assert_eq!(scene.ended(queued.id).await.state, RunState::Done);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_meant_is_refused_and_a_bad_parameter_ends_the_run() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let (case, other) = (
        scene.case(&[(EICAR, FileHash)]).await,
        scene.case(&[(EICAR, FileHash)]).await,
    );
    let stranger = scene.store.entities(other.id, 0, 1).await.unwrap()[0].id;
    let no_action = engine.ask(scan(&case, "Scan Everything"), "ann").await;
    assert!(
        matches!(no_action, Err(Error::NotFound { what: "action", .. })),
        "{no_action:?}"
    );
    let of_another_case = NewRun {
        targets: vec![stranger],
        ..scan(&case, "Scan Hash")
    };
    let refused = engine.ask(of_another_case, "ann").await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    let bad = NewRun {
        parameters: Parameters::new().with("Threshold", "many"),
        ..scan(&case, "Scan Hash")
    };
    let asked = engine.ask(bad, "ann").await.unwrap();
    let run = scene.ended(asked.id).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(run.message.contains("Threshold must be"), "{}", run.message);
    assert!(running.calls().is_empty());
    engine.stop().await;
}
