//! What changes the case goes to the host; one failed write doesn't lose the others.

use crate::{ActionResult, Entity, EntityResult, Host};

/// Hands enriched entities and insights to `host`. What can't be stored is said in the output message, and returned.
pub async fn deliver(result: &mut ActionResult, host: &mut impl Host) -> Vec<String> {
    // Many insights fail for one reason, as a rule.
    let mut failures: Vec<(String, usize)> = Vec::new();
    if !result.insights.is_empty() {
        for error in host
            .add_insights(&result.insights)
            .await
            .into_iter()
            .filter_map(Result::err)
        {
            let reason = error.to_string();
            match failures.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => failures.push((reason, 1)),
            }
        }
    }
    let mut lines: Vec<String> = failures
        .into_iter()
        .map(|(reason, count)| format!("{}: {reason}", counted(count, "insight")))
        .collect();
    let enriched = result
        .entities
        .iter()
        .filter(|result| result.is_target && !result.enrichment.is_empty());
    let entities: Vec<Entity> = enriched.map(EntityResult::updated).collect();
    if !entities.is_empty()
        && let Err(error) = host.update_entities(&entities).await
    {
        let what = match entities.len() {
            1 => "the enrichment of 1 entity".to_owned(),
            several => format!("the enrichment of {several} entities"),
        };
        lines.push(format!("{what}: {error}"));
    }
    if !lines.is_empty() {
        result
            .output_message
            .push_str("\n\nThe following could not be written to the case:\n");
        result.output_message.push_str(&lines.join("\n"));
    }
    lines
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        several => format!("{several} {what}s"),
    }
}
