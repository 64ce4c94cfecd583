//! What is asked already need not be asked again: the journal first, then the cache, then VirusTotal.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cache::{Accept, Asking, Claims, Kept, Kind, Scope};
use crate::client::{Client, Comment};
use crate::journal::{Asked, Recalled};
use crate::report::{FileReport, UrlReport};
use crate::stored::Stored;
use crate::transport::Errand;
use crate::{Answer, Deadline, Error, FileHash, Report, Stop, Submission, Trouble, UrlId};

/// How often somebody else's question is looked after: soon at first, as most answers take a moment.
pub(super) const FIRST_LOOK: Duration = Duration::from_millis(20);
pub(super) const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// What is asked about a list of objects.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) kind: Kind,
    pub(super) accept: Accept,
    pub(super) deadline: &'a Deadline,
}

type Answers = Vec<Option<Result<Answer, Error>>>;
type Submissions = Vec<Result<Submission, Error>>;

impl Client {
    /// Answers about objects of one kind by their names, in their order: from the journal, from the cache, and for the
    /// rest what `ask` gets, which is told their places.
    pub(super) async fn recall_or_ask(
        &self,
        question: &Question<'_>,
        names: &[String],
        batch_size: usize,
        ask: impl AsyncFn(&[usize]) -> Vec<Result<Answer, Error>>,
    ) -> Vec<Result<Answer, Error>> {
        self.expect(names.len());
        let settings = self.transport.settings();
        let mut answers: Answers = names.iter().map(|_| None).collect();
        if let Some(journal) = &settings.journal
            && question.accept != Accept::Nothing
        {
            let recalled = journal.answers(Asked::Report, &full(question.kind, names)).await;
            for (place, answer) in answers.iter_mut().zip(recalled) {
                *place = answer.map(Ok);
            }
        }
        if let Some(cache) = &settings.cache {
            let open = places(&answers);
            let kept = cache.peek(self.asking(question, &pick(names, &open))).await;
            for (place, answer) in open.into_iter().zip(kept) {
                if let Some(answer) = answer {
                    put(&mut answers, place, Ok(answer));
                }
            }
        }
        self.count_kept(answers.iter().flatten().count());
        let open = places(&answers);
        if !open.is_empty() {
            self.announce(open.len(), batch_size, question.deadline).await;
            let asked = ask(&open).await;
            for (place, answer) in open.into_iter().zip(asked) {
                put(&mut answers, place, answer);
            }
        }
        complete(answers)
    }

