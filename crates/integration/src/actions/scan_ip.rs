//! Scan IP: what VirusTotal has seen on an address.

use std::net::Ipv4Addr;

use secops::{ActionResult, ParameterError};
use virustotal::{Accept, ObjectId};

use super::{Action, Run, judging_style, objects};
use crate::conclude::Ending;
use crate::lookup::Outcome;
use crate::verdict::PolicyKind;
use crate::{facts, render};

pub(super) async fn run(run: Run<'_>) -> Result<ActionResult, ParameterError> {
    let style = judging_style(run, PolicyKind::Ip, Some(PolicyKind::Ip.usual_threshold()))?;
    let plan = Action::ScanIp.plan(run.context);
    let address = |object: &ObjectId| match object {
        ObjectId::Ip(address) => Some(*address),
        _ => None,
    };
    let addresses: Vec<Ipv4Addr> = objects(&plan).into_iter().filter_map(address).collect();
    let answers = run
        .client
        .ip_reports(&addresses, Accept::Fresh, run.deadline)
        .await;
    Ok(Ending {
        definition: Action::ScanIp.definition(),
        words: &render::message::IP_WORDS,
        context: run.context,
        plan: &plan,
        outcomes: answers.into_iter().map(Outcome::of).collect(),
        comments: Vec::new(),
        facts: facts::of_ip,
        style,
        notices: run.notices(),
    }
    .conclude())
}
