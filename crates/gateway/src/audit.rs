//! The audit trail: one line of JSON for each request, appended to a file that its owner alone can read.
//!
//! A line names the token and never holds it; of an address it has the object and never the query. When the file has
//! grown large it becomes `gateway-audit.1.jsonl`, and what was there before moves on by one.

mod keeping;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::Error;

const NAME: &str = "gateway-audit";
/// Bytes from which a new file is begun.
const LARGEST_BYTES: u64 = 64 * 1024 * 1024;
/// Older files that are kept.
const OLDER_FILES: u32 = 9;
/// Characters of an object that are written down.
const LONGEST_OBJECT: usize = 4096;

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it came.
    pub at: Timestamp,
    /// The token's name; none for requests without a token that counts.
    pub token: Option<String>,
    /// Tells tokens of one name apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// `GET`, `POST`, ….
    pub method: String,
    /// Path below the gateway's address, with `{id}` in the object's place.
    pub endpoint: String,
    /// What was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Whether the answer was kept from earlier, and VirusTotal not asked.
    pub kept: bool,
    /// Calls to VirusTotal.
    pub calls: u64,
    /// The HTTP status.
    pub status: u16,
    /// Why there was no answer, in API v3's words; none where VirusTotal's own answer was handed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Milliseconds until the answer.
    pub ms: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes of the answer; of content that VirusTotal told no length of, 0.
    pub bytes_out: u64,
    /// Requests that this line stands for: those without a token that counts are written down together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
}

/// The file, open.
#[derive(Debug)]
pub(crate) struct Trail {
    folder: PathBuf,
    largest_bytes: u64,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    /// The last line could not be written.
    is_broken: bool,
}

impl Trail {
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        Self::open_with(folder, LARGEST_BYTES)
    }

    fn open_with(folder: &Path, largest_bytes: u64) -> Result<Self, Error> {
        let open = open(&path(folder, 0)).map_err(|error| Error::file(&path(folder, 0), &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            largest_bytes,
            open: Mutex::new(open),
        })
    }

    /// Writes a line. A disk that takes none is told, and shown by `/readyz`; who asks is answered all the same.
    pub(crate) fn write(&self, mut entry: Entry) {
        entry.object = entry.object.map(|object| {
            let short = object.chars().take(LONGEST_OBJECT);
            short.collect()
        });
        let Ok(mut line) = serde_json::to_vec(&entry) else {
            return;
        };
        line.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_broken {
            // A part of the last one may be there.
            line.insert(0, b'\n');
        }
        if open.bytes + line.len() as u64 > self.largest_bytes && open.bytes > 0 {
            self.turn(&mut open);
        }
        let written = open.file.write_all(&line);
        open.bytes += line.len() as u64;
        if let Err(error) = &written
            && !open.is_broken
        {
            tracing::error!(%error, "the audit trail can't be written");
        }
        open.is_broken = written.is_err();
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).is_broken
    }

    /// Begins a new file. Where that does not work, the old one goes on.
    fn turn(&self, now: &mut Open) {
        for number in (0..OLDER_FILES).rev() {
            // There need not be so many yet.
            let _ = fs::rename(path(&self.folder, number), path(&self.folder, number + 1));
        }
        match open(&path(&self.folder, 0)) {
            Ok(new) => *now = new,
            Err(error) => tracing::error!(%error, "no new file of the audit trail can be begun"),
        }
    }
}

fn open(path: &Path) -> std::io::Result<Open> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let bytes = file.metadata()?.len();
    // A line that was cut off when the power went is ended, so that it takes no other with it.
    if bytes > 0 && !ends_with_a_line(path)? {
        file.write_all(b"\n")?;
    }
    Ok(Open {
        file,
        bytes,
        is_broken: false,
    })
}

fn ends_with_a_line(path: &Path) -> std::io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(match number {
        0 => format!("{NAME}.jsonl"),
        _ => format!("{NAME}.{number}.jsonl"),
    })
}

