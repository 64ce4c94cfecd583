//! Google SecOps packages: the content hub's source layout, the importable archive, and the wheel that carries the binary.
//!
//! [`build`] turns the binary into three things, as files to be written:
//! - `content-hub/`: the integration as the content hub keeps its sources, and the wheel where they look for it;
//! - `VirusTotal-<version>.zip`: the archive that a platform imports ([`archive_name`]);
//! - `vtsecops_binary-<version>-….whl`: the wheel alone ([`wheel_name`]).
//!
//! Names, parameters and results of the actions come from their definitions in `integration`; here stands only what the
//! platform wants to know beyond them. Values go in, bytes come out: no clock, no environment, no process, and the same bytes
//! for the same input.
//!
//! One file of the source layout is not made here: `uv.lock`, which depends on what the package index offers on the day.
//! Whoever contributes the integration to the content hub runs `uv lock` in its folder first; two of the hub's rules look for
//! the file. The archive does not need it.
//!
//! ```
//! use package::{Options, archive_name, build};
//!
//! let package = build(&Options { binary: b"\x7fELF...".to_vec(), seed_defaults: false })?;
//! assert!(package.files.contains_key(&archive_name()));
//! # Ok::<(), package::Error>(())
//! ```

mod ai;
mod archive;
mod binary;
mod built;
mod display;
mod fact;
mod field;
mod json;
mod script;
mod simulation;
mod source;
mod wheel;
pub mod widget;
mod yaml;

use std::collections::BTreeMap;

pub use binary::{BinaryError, check_binary};
pub use fact::{IDENTIFIER, VERSION};

/// What a package is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program, as [`check_binary`] wants it; not checked by [`build`].
    pub binary: Vec<u8>,
    /// Leaves `Verify SSL` of a new instance unticked, as the seed document has it. The content hub refuses that.
    pub seed_defaults: bool,
}

/// What [`build`] made.
#[derive(Clone, Debug)]
pub struct Package {
    /// Contents by path below the output folder, with `/` between the parts. None of the files needs to be executable: the
    /// binary stands in the wheel, which knows its permission.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Why no package was made. All of them are slips of this crate, not of its input.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A declaration could not be written as YAML.
    #[error("a declaration can't be written as YAML: {0}")]
    Yaml(String),
    /// A declaration could not be written as JSON.
    #[error("a declaration can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// An archive could not be written.
    #[error("the archive can't be written: {0}")]
    Archive(#[from] zip::result::ZipError),
    /// An archive's content could not be written.
    #[error("the archive can't be written: {0}")]
    Content(#[from] std::io::Error),
}

/// Name of the archive that a platform imports.
#[must_use]
pub fn archive_name() -> String {
    format!("{IDENTIFIER}-{VERSION}.zip")
}

/// Name of the wheel; platforms read its tags from it.
#[must_use]
pub fn wheel_name() -> String {
    wheel::name()
}

/// Everything, from the binary.
///
/// # Errors
/// [`Error`] where this crate has a slip; no input leads to one.
pub fn build(options: &Options) -> Result<Package, Error> {
    let wheel = wheel::build(&options.binary)?;
    let mut files = BTreeMap::new();
    for (path, bytes) in source::files(options)? {
        files.insert(format!("{}/{path}", source::FOLDER), bytes);
    }
    files.insert(
        format!("{}/{}", source::WHEEL_FOLDER, wheel::name()),
        wheel.clone(),
    );
    files.insert(archive_name(), archive::write(&built::files(options, &wheel)?)?);
    files.insert(wheel::name(), wheel);
    Ok(Package { files })
}
