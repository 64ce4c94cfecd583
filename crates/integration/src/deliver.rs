//! Step 5: what changes the case goes to the host; one failed write doesn't lose the others.

use secops::{ActionResult, Entity, EntityResult, Host};

/// Hands enriched entities and insights to `host`. What can't be stored is said in the output message.
pub async fn deliver(result: &mut ActionResult, host: &mut impl Host) {
    let mut failures = Vec::new();
    for insight in &result.insights {
        if let Err(error) = host.add_insight(insight).await {
            failures.push(format!("the insight \"{}\": {error}", insight.title));
        }
    }
    let enriched = result
        .entities
        .iter()
        .filter(|result| result.is_target && !result.enrichment.is_empty());
    let entities: Vec<Entity> = enriched.map(EntityResult::updated).collect();
    if !entities.is_empty()
        && let Err(error) = host.update_entities(&entities).await
    {
        failures.push(format!("the enrichment of {} entities: {error}", entities.len()));
    }
    if !failures.is_empty() {
        result
            .output_message
            .push_str("\n\nThe following could not be written to the case:\n");
        result.output_message.push_str(&failures.join("\n"));
    }
}
