//! The ledger against a server that counts for itself.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use simulator::{Fault, FaultKind, KeyKind, Quota, Running, Simulator};
use virustotal::quota::{Ledger, Limits, Priority, Window};
use virustotal::{Accept, Client, Clock, Deadline, Error, Notify, Settings, Tier};

use crate::common::{Hand, KEY, Told, found, later, settings, work_in};

/// Minutes that pass in 60 ms.
fn fast() -> Clock {
    Clock::fast("2026-01-10T06:00:00Z".parse().unwrap(), 1_000)
}

async fn simulator(clock: &Clock, per_minute: u32) -> Running {
    let now = clock.clone();
    let quota = Quota {
        per_minute: Some(per_minute),
        ..Quota::default()
    };
    let builder = Simulator::builder().key(KEY, KeyKind::Private).quota(quota);
    builder.clock(move || now.now()).start().await.unwrap()
}

fn with_ledger(running: &Running, clock: &Clock, path: Option<&Path>) -> Settings {
    let ledger = Ledger::open(path.map(Path::to_owned), clock.clone(), Notify::default());
    let mut settings = settings(running);
    settings.limits = Limits::of(Tier::Public);
    settings.ledger = Some(Arc::new(ledger));
    settings.retry.longest_quota_wait = Duration::from_secs(3600);
    settings
}

fn addresses(first: u8, count: u8) -> Vec<Ipv4Addr> {
    (0..count).map(|n| Ipv4Addr::new(8, 8, first, n)).collect()
}

fn refused(running: &Running) -> usize {
    running.calls().iter().filter(|call| call.status == 204).count()
}

#[tokio::test]
async fn calls_are_paced_so_that_none_is_refused_and_no_slot_is_wasted() {
    let clock = fast();
    let running = simulator(&clock, 4).await;
    let begun = clock.now();
    let client = Client::new(with_ledger(&running, &clock, None)).unwrap();
    let answers = client
        .ip_reports(&addresses(0, 30), Accept::Fresh, &Deadline::none())
        .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((running.calls().len(), refused(&running)), (30, 0));
    // 4 at once, then 4 a minute; a busy machine makes the fast minutes of the test no shorter.
    let minutes = clock.now().duration_since(begun).as_secs() / 60;
    assert!((7..60).contains(&minutes), "{minutes}");
}

#[tokio::test]
async fn what_cannot_get_a_slot_in_time_is_not_sent_and_known_at_once() {
    let clock = Clock::new(|| "2026-01-10T06:00:00Z".parse::<Timestamp>().unwrap());
    let running = simulator(&clock, 4).await;
    let client = Client::new(with_ledger(&running, &clock, None)).unwrap();
    let begun = std::time::Instant::now();
    let deadline = Deadline::after(Duration::from_secs(30));
    let answers = client
        .ip_reports(&addresses(0, 10), Accept::Fresh, &deadline)
        .await;
    assert_eq!(answers.iter().filter(|answer| found(answer)).count(), 4);
    assert!(
        answers[4..]
            .iter()
            .all(|answer| matches!(answer, Err(Error::Quota { .. })))
    );
    assert_eq!(running.calls().len(), 4);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "nobody waits for what can't come"
    );
}

#[tokio::test]
async fn processes_that_share_a_file_share_the_quota() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quota.db");
    let clock = fast();
    let running = simulator(&clock, 4).await;
    let clients: Vec<Client> = (0..3)
        .map(|_| Client::new(with_ledger(&running, &clock, Some(&path))).unwrap())
        .collect();
    let lists = [0, 1, 2].map(|first| addresses(first, 8));
    let deadline = Deadline::none();
    let (a, b, c) = tokio::join!(
        clients[0].ip_reports(&lists[0], Accept::Fresh, &deadline),
        clients[1].ip_reports(&lists[1], Accept::Fresh, &deadline),
        clients[2].ip_reports(&lists[2], Accept::Fresh, &deadline),
    );
    assert!([a, b, c].iter().flatten().all(Result::is_ok));
    assert_eq!((running.calls().len(), refused(&running)), (24, 0));
}

#[tokio::test]
async fn a_person_goes_first_and_equals_take_turns() {
    let clock = fast();
    let running = simulator(&clock, 4).await;
    let client = Client::new(with_ledger(&running, &clock, None)).unwrap();
    let run = |priority, first| {
        let client = client.for_run(priority);
        async move {
            client
                .ip_reports(&addresses(first, 12), Accept::Fresh, &Deadline::none())
                .await
        }
    };
    // The quota is used up when all of them come.
    assert!(
        client
            .ip_reports(&addresses(9, 4), Accept::Fresh, &later())
            .await
            .iter()
            .all(found)
    );
    tokio::join!(
        run(Priority::Background, 3),
        run(Priority::Playbook, 1),
        run(Priority::Playbook, 2),
        run(Priority::Person, 0),
    );
    assert_eq!(refused(&running), 0);
    let order: Vec<u8> = running
        .calls()
        .iter()
        .skip(4)
        .map(|call| call.resources[0].split('.').nth(2).unwrap().parse().unwrap())
        .collect();
    assert_eq!(order.len(), 48);
    assert!(order[..12].iter().all(|run| *run == 0), "{order:?}");
    assert!(order[36..].iter().all(|run| *run == 3), "{order:?}");
    for part in order[12..36].chunks(4) {
        let ones = part.iter().filter(|run| **run == 1).count();
        assert!((1..=3).contains(&ones), "equals take turns: {order:?}");
    }
}

