//! All rows, by boundary.

mod clock;
mod database;
mod disk;
mod handles;
mod killed;
mod names;
mod platform;
mod proxy;
mod ssh;
mod tls;
mod virustotal;

use crate::fault::{Act, Fault};
use crate::stage::Stage;
use crate::told::Told;

pub(crate) fn all() -> Vec<Fault> {
    [
        virustotal::rows(),
        platform::rows(),
        ssh::rows(),
        disk::rows(),
        clock::rows(),
        killed::rows(),
        handles::rows(),
        names::rows(),
        proxy::rows(),
        tls::rows(),
        database::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Three hashes that VirusTotal knows and no engine flags: one call.
const THREE: Act = Act::Shell(&["scan", "hash", "{a}", "{b}", "{c}"]);
/// The same, with little patience.
const THREE_SOON: Act = Act::Shell(&["scan", "hash", "{a}", "{b}", "{c}", "--timeout", "3s"]);
/// A URL that nobody has seen: it is submitted.
const URL: Act = Act::Shell(&["scan", "url", "{url}", "--timeout", "8s"]);
const PING: Act = Act::Shell(&["ping"]);
/// Three hashes as the platform asks for them.
const ON_PLATFORM: Act = Act::Action("Scan Hash");

/// Every entity has its report.
fn whole(stage: &Stage, told: &Told) -> Vec<String> {
    ["a", "b", "c"]
        .iter()
        .flat_map(|name| has(stage, told, name, "found"))
        .collect()
}

/// What was had in spite of the fault: the reports of the first two.
fn two(stage: &Stage, told: &Told) -> Vec<String> {
    ["a", "b"]
        .iter()
        .flat_map(|name| has(stage, told, name, "found"))
        .chain(has(stage, told, "c", "failed"))
        .collect()
}

fn has(stage: &Stage, told: &Told, name: &'static str, wanted: &str) -> Vec<String> {
    let outcome = told.outcome(&stage.names[name]);
    wrong_unless(outcome == wanted, || {
        format!("{name} is {outcome}, not {wanted}: {}", told.said())
    })
}

/// One submission of each URL has arrived, whatever became of its answer.
fn submitted_once(stage: &Stage, _: &Told) -> Vec<String> {
    let mut submitted = stage.submissions();
    submitted.sort();
    let all = submitted.len();
    submitted.dedup();
    wrong_unless(all > 0 && submitted.len() == all, || {
        format!("submitted: {:?}", stage.submissions())
    })
}

fn wrong_unless(is_right: bool, words: impl FnOnce() -> String) -> Vec<String> {
    match is_right {
        true => Vec::new(),
        false => vec![words()],
    }
}
