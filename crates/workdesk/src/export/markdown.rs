//! The report as Markdown. No text of others becomes markup.

use super::report::{Block, Report};

pub(super) fn write(report: &Report) -> String {
    let mut out = format!("# {}\n", escaped(&report.title));
    for block in &report.blocks {
        out.push('\n');
        match block {
            Block::Heading(text) => out.push_str(&format!("## {}\n", escaped(text))),
            Block::Facts(facts) => {
                for (name, value) in facts {
                    out.push_str(&format!("- **{}:** {}\n", escaped(name), escaped(value)));
                }
            }
            // Each line by itself: two blanks at the end are a new line.
            Block::Text(text) => {
                for line in text.lines() {
                    out.push_str(&format!("{}  \n", escaped(line)));
                }
            }
            Block::Table { header, rows, .. } => {
                out.push_str(&line(header.iter().map(|cell| escaped(cell))));
                out.push_str(&line(header.iter().map(|_| "---".to_owned())));
                for row in rows {
                    out.push_str(&line(row.cells.iter().enumerate().map(|(place, cell)| {
                        let cell = cell.lines().map(escaped).collect::<Vec<_>>().join("<br>");
                        match row.is_loud && place == 0 && !cell.is_empty() {
                            true => format!("**{cell}**"),
                            false => cell,
                        }
                    })));
                }
            }
        }
    }
    out
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// A text in which no character means anything, and no address becomes a link by itself.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\n' | '\r' | '\t' => out.push(' '),
            letter if "\\`*_[]|!~".contains(letter) => {
                out.push('\\');
                out.push(letter);
            }
            letter => out.push(letter),
        }
    }
    let out = out
        .replace("://", "&#58;//")
        .replace("www.", "www&#46;")
        .replace("WWW.", "WWW&#46;");
    unlisted(&out)
}

/// What begins a heading, a list or a line under a heading does not, after a backslash.
fn unlisted(text: &str) -> String {
    let start = text.len() - text.trim_start().len();
    let (blanks, rest) = text.split_at(start);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let place = match rest.as_bytes().get(digits) {
        Some(b'.' | b')') if digits > 0 => digits,
        Some(b'#' | b'-' | b'+' | b'=') if digits == 0 => 0,
        _ => return text.to_owned(),
    };
    let (before, after) = rest.split_at(place);
    format!("{blanks}{before}\\{after}")
}
