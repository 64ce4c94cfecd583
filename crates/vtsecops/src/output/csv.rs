//! One row an entity, for spreadsheets. Cells that would be formulas are text: see [`no_formula`].

use std::collections::HashMap;
use std::io::{self, Write};

use secops::{ActionResult, EntityResult};
use serde_json::Value;

use super::text::no_formula;

const FIXED: [&str; 10] = [
    "action",
    "identifier",
    "type",
    "outcome",
    "remark",
    "risky",
    "suspicious",
    "positives",
    "total",
    "permalink",
];

pub(super) fn render(result: &ActionResult, out: &mut dyn Write) -> io::Result<()> {
    let fields = fields(result);
    let links = result.links.iter();
    let links: HashMap<&str, &str> = links
        .map(|link| (link.title.as_str(), link.url.as_str()))
        .collect();
    let mut writer = csv::Writer::from_writer(out);
    let header = FIXED.iter().copied().chain(fields.iter().copied());
    let header = header.map(|name| no_formula(name).into_owned());
    writer.write_record(header).map_err(of_writing)?;
    for entity in &result.entities {
        let permalink = links.get(entity.entity.identifier.as_str()).copied();
        let cells = fixed(result.action, entity, permalink)
            .into_iter()
            .chain(fields.iter().map(|name| cell(entity.enrichment.get(*name))));
        let cells = cells.map(|cell| no_formula(&cell).into_owned());
        writer.write_record(cells).map_err(of_writing)?;
    }
    writer.flush()
}

/// The error of writing itself: the library's own conversion hides a pipe whose reader has gone.
fn of_writing(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Enrichment fields of all rows, in the order they first occur.
fn fields(result: &ActionResult) -> Vec<&str> {
    let mut seen = std::collections::HashSet::new();
    let all = result.entities.iter().flat_map(|entity| entity.enrichment.keys());
    all.map(String::as_str)
        .filter(|name| seen.insert(*name))
        .collect()
}

fn fixed(action: &str, result: &EntityResult, permalink: Option<&str>) -> [String; 10] {
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    [
        action.to_owned(),
        result.entity.identifier.clone(),
        result.entity.entity_type.name().to_owned(),
        result.outcome.name().to_owned(),
        result.remark.clone().unwrap_or_default(),
        result.risky.to_string(),
        result.entity.is_suspicious.to_string(),
        number(result.positives),
        number(result.total),
        permalink.unwrap_or_default().to_owned(),
    ]
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
