//! Files from VirusTotal: they come in quarantine or not at all.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use simulator::{Fault, KeyKind, Running, Simulator, synthetic_file, unknown_file};
use virustotal::retry::RetryPolicy;
use virustotal::{
    ApiKey, Client, Deadline, Downloaded, Error, FileHash, ProxyChoice, QUARANTINE_PASSWORD, Settings,
};

const KEY: &str = "0123456789abcdef-of-downloads";

async fn serve(kind: KeyKind, faults: &[&str]) -> Running {
    let mut builder = Simulator::builder().key(KEY, kind).scan_for(Duration::ZERO);
    for fault in faults {
        builder = builder.fault(fault.parse::<Fault>().unwrap());
    }
    builder.start().await.unwrap()
}

fn client(running: &Running) -> Client {
    let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
    settings.base_url = running.base_url();
    settings.proxy = ProxyChoice::Direct;
    settings.call_timeout = Duration::from_millis(500);
    settings.retry = RetryPolicy {
        attempts: 3,
        first_pause: Duration::from_millis(5),
        ..RetryPolicy::default()
    };
    Client::new(settings).unwrap()
}

fn known() -> FileHash {
    FileHash::parse(&synthetic_file(1).sha256).unwrap()
}

async fn download(running: &Running, file: &FileHash, folder: &Path) -> Result<Downloaded, Error> {
    let deadline = Deadline::after(Duration::from_secs(20));
    client(running).download(file, folder, &deadline).await
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_file_is_saved_in_a_zip_that_only_opens_with_the_password() {
    let running = serve(KeyKind::Private, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = known();
    let Downloaded::Saved(saved) = download(&running, &file, folder.path()).await.unwrap() else {
        panic!("it was not there before");
    };
    assert_eq!(saved.path, folder.path().join(format!("{}.zip", file.as_str())));
    assert_eq!(saved.size_bytes, saved.path.metadata().unwrap().len());
    let mut archive = zip::ZipArchive::new(File::open(&saved.path).unwrap()).unwrap();
    assert!(archive.by_index(0).is_err(), "it opens without a password");
    let mut content = String::new();
    let mut inside = archive
        .by_index_decrypt(0, QUARANTINE_PASSWORD.as_bytes())
        .unwrap();
    inside.read_to_string(&mut content).unwrap();
    assert!(content.contains(file.as_str()), "{content}");
    // Asked for, fetched; the storage, which is not VirusTotal's API, is not told the key.
    let calls: Vec<(String, bool)> = running
        .calls()
        .into_iter()
        .map(|call| (call.endpoint, call.key_ok))
        .collect();
    let zips = || ("v3/zip_files".to_owned(), true);
    assert_eq!(calls, [zips(), zips(), ("v3/storage".to_owned(), false)]);

    running.clear_calls();
    let again = download(&running, &file, folder.path()).await.unwrap();
    assert_eq!(again, Downloaded::Kept(saved));
    assert!(running.calls().is_empty());
}

#[tokio::test]
async fn a_zip_under_way_is_waited_for_within_the_time() {
    let running = Simulator::builder()
        .key(KEY, KeyKind::Private)
        .scan_for(Duration::from_millis(600))
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let short = Deadline::after(Duration::from_millis(300));
    let stopped = client(&running).download(&known(), folder.path(), &short).await;
    assert!(matches!(stopped, Err(Error::Stopped(_))), "{stopped:?}");
    assert_eq!(names(folder.path()), [""; 0]);
    let saved = download(&running, &known(), folder.path()).await;
    assert!(matches!(saved, Ok(Downloaded::Saved(_))), "{saved:?}");
}

#[tokio::test]
async fn a_download_that_breaks_off_begins_again() {
    for fault in [
        "truncated*1@v3/storage",
        "reset*1@v3/storage",
        "hang*1@v3/storage",
        "403*1@v3/storage",
        "503*1@v3/zip_files+1",
    ] {
        let running = serve(KeyKind::Private, &[fault]).await;
        let folder = tempfile::tempdir().unwrap();
        let saved = download(&running, &known(), folder.path()).await;
        assert!(matches!(saved, Ok(Downloaded::Saved(_))), "{fault} {saved:?}");
        assert_eq!(names(folder.path()).len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn what_is_not_in_quarantine_is_thrown_away() {
    for fault in [
        "not-json@v3/storage",
        "empty@v3/storage",
        "wrong-types@v3/zip_files+1",
    ] {
        let running = serve(KeyKind::Private, &[fault]).await;
        let folder = tempfile::tempdir().unwrap();
        let failed = download(&running, &known(), folder.path()).await.unwrap_err();
        let words = failed.to_string();
        assert!(words.contains("thrown away"), "{fault}: {words}");
        assert_eq!(names(folder.path()), [""; 0], "{fault}");
    }
}

#[tokio::test]
async fn a_file_that_can_not_be_had_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let public = serve(KeyKind::Public, &[]).await;
    let refused = download(&public, &known(), folder.path()).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    let private = serve(KeyKind::Private, &[]).await;
    let unknown = FileHash::parse(&unknown_file(1).sha256).unwrap();
    assert_eq!(
        download(&private, &unknown, folder.path()).await,
        Err(Error::Missing)
    );
    assert_eq!(names(folder.path()), [""; 0]);
    // A folder that takes nothing is known before anything is asked.
    private.clear_calls();
    let gone = download(&private, &known(), &folder.path().join("gone")).await;
    assert!(matches!(gone, Err(Error::File { .. })), "{gone:?}");
    assert!(private.calls().is_empty());
}
