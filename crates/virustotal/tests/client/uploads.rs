//! Files on their way: streamed, checked, counted.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use simulator::{KeyKind, Simulator};
use tokio::io::{AsyncRead, ReadBuf};
use virustotal::{Content, Error, Later, LocalFile, Reading, Settings, Stamp, Submission, Tier, Upload};

use crate::common::{KEY, client, later, settings, simulator};

type Event = fn(&Path) -> io::Result<()>;

/// A file that something happens to when so many of its bytes have been read the second time, as it is sent.
#[derive(Debug)]
struct Eventful {
    path: PathBuf,
    opened: AtomicUsize,
    event: Event,
}

struct Read {
    inner: Box<dyn Reading>,
    happens: Option<(PathBuf, Event)>,
    read: usize,
}

const HAPPENS_AFTER: usize = 300_000;
const SIZE: usize = 1_000_000;

impl Content for Eventful {
    fn open(&self) -> Later<'_, io::Result<Box<dyn Reading>>> {
        Box::pin(async {
            let times = self.opened.fetch_add(1, Ordering::SeqCst);
            let read = Read {
                inner: LocalFile::new(&self.path).open().await?,
                happens: (times > 0).then(|| (self.path.clone(), self.event)),
                read: 0,
            };
            Ok(Box::new(read) as Box<dyn Reading>)
        })
    }
}

impl AsyncRead for Read {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read > HAPPENS_AFTER
            && let Some((path, event)) = self.happens.take()
        {
            event(&path)?;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.read += buffer.filled().len() - before;
        polled
    }
}

impl Reading for Read {
    fn stamp(&self) -> Later<'_, io::Result<Stamp>> {
        self.inner.stamp()
    }
}

async fn eventful(folder: &tempfile::TempDir, event: Event) -> Upload {
    let path = folder.path().join("eventful.bin");
    std::fs::write(&path, vec![b'e'; SIZE]).unwrap();
    let name = path.display().to_string();
    let opened = AtomicUsize::new(0);
    Upload::of(Arc::new(Eventful { path, opened, event }), name)
        .await
        .unwrap()
}

fn write(path: &Path, change: impl FnOnce(&std::fs::File) -> io::Result<()>) -> io::Result<()> {
    change(&std::fs::OpenOptions::new().write(true).open(path)?)
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_is_not_sent() {
    let grow = |path: &Path| write(path, |file| file.set_len(SIZE as u64 + 70_000));
    let shrink = |path: &Path| write(path, |file| file.set_len(SIZE as u64 - 70_000));
    let overwrite = |path: &Path| {
        use std::os::unix::fs::FileExt;
        std::thread::sleep(Duration::from_millis(20));
        write(path, |file| file.write_all_at(b"changed", SIZE as u64 - 10))
    };
    for (what, event) in [
        ("grow", grow as Event),
        ("shrink", shrink),
        ("overwrite", overwrite),
    ] {
        let (folder, running) = (tempfile::tempdir().unwrap(), simulator().start().await.unwrap());
        let client = client(&running);
        let upload = eventful(&folder, event).await;
        let sent = client.upload_files(&[upload], &later()).await.remove(0);
        let Err(Error::File { path, detail }) = sent else {
            panic!("{what}: {sent:?}")
        };
        assert!(path.ends_with("eventful.bin"));
        assert_eq!(detail, "it changed while it was being read", "{what}");
        assert!(running.uploads().is_empty(), "{what}");
        assert_eq!(client.progress().bytes_sent, 0, "{what}: nothing counts as sent");
    }
}

#[tokio::test]
async fn what_was_looked_up_is_what_is_sent() {
    // The same size at the same moment, yet another content than the one whose hash was asked about.
    let event = |path: &Path| {
        let modified = std::fs::metadata(path)?.modified()?;
        std::fs::write(path, vec![b'o'; SIZE])?;
        write(path, |file| file.set_modified(modified))
    };
    let (folder, running) = (tempfile::tempdir().unwrap(), simulator().start().await.unwrap());
    let path = folder.path().join("eventful.bin");
    std::fs::write(&path, vec![b'e'; SIZE]).unwrap();
    let upload = Upload::open(&path).await.unwrap();
    let asked_about = upload.sha256().await.unwrap();
    event(&path).unwrap();
    let sent = client(&running)
        .upload_files(std::slice::from_ref(&upload), &later())
        .await
        .remove(0);
    assert!(matches!(sent, Err(Error::File { .. })), "{sent:?}");
    assert_eq!(upload.sha256().await.unwrap(), asked_about);
    assert!(running.uploads().is_empty());
}

#[tokio::test]
async fn a_file_that_can_no_longer_be_read_ends_alone() {
    let (folder, running) = (tempfile::tempdir().unwrap(), simulator().start().await.unwrap());
    let lost = |_: &Path| Err(io::Error::other("the connection to srv was lost"));
    let other = folder.path().join("other.bin");
    std::fs::write(&other, b"other").unwrap();
    let uploads = [eventful(&folder, lost).await, Upload::open(&other).await.unwrap()];
    let sent = client(&running).upload_files(&uploads, &later()).await;
    let Err(Error::File { detail, .. }) = &sent[0] else {
        panic!("{sent:?}")
    };
    assert_eq!(detail, "the connection to srv was lost");
    assert!(matches!(sent[1], Ok(Submission::Queued { .. })), "{sent:?}");
    assert_eq!(running.uploads().len(), 1);
}

#[tokio::test]
async fn bytes_are_counted_once_however_often_they_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    std::fs::write(&path, vec![b'a'; SIZE]).unwrap();
    let upload = Upload::open(&path).await.unwrap();
    let running = simulator()
        .fault(simulator::Fault::new(simulator::FaultKind::Status(503)).times(1))
        .start()
        .await
        .unwrap();
    let client = client(&running);
    assert!(client.upload_files(&[upload], &later()).await[0].is_ok());
    assert_eq!(running.count("file/scan"), 2);
    let progress = client.progress();
    assert_eq!(progress.bytes_to_send, SIZE as u64);
    assert!(progress.bytes_sent >= SIZE as u64, "{progress:?}");
}

#[tokio::test]
async fn a_file_that_the_key_may_not_send_costs_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.bin");
    std::fs::File::create(&path).unwrap().set_len(33 << 20).unwrap();
    let upload = Upload::open(&path).await.unwrap();
    let running = Simulator::builder()
        .key(KEY, KeyKind::Public)
        .start()
        .await
        .unwrap();
    let public = Settings {
        tier: Tier::Public,
        ..settings(&running)
    };
    let sent = virustotal::Client::new(public)
        .unwrap()
        .upload_files(&[upload], &later())
        .await;
    let message = sent[0].as_ref().unwrap_err().to_string();
    assert!(message.contains("too large for a public API key"), "{message}");
    assert_eq!(running.calls().len(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn links_pipes_and_devices_are_refused_without_waiting_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (path, why) in [
        (link.as_path(), "it is a symbolic link"),
        (&pipe, "it is not a regular file"),
        (Path::new("/dev/zero"), "it is not a regular file"),
    ] {
        let error = Upload::open(path).await.unwrap_err().to_string();
        assert!(error.ends_with(why), "{error}");
    }
}
