//! One line an entity, for pipes.

use std::collections::HashMap;
use std::io::{self, Write};

use secops::{ActionResult, JsonResult};
use serde::Serialize;
use serde_json::value::RawValue;

use super::json::{EntityDocument, Report};

#[derive(Serialize)]
struct Line<'a> {
    action: &'a str,
    #[serde(flatten)]
    entity: EntityDocument<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report<'a>>,
}

pub(super) fn render(result: &ActionResult, out: &mut dyn Write) -> io::Result<()> {
    let reports: HashMap<&str, &RawValue> = match &result.json_result {
        JsonResult::List(items) | JsonResult::Object(items) => items
            .iter()
            .map(|item| (item.name.as_str(), item.report.as_ref()))
            .collect(),
        JsonResult::None => HashMap::new(),
    };
    for entity in &result.entities {
        let report = reports
            .get(entity.entity.identifier.as_str())
            .map(|report| Report::Compact(report));
        serde_json::to_writer(
            &mut *out,
            &Line {
                action: result.action,
                entity: entity.into(),
                report,
            },
        )?;
        writeln!(out)?;
    }
    Ok(())
}
