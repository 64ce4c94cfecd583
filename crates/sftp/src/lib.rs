//! Files of one Linux server, over SSH, with the host key checked.
//!
//! Knows nothing of what the files are for. The server may be in wrong hands: what it says of itself is bounded, made
//! fit to be shown, and never an instruction; it can't open channels back to us, and a key that changed is refused
//! before anything is sent.
//!
//! ```no_run
//! use sftp::{Access, Address, Login, Server};
//! use tokio::io::AsyncReadExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let login = Login {
//!     user: "alice".to_owned(),
//!     identities: vec!["/home/alice/.ssh/id_ed25519".into()],
//!     ..Login::default()
//! };
//! let access = Access::new(login, "/home/alice/.ssh/known_hosts".into());
//! let server = Server::connect(&Address::parse("files.example.org")?, &access).await?;
//! if let Some(fingerprint) = server.learned() {
//!     println!("met for the first time, with the key {fingerprint}");
//! }
//! let mut start = Vec::new();
//! server.open("/srv/mail/attachment.bin").await?.take(512).read_to_end(&mut start).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Not supported: host certificates (`@cert-authority`), RSA signatures with SHA-1, and jump hosts.

mod access;
mod address;
mod connection;
mod error;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod guard;
mod host_keys;
mod known_hosts;
mod login;
mod server;
mod stat;
mod trust;
mod wire;
mod words;

pub use access::{Access, Login};
pub use address::{Address, AddressError};
pub use error::Error;
pub use file::File;
pub use host_keys::{Fingerprint, HostKeys, HostKeysError};
pub use server::Server;
pub use stat::{Entry, Kind, Stat};
