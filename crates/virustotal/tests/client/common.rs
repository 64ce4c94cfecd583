//! A client that talks to a simulator, with pauses short enough for a test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use simulator::{KeyKind, Running, Simulator};
use virustotal::retry::RetryPolicy;
use virustotal::{
    Answer, ApiKey, Client, Clock, Deadline, Error, FileHash, Notify, ProxyChoice, Settings, Tier,
};

/// Recognisable, so that a test can look for it where it must not be.
pub(crate) const KEY: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

pub(crate) fn simulator() -> simulator::Builder {
    Simulator::builder().key(KEY, KeyKind::Private)
}

pub(crate) fn settings(running: &Running) -> Settings {
    let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
    settings.base_url = running.base_url();
    settings.tier = Tier::Private;
    settings.proxy = ProxyChoice::Direct;
    settings.retry = RetryPolicy {
        attempts: 3,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(10),
        first_quota_pause: Duration::from_millis(50),
        longest_quota_pause: Duration::from_millis(100),
        longest_quota_wait: Duration::from_secs(2),
    };
    settings
}

pub(crate) fn client(running: &Running) -> Client {
    Client::new(settings(running)).unwrap()
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Mutex<Timestamp>>);

impl Hand {
    pub(crate) fn at(text: &str) -> Self {
        Self(Arc::new(Mutex::new(text.parse().unwrap())))
    }

    pub(crate) fn move_by(&self, duration: SignedDuration) {
        *self.0.lock().unwrap() += duration;
    }

    pub(crate) fn clock(&self) -> Clock {
        let hand = Arc::clone(&self.0);
        Clock::new(move || *hand.lock().unwrap())
    }
}

/// Remembers what people were told.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(crate) fn notify(&self) -> Notify {
        let told = Arc::clone(&self.0);
        Notify::new(move |_, sentence| told.lock().unwrap().push(sentence.to_owned()))
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Works a store's log into its file, so that damage to the file is damage to what it holds.
pub(crate) fn work_in(path: &std::path::Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
}

/// Far enough away to play no part.
pub(crate) fn later() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

pub(crate) fn hash(text: &str) -> FileHash {
    FileHash::parse(text).unwrap()
}

pub(crate) fn eicar() -> FileHash {
    hash("44d88612fea8a8f36de82e1278abb02f")
}

pub(crate) fn found(answer: &Result<Answer, Error>) -> bool {
    matches!(answer, Ok(Answer::Found(_)))
}
