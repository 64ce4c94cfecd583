//! Case wall tables.

use std::sync::Arc;

use secops::Rows;
use virustotal::Comment;
use virustotal::report::{Engine, Resolution};

/// One row an engine, in the report's order. Headings as in the original.
pub(crate) fn engines(engines: &[Engine]) -> Option<Arc<Rows>> {
    let mut rows = Rows::new(&["Engine", "Is Malicious", "Result", "Last Analysis"]);
    for engine in engines {
        let detected = if engine.detected { "True" } else { "False" };
        rows.push(&[&engine.name, detected, text(&engine.result), text(&engine.update)]);
    }
    some(rows)
}

/// One row a host name, in the report's order. Headings as in the original.
pub(crate) fn resolutions(resolutions: &[Resolution]) -> Option<Arc<Rows>> {
    let mut rows = Rows::new(&["hostname", "last_resolved"]);
    for resolution in resolutions {
        rows.push(&[&resolution.hostname, text(&resolution.last_resolved)]);
    }
    some(rows)
}

/// One row a comment, newest first. Headings as in the original.
pub(crate) fn comments(comments: &[Comment]) -> Option<Arc<Rows>> {
    let mut rows = Rows::new(&["Date", "Comment"]);
    for comment in comments {
        rows.push(&[&comment.date, &comment.text]);
    }
    some(rows)
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

fn some(rows: Rows) -> Option<Arc<Rows>> {
    (!rows.is_empty()).then(|| Arc::new(rows))
}
