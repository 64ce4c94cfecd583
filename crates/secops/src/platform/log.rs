//! The run's log: standard error, the platform's log file, and the text that people find as debug output.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};

/// The platform's usual file.
const USUAL_FILE: &str = "/var/log/siemplify/scripting/script.log";
/// A file of this many bytes is put aside. Source: the platform's SDK.
const MOST_BYTES: u64 = 5_242_880;
/// So many files are kept aside.
const KEPT_FILES: u32 = 10;
/// Shorter texts are words that occur anywhere, not secrets.
const SHORTEST_SECRET: usize = 4;

/// Takes lines for people. Cheap to clone. Secrets that it was told of never appear in it.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Inner>>);

struct Inner {
    clock: fn() -> Timestamp,
    zone: TimeZone,
    debug_output: String,
    file: Option<LogFile>,
    secrets: Vec<SecretString>,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Info,
    Warning,
    Error,
}

impl Log {
    /// A log that also writes to `path`, or to the platform's usual file; where that can't be, it is said and the run goes on.
    #[must_use]
    pub fn open(path: Option<&Path>, clock: fn() -> Timestamp) -> Self {
        let path = path.unwrap_or(Path::new(USUAL_FILE));
        let file = LogFile::open(path);
        let log = Self(Arc::new(Mutex::new(Inner {
            clock,
            zone: TimeZone::system(),
            debug_output: String::new(),
            file: None,
            secrets: Vec::new(),
        })));
        match file {
            Ok(file) => log.inner().file = Some(file),
            // Not in the debug output: on most machines of developers that file can't be written.
            Err(error) => tell(&format!(
                "The log file {} can't be written: {error}",
                path.display()
            )),
        }
        log
    }

    /// A text that must not appear.
    pub fn hide(&self, secret: &SecretString) {
        if secret.expose_secret().len() >= SHORTEST_SECRET {
            self.inner().secrets.push(secret.clone());
        }
    }

    /// Something that was done.
    pub fn info(&self, text: &str) {
        self.write(Level::Info, text);
    }

    /// Something that is not as it should be.
    pub fn warn(&self, text: &str) {
        self.write(Level::Warning, text);
    }

    /// Something that failed.
    pub fn error(&self, text: &str) {
        self.write(Level::Error, text);
    }

    /// `text` with stars for the secrets that the log was told of.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        masked(text, &self.inner().secrets)
    }

    /// What was logged so far, a line each.
    #[must_use]
    pub fn debug_output(&self) -> String {
        self.inner().debug_output.clone()
    }

    fn write(&self, level: Level, text: &str) {
        let mut inner = self.inner();
        let text = masked(text, &inner.secrets);
        let at = inner.zone.to_datetime((inner.clock)());
        let level = match level {
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        };
        let line = format!("[{} {level}] {text}", at.strftime("%Y-%m-%d,%H:%M:%S,000"));
        tell(&line);
        if let Some(file) = &mut inner.file
            && let Err(error) = file.write(&line)
        {
            tell(&format!(
                "The log file {} can't be written: {error}",
                file.path.display()
            ));
            inner.file = None;
        }
        inner.debug_output.push_str(&text);
        inner.debug_output.push('\n');
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

fn masked(text: &str, secrets: &[SecretString]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| {
        match text.contains(secret.expose_secret()) {
            true => text.replace(secret.expose_secret(), "***"),
            false => text,
        }
    })
}

/// To standard error; nobody to tell is no reason to fail.
pub(super) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A file that is put aside when it is full, as the platform's SDK does it: `name.1` is the youngest of those.
struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            path: path.to_owned(),
            bytes: file.metadata()?.len(),
            file,
        })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        if self.bytes > 0 && self.bytes + line.len() as u64 >= MOST_BYTES {
            self.put_aside();
            *self = Self::open(&self.path)?;
        }
        // One write a line: other processes write to the same file.
        self.file.write_all(line.as_bytes())?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn put_aside(&self) {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..KEPT_FILES).rev() {
            // Most of them are not there.
            let _ = std::fs::rename(numbered(number), numbered(number + 1));
        }
        let _ = std::fs::rename(&self.path, numbered(1));
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Log, MOST_BYTES};

    fn noon() -> Timestamp {
        "2026-01-02T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn lines_go_to_the_file_with_time_and_level_and_bare_to_the_debug_output() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script.log");
        let log = Log::open(Some(&path), noon);
        log.hide(&"sesame".to_owned().into());
        log.info("one");
        log.warn("open sesame\nsecond line");
        assert_eq!(log.debug_output(), "one\nopen ***\nsecond line\n");
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("[2026-01-0"), "{first}");
        assert!(first.ends_with(",000 INFO] one"), "{first}");
        assert!(text.contains(",000 WARNING] open ***\nsecond line\n"));
    }

    #[test]
    fn a_full_file_is_put_aside_and_ten_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script.log");
        for number in 1..=12 {
            std::fs::write(&path, vec![b'x'; usize::try_from(MOST_BYTES).unwrap()]).unwrap();
            Log::open(Some(&path), noon).info(&format!("line {number}"));
        }
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("line 12\n"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 11);
        assert!(!folder.path().join("script.log.11").exists());
    }

    #[test]
    fn a_log_without_a_file_still_tells() {
        let log = Log::open(Some(std::path::Path::new("/nonexistent/folder/script.log")), noon);
        log.error("x");
        assert_eq!(log.debug_output(), "x\n");
    }
}