#[tokio::test]
async fn a_refusal_corrects_the_ledger_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quota.db");
    let clock = Clock::new(|| "2026-01-10T06:00:00Z".parse::<Timestamp>().unwrap());
    let running = Simulator::builder()
        .key(KEY, KeyKind::Private)
        .fault(Fault::new(FaultKind::Quota).times(1))
        .start()
        .await
        .unwrap();
    let soon = Deadline::after(Duration::from_millis(500));
    let first = Client::new(with_ledger(&running, &clock, Some(&path))).unwrap();
    let answers = first.ip_reports(&addresses(0, 1), Accept::Fresh, &soon).await;
    assert!(matches!(answers[0], Err(Error::Quota { .. })), "{answers:?}");
    let settings = with_ledger(&running, &clock, Some(&path));
    let ledger = settings.ledger.clone().unwrap();
    let second = Client::new(settings).unwrap();
    let answers = second.ip_reports(&addresses(0, 1), Accept::Fresh, &later()).await;
    let Err(Error::Quota {
        retry_after: Some(wait),
    }) = &answers[0]
    else {
        panic!("{answers:?}");
    };
    assert_eq!(wait.as_secs(), 60);
    assert_eq!(running.calls().len(), 1, "the second one knew");
    let known = ledger.keys().await.remove(0);
    assert_eq!(known.closed_until, Some("2026-01-10T06:01:00Z".parse().unwrap()));
    // VirusTotal counts no refused call.
    assert_eq!(known.windows.map(|window| window.used), [0; 4]);
}

#[tokio::test]
async fn a_ledger_tells_what_is_used_and_what_is_left() {
    let clock = Clock::new(|| "2026-01-10T06:00:00Z".parse::<Timestamp>().unwrap());
    let running = simulator(&clock, 4).await;
    let settings = with_ledger(&running, &clock, None);
    let ledger = settings.ledger.clone().unwrap();
    let client = Client::new(settings).unwrap();
    assert!(
        client
            .ip_reports(&addresses(0, 3), Accept::Fresh, &later())
            .await
            .iter()
            .all(found)
    );
    let known = ledger.keys().await.remove(0);
    let rows = known
        .windows
        .map(|window| (window.window, window.used, window.left()));
    assert_eq!(
        rows,
        [
            (Window::Minute, 3, Some(1)),
            (Window::Hour, 3, None),
            (Window::Day, 3, Some(497)),
            (Window::Month, 3, Some(15_497)),
        ]
    );
    assert_eq!(known.next_free, clock.now());
    assert!(
        !format!("{known:?}").contains(&KEY[..8]),
        "a fingerprint is not the key"
    );
}

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
async fn a_clock_that_is_set_back_costs_one_window_at_most() {
    let hand = Hand::at("2026-01-10T06:00:00Z");
    let running = simulator(&hand.clock(), 1000).await;
    let client = Client::new(with_ledger(&running, &hand.clock(), None)).unwrap();
    let soon = || Deadline::after(Duration::from_secs(5));
    let answers = client.ip_reports(&addresses(0, 4), Accept::Fresh, &soon()).await;
    assert!(answers.iter().all(found));
    hand.move_by(SignedDuration::from_hours(-1));
    // When the four calls were made can't be known any more: now, at the latest.
    let answers = client.ip_reports(&addresses(1, 1), Accept::Fresh, &soon()).await;
    assert!(matches!(answers[0], Err(Error::Quota { .. })), "{answers:?}");
    hand.move_by(SignedDuration::from_secs(61));
    let answers = client.ip_reports(&addresses(1, 4), Accept::Fresh, &soon()).await;
    assert!(answers.iter().all(found), "{answers:?}");
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

#[tokio::test]
async fn a_hint_of_the_server_is_believed_within_bounds() {
    let hand = Hand::at("2026-01-10T06:00:00Z");
    let server = async |hint| {
        let fault = Fault::new(FaultKind::RetryAfter(429, hint));
        Simulator::builder()
            .key(KEY, KeyKind::Private)
            .fault(fault)
            .start()
            .await
            .unwrap()
    };
    let two_seconds = || Deadline::after(Duration::from_secs(2));
    // "At once", over and over, is no reason to hammer.
    let running = server(0).await;
    for settings in [settings(&running), with_ledger(&running, &hand.clock(), None)] {
        running.clear_calls();
        let client = Client::new(settings).unwrap();
        client
            .ip_reports(&addresses(0, 1), Accept::Fresh, &two_seconds())
            .await;
        assert!(running.calls().len() < 5, "{}", running.calls().len());
    }
    // "In three million years" closes the key for no longer than the longest window lasts.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quota.db");
    let ask = async |running: &Running| {
        let client = Client::new(with_ledger(running, &hand.clock(), Some(&path))).unwrap();
        client
            .ip_reports(&addresses(0, 1), Accept::Fresh, &two_seconds())
            .await
            .remove(0)
    };
    let running = server(99_999_999_999_999).await;
    assert!(matches!(ask(&running).await, Err(Error::Quota { .. })));
    hand.move_by(SignedDuration::from_hours(40 * 24));
    running.clear_faults();
    assert!(found(&ask(&running).await));
}

#[tokio::test]
async fn a_refusal_stops_those_who_have_a_slot_but_have_not_sent_yet() {
    let running = Simulator::builder()
        .key(KEY, KeyKind::Private)
        .latency(Duration::from_millis(300))
        .fault(Fault::new(FaultKind::Quota).times(1))
        .start()
        .await
        .unwrap();
    let hand = Hand::at("2026-01-10T06:00:00Z");
    let mut settings = with_ledger(&running, &hand.clock(), None);
    // The pause ends long before the ledger opens the key again.
    settings.retry.first_quota_pause = Duration::from_millis(500);
    let client = Client::new(settings).unwrap();
    let deadline = Deadline::after(Duration::from_secs(3));
    let answers = client
        .ip_reports(&addresses(0, 4), Accept::Fresh, &deadline)
        .await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert_eq!(running.calls().len(), 1);
}
