//! Upload And Scan File: sends files, waits for their analysis, and enriches the entities that stand for them.

use std::path::Path;

use secops::{ActionResult, Entity, EntityType, ExecutionState, JsonResult, ParameterError, Rows};
use virustotal::report::FileReport;
use virustotal::{Error, Report, Upload};

use super::{Action, Run, Step, style, threshold, wants_comments};
use crate::comments;
use crate::conclude::{Parts, Style};
use crate::definition::FILE_PATHS;
use crate::facts::{self, Facts};
use crate::lookup::{Origin, Outcome};
use crate::render::{insight, message};
use crate::scan::{self, Kind};
use crate::state::{Entry, State, Status};
use crate::{Verdict, split_file_paths};

/// Source: the contract's table.
const DEFAULT_THRESHOLD: u32 = 3;
const SERVER: &str = "Linux Server Address";

pub(super) async fn start(run: Run<'_>) -> Result<Step, ParameterError> {
    parameters(run)?;
    let paths = split_file_paths(&run.context.parameters.required_text(FILE_PATHS)?);
    if paths.is_empty() {
        return Err(ParameterError::Missing { name: FILE_PATHS });
    }
    if let Some(value) = run.context.parameters.text(SERVER)? {
        let expected = "empty: this version reads files of its own machine only".to_owned();
        return Err(ParameterError::Invalid {
            name: SERVER,
            expected,
            value,
        });
    }
    let entries = submit(run, paths).await;
    next(
        State {
            action: Action::UploadAndScanFile,
            entries,
        },
        run,
    )
    .await
}

pub(super) async fn resume(mut state: State, run: Run<'_>) -> Result<Step, ParameterError> {
    scan::poll(Kind::Hash, run, &mut state.entries, &[]).await;
    next(state, run).await
}

async fn next(state: State, run: Run<'_>) -> Result<Step, ParameterError> {
    match state.is_waiting() {
        true => Ok(Step::Wait(state)),
        false => conclude(state, run, ExecutionState::TimedOut)
            .await
            .map(Step::from),
    }
}

fn parameters(run: Run<'_>) -> Result<Style, ParameterError> {
    wants_comments(run)?;
    style(run, Some(threshold(run)?.unwrap_or(DEFAULT_THRESHOLD)))
}

/// Opens and uploads; a file that can't be has its own reason, the others go on.
async fn submit(run: Run<'_>, paths: Vec<String>) -> Vec<Entry> {
    let (mut entries, mut uploads, mut uploading) = (Vec::new(), Vec::new(), Vec::new());
    for (index, path) in paths.into_iter().enumerate() {
        let status = match Upload::open(Path::new(&path)).await {
            Ok(upload) => {
                uploads.push(upload);
                uploading.push(index);
                // Replaced by what becomes of the upload.
                Status::Done(Outcome::Missing)
            }
            Err(error) => Status::Done(failed(&error)),
        };
        entries.push(Entry { key: path, status });
    }
    let submissions = run.client.upload_files(&uploads, run.deadline).await;
    for (index, submission) in uploading.into_iter().zip(submissions) {
        if let Some(entry) = entries.get_mut(index) {
            entry.status = match submission {
                Err(error) => Status::Done(failed(&error)),
                accepted => scan::submitted(accepted, None, run.now()),
            };
        }
    }
    entries
}

/// A file's trouble without its path, which stands before it anyway.
fn failed(error: &Error) -> Outcome {
    match error {
        Error::File { detail, .. } => Outcome::Failed(detail.clone()),
        other => Outcome::failed(other),
    }
}

pub(super) async fn conclude(
    state: State,
    run: Run<'_>,
    unfinished: ExecutionState,
) -> Result<ActionResult, ParameterError> {
    let style = Style {
        unfinished,
        ..parameters(run)?
    };
    let (paths, outcomes): (Vec<String>, Vec<Outcome>) = state
        .entries
        .into_iter()
        .map(|entry| (entry.key.clone(), known(entry.outcome())))
        .unzip();
    let mut parts = Parts::default();
    parts.tally.notices = run.notices();
    let comments = match wants_comments(run)? {
        true => {
            let (comments, refused) = comments::fetch(Kind::Hash, run, &outcomes).await;
            parts.tally.notices.extend(refused);
            comments
        }
        false => Vec::new(),
    };
    let mut taken = vec![false; run.context.targets.len()];
    for (place, (path, outcome)) in paths.iter().zip(&outcomes).enumerate() {
        let standing = standing_for(&run.context.targets, &mut taken, path, outcome.report());
        let comments = comments.get(place).and_then(Option::as_ref);
        conclude_file(&mut parts, &style, place, path, outcome, &standing, comments);
    }
    let definition = Action::UploadAndScanFile.definition();
    Ok(parts.finish(definition, &message::FILE_WORDS, &style, JsonResult::Object))
}

fn conclude_file(
    parts: &mut Parts,
    style: &Style,
    place: usize,
    path: &str,
    outcome: &Outcome,
    standing: &[(usize, &Entity)],
    comments: Option<&Rows>,
) {
    parts.tally.count(path, outcome);
    let facts = outcome.report().map(facts::of_uploaded_file);
    for (member, entity) in standing {
        parts.add(*member, entity, outcome, facts.as_ref(), style);
    }
    if let (Some(facts), Some(report)) = (&facts, outcome.report()) {
        parts.report(place, path, report);
        parts.show(place, path, facts, comments);
        if let Some(verdict) = facts.judge(style.threshold) {
            parts.risky |= verdict.risky();
            parts.note(place, file_insight(path, facts, verdict, standing));
        }
    }
}

/// On the entity of the file's hash, else of its name, else on the case.
fn file_insight(
    path: &str,
    facts: &Facts,
    verdict: Verdict,
    standing: &[(usize, &Entity)],
) -> Option<secops::Insight> {
    let by_hash = standing
        .iter()
        .find(|(_, entity)| entity.entity_type == EntityType::FileHash);
    match by_hash.or_else(|| standing.first()) {
        Some((_, entity)) => insight::on_entity(entity, facts, verdict),
        None => insight::on_case(path, verdict),
    }
}

/// The entities that stand for a file: its hashes, its path, or its name where no other file took it.
fn standing_for<'a>(
    targets: &'a [Entity],
    taken: &mut [bool],
    path: &str,
    report: Option<&Report>,
) -> Vec<(usize, &'a Entity)> {
    let hashes: Vec<String> = report
        .map(FileReport::hashes)
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    let name = Path::new(path)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let stands = |entity: &Entity| match entity.entity_type {
        EntityType::FileHash => hashes
            .iter()
            .any(|hash| hash.eq_ignore_ascii_case(entity.identifier.trim())),
        EntityType::FileName => [path, &name]
            .iter()
            .any(|text| text.eq_ignore_ascii_case(&entity.identifier)),
        _ => false,
    };
    let mut standing = Vec::new();
    for ((member, entity), taken) in targets.iter().enumerate().zip(taken) {
        if !*taken && stands(entity) {
            *taken = true;
            standing.push((member, entity));
        }
    }
    standing
}

/// An upload is always analysed anew, so that need not be remarked.
fn known(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Found { report, .. } => Outcome::Found {
            report,
            origin: Origin::Known,
        },
        other => other,
    }
}
