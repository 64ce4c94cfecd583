//! A VirusTotal for tests and demos: the HTTP APIs v2 and v3, written from their references alone.
//!
//! It shares no code with the client, so that the two can disagree. It knows the reference's and the seed's samples
//! and, beyond them, endless objects that follow from their names: any hash, URL, domain or IP address has a report
//! or is unknown, always the same. Scans stay queued for a while, quotas run out, keys are refused, and faults
//! happen on request. Both APIs show the same objects, scans, comments, votes and quotas.
//!
//! ```
//! use simulator::{Fault, FaultKind, KeyKind, Quota, Simulator};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let running = Simulator::builder()
//!     .key("my-test-key", KeyKind::Public)
//!     .quota(Quota { per_minute: Some(4), ..Quota::default() })
//!     .fault(Fault::new(FaultKind::Status(503)).on("file/report").times(1))
//!     .start()
//!     .await
//!     .unwrap();
//! assert!(running.base_url().starts_with("http://127.0.0.1:"));
//! // … a client talks to `running.base_url()`, or to `running.base_url_v3()` …
//! assert_eq!(running.count("file/report"), 0);
//! running.stop().await;
//! # });
//! ```
//!
//! Names decide: a host with the label `positives-12` has twelve positives, one with the label `unknown` was never
//! seen, one with the label `many-30` has thirty subdomains and resolutions; [`file_with_positives`] and [`unknown_file`] give such hashes. An uploaded file that contains
//! `simulate:positives=12` gets twelve.

mod answer;
mod builder;
mod calls;
mod fault;
mod notes;
mod objects;
mod quota;
mod request;
mod samples;
mod scans;
mod server;
mod standing;
mod tls;
mod v2;
mod v3;
mod world;

pub use builder::{Builder, DEMO_KEY, Simulator};
pub use calls::{Call, Upload};
pub use fault::{Fault, FaultKind, FaultTextError};
pub use notes::user_name;
pub use objects::file::{FileHashes, file_with_positives, synthetic_file, unknown_file};
pub use objects::ip::synthetic_ip;
pub use objects::url::{synthetic_domain, synthetic_url};
pub use quota::{KeyKind, Quota, QuotaCost};
pub use server::Running;
pub use tls::Certificate;
