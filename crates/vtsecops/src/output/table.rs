//! For people in a hurry: what is risky, what is clean, what is not known and why.

use std::io::{self, Write};

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width};
use secops::{ActionResult, EntityResult, ExecutionState, OutcomeKind, Severity};

use super::text::visible;
use super::{Calls, Style};

/// Where nobody can be asked, and for pipes.
const USUAL_WIDTH: u16 = 120;
/// Narrower than this, the type's column goes.
const NARROW: u16 = 90;

pub(super) fn terminal_width(terminal: bool) -> u16 {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let asked = || terminal.then(|| Table::new().width()).flatten();
    columns.or_else(asked).unwrap_or(USUAL_WIDTH).clamp(60, 200)
}

pub(super) fn render(
    result: &ActionResult,
    calls: &Calls,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if result.entities.is_empty() || result.state == ExecutionState::Failed {
        for line in result.output_message.lines() {
            writeln!(out, "{}", visible(line))?;
        }
    }
    if !result.entities.is_empty() {
        writeln!(out, "{}", entities(result, style))?;
    }
    insights(result, style, out)?;
    notices(result, out)?;
    links(result, out)?;
    if !result.entities.is_empty() {
        writeln!(out, "\n{}", summary(result, calls))?;
    }
    Ok(())
}

/// One row an entity.
pub(crate) fn entities(result: &ActionResult, style: Style) -> Table {
    let narrow = style.width < NARROW;
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width);
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let mut header = vec!["Verdict", "Engines", "Entity", "Scanned", "Remark"];
    if !narrow {
        header.insert(2, "Type");
    }
    table.set_header(header);
    let room = usize::from(style.width) * 2 / 5;
    for entity in &result.entities {
        let (word, color) = verdict(entity);
        let mark = Cell::new(word).fg(color);
        let mark = if entity.risky {
            mark.add_attribute(Attribute::Bold)
        } else {
            mark
        };
        let mut row = vec![mark, Cell::new(detections(entity))];
        if !narrow {
            row.push(Cell::new(visible(entity.entity.entity_type.name())));
        }
        row.push(Cell::new(shortened(
            &visible(entity.entity.original_identifier()),
            room,
        )));
        row.push(Cell::new(scanned(entity)));
        row.push(Cell::new(visible(entity.remark.as_deref().unwrap_or_default())));
        table.add_row(row);
    }
    // The verdict is never broken into two lines.
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(9)));
    }
    table
}

/// The verdict in a word, and its colour.
pub(crate) fn verdict(entity: &EntityResult) -> (&'static str, Color) {
    match entity.outcome {
        OutcomeKind::Found if entity.risky => ("RISKY", Color::Red),
        OutcomeKind::Found if entity.positives.is_none() => ("report", Color::Cyan),
        OutcomeKind::Found if entity.positives > Some(0) => ("below", Color::Yellow),
        OutcomeKind::Found => ("clean", Color::Green),
        OutcomeKind::Missing => ("unknown", Color::Yellow),
        OutcomeKind::Queued => ("queued", Color::Yellow),
        OutcomeKind::Quota => ("quota", Color::Yellow),
        OutcomeKind::Stopped => ("stopped", Color::Yellow),
        OutcomeKind::Failed => ("failed", Color::Magenta),
        OutcomeKind::Skipped => ("skipped", Color::DarkGrey),
    }
}

/// `54/60`, or nothing.
pub(crate) fn detections(entity: &EntityResult) -> String {
    match (entity.positives, entity.total) {
        (Some(positives), Some(total)) => format!("{positives}/{total}"),
        (Some(positives), None) => positives.to_string(),
        (None, _) => String::new(),
    }
}

/// The date of the newest scan, without the time.
fn scanned(entity: &EntityResult) -> String {
    let names = ["Scan date", "Last Scan Date", "Latest_scan_date"];
    let date = |name: &&str| entity.enrichment.iter().find(|(key, _)| key.ends_with(*name));
    let text = names
        .iter()
        .find_map(date)
        .and_then(|(_, value)| value.as_str())
        .unwrap_or_default();
    visible(text.get(..10).unwrap_or(text)).into_owned()
}