    /// What one call is about. Others may have asked meanwhile, or be asking: then what they get is taken, and `ask`
    /// asks VirusTotal about the rest only.
    pub(super) async fn ask_once(
        &self,
        question: &Question<'_>,
        names: &[String],
        ask: impl AsyncFn(&Errand<'_>, &[usize]) -> Vec<Result<Answer, Error>>,
    ) -> Vec<Result<Answer, Error>> {
        let errand = self.transport.errand(question.deadline);
        let Some(cache) = &self.transport.settings().cache else {
            let all: Vec<usize> = (0..names.len()).collect();
            let answers = ask(&errand, &all).await;
            self.remember(Asked::Report, question.kind, names, &answers).await;
            self.count(answers.len());
            return answers;
        };
        let mut answers: Answers = names.iter().map(|_| None).collect();
        let mut claims = cache.claims(self.transport.priority());
        loop {
            // The wait for a slot may be long: what was asked by others meanwhile is only known after it.
            if let Err(error) = errand.reserve().await {
                return complete(or(answers, &error));
            }
            let mine = self.look_up(&mut claims, question, names, &mut answers).await;
            if mine.is_empty() {
                errand.give_back();
            } else {
                let asked = claims.while_asking(ask(&errand, &mine)).await;
                self.remember(Asked::Report, question.kind, &pick(names, &mine), &asked)
                    .await;
                claims.release();
                self.count(asked.len());
                for (place, answer) in mine.into_iter().zip(asked) {
                    put(&mut answers, place, answer);
                }
            }
            if let Err(stop) = self
                .wait_for_others(&mut claims, question, names, &mut answers)
                .await
            {
                return complete(or(answers, &stop.into()));
            }
            if places(&answers).is_empty() {
                return complete(answers);
            }
        }
    }

    /// Puts what is kept in its place, and claims the rest; gives the places that are now ours to ask about.
    async fn look_up(
        &self,
        claims: &mut Claims<'_>,
        question: &Question<'_>,
        names: &[String],
        answers: &mut Answers,
    ) -> Vec<usize> {
        let open = places(answers);
        let kept = claims.look_up(self.asking(question, &pick(names, &open))).await;
        self.settle(open, kept, answers)
    }

    /// Until what others are asking about is answered, or left by them.
    async fn wait_for_others(
        &self,
        claims: &mut Claims<'_>,
        question: &Question<'_>,
        names: &[String],
        answers: &mut Answers,
    ) -> Result<(), Stop> {
        let mut pause = FIRST_LOOK;
        loop {
            let open = places(answers);
            if open.is_empty() {
                return Ok(());
            }
            question.deadline.sleep(pause).await?;
            pause = (pause * 2).min(LONGEST_LOOK);
            let kept = claims.watch(self.asking(question, &pick(names, &open))).await;
            if !self.settle(open, kept, answers).is_empty() {
                return Ok(());
            }
        }
    }

    /// Takes the answers; gives the places that nobody else asks about.
    fn settle(&self, open: Vec<usize>, kept: Vec<Kept>, answers: &mut Answers) -> Vec<usize> {
        let mut mine = Vec::new();
        for (place, kept) in open.into_iter().zip(kept) {
            match kept {
                Kept::Answer(answer) => {
                    self.count_kept(1);
                    put(answers, place, Ok(answer));
                }
                Kept::Yours => mine.push(place),
                Kept::Elsewhere => {}
            }
        }
        mine
    }

    pub(super) fn asking(&self, question: &Question<'_>, names: &[String]) -> Asking {
        Asking {
            scope: self.scope(),
            kind: question.kind,
            names: names.to_vec(),
            accept: question.accept,
            max_age: self.transport.settings().max_age,
        }
    }

    /// Tells at the start what will not fit.
    async fn announce(&self, objects: usize, batch_size: usize, deadline: &Deadline) {
        let calls = objects.div_ceil(batch_size);
        if calls < 2 {
            return;
        }
        let settings = self.transport.settings();
        settings.journal.iter().for_each(|journal| journal.takes_long());
        settings.cache.iter().for_each(|cache| cache.takes_long());
        settings.ledger.iter().for_each(|ledger| ledger.takes_long());
        let fitting = self.transport.fitting(calls, deadline).await;
        if fitting < calls {
            let fitting = (fitting * batch_size).min(objects);
            let until = match deadline.left() {
                Some(_) => "before the deadline; the key's quota allows no more until then",
                None => "before the day's quota is used up",
            };
            let notify = &self.transport.settings().notify;
            notify.hint(&format!("{fitting} of {objects} will fit {until}."));
        }
    }

    /// Keeps the answers of one call, under the names that were asked for.
    pub(super) async fn remember(
        &self,
        asked: Asked,
        kind: Kind,
        names: &[String],
        answers: &[Result<Answer, Error>],
    ) {
        let settings = self.transport.settings();
        if settings.journal.is_none() && settings.cache.is_none() {
            return;
        }
        let known = names.iter().zip(answers);
        let known: Vec<(&String, Stored)> = known
            .filter_map(|(name, answer)| Some((name, Stored::of(answer.as_ref().ok()?))))
            .collect();
        let written = async {
            let Some(journal) = &settings.journal else { return };
            let lasting =
                |stored: &Stored| asked == Asked::Report || matches!(stored.answer, Answer::Found(_));
            let answers = known
                .iter()
                .filter(|(_, stored)| lasting(stored))
                .map(|(name, stored)| (full_name(kind, name), stored.clone()));
            journal.record(asked, answers.collect()).await;
        };
        let kept = async {
            let Some(cache) = &settings.cache else { return };
            let answers = known.iter().filter_map(|(name, stored)| {
                let name = match (asked, &stored.answer) {
                    (Asked::Report, _) => (*name).clone(),
                    // The name is an analysis's; the report tells the object's.
                    (_, Answer::Found(report)) => name_of(kind, report)?,
                    _ => return None,
                };
                Some((name, stored.clone()))
            });
            let answers: Vec<(String, Stored)> = answers.collect();
            if !answers.is_empty() {
                cache.keep(&self.scope(), kind, answers).await;
            }
        };
        tokio::join!(written, kept);
    }

    /// Reports of analyses that an earlier run has seen finished.
    pub(super) async fn recall_polls(&self, kind: Kind, ids: &[String]) -> Answers {
        match &self.transport.settings().journal {
            Some(journal) => {
                let answers = journal.answers(Asked::Poll, &full(kind, ids)).await;
                self.count_kept(answers.iter().flatten().count());
                answers.into_iter().map(|answer| answer.map(Ok)).collect()
            }
            None => ids.iter().map(|_| None).collect(),
        }
    }

    /// Submissions that an earlier run has made.
    ///
    /// # Errors
    /// They can't be read, so nobody knows what was submitted.
    pub(super) async fn recall_submissions(
        &self,
        kind: Kind,
        names: &[String],
    ) -> Result<Vec<Option<Submission>>, Error> {
        let recalled = match &self.transport.settings().journal {
            Some(journal) => journal.submissions(&full(kind, names)).await,
            None => Some(names.iter().map(|_| None).collect()),
        };
        let recalled = recalled.ok_or(Error::Transient {
            trouble: Trouble::NotWrittenDown,
            attempts: 0,
        })?;
        let submission = |recalled: Recalled| match recalled {
            Recalled::Answered(submission) => submission,
            Recalled::Sent(sent_at) => Submission::Unknown { sent_at },
        };
        let recalled = recalled.into_iter();
        Ok(recalled.map(|recalled| recalled.map(submission)).collect())
    }

    /// Submissions that an earlier run has made, and for the rest those that `ask` makes.
    pub(super) async fn recall_or_submit(
        &self,
        kind: Kind,
        names: &[String],
        ask: impl AsyncFn(&[usize]) -> Submissions,
    ) -> Submissions {
        self.expect(names.len());
        let recalled = match self.recall_submissions(kind, names).await {
            Ok(recalled) => recalled,
            Err(error) => return names.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut submissions: Vec<Option<Result<Submission, Error>>> = recalled
            .into_iter()
            .map(|submission| submission.map(Ok))
            .collect();
        self.count_kept(submissions.iter().flatten().count());
        let open = places(&submissions);
        let asked = match open.is_empty() {
            true => Vec::new(),
            false => ask(&open).await,
        };
        for (place, submission) in open.into_iter().zip(asked) {
            put(&mut submissions, place, submission);
        }
        complete(submissions)
    }

    /// Comments that an earlier run has fetched.
    pub(super) async fn recall_comments(&self, resource: &str) -> Option<Vec<Comment>> {
        let journal = self.transport.settings().journal.as_ref()?;
        serde_json::from_str(&journal.text(Asked::Comments, resource).await?).ok()
    }

    pub(super) async fn remember_comments(&self, resource: &str, comments: &[Comment]) {
        if let Some(journal) = &self.transport.settings().journal
            && let Ok(text) = serde_json::to_string(comments)
        {
            journal.record_text(Asked::Comments, resource, text).await;
        }
    }

    /// Writes down what became of submissions. What may have arrived although it failed is known as such where there is
    /// a journal that tells when it was sent.
    pub(super) async fn sent(
        &self,
        kind: Kind,
        names: &[String],
        errand: &Errand<'_>,
        submissions: Submissions,
    ) -> Submissions {
        let settings = self.transport.settings();
        // One whose answer was lost too: whoever goes by what is kept would submit it again.
        let is_new = |(_, submission): &(_, &Result<Submission, Error>)| match submission {
            Ok(submission) => matches!(submission, Submission::Queued { .. }),
            Err(error) => errand.may_have_arrived(error),
        };
        let new = names.iter().zip(&submissions).filter(is_new);
        let new: Vec<String> = new.map(|(name, _)| name.clone()).collect();
        self.forget_kept(kind, &new).await;
        let Some(journal) = &settings.journal else {
            return submissions;
        };
        let sent_at = journal.now();
        let submissions: Submissions = submissions
            .into_iter()
            .map(|submission| match submission {
                Err(error) if errand.may_have_arrived(&error) => Ok(Submission::Unknown { sent_at }),
                other => other,
            })
            .collect();
        let known = names.iter().zip(&submissions);
        let known = known.map(|(name, submission)| (full_name(kind, name), submission.clone().ok()));
        journal.submitted(known.collect()).await;
        submissions
    }

    /// Of what is being analysed, the cache says "unknown" or has an older report: neither is true for long.
    pub(super) async fn forget_kept(&self, kind: Kind, names: &[String]) {
        if let Some(cache) = &self.transport.settings().cache {
            cache.forget(&self.scope(), kind, names).await;
        }
    }

    pub(super) async fn forget_submissions(&self, kind: Kind, names: &[String]) {
        if let Some(journal) = &self.transport.settings().journal
            && !names.is_empty()
        {
            let forgotten = full(kind, names).into_iter().map(|name| (name, None));
            journal.submitted(forgotten.collect()).await;
        }
    }

    pub(super) fn scope(&self) -> Scope {
        let settings = self.transport.settings();
        // A report of one version does not pass for one of the other.
        match self.transport.speaks_v3() {
            true => Scope::new(settings.tier, &settings.base_url_v3()),
            false => Scope::new(settings.tier, &settings.base_url),
        }
    }

    fn count_kept(&self, objects: usize) {
        self.count(objects);
        self.transport.kept.fetch_add(objects as u64, Ordering::Relaxed);
    }
}

/// Under which names a journal knows objects.
pub(super) fn full(kind: Kind, names: &[String]) -> Vec<String> {
    names.iter().map(|name| full_name(kind, name)).collect()
}

fn full_name(kind: Kind, name: &str) -> String {
    format!("{}:{name}", kind.prefix())
}

/// Under which name the object of a report is looked up.
fn name_of(kind: Kind, report: &Report) -> Option<String> {
    match kind {
        Kind::File => FileReport::hashes(report)
            .into_iter()
            .flatten()
            .find_map(|hash| FileHash::parse(&hash).ok())
            .map(|hash| hash.as_str().to_owned()),
        Kind::Url => {
            let url = UrlReport::read(report).url?;
            UrlId::parse(&url).ok().map(|url| url.canonical().to_owned())
        }
        Kind::Domain | Kind::Ip => None,
    }
}

/// The items at these places.
pub(super) fn pick<T: Clone>(items: &[T], places: &[usize]) -> Vec<T> {
    places
        .iter()
        .filter_map(|place| items.get(*place))
        .cloned()
        .collect()
}

/// Every object is asked about; should one not be, that must not look like an answer.
pub(super) fn complete<T>(answers: Vec<Option<Result<T, Error>>>) -> Vec<Result<T, Error>> {
    let never_asked = || Error::Transient {
        trouble: Trouble::Body("there is none".to_owned()),
        attempts: 0,
    };
    let answers = answers.into_iter();
    answers
        .map(|answer| answer.unwrap_or_else(|| Err(never_asked())))
        .collect()
}

/// The same error wherever there is nothing yet.
fn or(mut answers: Answers, error: &Error) -> Answers {
    let open = answers.iter_mut().filter(|answer| answer.is_none());
    open.for_each(|answer| *answer = Some(Err(error.clone())));
    answers
}

/// Where there is nothing yet.
fn places<T>(list: &[Option<T>]) -> Vec<usize> {
    let open = list.iter().enumerate().filter(|(_, item)| item.is_none());
    open.map(|(place, _)| place).collect()
}

fn put<T>(list: &mut [Option<T>], place: usize, item: T) {
    if let Some(slot) = list.get_mut(place) {
        *slot = Some(item);
    }
}
