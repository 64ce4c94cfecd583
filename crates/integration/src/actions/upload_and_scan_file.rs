//! Upload And Scan File: finds the files, asks about their hashes, sends what VirusTotal has never seen, waits for the
//! analyses, and enriches the entities that stand for the files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use secops::{ActionResult, Entity, EntityType, ExecutionState, JsonResult, ParameterError, Rows};
use virustotal::report::FileReport;
use virustotal::{Accept, Answer, FileHash, Report, Submission, Upload};

use super::{Action, Run, Step, judging_style, wants_comments};
use crate::comments;
use crate::conclude::{Judged, Parts, Style};
use crate::definition::{UPLOAD_POLICIES, UPLOAD_POLICY};
use crate::facts::{self, Facts};
use crate::files::{Gathered, Request, Wanted, failed, file_name, hashes};
use crate::lookup::{Origin, Outcome};
use crate::render::{insight, message};
use crate::scan::{self, Kind};
use crate::state::{Entry, Pending, State, Status};
use crate::verdict::PolicyKind;

/// Whether a file's content is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// Only where VirusTotal has never seen it.
    HashFirst,
    /// Whatever VirusTotal knows.
    Always,
    /// Never: only what is known is told.
    Never,
}

impl Policy {
    fn of(run: Run<'_>) -> Result<Self, ParameterError> {
        let word = run.context.parameters.one_of(UPLOAD_POLICY, &UPLOAD_POLICIES)?;
        Ok(match word {
            Some("Always") => Self::Always,
            Some("Never") => Self::Never,
            _ => Self::HashFirst,
        })
    }
}

pub(super) async fn start(run: Run<'_>) -> Result<Step, ParameterError> {
    parameters(run)?;
    let policy = Policy::of(run)?;
    let request = Request::read(&run.context.parameters, run.files)?;
    let Gathered { wanted, notices } = request.gather(run.files, run.deadline).await;
    let entries = submit(run, policy, wanted).await;
    let state = State {
        action: Action::UploadAndScanFile,
        entries,
        notices,
    };
    next(state, run).await
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

fn parameters(run: Run<'_>) -> Result<Style<'_>, ParameterError> {
    wants_comments(run)?;
    judging_style(run, PolicyKind::File, Some(PolicyKind::File.usual_threshold()))
}

/// A file that is to be looked up or sent, and its place in the run.
struct File {
    place: usize,
    upload: Upload,
    /// Where it is; the same for every way to name it.
    real: PathBuf,
}

/// Looks up and uploads; a file that can't be has its own reason, the others go on.
async fn submit(run: Run<'_>, policy: Policy, wanted: Vec<Wanted>) -> Vec<Entry> {
    let mut statuses: Vec<Status> = Vec::new();
    let (mut names, mut files) = (Vec::new(), Vec::new());
    for (place, Wanted { name, upload, real }) in wanted.into_iter().enumerate() {
        names.push(name);
        statuses.push(Status::Done(match upload {
            Ok(upload) => {
                files.push(File { place, upload, real });
                // Until it is known better.
                Outcome::Missing
            }
            Err(outcome) => outcome,
        }));
    }
    let groups = match policy {
        Policy::Always => {
            let groups = by(files.into_iter().map(|file| (file.real.clone(), file)));
            groups.into_iter().map(|(_, group)| group).collect()
        }
        Policy::HashFirst | Policy::Never => look_up(run, files, &mut statuses).await,
    };
    if policy != Policy::Never {
        upload(run, groups, &mut statuses).await;
    }
    let entries = names.into_iter().zip(statuses);
    entries.map(|(key, status)| Entry { key, status }).collect()
}

/// Asks about the files' hashes; gives the files that VirusTotal has never seen, those of one content together.
async fn look_up(run: Run<'_>, files: Vec<File>, statuses: &mut [Status]) -> Vec<Vec<File>> {
    let uploads: Vec<&Upload> = files.iter().map(|file| &file.upload).collect();
    let hashes = hashes(&uploads, run.deadline).await;
    let mut hashed: Vec<(FileHash, File)> = Vec::new();
    for (file, hash) in files.into_iter().zip(hashes) {
        match hash {
            Ok(hash) => hashed.push((hash, file)),
            Err(outcome) => set(statuses, file.place, Status::Done(outcome)),
        }
    }
    let groups = by(hashed.into_iter());
    let asked: Vec<FileHash> = groups.iter().map(|(hash, _)| hash.clone()).collect();
    let answers = run.client.file_reports(&asked, Accept::Fresh, run.deadline).await;
    let mut unseen = Vec::new();
    for ((hash, group), answer) in groups.into_iter().zip(answers) {
        let status = match answer {
            Ok(Answer::Missing) => {
                unseen.push(group);
                continue;
            }
            Ok(Answer::Found(report)) => Status::Done(Outcome::Found {
                report,
                origin: Origin::NotUploaded,
            }),
            Ok(Answer::Queued { scan_id }) => {
                let id = scan_id.unwrap_or_else(|| hash.as_str().to_owned());
                Status::Pending(Pending {
                    by_others: true,
                    ..Pending::since(run.now(), Some(id), None)
                })
            }
            // Without an answer nothing is sent: it may be known.
            Err(error) => Status::Done(failed(&error)),
        };
        for file in &group {
            set(statuses, file.place, status.clone());
        }
    }
    unseen
}

/// Sends one file of each group.
async fn upload(run: Run<'_>, groups: Vec<Vec<File>>, statuses: &mut [Status]) {
    let firsts: Vec<Upload> = groups
        .iter()
        .filter_map(|group| group.first())
        .map(|file| file.upload.clone())
        .collect();
    let submissions = run.client.upload_files(&firsts, run.deadline).await;
    for ((group, submission), first) in groups.into_iter().zip(submissions).zip(&firsts) {
        let status = match submission {
            Err(error) => Status::Done(failed(&error)),
            Ok(Submission::Unknown { sent_at }) => unknown(first, sent_at, run.now()).await,
            accepted => scan::submitted(accepted, None, run.now()),
        };
        for file in &group {
            set(statuses, file.place, status.clone());
        }
    }
}

/// Nobody knows whether it arrived. If it did, its analysis is found by its hash; so is an older one of the same content, which does not say
/// that this file has been sent.
async fn unknown(upload: &Upload, sent_at: Timestamp, now: Timestamp) -> Status {
    match upload.sha256().await {
        Ok(hash) => Status::Pending(Pending {
            sent_at: Some(sent_at),
            ..Pending::since(now, Some(hash.as_str().to_owned()), None)
        }),
        Err(error) => Status::Done(failed(&error)),
    }
}

/// Those of one key together, in the order of the first of each.
fn by<K: Ord + Clone>(files: impl Iterator<Item = (K, File)>) -> Vec<(K, Vec<File>)> {
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    let mut groups: Vec<(K, Vec<File>)> = Vec::new();
    for (key, file) in files {
        let place = *places.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, group)) => group.push(file),
            None => groups.push((key, vec![file])),
        }
    }
    groups
}

