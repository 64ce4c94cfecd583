//! A running simulator and a plain HTTP client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use simulator::{Builder, DEMO_KEY, KeyKind, Running, Simulator};
use tokio::runtime::Runtime;

pub(crate) const EICAR_MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
pub(crate) const EICAR_SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
pub(crate) const PUBLIC_KEY: &str = "public-key";

pub(crate) struct Scene {
    pub(crate) running: Running,
    agent: ureq::Agent,
    second: Arc<AtomicI64>,
    _runtime: Runtime,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Status and code of an error.
    pub(crate) fn error(&self) -> (u16, String) {
        let error = self.json();
        assert!(error["error"]["message"].is_string(), "{error}");
        (self.status, error["error"]["code"].as_str().unwrap().to_owned())
    }

    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["data"].clone()
    }
}

impl Scene {
    /// A scan takes 30 s of a clock that stands still until [`Scene::pass`].
    pub(crate) fn new(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = Runtime::new().unwrap();
        let second = Arc::new(AtomicI64::new(1_800_000_000));
        let clock = Arc::clone(&second);
        let builder = Simulator::builder()
            .key(DEMO_KEY, KeyKind::Private)
            .key(PUBLIC_KEY, KeyKind::Public)
            .scan_for(Duration::from_secs(30))
            .clock(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
        let running = runtime.block_on(settings(builder).start()).unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(5)))
            .build()
            .into();
        Self {
            running,
            agent,
            second,
            _runtime: runtime,
        }
    }

    pub(crate) fn usual() -> Self {
        Self::new(|builder| builder)
    }

    /// Lets time go by.
    pub(crate) fn pass(&self, seconds: i64) {
        self.second.fetch_add(seconds, Ordering::SeqCst);
    }

    fn url(&self, path: &str) -> String {
        match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}{path}", self.running.base_url_v3()),
        }
    }

    pub(crate) fn try_get(&self, key: Option<&str>, path: &str) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.get(self.url(path));
        if let Some(key) = key {
            request = request.header("x-apikey", key);
        }
        let mut response = request.call()?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_vec()?,
        })
    }

    pub(crate) fn get_as(&self, key: &str, path: &str) -> Answer {
        self.try_get(Some(key), path).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_as(DEMO_KEY, path)
    }

    pub(crate) fn post(&self, key: Option<&str>, path: &str, kind: &str, body: &[u8]) -> Answer {
        let mut request = self.agent.post(self.url(path)).header("Content-Type", kind);
        if let Some(key) = key {
            request = request.header("X-Apikey", key);
        }
        let mut response = request.send(body).unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_vec().unwrap(),
        }
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(
            Some(DEMO_KEY),
            path,
            "application/json",
            body.to_string().as_bytes(),
        )
    }

    pub(crate) fn post_url(&self, url: &str) -> Answer {
        let body = format!("url={}", url.replace(':', "%3A").replace('/', "%2F"));
        self.post(
            Some(DEMO_KEY),
            "urls",
            "application/x-www-form-urlencoded",
            body.as_bytes(),
        )
    }

    pub(crate) fn upload(&self, path: &str, key: Option<&str>, content: &[u8]) -> Answer {
        let mut body = b"--XXXX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n".to_vec();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--XXXX--\r\n");
        self.post(key, path, "multipart/form-data; boundary=XXXX", &body)
    }

    /// API v2's answer.
    pub(crate) fn v2(&self, endpoint: &str, name: &str, value: &str) -> Value {
        let url = format!("{}{endpoint}", self.running.base_url());
        let mut response = self
            .agent
            .get(url)
            .query_pairs([("apikey", DEMO_KEY), ("allinfo", "1"), (name, value)])
            .call()
            .unwrap();
        assert_eq!(response.status(), 200);
        serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
    }
}

pub(crate) fn note(kind: &str, name: &str, value: &str) -> Value {
    json!({"data": {"type": kind, "attributes": {name: value}}})
}
