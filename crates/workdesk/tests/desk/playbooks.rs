//! Playbooks on cases: started, gone through, decided, ended, whatever process dies.

use secops::EntityType::{FileHash, Url};
use serde_json::json;
use workdesk::playbook::StepState;
use workdesk::{
    Engine, Error, NewAlert, NewCase, Playbook, PlaybookOutcome, PlaybookRun, Priority, Role, RunState,
};

use crate::scene::{EICAR, Scene, simulator};
use crate::served::Served;

async fn until(scene: &Scene, id: i64, is_so: impl Fn(&PlaybookRun) -> bool) -> PlaybookRun {
    for _ in 0..600 {
        let run = scene.store.playbook_run(id).await.unwrap();
        if is_so(&run) {
            return run;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{:?}", scene.store.playbook_run(id).await.unwrap());
}

async fn saved(scene: &Scene, text: &str) -> i64 {
    let playbook = Playbook::read(text).unwrap();
    let id = scene
        .store
        .save_playbook(None, &playbook, text, "ann")
        .await
        .unwrap();
    scene.store.turn_playbook(id, true, "ann").await.unwrap();
    id
}

async fn named(scene: &Scene, name: &str) -> i64 {
    let playbooks = scene.store.playbooks().await.unwrap();
    playbooks.iter().find(|own| own.name == name).unwrap().id
}

fn is_over(run: &PlaybookRun) -> bool {
    run.ended_at.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_triage_scans_raises_asks_and_goes_on_as_the_person_says() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let case = scene.case(&[(EICAR, FileHash)]).await;
    let triage = named(&scene, "Triage with approval").await;
    let run = scene.store.start_playbook(case.id, triage, "ann").await.unwrap();
    let twice = scene.store.start_playbook(case.id, triage, "ann").await;
    assert!(matches!(twice, Err(Error::Conflict(_))));
    let run = until(&scene, run.id, |run| run.states.contains_key("incident")).await;
    assert_eq!(
        run.states["hashes"],
        StepState::Done {
            script_result: Some(json!(true))
        }
    );
    assert_eq!(scene.store.case(case.id).await.unwrap().priority, Priority::High);
    let pending = scene.store.pending_actions(None, 10).await.unwrap();
    assert_eq!(
        pending[0].question,
        "Engines flag files of this case. Is it an incident?"
    );
    scene.store.decide(pending[0].id, true, "bob").await.unwrap();
    let again = scene.store.decide(pending[0].id, false, "eve").await.unwrap_err();
    assert!(again.to_string().contains("already, by bob"), "{again}");
    let run = until(&scene, run.id, is_over).await;
    assert_eq!(run.outcome, PlaybookOutcome::Done);
    assert_eq!(
        scene.store.case(case.id).await.unwrap().priority,
        Priority::Critical
    );
    assert!(scene.store.pending_actions(None, 10).await.unwrap().is_empty());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_case_starts_the_playbooks_that_are_for_it_and_on() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let before = scene.case(&[(EICAR, FileHash)]).await;
    assert!(
        scene.store.playbook_runs(before.id, 10).await.unwrap().is_empty(),
        "it is off at first"
    );
    let enrich = named(&scene, "Enrich a new case").await;
    scene.store.turn_playbook(enrich, true, "ann").await.unwrap();
    let case = scene
        .case(&[(EICAR, FileHash), ("8.8.8.8", secops::EntityType::Address)])
        .await;
    let runs = scene.store.playbook_runs(case.id, 10).await.unwrap();
    assert_eq!((runs.len(), runs[0].started_by.as_str()), (1, "its trigger"));
    let run = until(&scene, runs[0].id, is_over).await;
    assert_eq!(run.outcome, PlaybookOutcome::Done);
    assert_eq!(run.states["urls"], StepState::Skipped);
    assert_eq!(run.states["suspicious"], StepState::Chose(true));
    assert_eq!(scene.store.runs(case.id, 10).await.unwrap().len(), 2);
    let other = NewCase {
        title: "Nothing in it".to_owned(),
        alerts: vec![NewAlert::default()],
        ..NewCase::default()
    };
    let other = scene.store.create_case(other, "ann").await.unwrap();
    assert!(scene.store.playbook_runs(other.id, 10).await.unwrap().is_empty());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playbook_goes_on_where_the_process_that_began_it_ended() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let case = scene.case(&[("http://unknown.example/new", Url)]).await;
    let text = "name: Slow\ntrigger: {on: manual}\nsteps:\n  - {id: scan, action: Scan URL, parameters: {Threshold: 3}}\n  \
                - {id: say, comment: done with it}\n  - {id: end, close: true}";
    let slow = saved(&scene, text).await;
    let run = scene.store.start_playbook(case.id, slow, "ann").await.unwrap();
    until(&scene, run.id, |run| run.states.contains_key("scan")).await;
    engine.stop().await;
    let scene = scene.reopened().await;
    let engine: Engine = scene.engine(&running).await;
    let run = until(&scene, run.id, is_over).await;
    assert_eq!(run.outcome, PlaybookOutcome::Done);
    let wall = scene.store.wall(case.id, None, 50).await.unwrap();
    assert_eq!(
        wall.iter().filter(|entry| entry.text == "done with it").count(),
        1
    );
    assert!(!scene.store.case(case.id).await.unwrap().is_open);
    assert_eq!(scene.store.runs(case.id, 10).await.unwrap().len(), 1);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_ends_a_playbook_unless_it_says_to_go_on_and_withdraws_its_questions() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let case = scene.case(&[(EICAR, FileHash)]).await;
    // A threshold that is none fails the action.
    let steps = |on_failure: &str| {
        format!(
            "name: Fails {on_failure}\ntrigger: {{on: manual}}\nsteps:\n  - id: all\n    parallel:\n      - - {{id: ask, approval: Well?}}\n      \
             - - {{id: scan, action: Scan Hash, parameters: {{Threshold: none}}, on_failure: {on_failure}}}\n        - {{id: after, comment: after}}"
        )
    };
    let stops = saved(&scene, &steps("stop")).await;
    let run = scene.store.start_playbook(case.id, stops, "ann").await.unwrap();
    let run = until(&scene, run.id, is_over).await;
    assert_eq!(
        (run.outcome, run.failed.as_deref()),
        (PlaybookOutcome::Failed, Some("scan"))
    );
    assert!(scene.store.pending_actions(None, 10).await.unwrap().is_empty());
    let goes_on = saved(&scene, &steps("go_on")).await;
    let run = scene.store.start_playbook(case.id, goes_on, "ann").await.unwrap();
    let run = until(&scene, run.id, |run| run.states.contains_key("after")).await;
    let pending = scene.store.pending_actions(Some(case.id), 10).await.unwrap();
    assert_eq!(pending.len(), 1);
    // Ended by hand, nothing waits any more.
    engine.cancel_playbook(run.id, "ann").await.unwrap();
    let ended = scene.store.playbook_run(run.id).await.unwrap();
    assert_eq!(ended.outcome, PlaybookOutcome::Cancelled);
    assert!(scene.store.decide(pending[0].id, true, "bob").await.is_err());
    assert!(engine.cancel_playbook(run.id, "ann").await.is_err());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_playbook_cancels_what_it_waits_for() {
    let running = simulator(|builder| builder.scan_for(std::time::Duration::from_secs(600))).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let case = scene.case(&[("http://unknown.example/new", Url)]).await;
    let text = "name: Slow\ntrigger: {on: manual}\nsteps:\n  - {id: scan, action: Scan URL, parameters: {Threshold: 3}}";
    let slow = saved(&scene, text).await;
    let run = scene.store.start_playbook(case.id, slow, "ann").await.unwrap();
    until(&scene, run.id, |run| run.states.contains_key("scan")).await;
    let asked = scene.store.runs(case.id, 1).await.unwrap().remove(0);
    scene.until(asked.id, |run| run.state == RunState::Waiting).await;
    engine.cancel_playbook(run.id, "ann").await.unwrap();
    assert_eq!(scene.ended(asked.id).await.state, RunState::Cancelled);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_playbook_is_saved_or_turned_on_that_is_shown_in_another_order_than_it_stands() {
    const TURNED: &str =
        "name: Turned\ntrigger: {on: manual}\nsteps:\n  - {id: a, comment: \"x\u{202e}y\"}\n";
    let served = Served::new().await;
    let admin = served.logged_in("adam", Role::Admin).await;
    let store = &served.scene.store;
    let before = store.playbooks().await.unwrap().len();
    let refused = admin
        .send("/playbooks", &[("text", TURNED), ("verb", "save")])
        .await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert!(page.contains("line 4: there is the character U+202E"), "{page}");
    assert_eq!(store.playbooks().await.unwrap().len(), before);
    // One from before the rule is told on its page, and not turned on again.
    let id = saved(&served.scene, TURNED).await;
    store.turn_playbook(id, false, "test").await.unwrap();
    let path = format!("/playbooks/{id}");
    assert!(admin.page(&path).await.contains("U+202E"));
    let turned = admin.send(&format!("{path}/turn"), &[("is_on", "true")]).await;
    assert_eq!(turned.status(), 409);
    served.end().await;
}
