//! Ping: does the key work?

use secops::{ActionResult, ExecutionState};
use virustotal::{Accept, Answer, Error, UrlId};

use super::{Action, Run};

/// An address that VirusTotal is sure to know, and that tells nothing about who asks.
const WELL_KNOWN: &str = "http://www.virustotal.com/";

pub(super) async fn run(run: Run<'_>) -> ActionResult {
    let url = match UrlId::parse(WELL_KNOWN) {
        Ok(url) => url,
        Err(error) => return Action::Ping.failed(&error.to_string()),
    };
    let answer = run
        .client
        .url_reports(&[url], Accept::Nothing, run.deadline)
        .await
        .pop();
    let mut result = Action::Ping.failed("");
    let outcome = answer.unwrap_or(Ok(Answer::Missing));
    result.output_message = message(&outcome);
    // A key whose quota is used up is a good key.
    if matches!(outcome, Ok(_) | Err(Error::Quota { .. })) {
        result.state = ExecutionState::Completed;
        result.script_result.value = true;
    }
    for notice in run.notices() {
        result.output_message = format!("{}\n\n{notice}", result.output_message);
    }
    result
}

/// Keeps the original's sentences.
fn message(outcome: &Result<Answer, Error>) -> String {
    match outcome {
        Ok(_) => "Connection Established".to_owned(),
        Err(Error::Quota { .. }) => {
            "Connection Established. The API key is valid, but its quota is used up for the moment.".to_owned()
        }
        Err(Error::Key) => {
            "Invalid API key was provided. Access is forbidden. Check that the key is complete and not revoked.".to_owned()
        }
        Err(error) => format!("General error performing action VirusTotal - Ping. Error: {error}"),
    }
}
