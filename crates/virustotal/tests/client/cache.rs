//! What is kept, for how long, and for whom.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use simulator::{Fault, FaultKind, Running, file_with_positives, synthetic_file, unknown_file};
use virustotal::object::parse_ip;
use virustotal::{Accept, Answer, Cache, Client, DomainName, FileHash, Settings, Tier, UrlId};

use crate::common::{Hand, Told, found, hash, later, settings, simulator};
use crate::stores;

pub(crate) const LARGE: u64 = 1 << 30;

pub(crate) struct Scene {
    pub(crate) running: Running,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) hand: Hand,
    pub(crate) told: Told,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self {
            running: simulator().start().await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            hand: Hand::at("2026-01-10T12:00:00Z"),
            told: Told::default(),
        }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("reports.db")
    }

    pub(crate) fn cache(&self, most_bytes: u64) -> Arc<Cache> {
        let (clock, notify) = (self.hand.clock(), self.told.notify());
        Arc::new(stores::cache(&self.path(), most_bytes, clock, notify))
    }

    pub(crate) fn settings(&self) -> Settings {
        let mut settings = settings(&self.running);
        settings.cache = Some(self.cache(LARGE));
        settings
    }

    /// A process of its own, as far as the cache can tell.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.settings()).unwrap()
    }

    /// Calls since it was last asked for.
    pub(crate) fn calls(&self) -> usize {
        let calls = self.running.calls().len();
        self.running.clear_calls();
        calls
    }
}

#[tokio::test]
async fn what_one_process_asked_no_other_asks_again() {
    let scene = Scene::new().await;
    let file = synthetic_file(1);
    let urls = [UrlId::parse("https://a.example/x?y=1").unwrap()];
    let domains = [DomainName::parse("example.co.in").unwrap()];
    let ips = [parse_ip("8.8.8.8").unwrap()];
    let first = scene.client();
    assert!(found(
        &first
            .file_reports(&[hash(&file.sha1)], Accept::Fresh, &later())
            .await[0]
    ));
    first.url_reports(&urls, Accept::Fresh, &later()).await;
    first.domain_reports(&domains, Accept::Fresh, &later()).await;
    let ip = first.ip_reports(&ips, Accept::Fresh, &later()).await;
    assert_eq!(scene.calls(), 4);
    drop(first);

    let second = scene.client();
    // All three hashes lead to the one entry.
    let hashes = [hash(&file.md5), hash(&file.sha256), hash(&file.sha1)];
    let answers = second.file_reports(&hashes, Accept::Fresh, &later()).await;
    assert!(answers.iter().all(found));
    second.url_reports(&urls, Accept::Fresh, &later()).await;
    second.domain_reports(&domains, Accept::Fresh, &later()).await;
    let again = second.ip_reports(&ips, Accept::Fresh, &later()).await;
    assert_eq!(scene.calls(), 0);
    let raw = |answer: &Result<Answer, _>| match answer {
        Ok(Answer::Found(report)) => report.raw().to_owned(),
        _ => panic!("not found"),
    };
    assert_eq!(raw(&ip[0]), raw(&again[0]), "to the byte");
    assert_eq!(second.progress().kept, 6);
    assert_eq!(scene.cache(LARGE).stats().await.found, 4);
}

#[tokio::test]
async fn an_answer_counts_as_long_as_its_kind_and_verdict_say() {
    let scene = Scene::new().await;
    let (flagged, clean, unknown) = (
        hash(&file_with_positives(30, 1).sha256),
        hash(&file_with_positives(0, 1).sha256),
        hash(&unknown_file(1).sha256),
    );
    let all = [flagged.clone(), clean.clone(), unknown.clone()];
    let ask = async |hashes: &[_]| {
        scene.client().file_reports(hashes, Accept::Fresh, &later()).await;
        let asked: Vec<String> = scene
            .running
            .calls()
            .into_iter()
            .flat_map(|call| call.resources)
            .collect();
        scene.running.clear_calls();
        asked
    };
    assert_eq!(ask(&all).await.len(), 3);
    assert_eq!(ask(&all).await.len(), 0);
    scene.hand.move_by(SignedDuration::from_mins(10));
    assert_eq!(ask(&all).await, [unknown.as_str()]);
    scene.hand.move_by(SignedDuration::from_hours(24));
    assert_eq!(ask(&all).await, [clean.as_str(), unknown.as_str()]);
    scene.hand.move_by(SignedDuration::from_hours(6 * 24));
    assert_eq!(ask(&all).await.len(), 3);
    // A clock that was set back: what was asked in the future is not taken.
    scene.hand.move_by(SignedDuration::from_hours(-48));
    assert_eq!(ask(&all).await.len(), 3);
}

#[tokio::test]
async fn whoever_asks_decides_what_is_taken() {
    let scene = Scene::new().await;
    let file = [hash(&file_with_positives(30, 1).sha256)];
    let client = scene.client();
    let answer = client
        .file_reports(&file, Accept::Fresh, &later())
        .await
        .remove(0);
    let Ok(Answer::Found(report)) = answer else {
        panic!()
    };
    let date = virustotal::report::FileReport::read(&report).scan_date.unwrap();
    let scanned_at = jiff::tz::TimeZone::UTC.to_timestamp(date).unwrap();
    assert_eq!(scene.calls(), 1);
    client
        .file_reports(&file, Accept::ScannedSince(scanned_at), &later())
        .await;
    assert_eq!(scene.calls(), 0);
    let later_one = scanned_at + SignedDuration::from_secs(1);
    client
        .file_reports(&file, Accept::ScannedSince(later_one), &later())
        .await;
    assert_eq!(scene.calls(), 1);
    client.file_reports(&file, Accept::Nothing, &later()).await;
    assert_eq!(scene.calls(), 1);

    scene.hand.move_by(SignedDuration::from_hours(2));
    for (max_age, calls) in [(Duration::from_secs(3600), 1), (Duration::from_secs(3 * 3600), 0)] {
        let mut settings = scene.settings();
        settings.max_age = Some(max_age);
        let client = Client::new(settings).unwrap();
        client.file_reports(&file, Accept::Fresh, &later()).await;
        assert_eq!(scene.calls(), calls, "{max_age:?}");
        scene.hand.move_by(SignedDuration::from_hours(2));
    }
}

