//! Metrics for Prometheus. No label has what a caller can make up.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use virustotal::Version;

/// Bounds of the durations, in seconds.
const SECONDS: [f64; 9] = [0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
/// What requests are counted by; anything else is `other`.
const V2: [&str; 9] = [
    "file/report",
    "file/scan",
    "file/rescan",
    "url/report",
    "url/scan",
    "domain/report",
    "ip-address/report",
    "comments/get",
    "comments/put",
];
const V3: [&str; 8] = [
    "files",
    "urls",
    "domains",
    "ip_addresses",
    "analyses",
    "comments",
    "intelligence",
    "users",
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    api: &'static str,
    endpoint: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct By {
    token: String,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Asked, Counter>,
    seconds: Histogram,
    kept: Family<By, Counter>,
    calls: Family<By, Counter>,
    refused: Counter,
    uploads: Counter,
    uploaded_bytes: Counter,
}

/// What is counted of a request.
pub(crate) struct Counted<'a> {
    pub(crate) version: Version,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) token: Option<&'a str>,
    pub(crate) kept: bool,
    pub(crate) calls: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("vtsecops_gateway");
        let metrics = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            seconds: Histogram::new(SECONDS),
            kept: Family::default(),
            calls: Family::default(),
            refused: Counter::default(),
            uploads: Counter::default(),
            uploaded_bytes: Counter::default(),
        };
        registry.register("requests", "Requests, by endpoint", metrics.requests.clone());
        registry.register("seconds", "Time until an answer begins", metrics.seconds.clone());
        registry.register(
            "kept_answers",
            "Answers without a call, by token",
            metrics.kept.clone(),
        );
        registry.register("calls", "Calls to VirusTotal, by token", metrics.calls.clone());
        registry.register(
            "refused_tokens",
            "Requests without a token that counts",
            metrics.refused.clone(),
        );
        registry.register("uploads", "Files sent on", metrics.uploads.clone());
        registry.register(
            "uploaded_bytes",
            "Bytes of files sent on",
            metrics.uploaded_bytes.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            ..metrics
        }
    }
}

impl Metrics {
    pub(crate) fn count(&self, counted: &Counted<'_>) {
        let (api, endpoint) = match counted.version {
            Version::V2 => ("v2", V2.iter().find(|name| **name == counted.path)),
            Version::V3 => {
                let first = counted.path.split('/').next().unwrap_or_default();
                ("v3", V3.iter().find(|name| **name == first))
            }
        };
        let asked = Asked {
            api,
            endpoint: endpoint.copied().unwrap_or("other"),
            status: counted.status,
        };
        self.requests.get_or_create(&asked).inc();
        self.seconds.observe(counted.took.as_secs_f64());
        match counted.token {
            None => drop(self.refused.inc()),
            Some(token) => {
                let by = By {
                    token: token.to_owned(),
                };
                if counted.kept {
                    self.kept.get_or_create(&by).inc();
                }
                self.calls.get_or_create(&by).inc_by(counted.calls);
            }
        }
    }

    pub(crate) fn uploaded(&self, bytes: u64) {
        self.uploads.inc();
        self.uploaded_bytes.inc_by(bytes);
    }

    /// In the OpenMetrics text format.
    pub(crate) fn text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = encode(&mut text, &registry);
        text
    }
}
