//! What can happen to a ledger in a file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use simulator::{Fault, FaultKind, KeyKind, Simulator};
use virustotal::quota::Ledger;
use virustotal::{Accept, Client, Deadline, Error, Notify};

use crate::common::{Hand, KEY, Told, found, later, settings, work_in};
use crate::quota::{addresses, fast, simulator, with_ledger};

#[tokio::test]
async fn a_damaged_ledger_is_kept_aside_and_a_locked_one_is_done_without() {
    let clock = fast();
    let running = simulator(&clock, 1000).await;
    for damage in ["garbage", "truncated", "locked", "folder", "later version"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quota.db");
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let ledger = |told: &Arc<std::sync::Mutex<Vec<String>>>| {
            let told = Arc::clone(told);
            let notify = Notify::new(move |_, sentence| told.lock().unwrap().push(sentence.to_owned()));
            Arc::new(Ledger::open(Some(path.clone()), clock.clone(), notify))
        };
        let ask = async |ledger| {
            let mut settings = settings(&running);
            settings.ledger = Some(ledger);
            Client::new(settings)
                .unwrap()
                .ip_reports(&addresses(0, 2), Accept::Fresh, &later())
                .await
        };
        assert!(ask(ledger(&told)).await.iter().all(found));
        work_in(&path);
        let mut lock = None;
        let length = std::fs::metadata(&path).unwrap().len();
        match damage {
            "garbage" => std::fs::write(&path, vec![b'x'; 9000]).unwrap(),
            "truncated" => {
                let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
                file.set_len(length / 2 + 100).unwrap();
            }
            "locked" => {
                let connection = rusqlite::Connection::open(&path).unwrap();
                connection
                    .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
                    .unwrap();
                lock = Some(connection);
            }
            "folder" => {
                std::fs::remove_file(&path).unwrap();
                std::fs::create_dir(&path).unwrap();
            }
            _ => {
                let connection = rusqlite::Connection::open(&path).unwrap();
                connection.pragma_update(None, "user_version", 99).unwrap();
            }
        }
        let damaged = ledger(&told);
        assert!(ask(Arc::clone(&damaged)).await.iter().all(found), "{damage}");
        let told = told.lock().unwrap().clone();
        assert_eq!(told.len(), 1, "{damage}: {told:?}");
        let aside = std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .contains("damaged")
            })
            .count();
        match damage {
            "garbage" | "truncated" => {
                assert!(told[0].contains("quota ledger is damaged"), "{told:?}");
                assert!(aside >= 1, "{damage}");
            }
            _ => {
                assert!(told[0].contains("can't be used"), "{told:?}");
                assert_eq!(aside, 0, "{damage}");
            }
        }
        assert_eq!(damaged.keys().await[0].windows[2].used, 2, "{damage}");
        drop(lock);
    }
}

/// Eight that open the same file at the same moment, as eight processes do that a playbook starts.
fn open_at_once(path: &Path, told: &Told) {
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                barrier.wait();
                let ledger = Ledger::open(Some(path.to_owned()), fast(), told.notify());
                runtime.block_on(ledger.keys());
            });
        }
    });
}

#[test]
fn many_who_begin_a_ledger_at_once_share_it() {
    for _ in 0..25 {
        let (folder, told) = (tempfile::tempdir().unwrap(), Told::default());
        open_at_once(&folder.path().join("quota.db"), &told);
        assert!(told.all().is_empty(), "{:?}", told.all());
    }
}

#[test]
fn many_who_find_a_ledger_damaged_keep_it_aside_once_and_share_the_new_one() {
    for _ in 0..25 {
        let (folder, told) = (tempfile::tempdir().unwrap(), Told::default());
        let path = folder.path().join("quota.db");
        let damage = vec![b'x'; 9000];
        std::fs::write(&path, &damage).unwrap();
        open_at_once(&path, &told);
        let aside: Vec<Vec<u8>> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains(".damaged-"))
            .map(|path| std::fs::read(path).unwrap())
            .collect();
        assert!(aside == [damage], "the damaged file as it was, and no other");
        assert!(told.all().len() == 1, "{:?}", told.all());
    }
}

#[tokio::test]
async fn who_has_a_ledger_open_that_another_kept_aside_goes_over_to_the_new_one() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::at("2026-01-10T06:00:00Z"));
    let path = folder.path().join("quota.db");
    let running = simulator(&hand.clock(), 1000).await;
    let client = || Client::new(with_ledger(&running, &hand.clock(), Some(&path))).unwrap();
    let soon = || Deadline::after(Duration::from_secs(2));
    let first = client();
    first.ip_reports(&addresses(0, 1), Accept::Fresh, &soon()).await;
    for companion in ["-wal", "-shm", ""] {
        let name = |name: &str| folder.path().join(format!("{name}{companion}"));
        std::fs::rename(name("quota.db"), name("aside.db")).unwrap();
    }
    client()
        .ip_reports(&addresses(1, 4), Accept::Fresh, &soon())
        .await;
    let answers = first.ip_reports(&addresses(2, 1), Accept::Fresh, &soon()).await;
    assert!(matches!(answers[0], Err(Error::Quota { .. })), "{answers:?}");
    assert_eq!(running.calls().len(), 5);
}

