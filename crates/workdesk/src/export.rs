//! A case for others: for people, for spreadsheets, for other platforms. Data in, bytes out.

mod csv;
mod defang;
mod json;
mod markdown;
mod misp;
mod observable;
mod pdf;
mod report;
mod stix;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Case, Error, Run, StoredEntity, StoredInsight, WallEntry};

/// All that is known of a case, as it was at one moment.
#[derive(Clone, Debug)]
pub struct Record {
    /// The moment.
    pub at: Timestamp,
    /// The case.
    pub case: Case,
    /// Its entities in the order in which they came.
    pub entities: Vec<StoredEntity>,
    /// Its insights in the order in which they came.
    pub insights: Vec<StoredInsight>,
    /// Its runs, oldest first, without their results.
    pub runs: Vec<Run>,
    /// The case wall, oldest first.
    pub wall: Vec<WallEntry>,
}

impl Record {
    /// The text that an id is made of: the same for the same thing of the same case, however often it is exported. The moment
    /// tells apart cases of different workdesks that have the same number.
    fn name_of(&self, thing: &str) -> String {
        let case = &self.case;
        format!("case {} of {} {thing}", case.id, case.created_at.as_millisecond())
    }
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Everything, as JSON.
    Json,
    /// One row an entity, for spreadsheets.
    Csv,
    /// A report for people, as Markdown.
    Markdown,
    /// The same report, to be printed.
    Pdf,
    /// A bundle of STIX 2.1.
    Stix,
    /// An event of MISP.
    Misp,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Json,
        Self::Csv,
        Self::Markdown,
        Self::Pdf,
        Self::Stix,
        Self::Misp,
    ];

    /// The word by which it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Pdf => "pdf",
            Self::Stix => "stix",
            Self::Misp => "misp",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// For the header `Content-Type`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::Misp => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Pdf => "application/pdf",
            Self::Stix => "application/stix+json;version=2.1",
        }
    }

    /// What a file of it ends with.
    #[must_use]
    pub fn file_ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "md",
            Self::Pdf => "pdf",
            Self::Stix => "stix.json",
            Self::Misp => "misp.json",
        }
    }
}

/// Writes a case down in that format. The same record gives the same bytes.
///
/// # Errors
/// [`Error::Damaged`] for what can't be written, which does not occur.
pub fn export(record: &Record, format: Format) -> Result<Vec<u8>, Error> {
    match format {
        Format::Json => json::write(record),
        Format::Csv => csv::write(record),
        Format::Markdown => Ok(markdown::write(&report::of(record)?).into_bytes()),
        Format::Pdf => Ok(pdf::write(&report::of(record)?)),
        Format::Stix => stix::write(record),
        Format::Misp => misp::write(record),
    }
}

/// `2026-11-28 07:30:00 UTC`
fn moment(at: Timestamp) -> String {
    let at = TimeZone::UTC.to_datetime(at);
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests;
