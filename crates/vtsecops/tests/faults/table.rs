//! The rows for people.

use std::io::Write;

use crate::fault::Fault;
use crate::run::Ended;

/// Prints the table: where the test's output is shown, and without that where it is asked for.
pub(crate) fn print(rows: &[Fault], ended: &[Ended]) {
    let mut text = String::from("| boundary | fault | run | exit | ms |\n|---|---|---|---:|---:|\n");
    for (row, ended) in rows.iter().zip(ended) {
        let code = match (ended.skipped, ended.code) {
            (Some(why), _) => format!("skipped: {why}"),
            (None, Some(code)) => code.to_string(),
            (None, None) => "–".to_owned(),
        };
        let mark = if ended.wrong.is_empty() { "" } else { " (wrong)" };
        text += &format!(
            "| {} | {} | {} | {code}{mark} | {} |\n",
            row.boundary.name(),
            row.name,
            row.act.shown(),
            ended.milliseconds
        );
    }
    match std::env::var("VTSECOPS_TEST_FAULTS").as_deref() {
        // Past the harness, which keeps what is printed.
        Ok("table") => std::io::stderr().write_all(text.as_bytes()).unwrap(),
        _ => println!("{text}"),
    }
}

/// The row's line in the documentation.
pub(crate) fn documented(row: &Fault) -> String {
    format!(
        "| {} | {} | {} | {} |",
        row.boundary.name(),
        row.name,
        row.act.shown(),
        row.code
    )
}
