//! What can happen to a cache in a file.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use simulator::synthetic_file;
use virustotal::{Accept, Answer, Client};

use crate::cache::{LARGE, Scene};
use crate::common::{found, hash, later, work_in};

impl Scene {
    fn connection(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }
}

#[tokio::test]
async fn the_claim_of_one_that_died_lapses() {
    let scene = Scene::new().await;
    let file = [hash(&synthetic_file(1).sha256)];
    scene
        .client()
        .file_reports(&[hash(&synthetic_file(2).sha256)], Accept::Fresh, &later())
        .await;
    let known: String = scene
        .connection()
        .query_row(
            "SELECT name FROM name WHERE name LIKE '%:' || ?1",
            [synthetic_file(2).sha256],
            |row| row.get(0),
        )
        .unwrap();
    let name = known.replace(&synthetic_file(2).sha256, file[0].as_str());
    let now = scene.hand.clock().now().as_millisecond();
    scene
        .connection()
        .execute(
            "INSERT INTO claim (name, owner, priority, alive_until) VALUES (?1, 'dead', 0, ?2)",
            rusqlite::params![name, now + 5_000],
        )
        .unwrap();
    let client = scene.client();
    let deadline = virustotal::Deadline::after(Duration::from_millis(300));
    assert!(client.file_reports(&file, Accept::Fresh, &deadline).await[0].is_err());
    scene.hand.move_by(SignedDuration::from_secs(6));
    assert!(found(
        &client.file_reports(&file, Accept::Fresh, &later()).await[0]
    ));
}

#[tokio::test]
async fn a_damaged_entry_is_asked_anew() {
    for damage in [
        "UPDATE entry SET body = substr(body, 1, length(body) - 9)",
        "UPDATE entry SET body = zeroblob(40)",
        "UPDATE entry SET body = x''",
        "UPDATE entry SET state = 'lost'",
        "DELETE FROM entry",
    ] {
        let scene = Scene::new().await;
        let file = [hash(&synthetic_file(1).sha256)];
        scene.client().file_reports(&file, Accept::Fresh, &later()).await;
        scene.connection().execute(damage, []).unwrap();
        assert!(
            found(&scene.client().file_reports(&file, Accept::Fresh, &later()).await[0]),
            "{damage}"
        );
        assert!(
            found(&scene.client().file_reports(&file, Accept::Fresh, &later()).await[0]),
            "{damage}"
        );
        assert_eq!(scene.calls(), 2, "{damage}: the third one is kept again");
    }
}

#[tokio::test]
async fn a_damaged_file_is_kept_aside_and_the_run_goes_on() {
    let ask = async |scene: &Scene| {
        let file = [hash(&synthetic_file(1).sha256)];
        scene
            .client()
            .file_reports(&file, Accept::Fresh, &later())
            .await
            .remove(0)
    };
    let overwrite = |path: &Path, from: usize| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[from..].fill(b'#');
        std::fs::write(path, bytes).unwrap();
    };
    for from in [0, 100, 4096] {
        let scene = Scene::new().await;
        assert!(found(&ask(&scene).await));
        work_in(&scene.path());
        overwrite(&scene.path(), from);
        assert!(found(&ask(&scene).await));
        let told = scene.told.all();
        assert!(
            told.len() == 1 && told[0].contains("report cache is damaged"),
            "{from}: {told:?}"
        );
        let names = std::fs::read_dir(scene.folder.path()).unwrap();
        let names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(
            names.iter().any(|name| name.starts_with("reports.db.damaged-")),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn the_least_recently_used_go_when_it_is_full() {
    let scene = Scene::new().await;
    let most_bytes = 400_000;
    let mut settings = scene.settings();
    settings.cache = Some(scene.cache(most_bytes));
    let client = Client::new(settings).unwrap();
    let files: Vec<_> = (0..400).map(|n| hash(&synthetic_file(n).sha256)).collect();
    for part in files.chunks(100) {
        assert!(
            client
                .file_reports(part, Accept::Fresh, &later())
                .await
                .iter()
                .all(found)
        );
        scene.hand.move_by(SignedDuration::from_secs(1));
    }
    let stats = scene.cache(most_bytes).stats().await;
    assert!(stats.bytes <= most_bytes && stats.found > 50, "{stats:?}");
    scene.calls();
    client.file_reports(&files[380..], Accept::Fresh, &later()).await;
    assert_eq!(scene.calls(), 0, "the newest are there");
    drop(client);
    let file_bytes = || std::fs::metadata(scene.path()).unwrap().len();
    work_in(&scene.path());
    let full = file_bytes();
    assert!(full <= most_bytes * 3 / 2, "{full}");
    assert_eq!(scene.cache(LARGE).clear().await, stats.found);
    let left = file_bytes();
    assert!(left < full / 2, "the room is given back: {left} of {full}");
    scene
        .client()
        .file_reports(&files[399..], Accept::Fresh, &later())
        .await;
    assert_eq!(scene.calls(), 1);
}

#[tokio::test]
async fn a_name_never_leads_to_another_objects_report() {
    let scene = Scene::new().await;
    let files: Vec<_> = (0..6).map(|n| hash(&synthetic_file(n).sha256)).collect();
    let client = scene.client();
    client.file_reports(&files[..3], Accept::Fresh, &later()).await;
    drop(client);
    // The newest entry goes, its names stay; a new object must not take its place.
    scene
        .connection()
        .execute("DELETE FROM entry WHERE id = (SELECT max(id) FROM entry)", [])
        .unwrap();
    scene
        .client()
        .file_reports(&files[3..], Accept::Fresh, &later())
        .await;
    let answers = scene.client().file_reports(&files, Accept::Fresh, &later()).await;
    for (file, answer) in files.iter().zip(answers) {
        let Ok(Answer::Found(report)) = answer else {
            panic!()
        };
        let named = virustotal::report::FileReport::read(&report).sha256.unwrap();
        assert_eq!(named, file.as_str());
    }
}

#[tokio::test]
async fn a_cleared_cache_gives_its_room_back() {
    let scene = Scene::new().await;
    let files: Vec<_> = (0..300).map(|n| hash(&synthetic_file(n).sha256)).collect();
    scene.client().file_reports(&files, Accept::Fresh, &later()).await;
    work_in(&scene.path());
    let size = || std::fs::metadata(scene.path()).unwrap().len();
    let before = size();
    let cache = scene.cache(LARGE);
    assert_eq!(cache.clear().await, 300);
    drop(cache);
    assert!(size() < before / 4, "{before} bytes, then {}", size());
}
