//! For a ticket or a chat. Outside text never becomes markup: see [`no_markup`].

use std::io::{self, Write};

use secops::ActionResult;

use super::Spent;
use super::table::{detections, summary, verdict};
use super::text::no_markup;

pub(super) fn render(result: &ActionResult, spent: &Spent, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}\n", no_markup(result.action))?;
    writeln!(out, "{}\n", no_markup(&summary(result, spent)))?;
    if result.entities.is_empty() {
        for line in result.output_message.lines().filter(|line| !line.is_empty()) {
            writeln!(out, "{}\n", no_markup(line))?;
        }
    } else {
        writeln!(
            out,
            "| Verdict | Engines | Type | Entity | Remark |\n|---|---|---|---|---|"
        )?;
        for entity in &result.entities {
            let remark = entity.remark.as_deref().unwrap_or_default();
            let cells = [
                verdict(entity).0,
                &detections(entity),
                entity.entity.entity_type.name(),
                entity.entity.original_identifier(),
                remark,
            ];
            writeln!(out, "| {} |", cells.map(no_markup).join(" | "))?;
        }
        writeln!(out)?;
    }
    if !result.insights.is_empty() {
        writeln!(out, "## Insights\n")?;
        for insight in &result.insights {
            writeln!(
                out,
                "- **{}** {}",
                insight.severity.name(),
                no_markup(&insight.content)
            )?;
        }
        writeln!(out)?;
    }
    for table in &result.tables {
        writeln!(out, "## {}\n", no_markup(&table.title))?;
        writeln!(
            out,
            "| {} |",
            table
                .rows
                .columns()
                .iter()
                .map(|column| no_markup(column))
                .collect::<Vec<_>>()
                .join(" | ")
        )?;
        writeln!(out, "|{}", "---|".repeat(table.rows.columns().len()))?;
        for row in table.rows.read() {
            writeln!(
                out,
                "| {} |",
                row.iter()
                    .map(|cell| no_markup(cell))
                    .collect::<Vec<_>>()
                    .join(" | ")
            )?;
        }
        writeln!(out)?;
    }
    if !result.links.is_empty() {
        writeln!(out, "## Links\n")?;
        for link in &result.links {
            // Links are our own or were checked to be web addresses; what could end the brackets is encoded.
            let url = link.url.replace('<', "%3C").replace('>', "%3E");
            writeln!(out, "- {}: <{url}>", no_markup(&link.title))?;
        }
    }
    Ok(())
}
