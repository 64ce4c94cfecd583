//! ZIP archives whose bytes depend on their content only.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::Error;

/// One file of an archive.
pub(crate) struct Entry {
    pub(crate) bytes: Vec<u8>,
    pub(crate) executable: bool,
}

impl From<Vec<u8>> for Entry {
    fn from(bytes: Vec<u8>) -> Self {
        let executable = false;
        Self { bytes, executable }
    }
}

/// The files by path, in the order of their paths, all of 1980-01-01.
pub(crate) fn write(files: &BTreeMap<String, Entry>) -> Result<Vec<u8>, Error> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, entry) in files {
        // A wheel is compressed already.
        let method = if path.ends_with(".whl") {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(DateTime::default())
            // Also where the package is built on another system: it is read on this one.
            .system(System::Unix)
            .unix_permissions(if entry.executable { 0o755 } else { 0o644 });
        archive.start_file(path.as_str(), options)?;
        archive.write_all(&entry.bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}
