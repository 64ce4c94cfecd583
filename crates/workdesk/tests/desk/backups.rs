//! Copies of a store that is used, and what is wrong with one that is damaged.

use secops::{EntityType, Parameters};
use virustotal::Clock;
use workdesk::{Error, Sealer, Store, back_up, check_backup};

use crate::scene::{EICAR, Scene};

fn clock() -> Clock {
    Clock::new(|| jiff::Timestamp::UNIX_EPOCH)
}

#[tokio::test]
async fn a_copy_that_is_made_while_cases_come_is_whole_and_has_all_that_were_there_before() {
    let scene = Scene::new().await;
    let file = scene.folder.path().join("workdesk.db");
    let writing = async {
        for _ in 0..150 {
            scene.case(&[(EICAR, EntityType::FileHash)]).await;
        }
    };
    let copying = async {
        let mut seen = Vec::new();
        for number in 0..3 {
            let before = scene.store.cases(&workdesk::CaseFilter::default()).await.unwrap();
            let newest = before.cases.iter().map(|case| case.id).max().unwrap_or(0);
            let copy = scene.folder.path().join(format!("copy-{number}.db"));
            back_up(&file, &copy).await.unwrap();
            seen.push((newest, copy));
        }
        seen
    };
    let ((), copies) = tokio::join!(writing, copying);
    let mut last = 0;
    for (newest, copy) in copies {
        let holds = check_backup(&copy).await.unwrap();
        assert!(holds.cases >= newest && holds.cases >= last, "{holds:?} {newest}");
        assert_eq!(holds.step, Store::STEP);
        last = holds.cases;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(
            back_up(&file, &copy).await.is_err(),
            "what is there is not written over"
        );
    }
}

#[tokio::test]
async fn a_copy_goes_on_as_the_store_would_and_tells_which_key_it_needs() {
    let scene = Scene::new().await;
    scene.case(&[(EICAR, EntityType::FileHash)]).await;
    let secret = Parameters::new().with("Api Key", "c0ffee");
    scene
        .store
        .save_instance("main", "VirusTotal", &secret, "ann")
        .await
        .unwrap();
    let copy = scene.folder.path().join("copy.db");
    back_up(&scene.folder.path().join("workdesk.db"), &copy)
        .await
        .unwrap();
    let holds = check_backup(&copy).await.unwrap();
    assert_eq!(
        holds.not_opened_by(Some(&Sealer::new(&[7; 32]))),
        Vec::<String>::new()
    );
    assert_eq!(holds.not_opened_by(Some(&Sealer::new(&[8; 32]))), ["main"]);
    assert_eq!(holds.not_opened_by(None), ["main"]);
    let other = Store::open(&copy, clock(), Sealer::new(&[8; 32])).await.unwrap();
    assert_eq!(other.sealed_otherwise().await.unwrap(), ["main"]);
    other.close().await;
    let store = Store::open(&copy, clock(), Sealer::new(&[7; 32])).await.unwrap();
    assert_eq!(store.sealed_otherwise().await.unwrap(), Vec::<String>::new());
    assert_eq!(
        store.record(1).await.unwrap().wall,
        scene.store.record(1).await.unwrap().wall
    );
    let next = workdesk::NewCase {
        title: "next".to_owned(),
        ..workdesk::NewCase::default()
    };
    assert_eq!(store.create_case(next, "ann").await.unwrap().id, 2);
}

#[tokio::test]
async fn what_is_damaged_or_no_store_is_told() {
    let scene = Scene::new().await;
    for _ in 0..40 {
        scene.case(&[(EICAR, EntityType::FileHash)]).await;
    }
    let folder = scene.folder.path();
    let copy = folder.join("copy.db");
    back_up(&folder.join("workdesk.db"), &copy).await.unwrap();
    let whole = std::fs::read(&copy).unwrap();
    let mut scribbled = whole.clone();
    for page in scribbled.chunks_mut(4096).skip(3).step_by(4) {
        page[..200].fill(0xa5);
    }
    let half = whole[..whole.len() / 2].to_vec();
    for (name, bytes) in [
        ("scribbled", scribbled),
        ("half", half),
        ("text", b"no database".to_vec()),
        ("empty", Vec::new()),
    ] {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let found = check_backup(&file).await;
        assert!(matches!(found, Err(Error::Damaged(_))), "{name}: {found:?}");
    }
    assert!(check_backup(&folder.join("missing")).await.is_err());
    crate::place::execute(
        &copy,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (11, 'later', 1, x'00', 0)",
    )
    .await;
    let newer = check_backup(&copy).await;
    assert!(matches!(newer, Err(Error::TooNew { found: 11, .. })), "{newer:?}");
    let beside = Store::open_beside(&copy, clock(), Sealer::new(&[7; 32])).await;
    assert!(matches!(beside, Err(Error::Conflict(_))), "{beside:?}");
}
