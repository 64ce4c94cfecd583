//! VirusTotal for a whole team: its HTTP APIs v2 and v3, in front of one key.
//!
//! Tools point at a [`Gateway`] as at VirusTotal and show a token of their own in the key's place. The gateway answers from
//! the report cache what is kept, sends the rest with the real key as the quota ledger allows, and writes down who asked
//! what. The real key never leaves it.
//!
//! [`Tokens`] is the file of tokens, which the gateway looks at with each request; [`audit`] reads what was written down.

mod account;
mod address;
mod answer;
pub mod audit;
mod body;
mod bounds;
mod callers;
mod error;
mod flight;
mod links;
mod lookups;
mod metrics;
mod refusal;
mod reports;
mod server;
mod strangers;
mod ticket;
mod tokens;
mod uploads;
mod v2;
mod v3;

use std::io::Write;
use std::path::Path;

pub use bounds::Bounds;
pub use error::Error;
pub use server::{Gateway, Serving};
pub use tokens::{Allowance, Rights, Token, Tokens};

/// Puts bytes into a file's place, whole or not at all, for its owner alone.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}

/// A folder for its owner alone.
fn make_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, &error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Of a file system without rights there is nothing to take away.
        let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    }
    Ok(())
}
