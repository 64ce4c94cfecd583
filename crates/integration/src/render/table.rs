//! Case wall tables: each reads its rows from the report when somebody looks at them.

use secops::Rows;
use virustotal::report::{Engine, IpReport};
use virustotal::{Comment, Report};

/// One row an engine, in the report's order. Headings as in the original.
pub(crate) fn engines(report: &Report, read: fn(&Report) -> Vec<Engine>) -> Rows {
    let report = report.clone();
    let row = |engine: Engine| {
        let detected = if engine.detected { "True" } else { "False" };
        vec![
            engine.name,
            detected.to_owned(),
            engine.result.unwrap_or_default(),
            engine.update.unwrap_or_default(),
        ]
    };
    let columns = &["Engine", "Is Malicious", "Result", "Last Analysis"];
    Rows::new(columns, move || read(&report).into_iter().map(row).collect())
}

/// One row a host name, in the report's order. Headings as in the original.
pub(crate) fn resolutions(report: &Report) -> Rows {
    let report = report.clone();
    Rows::new(&["hostname", "last_resolved"], move || {
        let resolutions = IpReport::read(&report).resolutions.into_iter();
        resolutions
            .map(|resolution| vec![resolution.hostname, resolution.last_resolved.unwrap_or_default()])
            .collect()
    })
}

/// One row a comment, newest first. Headings as in the original.
pub(crate) fn comments(comments: Vec<Comment>) -> Rows {
    Rows::new(&["Date", "Comment"], move || {
        comments
            .iter()
            .map(|comment| vec![comment.date.clone(), comment.text.clone()])
            .collect()
    })
}
