//! `cargo xtask release`: the files of a release, and their hashes. `cargo xtask sums`: the hashes of a folder's files, signed if a key is named.
//!
//! A signature is one of OpenSSH's (`ssh-keygen -Y sign`), so whoever checks it needs nothing that most systems don't have.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::asked::succeed;
use crate::static_build::{Place, TARGET, target_folder};
use crate::{package, sbom, source};

const SUMS: &str = "SHA256SUMS";
/// A signature counts for this only: the same key signs nothing else in this name.
const NAMESPACE: &str = "vtsecops-release";

/// Makes the files, and signs their hashes if the arguments name a key.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let key = key(arguments, "usage: cargo xtask release [--sign-with KEYFILE]")?;
    let place = Place::here()?;
    if key.is_some() && source::is_changed(&place.source) {
        return Err("Files differ from the commit: nobody else could build this. Commit them first.".into());
    }
    let folder = folder(&target_folder()?);
    make(&place, &folder)?;
    sign(&folder, key.as_deref())?;
    println!("{}", folder.display());
    Ok(())
}

/// Writes the hashes of the files of a folder, and signs them if the arguments name a key.
pub(crate) fn run_sums(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let usage = "usage: cargo xtask sums FOLDER [--sign-with KEYFILE]";
    let (folder, rest) = arguments.split_first().ok_or(usage)?;
    let (folder, key) = (Path::new(folder), key(rest, usage)?);
    sums(folder)?;
    sign(folder, key.as_deref())
}

fn key(arguments: &[&str], usage: &str) -> Result<Option<PathBuf>, Box<dyn Error>> {
    match arguments {
        [] => Ok(None),
        ["--sign-with", key] => Ok(Some(key.into())),
        _ => Err(usage.into()),
    }
}

/// Where the files of a release are put.
pub(crate) fn folder(target: &Path) -> PathBuf {
    target.join("release-files")
}

/// Builds the program and puts it, the package that it makes, the list of its parts and the hashes of all into a folder that holds nothing else.
pub(crate) fn make(place: &Place, folder: &Path) -> Result<(), Box<dyn Error>> {
    let date = source::date(&place.source)?;
    let program = place.build(date)?;
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    let name = format!("vtsecops-{}-{TARGET}", env!("CARGO_PKG_VERSION"));
    std::fs::copy(&program, folder.join(name))?;
    std::fs::write(folder.join(sbom::NAME), sbom::make(&place.source, date)?)?;
    let packed = tempfile::tempdir()?;
    package::pack(&program, packed.path(), false)?;
    for entry in std::fs::read_dir(packed.path())? {
        let entry = entry?;
        // The content hub's source is a folder for another repository.
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    sums(folder)
}

/// Names and hashes of a folder's files, by name; what this module itself writes is left out.
pub(crate) fn hashes(folder: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut hashes = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("{} is no name for everybody", name.display()))?;
        if entry.file_type()?.is_file() && !name.starts_with(SUMS) {
            hashes.push((name, hash(&entry.path())?));
        }
    }
    hashes.sort();
    Ok(hashes)
}

fn hash(path: &Path) -> Result<String, Box<dyn Error>> {
    let digest = Sha256::digest(std::fs::read(path)?);
    let mut text = String::new();
    for byte in digest {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// As `sha256sum` writes and reads them. An older signature is of other sums.
fn sums(folder: &Path) -> Result<(), Box<dyn Error>> {
    let hashes = hashes(folder)?;
    if hashes.is_empty() {
        return Err(format!("{} holds no files", folder.display()).into());
    }
    let lines: String = hashes
        .iter()
        .map(|(name, hash)| format!("{hash}  {name}\n"))
        .collect();
    std::fs::write(folder.join(SUMS), lines)?;
    match std::fs::remove_file(signature(folder)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn signature(folder: &Path) -> PathBuf {
    folder.join(format!("{SUMS}.sig"))
}

/// With a private key, or the public half of one that an agent holds. OpenSSH asks for a passphrase itself.
fn sign(folder: &Path, key: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let Some(key) = key else {
        return Ok(());
    };
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(key)
        .arg(folder.join(SUMS));
    succeed(&mut sign, "the hashes could not be signed")
}
