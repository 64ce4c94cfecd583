//! Hashes and URLs: look up, ask for a new analysis where wanted, and wait for it.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use virustotal::report::{FileReport, UrlReport};
use virustotal::{Accept, Answer, Error, FileHash, ObjectId, Report, Submission, Trouble, UrlId};

use crate::Run;
use crate::lookup::{Origin, Outcome};
use crate::state::{Entry, Pending, Status};

/// A just-submitted object can be unknown for a moment. Source: API v2, section 2.2 (unconfirmed).
const NOT_YET_KNOWN_FOR: SignedDuration = SignedDuration::from_secs(60);
/// Between this machine and VirusTotal.
const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_secs(60);
/// Polls of one analysis that may fail in a row before it is given up.
const MOST_FAILURES: u32 = 10;

/// What is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hash,
    Url,
}

type Answers = Vec<Result<Answer, Error>>;
type Submissions = Vec<Result<Submission, Error>>;

impl Kind {
    async fn reports(self, run: Run<'_>, objects: &[&ObjectId], accept: Accept) -> Answers {
        match self {
            Self::Hash => {
                run.client
                    .file_reports(&hashes(objects), accept, run.deadline)
                    .await
            }
            Self::Url => run.client.url_reports(&urls(objects), accept, run.deadline).await,
        }
    }

    async fn reports_by_scan_id(self, run: Run<'_>, ids: &[String]) -> Answers {
        match self {
            Self::Hash => run.client.file_reports_by_scan_id(ids, run.deadline).await,
            Self::Url => run.client.url_reports_by_scan_id(ids, run.deadline).await,
        }
    }

    async fn submit(self, run: Run<'_>, objects: &[&ObjectId]) -> Submissions {
        match self {
            Self::Hash => run.client.file_rescans(&hashes(objects), run.deadline).await,
            Self::Url => run.client.url_scans(&urls(objects), run.deadline).await,
        }
    }

    /// What an earlier run has sent, perhaps: it is sent anew.
    async fn forget(self, run: Run<'_>, objects: &[&ObjectId]) {
        match self {
            Self::Hash => run.client.forget_file_rescans(&hashes(objects)).await,
            Self::Url => run.client.forget_url_scans(&urls(objects)).await,
        }
    }

    fn scan_date(self, report: &Report) -> Option<DateTime> {
        match self {
            Self::Hash => FileReport::read(report).scan_date,
            Self::Url => UrlReport::read(report).scan_date,
        }
    }

    fn is_due(self, report: &Report, after_days: Option<u32>, now: Timestamp) -> bool {
        after_days.is_some_and(|after_days| is_due(self.scan_date(report), after_days, now))
    }
}

fn hashes(objects: &[&ObjectId]) -> Vec<FileHash> {
    let hash = |object: &&ObjectId| match object {
        ObjectId::File(hash) => Some(hash.clone()),
        _ => None,
    };
    objects.iter().filter_map(hash).collect()
}

fn urls(objects: &[&ObjectId]) -> Vec<UrlId> {
    let url = |object: &&ObjectId| match object {
        ObjectId::Url(url) => Some(url.clone()),
        _ => None,
    };
    objects.iter().filter_map(url).collect()
}

/// The name under which an object stands in a state.
pub(crate) fn key(object: &ObjectId) -> String {
    match object {
        ObjectId::Url(url) => url.canonical().to_owned(),
        other => other.to_string(),
    }
}