/// Hands every entry to `take`, oldest first; lines that can't be read are left out.
///
/// # Errors
/// A file is there and can't be read.
pub fn read(folder: &Path, mut take: impl FnMut(Entry)) -> Result<(), Error> {
    for number in (0..=OLDER_FILES).rev() {
        let path = path(folder, number);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::file(&path, &error)),
        };
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|error| Error::file(&path, &error))?;
            if let Ok(entry) = serde_json::from_slice(&line) {
                take(entry);
            }
        }
    }
    Ok(())
}

/// Calls to VirusTotal that each token has made on that UTC day, by the token's id.
///
/// # Errors
/// As for [`read`].
pub fn calls_on(folder: &Path, day: Date) -> Result<HashMap<String, u64>, Error> {
    let mut calls: HashMap<String, u64> = HashMap::new();
    read(folder, |entry| {
        if let Some(id) = entry.token_id
            && TimeZone::UTC.to_datetime(entry.at).date() == day
        {
            *calls.entry(id).or_default() += entry.calls;
        }
    })?;
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::{Entry, OLDER_FILES, Trail, calls_on, path, read};

    fn entry(id: &str, calls: u64) -> Entry {
        Entry {
            at: Timestamp::UNIX_EPOCH,
            token: Some("soar".to_owned()),
            token_id: Some(id.to_owned()),
            method: "GET".to_owned(),
            endpoint: "/api/v3/files/{id}".to_owned(),
            calls,
            ..Entry::default()
        }
    }

    #[test]
    fn lines_come_back_in_order_and_a_torn_one_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        Trail::open(folder.path()).unwrap().write(entry("a", 1));
        let file = path(folder.path(), 0);
        let torn = std::fs::read_to_string(&file).unwrap() + "{\"at\":\"19";
        std::fs::write(&file, torn).unwrap();
        Trail::open(folder.path()).unwrap().write(entry("b", 2));
        let mut entries = Vec::new();
        read(folder.path(), |entry| entries.push(entry)).unwrap();
        assert_eq!(entries, [entry("a", 1), entry("b", 2)]);
        let calls = calls_on(folder.path(), date(1970, 1, 1)).unwrap();
        assert_eq!((calls["a"], calls["b"]), (1, 2));
        assert!(calls_on(folder.path(), date(1970, 1, 2)).unwrap().is_empty());
    }

    #[test]
    fn a_line_that_could_not_be_written_whole_takes_no_other_with_it() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(folder.path()).unwrap();
        trail.write(entry("a", 1));
        let file = path(folder.path(), 0);
        // A handle that takes nothing, as of a full disk.
        let closed = std::fs::File::open(&file).unwrap();
        let good = std::mem::replace(&mut trail.open.lock().unwrap().file, closed);
        trail.write(entry("lost", 2));
        assert!(trail.is_broken());
        let mut torn = std::fs::File::options().append(true).open(&file).unwrap();
        torn.write_all(b"{\"at\":\"19").unwrap();
        trail.open.lock().unwrap().file = good;
        trail.write(entry("b", 3));
        trail.write(entry("c", 4));
        assert!(!trail.is_broken());
        let mut entries = Vec::new();
        read(folder.path(), |entry| entries.push(entry)).unwrap();
        assert_eq!(entries, [entry("a", 1), entry("b", 3), entry("c", 4)]);
    }

    #[test]
    fn a_large_file_makes_room_for_a_new_one_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open_with(folder.path(), 1).unwrap();
        for number in 0..u64::from(OLDER_FILES) + 5 {
            trail.write(entry("a", number));
        }
        let mut calls = Vec::new();
        read(folder.path(), |entry| calls.push(entry.calls)).unwrap();
        assert_eq!(calls, (4..u64::from(OLDER_FILES) + 5).collect::<Vec<_>>());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(path(folder.path(), 0))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
