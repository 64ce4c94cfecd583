//! What a run has left on the disk.

use std::path::Path;

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path, visit: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_below(&path, visit),
            // What is neither a file nor readable, such as a socket, holds nothing.
            false => visit(&path, &std::fs::read(&path).unwrap_or_default()),
        }
    }
}