/// A text of at most `room` characters: the middle goes, the end stays, because that tells addresses apart.
fn shortened(text: &str, room: usize) -> String {
    let length = text.chars().count();
    // A SHA-256 is never shortened: people copy it.
    if length <= room.max(64) {
        return text.to_owned();
    }
    let (head, tail) = (room / 2, room - room / 2 - 1);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

fn insights(result: &ActionResult, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let loud: Vec<_> = result
        .insights
        .iter()
        .filter(|insight| insight.severity == Severity::Warn)
        .collect();
    if loud.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nInsights")?;
    for insight in loud {
        let (on, off) = if style.color {
            ("\u{1b}[31m", "\u{1b}[0m")
        } else {
            ("", "")
        };
        let about = match &insight.kind {
            secops::InsightKind::Entity {
                entity_identifier, ..
            } => format!("{}: ", visible(entity_identifier)),
            secops::InsightKind::General {} => String::new(),
        };
        writeln!(
            out,
            "  {on}!{off} {about}{}",
            visible(&insight.content.replace('\n', ", "))
        )?;
    }
    Ok(())
}

/// What the message says beyond the entities: it stands after the lists of names, a sentence each.
fn notices(result: &ActionResult, out: &mut dyn Write) -> io::Result<()> {
    let said = [
        "VirusTotal's TLS certificate",
        "Comments were not fetched",
        "The following could not be written",
    ];
    let parts = result
        .output_message
        .split("\n\n")
        .filter(|part| said.iter().any(|start| part.starts_with(start)));
    for part in parts.filter(|_| !result.entities.is_empty() && result.state != ExecutionState::Failed) {
        writeln!(out, "\n{}", visible(part))?;
    }
    Ok(())
}

fn links(result: &ActionResult, out: &mut dyn Write) -> io::Result<()> {
    let risky: Vec<&str> = result
        .entities
        .iter()
        .filter(|entity| entity.risky)
        .map(|entity| entity.entity.identifier.as_str())
        .collect();
    let mut links: Vec<&str> = result
        .links
        .iter()
        .filter(|link| risky.contains(&link.title.as_str()))
        .map(|link| link.url.as_str())
        .collect();
    links.dedup();
    const MOST: usize = 5;
    if !links.is_empty() {
        writeln!(out, "\nReports")?;
    }
    for link in links.iter().take(MOST) {
        writeln!(out, "  {}", visible(link))?;
    }
    if links.len() > MOST {
        writeln!(
            out,
            "  … and {} more: --output json has them all",
            links.len() - MOST
        )?;
    }
    Ok(())
}

/// `3 entities: 1 risky, 1 clean, 1 not analysed · 2 VirusTotal calls (file/report 2)`.
pub(crate) fn summary(result: &ActionResult, calls: &Calls) -> String {
    let mut words: Vec<(&str, usize)> = Vec::new();
    for (word, _) in result.entities.iter().map(verdict) {
        let word = if word == "below" {
            "below the threshold"
        } else {
            word
        };
        match words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => words.push((word, 1)),
        }
    }
    let count =
        |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let entities = count(result.entities.len(), "entity", "entities");
    let verdicts: Vec<String> = words
        .iter()
        .map(|(word, count)| format!("{count} {}", word.to_lowercase()))
        .collect();
    let made = usize::try_from(calls.values().sum::<u64>()).unwrap_or(usize::MAX);
    let by_endpoint: Vec<String> = calls
        .iter()
        .map(|(endpoint, count)| format!("{endpoint} {count}"))
        .collect();
    let made = match by_endpoint.is_empty() {
        true => "no VirusTotal call".to_owned(),
        false => format!(
            "{} ({})",
            count(made, "VirusTotal call", "VirusTotal calls"),
            by_endpoint.join(", ")
        ),
    };
    match verdicts.is_empty() {
        true => made,
        false => format!("{entities}: {} · {made}", verdicts.join(", ")),
    }
}
