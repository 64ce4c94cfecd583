//! What people read of a case, whatever it is printed on.

use std::collections::HashMap;

use super::defang::Defanger;
use super::{Record, moment};
use crate::text::visible;
use crate::{Error, StoredEntity};

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
///
/// # Errors
/// [`Error::Damaged`] for what can't be written, which does not occur.
pub(super) fn of(record: &Record) -> Result<Report, Error> {
    let case = &record.case;
    let words = Words(Defanger::of(&record.entities)?);
    let mut blocks = vec![Block::Facts(facts(record, &words))];
    if !case.description.is_empty() {
        blocks.push(Block::Heading("Text".to_owned()));
        blocks.push(Block::Text(words.short(&case.description)));
    }
    blocks.push(Block::Heading("Entities".to_owned()));
    blocks.push(entities(record, &words));
    if !record.insights.is_empty() {
        blocks.push(Block::Heading("Insights".to_owned()));
        blocks.push(insights(record, &words));
    }
    if !record.runs.is_empty() {
        blocks.push(Block::Heading("Runs".to_owned()));
        blocks.push(runs(record, &words));
    }
    blocks.push(Block::Heading("Case wall".to_owned()));
    blocks.push(wall(record, &words));
    Ok(Report {
        title: format!("#{} {}", case.id, words.one_line(&case.title)),
        blocks,
    })
}

fn facts(record: &Record, words: &Words) -> Vec<(String, String)> {
    let case = &record.case;
    let mut facts = vec![
        ("Environment", words.one_line(&case.environment)),
        ("Priority", case.priority.name().to_owned()),
        ("State", if case.is_open { "open" } else { "closed" }.to_owned()),
        ("Stage", words.one_line(&case.stage)),
    ];
    if !case.assignee.is_empty() {
        facts.push(("Assigned to", words.one_line(&case.assignee)));
    }
    if !case.tags.is_empty() {
        facts.push(("Tags", words.one_line(&case.tags.join(", "))));
    }
    let made = format!(
        "{} by {}",
        moment(case.created_at),
        words.one_line(&case.created_by)
    );
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

fn entities(record: &Record, words: &Words) -> Block {
    let mut sorted: Vec<&StoredEntity> = record.entities.iter().collect();
    sorted.sort_by_key(|stored| !stored.entity.is_suspicious);
    let row = |stored: &StoredEntity| Row {
        cells: vec![
            verdict(stored).to_owned(),
            words.one_line(stored.entity.original_identifier()),
            words.one_line(stored.entity.entity_type.name()),
            stored.score().map_or_else(String::new, |(positives, total)| {
                words.one_line(&format!("{positives} of {total}"))
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

fn insights(record: &Record, words: &Words) -> Block {
    let by_id: HashMap<i64, &StoredEntity> = record.entities.iter().map(|own| (own.id, own)).collect();
    let about = |id: Option<i64>| {
        let own = id.and_then(|id| by_id.get(&id));
        own.map_or_else(String::new, |stored| {
            words.one_line(stored.entity.original_identifier())
        })
    };
    let rows = record.insights.iter().map(|insight| Row {
        cells: vec![
            about(insight.entity),
            format!(
                "{}\n{}",
                words.one_line(&insight.title),
                words.short(&insight.content)
            ),
            format!(
                "{}\n{}",
                words.one_line(&insight.triggered_by),
                moment(insight.at)
            ),
        ],
        is_loud: insight.severity > 0,
    });
    Block::Table {
        header: vec!["Entity", "Insight", "From"],
        widths: vec![34, 41, 25],
        rows: rows.collect(),
    }
}

fn runs(record: &Record, words: &Words) -> Block {
    let rows = record.runs.iter().map(|run| Row {
        cells: vec![
            words.one_line(&run.action),
            run.state.name().replace('_', " "),
            format!(
                "{}\n{}",
                words.one_line(&run.requested_by),
                moment(run.created_at)
            ),
            words.short(&run.message),
        ],
        is_loud: false,
    });
    Block::Table {
        header: vec!["Action", "State", "Asked for", "Message"],
        widths: vec![19, 12, 24, 45],
        rows: rows.collect(),
    }
}

fn wall(record: &Record, words: &Words) -> Block {
    let rows = record.wall.iter().map(|entry| Row {
        cells: vec![
            moment(entry.at),
            words.one_line(&entry.actor),
            entry.kind.words().to_owned(),
            words.short(&entry.text),
        ],
        is_loud: false,
    });
    Block::Table {
        header: vec!["When", "Who", "Did", "Words"],
        widths: vec![25, 18, 14, 43],
        rows: rows.collect(),
    }
}

/// Texts of others, as people should see them: all of them, and nothing suspicious to follow.
struct Words(Defanger);

impl Words {
    /// A text in one line.
    fn one_line(&self, text: &str) -> String {
        let text = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
        self.0.text(&text)
    }

    /// The start of a text, with its lines.
    fn short(&self, text: &str) -> String {
        let text = self.0.text(&visible(text.trim()).replace('\t', " "));
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }
}
