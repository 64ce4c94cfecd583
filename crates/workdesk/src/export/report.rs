//! What people read of a case, whatever it is printed on.

use std::collections::HashMap;

use secops::EntityType;

use super::{Record, moment};
use crate::StoredEntity;
use crate::text::visible;

/// Of a message or a comment, in characters, that a report shows.
const LONGEST: usize = 1000;

/// A report: a title, and blocks in order.
pub(super) struct Report {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// A part of a report. All texts are as people should see them; whoever prints them keeps them texts.
pub(super) enum Block {
    Heading(String),
    /// Names and values.
    Facts(Vec<(String, String)>),
    Text(String),
    Table {
        header: Vec<&'static str>,
        /// Widths of the columns, in parts of a hundred.
        widths: Vec<u8>,
        rows: Vec<Row>,
    },
}

/// A row of a table.
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    /// Whether it is one to look at.
    pub(super) is_loud: bool,
}

/// The report of a case.
pub(super) fn of(record: &Record) -> Report {
    let case = &record.case;
    let mut blocks = vec![Block::Facts(facts(record))];
    if !case.description.is_empty() {
        blocks.push(Block::Heading("Text".to_owned()));
        blocks.push(Block::Text(short(&case.description)));
    }
    blocks.push(Block::Heading("Entities".to_owned()));
    blocks.push(entities(record));
    if !record.insights.is_empty() {
        blocks.push(Block::Heading("Insights".to_owned()));
        blocks.push(insights(record));
    }
    if !record.runs.is_empty() {
        blocks.push(Block::Heading("Runs".to_owned()));
        blocks.push(runs(record));
    }
    blocks.push(Block::Heading("Case wall".to_owned()));
    blocks.push(wall(record));
    Report {
        title: format!("#{} {}", case.id, one_line(&case.title)),
        blocks,
    }
}

fn facts(record: &Record) -> Vec<(String, String)> {
    let case = &record.case;
    let mut facts = vec![
        ("Environment", one_line(&case.environment)),
        ("Priority", case.priority.name().to_owned()),
        ("State", if case.is_open { "open" } else { "closed" }.to_owned()),
        ("Stage", one_line(&case.stage)),
    ];
    if !case.assignee.is_empty() {
        facts.push(("Assigned to", one_line(&case.assignee)));
    }
    if !case.tags.is_empty() {
        facts.push(("Tags", one_line(&case.tags.join(", "))));
    }
    let made = format!("{} by {}", moment(case.created_at), one_line(&case.created_by));
    let found = format!("{}, of which {} suspicious", case.entities, case.suspicious);
    facts.extend([
        ("Made", made),
        ("Entities", found),
        ("This report", moment(record.at)),
    ]);
    facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn entities(record: &Record) -> Block {
    let mut sorted: Vec<&StoredEntity> = record.entities.iter().collect();
    sorted.sort_by_key(|stored| !stored.entity.is_suspicious);
    let row = |stored: &StoredEntity| Row {
        cells: vec![
            verdict(stored).to_owned(),
            one_line(&named(stored)),
            one_line(stored.entity.entity_type.name()),
            stored.score().map_or_else(String::new, |(positives, total)| {
                one_line(&format!("{positives} of {total}"))
            }),
        ],
        is_loud: stored.entity.is_suspicious,
    };
    Block::Table {
        header: vec!["Verdict", "Entity", "Type", "Detections"],
        widths: vec![15, 52, 19, 14],
        rows: sorted.into_iter().map(row).collect(),
    }
}

/// The verdict in a word.
fn verdict(stored: &StoredEntity) -> &'static str {
    let entity = &stored.entity;
    match stored.score() {
        _ if entity.is_suspicious => "suspicious",
        _ if entity.is_internal => "internal",
        Some(("0", _)) => "no detections",
        Some(_) => "some detections",
        None if entity.is_enriched => "looked at",
        None => "not looked at",
    }
}

