//! VirusTotal's HTTP API, and nothing of the platforms that use it.
//!
//! The two types that matter: [`ObjectId`] names what VirusTotal reports on and can't be invalid;
//! [`Client`] asks the questions, with retries, quota pauses and a deadline, and answers per object.
//! A [`Report`] keeps VirusTotal's JSON as sent; typed views such as [`report::FileReport`] read from it.
//!
//! ```no_run
//! use virustotal::{Accept, Answer, ApiKey, Client, Deadline, FileHash, Settings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Settings::new(ApiKey::parse("0123456789abcdef")?))?;
//! let eicar = FileHash::parse("44d88612fea8a8f36de82e1278abb02f")?;
//! let deadline = Deadline::after(std::time::Duration::from_secs(60));
//! for answer in client.file_reports(&[eicar], Accept::Fresh, &deadline).await {
//!     match answer? {
//!         Answer::Found(report) => println!("{}", report.raw()),
//!         Answer::Missing => println!("VirusTotal has never seen it"),
//!         Answer::Queued { .. } => println!("being analysed"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod cache;
mod client;
mod clock;
mod database;
mod deadline;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod journal;
mod json;
mod key;
mod notify;
pub mod object;
mod passing;
mod quarantine;
pub mod quota;
pub mod report;
pub mod retry;
mod settings;
mod store;
mod stored;
mod transport;
mod upload;
mod v2;
mod v3;

pub use cache::{Accept, Cache, CacheStats, Freshness};
pub use client::{Answer, Client, Comment, Downloaded, Listed, Listing, Noted, Progress, Submission, Vote};
pub use clock::Clock;
pub use database::Database;
pub use deadline::{Canceller, Deadline, Stop};
pub use error::{Error, Trouble};
pub use journal::{Journal, Journals};
pub use key::ApiKey;
pub use notify::{Notify, Weight};
pub use object::{DomainName, FileHash, ObjectError, ObjectId, UrlId};
pub use passing::{Fetched, Incoming, Passing, PassingBody, Reply, Version};
pub use quarantine::{QUARANTINE_PASSWORD, Quarantined};
pub use report::Report;
pub use settings::{Api, ProxyChoice, Related, Settings, Tier, VIRUSTOTAL_V2};
pub use upload::{Content, Later, LocalFile, Reading, Stamp, Upload, unreadable_because};
pub use v3::Allowance;
