//! Settings of a simulator.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::fault::Fault;
use crate::quota::{KeyKind, Quota};
use crate::server::{self, Running};
use crate::tls::Certificate;
use crate::world::World;

/// Where it begins: [`Simulator::builder`].
#[derive(Debug)]
pub struct Simulator;

/// The key that is known, as a private one, where no other is named.
pub const DEMO_KEY: &str = "de30de30de30de30de30de30de30de30de30de30de30de30de30de30de30de30";

/// Largest body of an upload. Source: API v2, section 2.2.
const MAX_UPLOAD_BYTES: u64 = 32 * 1024 * 1024;

pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Settings of a simulator; each has a default.
pub struct Builder {
    pub(crate) listen: SocketAddr,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) keys: Vec<(String, KeyKind)>,
    pub(crate) quota: Quota,
    pub(crate) latency: Duration,
    pub(crate) scan_for: Duration,
    pub(crate) batch_honoured: bool,
    pub(crate) max_upload_bytes: u64,
    pub(crate) clock: Clock,
    pub(crate) faults: Vec<Fault>,
    pub(crate) seed: u64,
}

impl Simulator {
    /// A simulator on a free loopback port, with [`DEMO_KEY`], no quota and no latency.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            certificate: None,
            keys: Vec::new(),
            quota: Quota::default(),
            latency: Duration::ZERO,
            scan_for: Duration::from_secs(2),
            batch_honoured: true,
            max_upload_bytes: MAX_UPLOAD_BYTES,
            clock: Arc::new(system_clock),
            faults: Vec::new(),
            seed: 0,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the simulator reads the clock; tests pass their own"
)]
fn system_clock() -> Timestamp {
    Timestamp::now()
}

impl Builder {
    /// Where to listen. Default: a free port on 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// HTTPS with a certificate of a fresh authority, valid for `localhost`, 127.0.0.1 and ::1. Default: no.
    #[must_use]
    pub fn tls(mut self, on: bool) -> Self {
        self.certificate = on.then_some(Certificate::Good);
        self
    }

    /// HTTPS with another certificate.
    #[must_use]
    pub fn tls_certificate(mut self, kind: Certificate) -> Self {
        self.certificate = Some(kind);
        self
    }

    /// A key that is known; may be called several times.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>, kind: KeyKind) -> Self {
        self.keys.push((key.into(), kind));
        self
    }

    /// The quota of every key. Default: none.
    #[must_use]
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = quota;
        self
    }

    /// Time before each answer. Default: none.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// How long a scan, rescan or upload stays queued. Default: 2 s.
    #[must_use]
    pub fn scan_for(mut self, duration: Duration) -> Self {
        self.scan_for = duration;
        self
    }

    /// Whether a batch is answered whole. Otherwise only its first resource is, in a list of one. Default: yes.
    #[must_use]
    pub fn batch_honoured(mut self, on: bool) -> Self {
        self.batch_honoured = on;
        self
    }

    /// Largest body of `file/scan`; more gets 413. Default: 32 MiB.
    #[must_use]
    pub fn max_upload_bytes(mut self, bytes: u64) -> Self {
        self.max_upload_bytes = bytes;
        self
    }

    /// The clock that dates, quotas and scans go by. Default: the system's.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// A fault from the start; may be called several times.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Another world of synthetic objects. Default: 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// The address can't be listened on, or the certificate can't be made.
    pub async fn start(mut self) -> std::io::Result<Running> {
        if self.keys.is_empty() {
            self.keys.push((DEMO_KEY.to_owned(), KeyKind::Private));
        }
        server::start(World::new(self)).await
    }
}
