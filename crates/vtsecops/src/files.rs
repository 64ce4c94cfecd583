//! Files that are written whole.

use std::io::Write;
use std::path::Path;

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Puts a text into a file's place, whole or not at all, readable by its owner alone.
pub(crate) fn write_for_owner(path: &Path, text: &str) -> std::io::Result<()> {
    // Temporary files are made with mode 0600.
    let mut new = tempfile::NamedTempFile::new_in(folder_of(path))?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(())
}