fn set(statuses: &mut [Status], place: usize, status: Status) {
    if let Some(known) = statuses.get_mut(place) {
        *known = status;
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
    parts.tally.notices.extend(state.notices);
    let comments = match wants_comments(run)? {
        true => {
            let (comments, refused) = comments::fetch(Kind::Hash, run, &outcomes).await;
            parts.tally.notices.extend(refused);
            comments
        }
        false => Vec::new(),
    };
    let targets = run.context.targets.len();
    let mut taken = vec![false; targets];
    for (place, (path, outcome)) in paths.iter().zip(&outcomes).enumerate() {
        let standing = standing_for(&run.context.targets, &mut taken, path, outcome.report());
        let comments = comments.get(place).and_then(Option::as_ref);
        let file = (targets + place, path.as_str());
        conclude_file(&mut parts, &style, file, outcome, &standing, comments);
    }
    let definition = Action::UploadAndScanFile.definition();
    Ok(parts.finish(definition, &message::FILE_WORDS, &style, JsonResult::Object))
}

fn conclude_file(
    parts: &mut Parts,
    style: &Style<'_>,
    (place, path): (usize, &str),
    outcome: &Outcome,
    standing: &[(usize, &Entity)],
    comments: Option<&Rows>,
) {
    parts.tally.count(path, outcome);
    let facts = outcome.report().map(facts::of_uploaded_file);
    parts.meet(facts.as_ref(), style);
    let judged = facts.as_ref().and_then(|facts| style.judge(facts));
    let judged = judged.as_ref();
    parts.doubt(path, judged);
    for (member, entity) in standing {
        parts.add(*member, entity, outcome, facts.as_ref(), judged, style);
    }
    if standing.is_empty() {
        parts.add_file(place, path, outcome, facts.as_ref(), judged, style);
    }
    if let (Some(facts), Some(report)) = (&facts, outcome.report()) {
        parts.report(place, path, report, judged);
        parts.show(place, path, facts, comments);
        if let Some(judged) = judged {
            parts.risky |= judged.verdict.risky();
            let insight = style
                .insights
                .then(|| file_insight(path, facts, judged, standing));
            parts.note(place, insight.flatten());
        }
    }
}

/// On the entity of the file's hash, else of its name, else on the case.
fn file_insight(
    path: &str,
    facts: &Facts,
    judged: &Judged,
    standing: &[(usize, &Entity)],
) -> Option<secops::Insight> {
    let by_hash = standing
        .iter()
        .find(|(_, entity)| entity.entity_type == EntityType::FileHash);
    match by_hash.or_else(|| standing.first()) {
        Some((_, entity)) => insight::on_entity(entity, facts, judged),
        None => insight::on_case(path, judged),
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
    let name = file_name(path);
    let stands = |entity: &Entity| match entity.entity_type {
        EntityType::FileHash => hashes
            .iter()
            .any(|hash| hash.eq_ignore_ascii_case(entity.identifier.trim())),
        EntityType::FileName => [path, name]
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

/// Whoever reads the result wants to know whether the file has left.
fn known(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Found { report, origin } => Outcome::Found {
            report,
            origin: match origin {
                Origin::Fresh => Origin::Uploaded,
                Origin::Known => Origin::NotUploaded,
                other => other,
            },
        },
        other => other,
    }
}
