//! `vtsecops policy check`

use std::path::Path;
use std::process::ExitCode;

use integration::{Policy, PolicyKind};
use serde_json::value::RawValue;
use virustotal::Report;

use super::run::now;
use crate::cli::{PolicyArguments, PolicyCheck, PolicyVerb};
use crate::exit::{self, Code};
use crate::failure::Failure;
use crate::input::standard_input;
use crate::output::text::visible;
use crate::settings::read_policy;

pub(crate) fn run(arguments: &PolicyArguments) -> Result<ExitCode, Failure> {
    let PolicyVerb::Check(check) = &arguments.verb;
    let policy = read_policy(&check.path).map_err(|problem| {
        let path = check.path.display();
        Failure::usage(format!("{path}: the verdict policy {problem}"))
    })?;
    match &check.report {
        Some(path) => judge(&policy, check, path),
        None => {
            // Names of engines are whatever the file has.
            let text = policy.to_string();
            crate::print(|out| {
                text.lines()
                    .try_for_each(|line| writeln!(out, "{}", visible(line)))
            })?;
            Ok(exit::CLEAN.into())
        }
    }
}

fn judge(policy: &Policy, check: &PolicyCheck, path: &Path) -> Result<ExitCode, Failure> {
    let report = read_report(path)?;
    let kind = PolicyKind::of(&report).ok_or_else(|| {
        Failure::usage(format!(
            "{}: it is no report of API v2 on a file, a URL or an IP address. Of what `scan --output json` gives, take one \
             EntityResult.",
            path.display()
        ))
    })?;
    let verdict = policy.judge(kind, &report, check.threshold, now());
    crate::print(|out| writeln!(out, "{}", verdict.explanation()))?;
    let code: Code = match (verdict.risky(), verdict.undecided) {
        (true, _) => exit::RISKY,
        (false, Some(_)) => exit::INCOMPLETE,
        (false, None) => exit::CLEAN,
    };
    Ok(code.into())
}

fn read_report(path: &Path) -> Result<Report, Failure> {
    let problem = |what: String| Failure::usage(format!("{}: {what}", path.display()));
    let bytes = match path == Path::new("-") {
        true => standard_input()?,
        false => {
            std::fs::read(path).map_err(|error| problem(format!("the report can't be read: {error}")))?
        }
    };
    let raw: Box<RawValue> =
        serde_json::from_slice(&bytes).map_err(|error| problem(format!("the report is no JSON: {error}")))?;
    Ok(Report::from(raw))
}