/// First step: the newest reports, and new analyses where they are wanted.
pub(crate) async fn start(
    kind: Kind,
    run: Run<'_>,
    objects: &[&ObjectId],
    after_days: Option<u32>,
) -> Vec<Entry> {
    // A kept report that is due may have a younger one at VirusTotal.
    let accept = match after_days {
        Some(days @ 1..) => Accept::ScannedSince(before(
            run.now(),
            SignedDuration::from_hours(24 * i64::from(days)),
        )),
        _ => Accept::Fresh,
    };
    let answers = kind.reports(run, objects, accept).await;
    let mut statuses: Vec<Option<Status>> = Vec::new();
    let mut wanted: Vec<(usize, Option<Report>)> = Vec::new();
    for (index, answer) in answers.into_iter().enumerate() {
        let status = match answer {
            Ok(Answer::Found(report)) if kind.is_due(&report, after_days, run.now()) => {
                wanted.push((index, Some(report)));
                None
            }
            // A hash can't be scanned without the file; a URL can.
            Ok(Answer::Missing) if kind == Kind::Url => {
                wanted.push((index, None));
                None
            }
            Ok(Answer::Queued { scan_id }) => Some(Status::Pending(Pending::since(run.now(), scan_id, None))),
            other => Some(Status::Done(Outcome::of(other))),
        };
        statuses.push(status);
    }
    let scans: Vec<&ObjectId> = wanted
        .iter()
        .filter_map(|(index, _)| objects.get(*index).copied())
        .collect();
    for ((index, older), submission) in wanted.into_iter().zip(kind.submit(run, &scans).await) {
        if let Some(place) = statuses.get_mut(index) {
            *place = Some(submitted(submission, older, run.now()));
        }
    }
    let entries = objects.iter().zip(statuses.into_iter().flatten());
    entries
        .map(|(object, status)| Entry {
            key: key(object),
            status,
        })
        .collect()
}

/// Next step, for what the quota or the time did not allow in the one before.
pub(crate) async fn ask_again(
    kind: Kind,
    run: Run<'_>,
    entries: &mut [Entry],
    objects: &[Option<&ObjectId>],
    after_days: Option<u32>,
) {
    let again = entries.iter().zip(objects).enumerate();
    let again = again.filter(|(_, (entry, _))| entry.is_cut_off());
    let (places, objects): (Vec<usize>, Vec<&ObjectId>) = again
        .filter_map(|(place, (_, object))| Some((place, (*object)?)))
        .unzip();
    for (place, asked) in places
        .into_iter()
        .zip(start(kind, run, &objects, after_days).await)
    {
        if let Some(entry) = entries.get_mut(place) {
            entry.status = asked.status;
        }
    }
}

/// That much earlier, or the beginning of time.
fn before(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Whether the newest analysis is at least that many whole days old; `0` is always.
fn is_due(scan_date: Option<DateTime>, after_days: u32, now: Timestamp) -> bool {
    // A report without a date may be of any age.
    let Some(scanned_at) = scan_date.and_then(|date| TimeZone::UTC.to_timestamp(date).ok()) else {
        return true;
    };
    now.duration_since(scanned_at) >= SignedDuration::from_hours(24 * i64::from(after_days))
        || after_days == 0
}

/// What became of asking for an analysis; an older report is never lost.
pub(crate) fn submitted(
    submission: Result<Submission, Error>,
    older: Option<Report>,
    now: Timestamp,
) -> Status {
    let fall_back = |report, origin| Status::Done(Outcome::Found { report, origin });
    match (submission, older) {
        (Ok(Submission::Queued { scan_id, .. }), older) => {
            Status::Pending(Pending::since(now, Some(scan_id), older))
        }
        (Ok(Submission::Unknown { sent_at }), older) => Status::Pending(Pending {
            sent_at: Some(sent_at),
            ..Pending::since(now, None, older)
        }),
        (Err(Error::Forbidden { .. }), Some(older)) => fall_back(older, Origin::RescanRefused),
        (
            Err(
                error @ (Error::Quota { .. }
                | Error::Stopped(_)
                | Error::Transient {
                    trouble: Trouble::NotCounted,
                    ..
                }),
            ),
            Some(older),
        ) => fall_back(older, Origin::RescanUnfinished(error.to_string())),
        (Err(error), Some(older)) => fall_back(older, Origin::RescanFailed(error.to_string())),
        (Ok(Submission::Refused(why)), Some(older)) => fall_back(older, Origin::RescanFailed(why)),
        (Ok(Submission::Missing), Some(older)) => fall_back(
            older,
            Origin::RescanFailed("VirusTotal no longer has the file".to_owned()),
        ),
        (Err(error), None) => Status::Done(Outcome::failed(&error)),
        (Ok(Submission::Refused(why)), None) => Status::Done(Outcome::Failed(why)),
        (Ok(Submission::Missing), None) => Status::Done(Outcome::Missing),
    }
}

/// Next step: looks at every analysis under way. `objects` are the entries' own, in their order; a file's path has none.
pub(crate) async fn poll(kind: Kind, run: Run<'_>, entries: &mut [Entry], objects: &[Option<&ObjectId>]) {
    // Files of one content share an analysis, which is looked at once.
    let mut by_id: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut by_object = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let Status::Pending(pending) = &entry.status else {
            continue;
        };
        match (&pending.scan_id, objects.get(index).copied().flatten()) {
            (Some(id), _) => by_id.entry(id.clone()).or_default().push(index),
            (None, Some(object)) => {
                by_object.0.push(index);
                by_object.1.push(object);
            }
            (None, None) => {}
        }
    }
    let (ids, places): (Vec<String>, Vec<Vec<usize>>) = by_id.into_iter().unzip();
    let answers = kind.reports_by_scan_id(run, &ids).await;
    let answers = places
        .into_iter()
        .zip(answers)
        .flat_map(|(places, answer)| places.into_iter().map(move |place| (place, answer.clone())));
    let mut lost = settle(kind, run, entries, answers);
    let answers = kind.reports(run, &by_object.1, Accept::Nothing).await;
    lost.extend(settle(kind, run, entries, by_object.0.into_iter().zip(answers)));
    submit_again(kind, run, entries, objects, lost).await;
}

