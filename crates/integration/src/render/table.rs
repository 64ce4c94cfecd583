//! Case wall tables.

use virustotal::Comment;
use virustotal::report::{Engine, Resolution};

/// Headings and cells; the title is the entity's.
pub(crate) struct Rows {
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<Vec<String>>,
}

/// One row an engine, in the report's order. Headings as in the original.
pub(crate) fn engines(engines: Vec<Engine>) -> Option<Rows> {
    let row = |engine: Engine| {
        let detected = if engine.detected { "True" } else { "False" };
        vec![
            engine.name,
            detected.to_owned(),
            engine.result.unwrap_or_default(),
            engine.update.unwrap_or_default(),
        ]
    };
    rows(
        &["Engine", "Is Malicious", "Result", "Last Analysis"],
        engines.into_iter().map(row).collect(),
    )
}

/// One row a host name, in the report's order. Headings as in the original.
pub(crate) fn resolutions(resolutions: &[Resolution]) -> Option<Rows> {
    let row = |resolution: &Resolution| {
        vec![
            resolution.hostname.clone(),
            resolution.last_resolved.clone().unwrap_or_default(),
        ]
    };
    rows(
        &["hostname", "last_resolved"],
        resolutions.iter().map(row).collect(),
    )
}

/// One row a comment, newest first. Headings as in the original.
pub(crate) fn comments(comments: Vec<Comment>) -> Option<Rows> {
    rows(
        &["Date", "Comment"],
        comments
            .into_iter()
            .map(|comment| vec![comment.date, comment.text])
            .collect(),
    )
}

fn rows(columns: &'static [&'static str], rows: Vec<Vec<String>>) -> Option<Rows> {
    (!rows.is_empty()).then_some(Rows { columns, rows })
}
