//! A run that is cut off goes on where it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use simulator::{Fault, FaultKind, Running, synthetic_file, unknown_file};
use virustotal::journal::{forget, unfinished};
use virustotal::quota::Ledger;
use virustotal::{Accept, Answer, Canceller, Client, Deadline, FileHash, Journal, Notify, Submission, UrlId};

use crate::common::{Hand, Told, found, hash, later, settings, simulator, work_in};

const ID: &str = "00112233445566ff";

struct Scene {
    running: Running,
    folder: tempfile::TempDir,
    hand: Hand,
    told: Told,
}

impl Scene {
    fn on(running: Running) -> Self {
        Self {
            running,
            folder: tempfile::tempdir().unwrap(),
            hand: Hand::at("2026-01-10T12:00:00Z"),
            told: Told::default(),
        }
    }

    fn journal(&self) -> std::io::Result<Journal> {
        let command = "{\"what\":\"to do\"}".to_owned();
        Journal::begin(
            self.folder.path(),
            ID,
            command,
            self.hand.clock(),
            self.told.notify(),
        )
    }

    /// One attempt at the run.
    fn client(&self) -> (Client, Arc<Journal>) {
        let mut settings = settings(&self.running);
        let journal = Arc::new(self.journal().unwrap());
        settings.journal = Some(Arc::clone(&journal));
        (Client::new(settings).unwrap(), journal)
    }
}

fn hashes(count: u64) -> Vec<FileHash> {
    (0..count).map(|n| hash(&synthetic_file(n).sha256)).collect()
}

#[tokio::test]
async fn finished_questions_are_not_asked_again_and_submissions_not_made_again() {
    let scene = Scene::on(simulator().scan_for(Duration::ZERO).start().await.unwrap());
    let mut all = hashes(60);
    all.push(hash(&unknown_file(1).sha256));
    let urls = [UrlId::parse("https://a.example/x").unwrap()];
    let (client, journal) = scene.client();
    let before = client.file_reports(&all, Accept::Fresh, &later()).await;
    let submitted = client.url_scans(&urls, &later()).await;
    let Ok(Submission::Queued { scan_id, .. }) = &submitted[0] else {
        panic!("{submitted:?}")
    };
    let ids = [scan_id.clone()];
    assert!(found(&client.url_reports_by_scan_id(&ids, &later()).await[0]));
    drop((client, journal));
    scene.running.clear_calls();

    let (client, journal) = scene.client();
    let earlier = journal.earlier().await.unwrap();
    assert_eq!((earlier.answers, earlier.submissions), (62, 1));
    assert_eq!(earlier.command, "{\"what\":\"to do\"}");
    let after = client.file_reports(&all, Accept::Fresh, &later()).await;
    let raw = |answers: &[Result<Answer, _>]| -> Vec<String> {
        let raw = answers.iter().map(|answer| match answer {
            Ok(Answer::Found(report)) => report.raw().to_owned(),
            other => format!("{other:?}"),
        });
        raw.collect()
    };
    assert_eq!(raw(&before), raw(&after), "to the byte");
    assert_eq!(client.url_scans(&urls, &later()).await, submitted);
    assert!(found(&client.url_reports_by_scan_id(&ids, &later()).await[0]));
    assert_eq!(scene.running.calls().len(), 0);
    assert_eq!(client.progress().kept, 63);
    journal.finish();
    drop((client, journal));
    assert_eq!(
        std::fs::read_dir(scene.folder.path()).unwrap().count(),
        0,
        "a finished run leaves nothing"
    );
}

#[tokio::test]
async fn only_what_was_not_answered_is_asked() {
    // The second batch and all that follow are never answered.
    let fault = Fault::new(FaultKind::Hang).after(1);
    let scene = Scene::on(simulator().fault(fault).start().await.unwrap());
    let all = hashes(100);
    let (client, journal) = scene.client();
    let soon = Deadline::after(Duration::from_millis(400));
    let before = client.file_reports(&all, Accept::Fresh, &soon).await;
    assert_eq!(before.iter().filter(|answer| found(answer)).count(), 25);
    assert_eq!(unfinished(scene.folder.path())[0].answers, 25);
    drop((client, journal));

    let working = Scene {
        running: simulator().start().await.unwrap(),
        ..scene
    };
    let (client, _journal) = working.client();
    assert!(
        client
            .file_reports(&all, Accept::Fresh, &later())
            .await
            .iter()
            .all(found)
    );
    let asked: usize = working.running.calls().iter().map(|call| call.items).sum();
    assert_eq!(asked, 75);
}

