//! What a soak writes down: one line a figure, as it comes, so that a run that is cut off still has its figures.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// First line of the file.
const HEAD: &str = "seconds,store,source,measure,value";

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Since the start.
    pub(crate) seconds: f64,
    /// Of which installation.
    pub(crate) store: String,
    /// What it is about: a process, a part of the disk, an action, a page.
    pub(crate) source: String,
    /// What was measured, with its unit.
    pub(crate) measure: String,
    pub(crate) value: f64,
}

/// The file that they go to.
pub(crate) struct Log {
    file: Mutex<BufWriter<File>>,
    begun: Instant,
}

impl Log {
    pub(crate) fn begin(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "{HEAD}")?;
        Ok(Self {
            file: Mutex::new(file),
            begun: Instant::now(),
        })
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// A full disk is noticed when the records are flushed.
    pub(crate) fn write(&self, store: &str, source: &str, measure: &str, value: f64) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(
            file,
            "{:.1},{store},{source},{measure},{value}",
            self.begun.elapsed().as_secs_f64()
        );
    }

    pub(crate) fn flush(&self) -> std::io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// The records of a file. A line that was cut off ends it.
pub(crate) fn read(text: &str) -> Result<Vec<Record>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err(format!("the first line is not {HEAD}"));
    }
    let lines: Vec<&str> = lines.collect();
    let mut records = Vec::with_capacity(lines.len());
    for (place, line) in lines.iter().enumerate() {
        match of_line(line) {
            Some(record) => records.push(record),
            None if place + 1 == lines.len() => {}
            None => return Err(format!("line {} is no record: {line:?}", place + 2)),
        }
    }
    Ok(records)
}

fn of_line(line: &str) -> Option<Record> {
    let mut parts = line.split(',');
    let record = Record {
        seconds: parts.next()?.parse().ok()?,
        store: parts.next()?.to_owned(),
        source: parts.next()?.to_owned(),
        measure: parts.next()?.to_owned(),
        value: parts
            .next()?
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())?,
    };
    parts.next().is_none().then_some(record)
}

#[cfg(test)]
mod tests {
    use super::{Log, read};

    #[test]
    fn what_is_written_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let log = Log::begin(file.path()).unwrap();
        log.write("SQLite", "workdesk", "memory_bytes", 123.5);
        log.write("SQLite", "Scan Hash", "run_ms", 7.0);
        log.flush().unwrap();
        let records = read(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
        let told: Vec<_> = records
            .iter()
            .map(|record| (record.source.as_str(), record.measure.as_str(), record.value))
            .collect();
        assert_eq!(
            told,
            [("workdesk", "memory_bytes", 123.5), ("Scan Hash", "run_ms", 7.0)]
        );
    }

    #[test]
    fn only_the_last_line_may_be_cut_off() {
        let head = "seconds,store,source,measure,value\n";
        let fine = "1,SQLite,workdesk,handles,20\n";
        assert_eq!(read(&format!("{head}{fine}2,SQLite,work")).unwrap().len(), 1);
        assert_eq!(
            read(&format!("{head}2,SQLite,work\n{fine}")).unwrap_err(),
            "line 2 is no record: \"2,SQLite,work\""
        );
        assert!(read(&format!("{head}{fine}2,SQLite,workdesk,handles,NaN\n{fine}")).is_err());
        assert!(read(fine).is_err());
    }
}
