//! What a client needs to know before its first call. Values only: nothing here reads files or the environment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::quota::{Ledger, Limits, Priority};
use crate::retry::RetryPolicy;
use crate::{ApiKey, Cache, Journal, Notify};

/// VirusTotal's API v2.
pub const VIRUSTOTAL_V2: &str = "https://www.virustotal.com/vtapi/v2/";

/// What the key's owner has agreed with VirusTotal; decides how many resources go into one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tier {
    /// The free key: 4 resources a call.
    #[default]
    Public,
    /// A premium key: 25 resources a call.
    Private,
}

impl Tier {
    /// Resources that one batch call takes. Source: API v2, batches.
    #[must_use]
    pub fn batch_size(self) -> usize {
        match self {
            Self::Public => 4,
            Self::Private => 25,
        }
    }
}

/// Which version of VirusTotal's API is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Api {
    /// Version 2: several hashes or URLs in a call.
    #[default]
    V2,
    /// Version 3: one object in a call, and more of it. Reports have version 2's shape all the same.
    V3,
    /// Version 3, and version 2 for what the key is refused there.
    Auto,
}

/// How much of what is related to a domain or an address API v3 is asked for, each part a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Related {
    /// One call: what comes with the object itself.
    Lean,
    /// What a report of API v2 has: four calls for an address, six for a domain; two more with a premium key, and one
    /// more for each further page of a list.
    Full,
}

/// Through which proxy calls go.
#[derive(Clone, Debug, Default)]
pub enum ProxyChoice {
    /// What `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` say.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one (`http://`, `https://`, `socks5://`), which may carry a user and a password.
    Url(SecretString),
}

/// Settings of a [`Client`](crate::Client).
#[derive(Clone, Debug)]
pub struct Settings {
    /// The key; sent in form bodies wherever the API takes one there.
    pub key: ApiKey,
    /// Address of the API, ending in a slash; plain `http` only for a simulator.
    pub base_url: String,
    /// Size of a batch.
    pub tier: Tier,
    /// Version of the API. Its address is made from `base_url`.
    pub api: Api,
    /// With API v3: how much related to domains and addresses is asked for. Default: all with a private key, else lean.
    pub related: Option<Related>,
    /// With API v3: entries of each list of what is related; a call has 40 of them. Default 100, as API v2 has commonly.
    pub related_most: usize,
    /// With API v3: whether engines that merely suspect an object count as positives. Default: no, as in API v2.
    pub count_suspicious: bool,
    /// Whether the server's certificate must be valid. Default: yes.
    pub verify_tls: bool,
    /// A PEM file with further certificate authorities, for a company's own proxy.
    pub ca_file: Option<PathBuf>,
    /// Proxy.
    pub proxy: ProxyChoice,
    /// Calls at the same time. Default 16.
    pub max_in_flight: usize,
    /// For a whole call, uploads excepted. Default 60 s.
    pub call_timeout: Duration,
    /// For a connection. Default 10 s.
    pub connect_timeout: Duration,
    /// Bytes of an answer after decompression; more is refused. Default 64 MiB.
    pub max_body_bytes: u64,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How long a key that was refused rests before one call tries it again. Default: for ever, as most programs end soon.
    pub refused_key_rests: Option<Duration>,
    /// What the key may do in each window. Default: what is known of the tier `public`.
    pub limits: Limits,
    /// Where calls are counted, shared with every other user of the key. Default: nowhere; then only VirusTotal's own
    /// refusals slow a client down.
    pub ledger: Option<Arc<Ledger>>,
    /// What has been asked before, shared with others. Default: nothing is kept.
    pub cache: Option<Arc<Cache>>,
    /// Kept reports up to this age are taken, whatever the cache's own rules say.
    pub max_age: Option<Duration>,
    /// Where this run's answers and submissions are written down. Default: nowhere.
    pub journal: Option<Arc<Journal>>,
    /// Whose calls go first. Default: a person's.
    pub priority: Priority,
    /// The environment (customer, team) that the calls are for: environments take turns. Default: none in particular.
    pub environment: String,
    /// What the key's owner calls it; shown by the ledger. Default: `default`.
    pub key_label: String,
    /// Who is told of waits and of damaged files.
    pub notify: Notify,
}

impl Settings {
    /// Address of API v3, beside that of v2; ends in a slash.
    #[must_use]
    pub fn base_url_v3(&self) -> String {
        let base = self.base_url.trim_end_matches('/');
        let root = base
            .strip_suffix("/vtapi/v2")
            .or_else(|| base.strip_suffix("/api/v3"))
            .unwrap_or(base);
        format!("{root}/api/v3/")
    }

    /// How much related to domains and addresses is asked for.
    #[must_use]
    pub fn completeness(&self) -> Related {
        self.related.unwrap_or(match self.tier {
            Tier::Public => Related::Lean,
            Tier::Private => Related::Full,
        })
    }

    /// The defaults, for the real VirusTotal.
    #[must_use]
    pub fn new(key: ApiKey) -> Self {
        Self {
            key,
            base_url: VIRUSTOTAL_V2.to_owned(),
            tier: Tier::default(),
            api: Api::default(),
            related: None,
            related_most: 100,
            count_suspicious: false,
            verify_tls: true,
            ca_file: None,
            proxy: ProxyChoice::default(),
            max_in_flight: 16,
            call_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            max_body_bytes: 64 * 1024 * 1024,
            retry: RetryPolicy::default(),
            refused_key_rests: None,
            limits: Limits::of(Tier::default()),
            ledger: None,
            cache: None,
            max_age: None,
            journal: None,
            priority: Priority::default(),
            environment: String::new(),
            key_label: "default".to_owned(),
            notify: Notify::default(),
        }
    }
}
