//! Steps that a process has claimed without knowing it.

use std::time::Duration;

use secops::{EntityType, Parameters};
use workdesk::{NewRun, RunState};

use crate::place;
use crate::scene::{EICAR, Scene, simulator};

#[tokio::test]
async fn a_step_whose_claim_was_answered_into_a_broken_connection_is_taken_all_the_same() {
    let scene = Scene::new().await;
    let path = scene.folder.path().join("workdesk.db");
    if place::connect(&path).await.is_none() {
        return;
    }
    let running = simulator(|builder| builder).await;
    let engine = scene.engine(&running).await;
    let case = scene.case(&[(EICAR, EntityType::FileHash)]).await;
    let new = NewRun {
        case: case.id,
        action: "Scan Hash".to_owned(),
        instance: "default".to_owned(),
        parameters: Parameters::new().with("Threshold", "3"),
        targets: Vec::new(),
        deadline_at: None,
    };
    let first = engine.ask(new, "ann").await.unwrap();
    assert_eq!(scene.ended(first.id).await.state, RunState::Done);
    // Claimed by the same process, which has never heard of it.
    place::execute(
        &path,
        "INSERT INTO run (case_id, action, instance, parameters, targets, state, step, message, requested_by, created_at, started_at, due_at, \
         cancel_asked, worker, alive_until) SELECT case_id, action, instance, parameters, targets, 'running', 0, '', requested_by, created_at, \
         created_at, created_at, 0, worker, 9223372036854775807 FROM run WHERE id = 1",
    )
    .await;
    let ended = tokio::time::timeout(Duration::from_secs(30), scene.ended(first.id + 1)).await;
    assert_eq!(ended.unwrap().state, RunState::Done);
    engine.stop().await;
}