#[tokio::test]
async fn a_key_that_sees_more_does_not_share_with_one_that_sees_less() {
    let scene = Scene::new().await;
    let file = [hash(&synthetic_file(1).sha256)];
    scene.client().file_reports(&file, Accept::Fresh, &later()).await;
    let mut settings = scene.settings();
    settings.tier = Tier::Public;
    Client::new(settings)
        .unwrap()
        .file_reports(&file, Accept::Fresh, &later())
        .await;
    assert_eq!(scene.calls(), 2);
}

#[tokio::test]
async fn two_who_want_the_same_at_once_make_one_call() {
    let scene = Scene {
        running: simulator()
            .latency(Duration::from_millis(150))
            .start()
            .await
            .unwrap(),
        ..Scene::new().await
    };
    let files: Vec<_> = (0..25).map(|n| hash(&synthetic_file(n).sha256)).collect();
    let both = async |first: &[FileHash], second: &[FileHash]| {
        let (a, b) = (scene.client(), scene.client());
        let (deadline_a, deadline_b) = (later(), later());
        let (a, b) = tokio::join!(
            a.file_reports(first, Accept::Fresh, &deadline_a),
            b.file_reports(second, Accept::Fresh, &deadline_b),
        );
        assert!(a.iter().chain(&b).all(found));
    };
    both(&files[..10], &files[..10]).await;
    assert_eq!(scene.calls(), 1);
    // Whoever comes second asks about what the first does not.
    both(&files[10..20], &files[15..]).await;
    let asked: usize = scene.running.calls().iter().map(|call| call.items).sum();
    assert_eq!(asked, 15);
}

#[tokio::test]
async fn who_asks_and_fails_leaves_the_question_to_the_other() {
    let scene = Scene {
        running: simulator()
            .latency(Duration::from_millis(150))
            .start()
            .await
            .unwrap(),
        ..Scene::new().await
    };
    let file = [hash(&synthetic_file(1).sha256)];
    let (a, b) = (scene.client(), scene.client());
    let soon = virustotal::Deadline::after(Duration::from_millis(60));
    let deadline = later();
    let (a, b) = tokio::join!(a.file_reports(&file, Accept::Fresh, &soon), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        b.file_reports(&file, Accept::Fresh, &deadline).await
    });
    assert!(a[0].is_err() && found(&b[0]), "{a:?} {b:?}");
}

#[tokio::test]
async fn what_is_being_analysed_anew_is_asked_about_and_not_taken_from_before() {
    let scene = Scene::new().await;
    let urls = [
        UrlId::parse("https://never-seen.example/1").unwrap(),
        UrlId::parse("https://a.example/2").unwrap(),
    ];
    let client = scene.client();
    client.url_reports(&urls, Accept::Fresh, &later()).await;
    client.url_scans(&urls[..1], &later()).await;
    scene.calls();
    scene.client().url_reports(&urls, Accept::Fresh, &later()).await;
    let calls = scene.running.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0].resources,
        [urls[0].as_str()],
        "only the one that was submitted"
    );
}

#[tokio::test]
async fn what_may_have_been_submitted_is_asked_about_by_others_and_not_submitted_again() {
    let lost = Fault::new(FaultKind::Truncated).on("url/scan").times(1);
    let scene = Scene {
        running: simulator().fault(lost).start().await.unwrap(),
        ..Scene::new().await
    };
    let url = [UrlId::parse("https://never-seen.example/1").unwrap()];
    let client = scene.client();
    let known = client.url_reports(&url, Accept::Fresh, &later()).await;
    assert!(matches!(known[0], Ok(Answer::Missing)), "{known:?}");
    client.url_scans(&url, &later()).await;
    scene.calls();
    let known = scene.client().url_reports(&url, Accept::Fresh, &later()).await;
    assert!(!matches!(known[0], Ok(Answer::Missing)), "{known:?}");
    assert_eq!(scene.calls(), 1);
}

#[tokio::test]
async fn nobody_waits_for_what_another_has_only_lined_up() {
    let scene = Scene {
        running: simulator()
            .latency(Duration::from_millis(100))
            .start()
            .await
            .unwrap(),
        ..Scene::new().await
    };
    let many: Vec<_> = (0..60).map(|n| std::net::Ipv4Addr::new(8, 8, 0, n)).collect();
    let mut one_by_one = scene.settings();
    one_by_one.max_in_flight = 1;
    let (bulk, person) = (Client::new(one_by_one).unwrap(), scene.client());
    let deadline = later();
    let last = async {
        // The bulk run is under way.
        while scene.running.calls().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        person.ip_reports(&many[59..], Accept::Fresh, &deadline).await
    };
    tokio::select! {
        _ = bulk.ip_reports(&many, Accept::Fresh, &deadline) => panic!("the last of sixty came first"),
        answers = last => assert!(found(&answers[0]), "{answers:?}"),
    }
}
