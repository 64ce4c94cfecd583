//! For how long the audit trail is kept, where that is bounded.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::sync::PoisonError;

use jiff::Timestamp;
use serde::Deserialize;

use super::{OLDER_FILES, Trail, open, path};
use crate::replace;

/// Of a line, what says how old it is.
#[derive(Deserialize)]
struct Dated {
    at: Timestamp,
}

impl Trail {
    /// Removes the lines of requests that came before `end`; gives their number. Lines that can't be read stay as long as their neighbours do. Nothing
    /// is written meanwhile.
    ///
    /// # Errors
    /// A file can't be read or written: it stays as it is.
    pub(crate) fn forget_before(&self, end: Timestamp) -> std::io::Result<u64> {
        let mut now = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut removed = 0;
        for number in (0..=OLDER_FILES).rev() {
            let file = path(&self.folder, number);
            let Some((gone, rest)) = split(&file, end)? else {
                continue;
            };
            removed += gone;
            if number > 0 && rest.is_empty() {
                fs::remove_file(&file)?;
                continue;
            }
            replace(&file, &rest)?;
            if number == 0 {
                // What was open is the file that was replaced.
                *now = open(&file)?;
            }
        }
        Ok(removed)
    }
}

/// How many lines from the start are too old, and the bytes behind them; `None` where there is nothing to remove. Lines stand in order of their
/// answers, so that one may be a little older than the one before it.
fn split(file: &Path, end: Timestamp) -> std::io::Result<Option<(u64, Vec<u8>)>> {
    let mut lines = match File::open(file) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut gone = 0;
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok((gone > 0).then_some((gone, Vec::new())));
        }
        let is_kept = serde_json::from_slice(&line).is_ok_and(|Dated { at }| at >= end);
        if is_kept {
            std::io::Read::read_to_end(&mut lines, &mut line)?;
            return Ok((gone > 0).then_some((gone, line)));
        }
        gone += 1;
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::super::{Entry, Trail, path, read};

    fn at(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day)
    }

    fn entry(day: i64) -> Entry {
        Entry {
            at: at(day),
            calls: day.unsigned_abs(),
            ..Entry::default()
        }
    }

    #[test]
    fn lines_that_are_too_old_go_from_every_file_and_writing_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        // Two lines a file.
        let length = serde_json::to_vec(&entry(0)).unwrap().len() as u64 + 1;
        let trail = Trail::open_with(folder.path(), 2 * length).unwrap();
        for day in 0..7 {
            trail.write(entry(day));
        }
        assert_eq!(trail.forget_before(at(0)).unwrap(), 0);
        assert_eq!(trail.forget_before(at(3)).unwrap(), 3);
        assert!(!path(folder.path(), 3).exists(), "nothing is left of the oldest");
        trail.write(entry(7));
        let days = || {
            let mut days = Vec::new();
            read(folder.path(), |entry| days.push(entry.calls)).unwrap();
            days
        };
        assert_eq!(days(), [3, 4, 5, 6, 7]);
        assert_eq!(trail.forget_before(at(100)).unwrap(), 5);
        trail.write(entry(100));
        assert_eq!(days(), [100]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(path(folder.path(), 0)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
    }
}
