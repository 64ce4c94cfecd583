//! Search: what a query of VirusTotal Intelligence finds, as entities.

use std::sync::Arc;

use secops::{ActionResult, JsonResult, ParameterError};
use virustotal::Error;

use super::told::{List, report, table};
use super::{Action, Run, limit};
use crate::definition::QUERY;
use crate::render::message::KEY_REFUSED;

pub(super) async fn run(run: Run<'_>) -> Result<ActionResult, ParameterError> {
    let query = run.context.parameters.required_text(QUERY)?;
    let most = limit(run)?;
    let mut result = Action::Search.failed("");
    match run.client.search(&query, most, run.deadline).await {
        Ok(listing) => {
            let list = List::of(&query, listing);
            result.output_message = match list.count() {
                0 => format!("Nothing was found for the query {query}"),
                _ => format!("Found for the query {}", list.in_words()),
            };
            let lists = Arc::new(vec![list]);
            result.tables = vec![table(&query, &lists)];
            result.json_result = JsonResult::List(report(&query, &lists).into_iter().collect());
            result.state = secops::ExecutionState::Completed;
            result.script_result.value = true;
        }
        Err(error) => result.output_message = refused(&error),
    }
    for notice in run.notices() {
        result.output_message = format!("{}\n\n{notice}", result.output_message);
    }
    Ok(result)
}

fn refused(error: &Error) -> String {
    match error {
        Error::Key => KEY_REFUSED.to_owned(),
        Error::Forbidden { .. } => {
            "The search was refused: it needs an API key with access to VirusTotal Intelligence (premium).".to_owned()
        }
        Error::InvalidArgument { .. } => {
            "VirusTotal does not understand the query. Its language: entity:file positives:5+ tag:peexe, as in the search of \
             its web page."
                .to_owned()
        }
        error => format!("The search failed: {error}"),
    }
}