#[tokio::test]
async fn a_run_of_one_call_is_written_down_only_if_it_ends_unfinished() {
    let scene = Scene::on(simulator().start().await.unwrap());
    let (client, journal) = scene.client();
    client.file_reports(&hashes(25), Accept::Fresh, &later()).await;
    assert!(unfinished(scene.folder.path()).is_empty());
    journal.keep().await;
    assert_eq!(unfinished(scene.folder.path())[0].answers, 25);
    drop((client, journal));
    let (client, _journal) = scene.client();
    assert!(
        client
            .file_reports(&hashes(25), Accept::Fresh, &later())
            .await
            .iter()
            .all(found)
    );
    assert_eq!(scene.running.count("file/report"), 1);
}

#[tokio::test]
async fn a_submission_whose_answer_was_lost_is_known_as_such() {
    let scene = Scene::on(
        simulator()
            .fault(Fault::new(FaultKind::Hang))
            .start()
            .await
            .unwrap(),
    );
    let url = [UrlId::parse("https://a.example/x").unwrap()];
    let (client, journal) = scene.client();
    let soon = Deadline::after(Duration::from_millis(200));
    let sent_at = scene.hand.clock().now();
    assert_eq!(
        client.url_scans(&url, &soon).await,
        [Ok(Submission::Unknown { sent_at })]
    );
    drop((client, journal));
    let (client, journal) = scene.client();
    let sent_at = scene.hand.clock().now();
    let unknown = client.url_scans(&url, &soon).await;
    assert_eq!(unknown, [Ok(Submission::Unknown { sent_at })]);
    drop((client, journal));
    assert_eq!(scene.running.count("url/scan"), 1);

    // One that was refused did not arrive, and is made again.
    let scene = Scene::on(
        simulator()
            .fault(Fault::new(FaultKind::Status(400)).times(1))
            .start()
            .await
            .unwrap(),
    );
    let (client, journal) = scene.client();
    assert!(client.url_scans(&url, &later()).await[0].is_err());
    drop((client, journal));
    let (client, _journal) = scene.client();
    assert!(matches!(
        client.url_scans(&url, &later()).await[0],
        Ok(Submission::Queued { .. })
    ));
}

