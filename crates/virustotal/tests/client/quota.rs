//! The ledger against a server that counts for itself.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use simulator::{Fault, FaultKind, KeyKind, Quota, Running, Simulator};
use virustotal::quota::{Limits, Priority, Window};
use virustotal::{Accept, Client, Clock, Deadline, Error, Notify, Settings, Tier};

use crate::common::{Hand, KEY, found, later, settings};
use crate::stores;

/// A clock that runs ahead.
pub(crate) fn fast() -> Clock {
    Clock::fast("2026-01-10T06:00:00Z".parse().unwrap(), stores::RATE)
}

pub(crate) async fn simulator(clock: &Clock, per_minute: u32) -> Running {
    let now = clock.clone();
    let quota = Quota {
        per_minute: Some(per_minute),
        ..Quota::default()
    };
    let builder = Simulator::builder().key(KEY, KeyKind::Private).quota(quota);
    builder.clock(move || now.now()).start().await.unwrap()
}

pub(crate) fn with_ledger(running: &Running, clock: &Clock, path: Option<&Path>) -> Settings {
    let ledger = stores::ledger(path, clock.clone(), Notify::default());
    let mut settings = settings(running);
    settings.limits = Limits::of(Tier::Public);
    settings.ledger = Some(Arc::new(ledger));
    settings.retry.longest_quota_wait = Duration::from_secs(3600);
    settings
}

pub(crate) fn addresses(first: u8, count: u8) -> Vec<Ipv4Addr> {
    (0..count).map(|n| Ipv4Addr::new(8, 8, first, n)).collect()
}

fn refused(running: &Running) -> usize {
    running.calls().iter().filter(|call| call.status == 204).count()
}

/// Whose calls came, in their order and without the first ones: the third number of each address that was asked about.
fn order_after(running: &Running, first: usize) -> Vec<u8> {
    let calls = running.calls();
    let whose = |address: &str| address.split('.').nth(2).unwrap().parse().unwrap();
    calls
        .iter()
        .skip(first)
        .map(|call| whose(&call.resources[0]))
        .collect()
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
async fn environments_take_turns_and_one_with_a_share_is_served_before_priority() {
    let clock = fast();
    let running = simulator(&clock, 4).await;
    let settings = with_ledger(&running, &clock, None);
    let ledger = settings.ledger.clone().unwrap();
    let client = Client::new(settings).unwrap();
    let run = |environment, priority, first, count| {
        let client = client.for_run(priority, environment);
        async move {
            client
                .ip_reports(&addresses(first, count), Accept::Fresh, &Deadline::none())
                .await
        }
    };
    // The quota is used up when all of them come.
    run("", Priority::Person, 9, 4).await;
    let key = ledger.keys().await[0].id.clone();
    ledger.keep(&key, "Sure", Some(25)).await.unwrap();
    tokio::join!(
        run("Large", Priority::Person, 1, 8),
        run("Large", Priority::Person, 2, 8),
        run("Large", Priority::Person, 3, 8),
        run("Small", Priority::Person, 4, 8),
        run("Sure", Priority::Background, 5, 8),
    );
    assert_eq!(refused(&running), 0);
    let order = order_after(&running, 4);
    // Of each minute's four, one is the share's; the others take turns by environment, not by run. A busy machine may let some of the
    // first come before the others stand in line.
    let served = |run: u8| order.iter().take(24).filter(|own| **own == run).count();
    let (large, small, sure) = (served(1) + served(2) + served(3), served(4), served(5));
    assert!((4..=7).contains(&sure), "{order:?}");
    assert!(small >= 6, "{order:?}");
    assert!(large <= 13, "{order:?}");
    let known = ledger.keys().await;
    let used = |name: &str| {
        known[0]
            .environments
            .iter()
            .find(|own| own.name == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (used("").today, used("Large").today, used("Sure").this_month),
        (4, 24, 8)
    );
    assert_eq!(used("Sure").share, Some(25));
}

#[tokio::test]
async fn what_is_kept_of_a_day_for_one_environment_no_other_can_use() {
    let hand = Hand::at("2026-01-10T06:00:00Z");
    let running = simulator(&hand.clock(), 1000).await;
    let mut settings = with_ledger(&running, &hand.clock(), None);
    settings.limits = Limits::default().with(Window::Day, Some(10));
    let ledger = settings.ledger.clone().unwrap();
    let client = Client::new(settings).unwrap();
    let ask = async |environment, first, count| {
        let client = client.for_run(Priority::Person, environment);
        let soon = Deadline::after(Duration::from_secs(20));
        let answers = client
            .ip_reports(&addresses(first, count), Accept::Fresh, &soon)
            .await;
        answers.iter().filter(|answer| answer.is_ok()).count()
    };
    assert_eq!(ask("", 0, 1).await, 1);
    let key = ledger.keys().await[0].id.clone();
    ledger.keep(&key, "Vienna", Some(40)).await.unwrap();
    assert_eq!(ask("Graz", 1, 9).await, 5, "four are kept for Vienna");
    assert_eq!(ask("Vienna", 2, 9).await, 4);
    hand.move_by(SignedDuration::from_hours(24));
    assert_eq!(ask("Vienna", 3, 9).await, 9, "a share is no bound");
    ledger.keep(&key, "Vienna", None).await.unwrap();
    assert_eq!(ask("Graz", 4, 9).await, 1);
    assert!(ledger.keep(&key, "Vienna", Some(101)).await.is_err());
}

#[tokio::test]
async fn a_person_goes_first_and_equals_take_turns() {
    let clock = fast();
    let running = simulator(&clock, 4).await;
    let client = Client::new(with_ledger(&running, &clock, None)).unwrap();
    let run = |priority, first| {
        let client = client.for_run(priority, "");
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
    let order = order_after(&running, 4);
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