/// Takes the answers in; gives the entries whose submission never arrived.
fn settle(
    kind: Kind,
    run: Run<'_>,
    entries: &mut [Entry],
    answers: impl Iterator<Item = (usize, Result<Answer, Error>)>,
) -> Vec<usize> {
    let mut lost = Vec::new();
    for (index, answer) in answers {
        let Some(entry) = entries.get_mut(index) else {
            continue;
        };
        let Status::Pending(pending) = &mut entry.status else {
            continue;
        };
        match pending.settle(kind, answer, run) {
            Settled::Wait => {}
            Settled::Done(outcome) => entry.status = Status::Done(outcome),
            Settled::Lost => lost.push(index),
        }
    }
    lost
}

/// What VirusTotal has not shown for long was never submitted. A file is not at hand any more.
async fn submit_again(
    kind: Kind,
    run: Run<'_>,
    entries: &mut [Entry],
    objects: &[Option<&ObjectId>],
    lost: Vec<usize>,
) {
    let (mut places, mut again) = (Vec::new(), Vec::new());
    for index in lost {
        match objects.get(index).copied().flatten() {
            Some(object) => {
                places.push(index);
                again.push(object);
            }
            None => {
                if let Some(entry) = entries.get_mut(index) {
                    let reason = "the upload was cut off; upload it again".to_owned();
                    entry.status = Status::Done(Outcome::Failed(reason));
                }
            }
        }
    }
    kind.forget(run, &again).await;
    for (index, submission) in places.into_iter().zip(kind.submit(run, &again).await) {
        if let Some(entry) = entries.get_mut(index)
            && let Status::Pending(pending) = &entry.status
        {
            entry.status = submitted(submission, pending.older.clone(), run.now());
        }
    }
}

/// What a poll says.
enum Settled {
    Wait,
    Done(Outcome),
    /// It was never submitted.
    Lost,
}

impl Pending {
    pub(crate) fn since(submitted_at: Timestamp, scan_id: Option<String>, older: Option<Report>) -> Self {
        Self {
            scan_id,
            submitted_at,
            sent_at: None,
            by_others: false,
            older,
            failures: 0,
            last_failure: None,
        }
    }

