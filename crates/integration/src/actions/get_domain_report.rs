//! Get Domain Report: enriches users, host names and URLs with what VirusTotal knows of their domain.

use secops::{ActionResult, ParameterError};
use virustotal::{Accept, DomainName, ObjectId};

use super::{Action, Run, objects, style};
use crate::conclude::Ending;
use crate::lookup::Outcome;
use crate::{facts, render};

pub(super) async fn run(run: Run<'_>) -> Result<ActionResult, ParameterError> {
    let style = style(run)?;
    let plan = Action::GetDomainReport.plan(run.context);
    let domain = |object: &ObjectId| match object {
        ObjectId::Domain(domain) => Some(domain.clone()),
        _ => None,
    };
    let domains: Vec<DomainName> = objects(&plan).into_iter().filter_map(domain).collect();
    let answers = run
        .client
        .domain_reports(&domains, Accept::Fresh, run.deadline)
        .await;
    Ok(Ending {
        definition: Action::GetDomainReport.definition(),
        words: &render::message::DOMAIN_WORDS,
        context: run.context,
        plan: &plan,
        outcomes: answers.into_iter().map(Outcome::of).collect(),
        comments: Vec::new(),
        facts: facts::of_domain,
        style,
        notices: run.notices(),
    }
    .conclude())
}