/// Its name; of a suspicious one as nobody follows it by mistake.
fn named(stored: &StoredEntity) -> String {
    let name = stored.entity.original_identifier();
    let is_followed = matches!(
        stored.entity.entity_type,
        EntityType::Url
            | EntityType::Address
            | EntityType::Domain
            | EntityType::Hostname
            | EntityType::SourceDomain
            | EntityType::DestinationDomain
            | EntityType::User
    );
    match stored.entity.is_suspicious && is_followed {
        true => defanged(name),
        false => name.to_owned(),
    }
}

/// `hxxp://bad[.]example/`
fn defanged(name: &str) -> String {
    let (scheme, rest) = match name.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, name),
    };
    let (host, path) = match rest.find('/') {
        Some(end) if scheme.is_some() => rest.split_at(end),
        _ => (rest, ""),
    };
    // An address of the newer kind has no dots.
    let host = match host.matches(':').count() > 1 {
        true => host.replacen(':', "[:]", 1),
        false => host.replace('.', "[.]"),
    };
    match scheme {
        Some(scheme) => format!("{}://{host}{path}", scheme.replacen("tt", "xx", 1)),
        None => host,
    }
}

fn insights(record: &Record) -> Block {
    let by_id: HashMap<i64, &StoredEntity> = record.entities.iter().map(|own| (own.id, own)).collect();
    let about = |id: Option<i64>| {
        let own = id.and_then(|id| by_id.get(&id));
        own.map_or_else(String::new, |stored| one_line(&named(stored)))
    };
    let rows = record.insights.iter().map(|insight| Row {
        cells: vec![
            about(insight.entity),
            format!("{}\n{}", one_line(&insight.title), short(&insight.content)),
            format!("{}\n{}", one_line(&insight.triggered_by), moment(insight.at)),
        ],
        is_loud: insight.severity > 0,
    });
    Block::Table {
        header: vec!["Entity", "Insight", "From"],
        widths: vec![34, 41, 25],
        rows: rows.collect(),
    }
}

fn runs(record: &Record) -> Block {
    let rows = record.runs.iter().map(|run| Row {
        cells: vec![
            one_line(&run.action),
            run.state.name().replace('_', " "),
            format!("{}\n{}", one_line(&run.requested_by), moment(run.created_at)),
            short(&run.message),
        ],
        is_loud: false,
    });
    Block::Table {
        header: vec!["Action", "State", "Asked for", "Message"],
        widths: vec![19, 12, 24, 45],
        rows: rows.collect(),
    }
}

fn wall(record: &Record) -> Block {
    let rows = record.wall.iter().map(|entry| Row {
        cells: vec![
            moment(entry.at),
            one_line(&entry.actor),
            entry.kind.words().to_owned(),
            short(&entry.text),
        ],
        is_loud: false,
    });
    Block::Table {
        header: vec!["When", "Who", "Did", "Words"],
        widths: vec![25, 18, 14, 43],
        rows: rows.collect(),
    }
}

/// A text in one line.
fn one_line(text: &str) -> String {
    visible(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The start of a text, with its lines.
fn short(text: &str) -> String {
    let text = visible(text.trim()).replace('\t', " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::defanged;

    #[test]
    fn names_are_defanged_so_that_nobody_follows_them() {
        for (name, expected) in [
            ("http://bad.example/a.b?c=d.e", "hxxp://bad[.]example/a.b?c=d.e"),
            ("https://bad.example", "hxxps://bad[.]example"),
            ("198.51.100.7", "198[.]51[.]100[.]7"),
            ("2001:db8::1", "2001[:]db8::1"),
            ("bad.example", "bad[.]example"),
            ("billing@bad.example", "billing@bad[.]example"),
            (
                "44d88612fea8a8f36de82e1278abb02f",
                "44d88612fea8a8f36de82e1278abb02f",
            ),
        ] {
            assert_eq!(defanged(name), expected);
        }
    }
}