    fn settle(&mut self, kind: Kind, answer: Result<Answer, Error>, run: Run<'_>) -> Settled {
        match answer {
            Ok(Answer::Found(report)) if self.is_before(kind, &report, run.now()) => return self.unseen(run),
            Ok(Answer::Found(report)) => {
                let origin = match self.by_others {
                    true => Origin::Known,
                    false => Origin::Fresh,
                };
                return Settled::Done(Outcome::Found { report, origin });
            }
            Ok(Answer::Queued { scan_id }) => {
                self.failures = 0;
                self.last_failure = None;
                // It has arrived.
                if self.sent_at.take().is_some() && scan_id.is_some() {
                    self.scan_id = scan_id;
                }
                return Settled::Wait;
            }
            Ok(Answer::Missing) if self.sent_at.is_some() => return self.unseen(run),
            Ok(Answer::Missing) if run.now().duration_since(self.submitted_at) < NOT_YET_KNOWN_FOR => {
                return Settled::Wait;
            }
            Ok(Answer::Missing) => {
                self.last_failure = Some("VirusTotal does not know the analysis".to_owned());
            }
            Err(Error::Key) => return Settled::Done(self.give_up(Outcome::Key)),
            // It may be there the next time; the scan is made and must not be lost.
            Err(error @ (Error::Quota { .. } | Error::Transient { .. } | Error::Stopped(_))) => {
                self.failures += 1;
                self.last_failure = Some(error.to_string());
                if self.failures < MOST_FAILURES {
                    return Settled::Wait;
                }
            }
            Err(error) => self.last_failure = Some(error.to_string()),
        }
        let reason = self.last_failure.clone().unwrap_or_default();
        Settled::Done(self.give_up(Outcome::Failed(reason)))
    }

    /// Whether it is an older analysis than the one that was, perhaps, asked for. The clocks may differ.
    fn is_before(&self, kind: Kind, report: &Report, now: Timestamp) -> bool {
        let moment = |report: &Report| TimeZone::UTC.to_timestamp(kind.scan_date(report)?).ok();
        let scanned_at = moment(report);
        // A moment to come was written down by a clock that has been set back since: nobody knows when it was.
        if self
            .sent_at
            .is_some_and(|sent_at| before(sent_at, CLOCKS_DIFFER_BY) > now)
        {
            return self
                .older
                .as_ref()
                .is_some_and(|older| scanned_at <= moment(older));
        }
        match (self.sent_at, scanned_at) {
            (Some(sent_at), Some(scanned_at)) => scanned_at < before(sent_at, CLOCKS_DIFFER_BY),
            (sent_at, _) => sent_at.is_some(),
        }
    }

    /// VirusTotal does not show the analysis: not yet, or it never learnt of it.
    fn unseen(&self, run: Run<'_>) -> Settled {
        // Where the clock was set back since, from this run's beginning on.
        let sent_at = self.sent_at.map(|sent_at| sent_at.min(self.submitted_at));
        let waited = sent_at.map(|sent_at| run.now().duration_since(sent_at));
        match waited.is_some_and(|waited| waited >= run.lost_after) {
            true => Settled::Lost,
            false => Settled::Wait,
        }
    }

    /// The older report where there is one.
    fn give_up(&self, outcome: Outcome) -> Outcome {
        let reason = match &outcome {
            Outcome::Failed(reason) => reason.clone(),
            Outcome::Key => "the API key was refused".to_owned(),
            _ => self
                .last_failure
                .clone()
                .unwrap_or_else(|| "the new analysis was not finished in time".to_owned()),
        };
        match &self.older {
            Some(report) => Outcome::Found {
                report: report.clone(),
                origin: match outcome {
                    Outcome::Queued(_) => Origin::RescanUnfinished(reason),
                    _ => Origin::RescanFailed(reason),
                },
            },
            None => outcome,
        }
    }

    /// How the look-up ends if nobody waits any longer.
    fn unfinished(&self) -> Outcome {
        let why = self
            .last_failure
            .as_ref()
            .map(|failure| format!("the analysis is under way; last look: {failure}"));
        self.give_up(Outcome::Queued(why))
    }
}

impl Entry {
    /// How the look-up ended, or would if nobody waits any longer.
    pub(crate) fn outcome(self) -> Outcome {
        match self.status {
            Status::Done(outcome) => outcome,
            Status::Pending(pending) => pending.unfinished(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use virustotal::report::date_time;

    use super::is_due;

    #[test]
    fn a_scan_is_due_by_whole_days_in_utc() {
        let now: Timestamp = "2026-01-10T12:00:00Z".parse().unwrap();
        let due = |date: &str, days| is_due(date_time(date), days, now);
        assert!(due("2026-01-10 12:00:00", 0));
        assert!(due("2027-01-01 00:00:00", 0));
        assert!(due("2026-01-09 12:00:00", 1));
        assert!(!due("2026-01-09 12:00:01", 1));
        assert!(!due("2027-01-01 00:00:00", 1));
        assert!(due("no date", 5));
    }
}
