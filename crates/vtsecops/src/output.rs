//! How a result looks. No output decides anything: each writes what the result holds.

mod csv;
mod json;
mod layout;
mod markdown;
mod ndjson;
pub(crate) mod table;
pub mod text;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::str::FromStr;

use secops::ActionResult;

/// What a result took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// VirusTotal calls made, by endpoint.
    pub calls: BTreeMap<&'static str, u64>,
    /// Answers that were kept from earlier and cost no call.
    pub kept_answers: u64,
}

/// Form of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One document with everything.
    Json,
    /// One line an entity.
    Ndjson,
    /// One row an entity, safe for spreadsheets.
    Csv,
    /// For a ticket or a chat.
    Markdown,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "table" => Self::Table,
            "json" => Self::Json,
            "ndjson" => Self::Ndjson,
            "csv" => Self::Csv,
            "markdown" => Self::Markdown,
            _ => return Err("must be table, json, ndjson, csv or markdown".to_owned()),
        })
    }
}

/// How a table looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are used.
    pub color: bool,
    /// Columns of the terminal.
    pub width: u16,
}

impl Style {
    /// What the terminal and the user want. `when` is `auto`, `always` or `never`.
    #[must_use]
    pub fn of_terminal(when: &str) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = io::stdout().is_terminal();
        let color = match when {
            "always" => true,
            "never" => false,
            _ => terminal && !no_color && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        };
        Self {
            color,
            width: table::terminal_width(terminal),
        }
    }
}

/// Writes a result.
///
/// # Errors
/// Only those of writing.
pub fn render(
    format: Format,
    result: &ActionResult,
    spent: &Spent,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Table => table::render(result, spent, style, out),
        Format::Json => json::render(result, spent, out),
        Format::Ndjson => ndjson::render(result, out),
        Format::Csv => csv::render(result, out),
        Format::Markdown => markdown::render(result, spent, out),
    }
}

#[cfg(test)]
mod tests;
