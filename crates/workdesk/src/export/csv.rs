//! One row an entity, for spreadsheets.

use std::collections::BTreeSet;

use ::csv::{QuoteStyle, Terminator, WriterBuilder};

use super::Record;
use crate::text::in_words;
use crate::{Error, StoredEntity};

/// What the first columns are called; the fields of all entities follow.
const COLUMNS: [&str; 7] = [
    "entity",
    "type",
    "suspicious",
    "internal",
    "enriched",
    "detections",
    "engines",
];

pub(super) fn write(record: &Record) -> Result<Vec<u8>, Error> {
    let fields: BTreeSet<&str> = record
        .entities
        .iter()
        .flat_map(|stored| stored.entity.additional_properties.keys().map(String::as_str))
        .collect();
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(Vec::new());
    let failed = |error: ::csv::Error| Error::Damaged(error.to_string());
    let header = COLUMNS.iter().chain(&fields).map(|name| harmless(name));
    writer.write_record(header).map_err(failed)?;
    for stored in &record.entities {
        writer.write_record(row(stored, &fields)).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|error| Error::Damaged(error.to_string()))
}

fn row(stored: &StoredEntity, fields: &BTreeSet<&str>) -> Vec<String> {
    let entity = &stored.entity;
    let yes_or_no = |is: bool| if is { "yes" } else { "no" };
    let (positives, total) = stored.score().unwrap_or_default();
    let first = [
        entity.original_identifier(),
        entity.entity_type.name(),
        yes_or_no(entity.is_suspicious),
        yes_or_no(entity.is_internal),
        yes_or_no(entity.is_enriched),
        positives,
        total,
    ];
    let value = |name: &&str| {
        entity
            .additional_properties
            .get(*name)
            .map(in_words)
            .unwrap_or_default()
    };
    let rest = fields.iter().map(value);
    first
        .into_iter()
        .map(harmless)
        .chain(rest.map(|text| harmless(&text)))
        .collect()
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}