#[tokio::test]
async fn a_run_belongs_to_one_process_at_a_time() {
    let scene = Scene::on(simulator().start().await.unwrap());
    let first = scene.journal().unwrap();
    assert_eq!(
        scene.journal().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    first.keep().await;
    assert!(unfinished(scene.folder.path())[0].is_running);
    assert!(forget(scene.folder.path(), ID).is_err());
    drop(first);
    let listed = unfinished(scene.folder.path());
    assert_eq!((listed[0].id.as_str(), listed[0].is_running), (ID, false));
    forget(scene.folder.path(), ID).unwrap();
    assert!(unfinished(scene.folder.path()).is_empty());
}

#[tokio::test]
async fn a_damaged_journal_is_kept_aside_and_the_run_begins_anew() {
    let scene = Scene::on(simulator().start().await.unwrap());
    let (client, journal) = scene.client();
    client.file_reports(&hashes(60), Accept::Fresh, &later()).await;
    drop((client, journal));
    let path = scene.folder.path().join(format!("{ID}.db"));
    work_in(&path);
    std::fs::write(&path, vec![b'#'; 20_000]).unwrap();
    let (client, _journal) = scene.client();
    assert!(
        client
            .file_reports(&hashes(60), Accept::Fresh, &later())
            .await
            .iter()
            .all(found)
    );
    assert_eq!(scene.running.count("file/report"), 6);
    let told = scene.told.all();
    assert!(
        told.len() == 1 && told[0].contains("journal is damaged"),
        "{told:?}"
    );
}

#[tokio::test]
async fn the_same_content_is_uploaded_once() {
    let scene = Scene::on(simulator().start().await.unwrap());
    let path = scene.folder.path().join("sample.bin");
    std::fs::write(&path, b"content").unwrap();
    let open = async |is_hashed| {
        let upload = virustotal::Upload::open(&path).await.unwrap();
        if is_hashed {
            upload.sha256().await.unwrap();
        }
        [upload]
    };
    // Known by its content where that was read before, else by its path, size and time.
    for is_hashed in [false, true] {
        let (client, journal) = scene.client();
        let first = client.upload_files(&open(is_hashed).await, &later()).await;
        drop((client, journal));
        let (client, journal) = scene.client();
        assert_eq!(client.upload_files(&open(is_hashed).await, &later()).await, first);
        drop((client, journal));
    }
    assert_eq!(scene.running.uploads().len(), 1);
    let (client, journal) = scene.client();
    // Another content under the same name is another upload.
    std::fs::write(&path, b"changed").unwrap();
    assert!(client.upload_files(&open(true).await, &later()).await[0].is_ok());
    assert_eq!(scene.running.uploads().len(), 2);
    drop((client, journal));
}

#[tokio::test]
async fn comments_are_fetched_once() {
    let scene = Scene::on(simulator().start().await.unwrap());
    let name = synthetic_file(1).sha256;
    let (client, journal) = scene.client();
    let first = client.comments(&name, 25, &later()).await.unwrap();
    journal.keep().await;
    drop((client, journal));
    let (client, _journal) = scene.client();
    assert_eq!(client.comments(&name, 25, &later()).await.unwrap(), first);
    assert_eq!(scene.running.count("comments/get"), 1);
}

#[tokio::test]
async fn a_submission_that_only_waited_was_not_made() {
    let scene = Scene::on(simulator().start().await.unwrap());
    let url = [UrlId::parse("https://a.example/x").unwrap()];
    let ledger = Ledger::open(None, scene.hand.clock(), Notify::default());
    let mut limited = settings(&scene.running);
    limited.limits.per_minute = Some(1);
    limited.ledger = Some(Arc::new(ledger));
    limited.retry.longest_quota_wait = Duration::from_secs(3600);
    let journal = Arc::new(scene.journal().unwrap());
    limited.journal = Some(Arc::clone(&journal));
    let client = Client::new(limited).unwrap();
    client.file_reports(&hashes(1), Accept::Fresh, &later()).await;
    let canceller = Canceller::new();
    let deadline = Deadline::none().with_canceller(&canceller);
    let (waited, ()) = tokio::join!(client.url_scans(&url, &deadline), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        canceller.cancel();
    });
    assert!(waited[0].is_err(), "{waited:?}");
    drop((client, journal));
    let (client, _journal) = scene.client();
    let submitted = client.url_scans(&url, &later()).await;
    assert!(
        matches!(submitted[0], Ok(Submission::Queued { .. })),
        "{submitted:?}"
    );
    assert_eq!(scene.running.count("url/scan"), 1);
}

#[tokio::test]
async fn a_submission_whose_answer_came_broken_is_not_made_again() {
    let fault = || Fault::new(FaultKind::Truncated).on("url/scan").times(1);
    let url = [UrlId::parse("https://a.example/x").unwrap()];
    let scene = Scene::on(simulator().fault(fault()).start().await.unwrap());
    for _ in 0..2 {
        let (client, journal) = scene.client();
        let submitted = client.url_scans(&url, &later()).await;
        assert!(
            matches!(submitted[0], Ok(Submission::Unknown { .. })),
            "{submitted:?}"
        );
        drop((client, journal));
    }
    assert_eq!(scene.running.count("url/scan"), 1);
    // Nor without a journal, where the same run would try again.
    let running = simulator().fault(fault()).start().await.unwrap();
    let client = Client::new(settings(&running)).unwrap();
    client.url_scans(&url, &later()).await;
    assert_eq!(running.count("url/scan"), 1);
}

#[tokio::test]
async fn who_lists_the_runs_takes_none_from_its_owner() {
    let scene = Scene::on(simulator().start().await.unwrap());
    scene.journal().unwrap().keep().await;
    let is_done = AtomicBool::new(false);
    let lost = std::thread::scope(|threads| {
        threads.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let _ = unfinished(scene.folder.path());
            }
        });
        let lost = (0..300).filter(|_| scene.journal().is_err()).count();
        is_done.store(true, Ordering::Relaxed);
        lost
    });
    assert_eq!(lost, 0);
}
