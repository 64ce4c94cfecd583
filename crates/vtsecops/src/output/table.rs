//! For people in a hurry: what is risky, what is clean, what is not known and why.

use std::collections::HashSet;
use std::io::{self, Write};

use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};
use secops::{ActionResult, EntityResult, EntityType, ExecutionState, OutcomeKind, Severity};

use super::text::visible;
use super::{Spent, Style};

/// Where nobody can be asked, and for pipes.
const USUAL_WIDTH: u16 = 120;
/// Narrower than this, kind and date go.
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
    spent: &Spent,
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
    answers(result, style, out)?;
    insights(result, style, out)?;
    notices(result, out)?;
    links(result, out)?;
    if !result.entities.is_empty() {
        writeln!(out, "\n{}", summary(result, spent))?;
    }
    Ok(())
}

/// A line below the headings, none elsewhere: rows are read across, and are copied without decoration.
const LINES: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
/// Columns of a SHA-256 with its padding; a terminal with room for it shows it on one line, so that it can be copied.
const HASH_COLUMNS: u16 = 66;
const ROOMY: u16 = 110;

fn new_table(style: Style) -> Table {
    let mut table = Table::new();
    table
        .load_style(LINES)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width);
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// One row an entity.
pub(crate) fn entities(result: &ActionResult, style: Style) -> Table {
    let narrow = style.width < NARROW;
    let with_remark = result.entities.iter().any(|entity| entity.remark.is_some());
    let mut table = new_table(style);
    let optional = |cell: &'static str, wanted: bool| wanted.then_some(cell);
    let header = [
        Some("Verdict"),
        Some("Engines"),
        optional("Kind", !narrow),
        Some("Entity"),
        optional("Scanned", !narrow),
        optional("Remark", with_remark),
    ];
    table.set_header(header.into_iter().flatten());
    let room = usize::from(style.width) * 2 / 5;
    for entity in &result.entities {
        let (word, color) = verdict(entity);
        let mark = Cell::new(word).fg(color);
        let mark = if entity.risky {
            mark.add_attribute(Attribute::Bold)
        } else {
            mark
        };
        let row = [
            Some(mark),
            Some(Cell::new(detections(entity))),
            (!narrow).then(|| Cell::new(kind(&entity.entity.entity_type))),
            Some(Cell::new(shortened(
                &visible(entity.entity.original_identifier()),
                room,
            ))),
            (!narrow).then(|| Cell::new(scanned(entity))),
            with_remark.then(|| Cell::new(visible(entity.remark.as_deref().unwrap_or_default()))),
        ];
        table.add_row(row.into_iter().flatten());
    }
    keep_whole(&mut table, result, style.width);
    table
}

/// Verdicts are never broken into two lines, hashes only where there is no room.
fn keep_whole(table: &mut Table, result: &ActionResult, width: u16) {
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(9)));
    }
    let longest = result
        .entities
        .iter()
        .map(|entity| entity.entity.original_identifier().chars().count() + 2)
        .max();
    let wanted = u16::try_from(longest.unwrap_or(0))
        .unwrap_or(HASH_COLUMNS)
        .min(HASH_COLUMNS);
    if width >= ROOMY
        && let Some(column) = table.column_mut(3)
    {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(wanted)));
    }
}

/// What kind of entity it is, in a word.
fn kind(entity_type: &EntityType) -> String {
    let word = match entity_type {
        EntityType::FileHash => "hash",
        EntityType::Url => "URL",
        EntityType::Address => "IP",
        EntityType::Hostname => "host",
        EntityType::Domain => "domain",
        EntityType::User => "user",
        EntityType::FileName => "file",
        other => other.name(),
    };
    visible(word).into_owned()
}

/// The verdict in a word, and its colour.
pub(crate) fn verdict(entity: &EntityResult) -> (&'static str, Color) {
    match entity.outcome {
        OutcomeKind::Found if entity.risky => ("RISKY", Color::Red),
        OutcomeKind::Found if entity.undecided => ("no verdict", Color::Yellow),
        OutcomeKind::Found if entity.positives.is_none() && entity.enrichment.is_empty() => {
            ("done", Color::Green)
        }
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

/// The lists that were asked for, below the name of what they are about.
fn answers(result: &ActionResult, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for answer in result.tables.iter().filter(|table| table.is_answer) {
        let mut table = new_table(style);
        table.set_header(answer.rows.columns());
        for row in answer.rows.read() {
            table.add_row(row.iter().map(|cell| visible(cell).into_owned()));
        }
        if !table.is_empty() {
            writeln!(out, "\n{}\n{table}", visible(&answer.title))?;
        }
    }
    Ok(())
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
        "Verdict policy ",
        "There is no verdict on the following",
        "Addresses were judged by",
        "Of some addresses",
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
    let risky: HashSet<&str> = result
        .entities
        .iter()
        .filter(|entity| entity.risky)
        .map(|entity| entity.entity.identifier.as_str())
        .collect();
    let mut links: Vec<&str> = result
        .links
        .iter()
        .filter(|link| risky.contains(link.title.as_str()))
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
pub(crate) fn summary(result: &ActionResult, spent: &Spent) -> String {
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
    let made = usize::try_from(spent.calls.values().sum::<u64>()).unwrap_or(usize::MAX);
    let by_endpoint: Vec<String> = spent
        .calls
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
    let kept = usize::try_from(spent.kept_answers).unwrap_or(usize::MAX);
    let kept = match kept {
        0 => String::new(),
        kept => format!(" · {} kept from before", count(kept, "answer", "answers")),
    };
    match verdicts.is_empty() {
        true => format!("{made}{kept}"),
        false => format!("{entities}: {} · {made}{kept}", verdicts.join(", ")),
    }
}