#[tokio::test]
async fn a_ledger_that_is_locked_meanwhile_is_gone_on_with_from_what_is_known() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::at("2026-01-10T06:00:00Z"));
    let path = folder.path().join("quota.db");
    let running = simulator(&hand.clock(), 1000).await;
    let client = Client::new(with_ledger(&running, &hand.clock(), Some(&path))).unwrap();
    client.ip_reports(&addresses(0, 4), Accept::Fresh, &later()).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answers = client.ip_reports(&addresses(1, 1), Accept::Fresh, &later()).await;
    assert!(matches!(answers[0], Err(Error::Quota { .. })), "{answers:?}");
    assert_eq!(
        running.calls().len(),
        4,
        "four calls of this minute are not forgotten"
    );
}

#[tokio::test]
async fn a_process_that_serves_for_long_returns_to_its_ledger_once_that_can_be_used() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::at("2026-01-10T06:00:00Z"));
    let path = folder.path().join("quota.db");
    let running = simulator(&hand.clock(), 1000).await;
    let settings = with_ledger(&running, &hand.clock(), Some(&path));
    let ledger = settings.ledger.clone().unwrap();
    let client = Client::new(settings).unwrap();
    let ask = async |first| {
        client
            .ip_reports(&addresses(first, 1), Accept::Fresh, &later())
            .await
    };
    std::fs::create_dir(&path).unwrap();
    ask(0).await;
    assert!(ledger.is_apart());
    std::fs::remove_dir(&path).unwrap();
    ask(1).await;
    assert!(ledger.is_apart(), "it is not tried with each call");
    hand.move_by(SignedDuration::from_secs(61));
    ask(2).await;
    assert!(!ledger.is_apart());
    let others = Ledger::open(Some(path), hand.clock(), Notify::default());
    assert_eq!(others.keys().await[0].windows[2].used, 1);
}

#[tokio::test]
async fn a_ledger_of_the_version_before_keeps_what_it_has_counted() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::at("2026-01-10T06:00:00Z"));
    let path = folder.path().join("quota.db");
    let running = simulator(&hand.clock(), 1000).await;
    let client = || Client::new(with_ledger(&running, &hand.clock(), Some(&path))).unwrap();
    let soon = || Deadline::after(Duration::from_secs(2));
    client()
        .ip_reports(&addresses(0, 3), Accept::Fresh, &soon())
        .await;
    let older = rusqlite::Connection::open(&path).unwrap();
    older
        .execute_batch(
            "ALTER TABLE call DROP COLUMN environment; ALTER TABLE waiting DROP COLUMN environment;
             DROP TABLE used_by; DROP TABLE share; PRAGMA user_version = 1",
        )
        .unwrap();
    drop(older);
    let answers = client()
        .ip_reports(&addresses(1, 3), Accept::Fresh, &soon())
        .await;
    assert_eq!(
        answers.iter().filter(|answer| found(answer)).count(),
        1,
        "{answers:?}"
    );
    // One version ahead is borne: two of them are used side by side while machines are upgraded.
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 3).unwrap();
    drop(newer);
    let ledger = Ledger::open(Some(path), hand.clock(), Notify::default());
    assert_eq!(ledger.keys().await[0].windows[2].used, 4);
    assert!(!ledger.is_apart());
}

#[tokio::test]
async fn a_call_that_was_killed_over_midnight_counts_on_either_side_of_it() {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::at("2026-01-10T23:59:58Z"));
    let (path, left_behind) = (folder.path().join("quota.db"), folder.path().join("left.db"));
    let running = Simulator::builder()
        .key(KEY, KeyKind::Private)
        .fault(Fault::new(FaultKind::Hang))
        .start()
        .await
        .unwrap();
    let client = Client::new(with_ledger(&running, &hand.clock(), Some(&path))).unwrap();
    let (asked, deadline) = (addresses(0, 1), later());
    let killed = async {
        while running.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // What a process that dies now leaves behind.
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection
            .execute("VACUUM INTO ?1", [left_behind.to_str().unwrap()])
            .unwrap();
    };
    tokio::select! { _ = client.ip_reports(&asked, Accept::Fresh, &deadline) => panic!(), () = killed => {} }
    let ledger = Ledger::open(Some(left_behind), hand.clock(), Notify::default());
    let used_today = async || ledger.keys().await[0].windows[2].used;
    assert_eq!(used_today().await, 1);
    hand.move_by(SignedDuration::from_secs(5));
    assert_eq!(used_today().await, 1, "it may be arriving");
    hand.move_by(SignedDuration::from_mins(3));
    assert_eq!(used_today().await, 1, "it may have arrived");
}
