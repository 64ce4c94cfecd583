//! A simulator, a gateway in front of it, and a client that finds the real key wherever it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use gateway::Rights;
use gateway::{Allowance, Gateway, Serving, Tokens};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::Value;
use simulator::{Builder, KeyKind, Running, Simulator};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use virustotal::quota::{Ledger, Priority};
use virustotal::{ApiKey, Cache, Client, Clock, Freshness, Notify, ProxyChoice, Settings, Tier};

/// Recognisable, so that a test can look for it where it must not be.
pub(crate) const KEY: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
pub(crate) const EICAR: &str = "44d88612fea8a8f36de82e1278abb02f";
pub(crate) const EICAR_SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

pub(crate) struct Scene {
    pub(crate) running: Running,
    pub(crate) folder: TempDir,
    /// Scheme, host and port of the gateway.
    pub(crate) origin: String,
    /// A token that may everything.
    pub(crate) token: String,
    settings: Settings,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
}

/// An answer, looked through for the real key.
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// API v3's word for what went wrong.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

#[expect(clippy::disallowed_methods, reason = "the servers of a test run in real time")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

pub(crate) fn all_rights() -> Rights {
    Rights {
        priority: Priority::Playbook,
        allowance: Allowance::Whole,
        no_upload: false,
    }
}

pub(crate) fn serving(folder: &Path, settings: Settings) -> Serving {
    Serving {
        folder: folder.to_owned(),
        settings,
        clock: Clock::new(now),
        wait: Duration::from_millis(300),
        never_upload: false,
        rules: integration::UploadRules::default(),
        environment: None,
        public_url: None,
        is_secure: false,
        open_metrics: false,
        bounds: gateway::Bounds::default(),
    }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder, |_| {}).await
    }

    pub(crate) async fn with(
        simulator: impl FnOnce(Builder) -> Builder,
        change: impl FnOnce(&mut Serving),
    ) -> Self {
        // Another test may have done so before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Simulator::builder()
            .key(KEY, KeyKind::Private)
            .scan_for(Duration::from_millis(300));
        let running = simulator(builder).start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (clock, notify) = (Clock::new(now), Notify::default());
        let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
        settings.base_url = running.base_url();
        settings.tier = Tier::Private;
        settings.limits = virustotal::quota::Limits::default();
        settings.proxy = ProxyChoice::Direct;
        let ledger = Ledger::open(None, clock.clone(), notify.clone());
        settings.ledger = Some(Arc::new(ledger));
        let cache = Cache::open(None, Freshness::default(), 1 << 26, clock.clone(), notify);
        settings.cache = Some(Arc::new(cache));
        let mut serving = serving(folder.path(), settings);
        change(&mut serving);
        let settings = serving.settings.clone();
        let token = Tokens::new(folder.path())
            .add("soar", all_rights(), now(), None)
            .unwrap();
        let gateway = Gateway::new(serving).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(gateway.serve(listener, async {
            let _ = stopped.await;
        }));
        Self {
            running,
            folder,
            origin,
            token: token.expose_secret().to_owned(),
            settings,
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            stop: Some(stop),
        }
    }

    pub(crate) fn tokens(&self) -> Tokens {
        Tokens::new(self.folder.path())
    }

    pub(crate) fn add_token(&self, name: &str, rights: Rights) -> String {
        let token = self.tokens().add(name, rights, now(), None).unwrap();
        token.expose_secret().to_owned()
    }

    /// One that ends in so many seconds, or has ended so many seconds ago.
    pub(crate) fn add_token_until(&self, name: &str, seconds: i64) -> String {
        let end = now() + jiff::SignedDuration::from_secs(seconds);
        let token = self.tokens().add(name, all_rights(), now(), Some(end)).unwrap();
        token.expose_secret().to_owned()
    }

    pub(crate) fn revoke(&self, name: &str) {
        self.tokens().revoke(name, now()).unwrap();
    }

    /// A client of the shell: the same key, ledger and cache.
    pub(crate) fn shell(&self) -> Client {
        Client::new(self.settings.clone()).unwrap()
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Seen {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        let holds = |bytes: &[u8]| bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
        assert!(!holds(&body), "the key is in the body");
        for (name, value) in &headers {
            assert!(!holds(value.as_bytes()), "the key is in {name}");
        }
        Seen {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.origin))
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.origin))
    }

    pub(crate) fn request(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    /// API v3, with the token.
    pub(crate) async fn v3(&self, path: &str) -> Seen {
        let request = self.get(&format!("/api/v3/{path}"));
        self.send(request.header("x-apikey", &self.token)).await
    }

    /// API v2, with the token in the query.
    pub(crate) async fn v2(&self, path: &str, parameters: &[(&str, &str)]) -> Seen {
        self.v2_as(&self.token, path, parameters).await
    }

    pub(crate) async fn v2_as(&self, token: &str, path: &str, parameters: &[(&str, &str)]) -> Seen {
        let request = self.get(&format!("/vtapi/v2/{path}"));
        self.send(request.query(&[("apikey", token)]).query(parameters))
            .await
    }

    /// Every byte that the gateway has written to its folder.
    pub(crate) fn written(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                all.extend(std::fs::read(path).unwrap());
            }
        }
        all
    }

    pub(crate) fn audit(&self) -> Vec<gateway::audit::Entry> {
        let mut entries = Vec::new();
        gateway::audit::read(self.folder.path(), |entry| entries.push(entry)).unwrap();
        entries
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
    }
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}
