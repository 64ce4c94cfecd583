//! The JSON document: types of its own, so that an inner renaming can't break a user.

use std::collections::BTreeMap;
use std::io::{self, Write};

use secops::{ActionResult, EntityResult, Insight, JsonResult, Link, Table};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Spent, layout};

#[derive(Serialize)]
struct Document<'a> {
    action: &'a str,
    status: &'a str,
    script_result: Map<String, Value>,
    output_message: &'a str,
    entities: Vec<EntityDocument<'a>>,
    insights: &'a [Insight],
    tables: &'a [Table],
    links: &'a [Link],
    json_result: Reports<'a>,
    calls: &'a BTreeMap<&'static str, u64>,
    kept_answers: u64,
}

#[derive(Serialize)]
pub(super) struct EntityDocument<'a> {
    identifier: &'a str,
    #[serde(rename = "type")]
    entity_type: &'a str,
    suspicious: bool,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unfinished: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    positives: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a str>,
    enrichment: &'a Map<String, Value>,
}

impl<'a> From<&'a EntityResult> for EntityDocument<'a> {
    fn from(result: &'a EntityResult) -> Self {
        Self {
            identifier: &result.entity.identifier,
            entity_type: result.entity.entity_type.name(),
            suspicious: result.entity.is_suspicious,
            outcome: result.outcome.name(),
            remark: result.remark.as_deref(),
            unfinished: result.unfinished,
            positives: result.positives,
            total: result.total,
            verdict: result.verdict.as_deref(),
            enrichment: &result.enrichment,
        }
    }
}

pub(super) fn render(result: &ActionResult, spent: &Spent, out: &mut dyn Write) -> io::Result<()> {
    let script_result = (
        result.script_result.name.to_owned(),
        Value::from(result.script_result.value),
    );
    let document = Document {
        action: result.action,
        status: result.state.name(),
        script_result: Map::from_iter([script_result]),
        output_message: &result.output_message,
        entities: result.entities.iter().map(EntityDocument::from).collect(),
        insights: &result.insights,
        tables: &result.tables,
        links: &result.links,
        json_result: Reports(&result.json_result),
        calls: &spent.calls,
        kept_answers: spent.kept_answers,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// The JSON result, indented like the rest; its text stays otherwise as it was sent.
struct Reports<'a>(&'a JsonResult);

/// Levels around a report in the list: the document, `json_result`, the item.
const IN_LIST: usize = 3;
/// Levels around a report in the object: the document and `json_result`.
const IN_OBJECT: usize = 2;

impl Serialize for Reports<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Item<'a> {
            entity_result: Report<'a>,
            entity: &'a str,
        }
        match self.0 {
            JsonResult::None => serializer.serialize_none(),
            JsonResult::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Item {
                        entity_result: Report::Indented(&item.report, IN_LIST),
                        entity: &item.name,
                    })?;
                }
                list.end()
            }
            JsonResult::Object(items) => {
                let mut map = serializer.serialize_map(Some(items.len()))?;
                for item in items {
                    map.serialize_entry(&item.name, &Report::Indented(&item.report, IN_OBJECT))?;
                }
                map.end()
            }
        }
    }
}

/// One report, set out when it is its turn, so that a thousand need no more memory than one.
pub(super) enum Report<'a> {
    /// Lines, with that many levels around.
    Indented(&'a RawValue, usize),
    /// One line.
    Compact(&'a RawValue),
}

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match self {
            Self::Indented(report, depth) => layout::indented(report.get(), *depth),
            Self::Compact(report) => layout::compact(report.get()),
        };
        RawValue::from_string(text)
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}
