//! Instances: settings that are used and never seen.

use secops::EntityType::FileHash;
use secops::Parameters;
use simulator::{KeyKind, Simulator};
use workdesk::{Error, NewRun, RunState};

use crate::scene::{EICAR, Scene, scan, simulator};

const OTHER_KEY: &str = "0badcafe0badcafe0badcafe0badcafe0badcafe0badcafe0badcafe0badcafe";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_uses_the_key_of_its_instance_which_stands_nowhere_in_clear() {
    let running = Simulator::builder().key(OTHER_KEY, KeyKind::Private);
    let running = running.start().await.unwrap();
    let scene = Scene::new().await;
    let settings = Parameters::new()
        .with("Api Key", OTHER_KEY)
        .with("Verify SSL", "True");
    scene
        .store
        .save_instance("Second", "VirusTotal", &settings, "ann")
        .await
        .unwrap();
    let engine = scene.engine(&running).await;
    let case = scene.case(&[(EICAR, FileHash)]).await;
    let new = NewRun {
        instance: "Second".to_owned(),
        ..scan(&case, "Scan Hash")
    };
    let asked = engine.ask(new, "ann").await.unwrap();
    assert_eq!(scene.ended(asked.id).await.state, RunState::Done);
    // VirusTotal knows no other key.
    assert!(matches!(engine.ping("default").await, Err(Error::Invalid(_))));
    assert!(
        engine
            .ping("Second")
            .await
            .unwrap()
            .contains("Connection Established")
    );

    let wrong = Parameters::new().with("Api Key", "0".repeat(64));
    scene
        .store
        .save_instance("Second", "VirusTotal", &wrong, "ann")
        .await
        .unwrap();
    assert!(matches!(engine.ping("Second").await, Err(Error::Invalid(_))));
    engine.stop().await;
    scene.store.close().await;
    for file in std::fs::read_dir(scene.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!holds(OTHER_KEY) && !holds("Api Key"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_gone_fails_the_run_with_its_name() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let case = scene.case(&[(EICAR, FileHash)]).await;
    let new = NewRun {
        instance: "Gone".to_owned(),
        ..scan(&case, "Scan Hash")
    };
    let asked = engine.ask(new, "ann").await.unwrap();
    let run = scene.ended(asked.id).await;
    assert_eq!(
        (run.state, run.message.as_str()),
        (RunState::Failed, "There is no instance Gone.")
    );
    assert!(engine.configuration("Gone", "Other").await.is_err());
    let own = engine.configuration("default", "VirusTotal").await.unwrap();
    assert!(own.text("Api Key").unwrap().is_some());
    engine.stop().await;
}
