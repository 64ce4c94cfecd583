//! The list of actions, and what each of them is started and resumed with.

mod add_note;
mod download_file;
mod get_domain_report;
mod get_relationships;
mod ping;
mod scan_hash;
mod scan_ip;
mod scan_url;
mod scanning;
mod search;
mod told;
mod upload_and_scan_file;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secops::{ActionResult, Context, ExecutionState, ParameterError, ScriptResult};
use virustotal::{Client, Deadline, ObjectId};

use crate::conclude::Style;
use crate::definition::{self, CREATE_INSIGHT, Definition, FETCH_COMMENTS, PREFIX, WAIT_FOR_QUOTA};
use crate::files::{Files, NO_FILES};
use crate::plan::Plan;
use crate::state::State;
use crate::verdict::{Policy, PolicyKind, Rule};
use crate::{ENRICHMENT_PREFIX, NO_PREFIX, plan};

/// An analysis takes some minutes at most, and shows itself at the latest when it is finished.
const LOST_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Tells whether the key works. Costs one call.
    Ping,
    /// Domains of users, host names and URLs. One call per domain.
    GetDomainReport,
    /// File hashes. One call per batch, and more where a rescan is wanted.
    ScanHash,
    /// IP addresses. One call per address.
    ScanIp,
    /// URLs. One call per batch, and more where one is new or a rescan is wanted.
    ScanUrl,
    /// Files. One call per file, and the polls.
    UploadAndScanFile,
    /// What is related to files, URLs, addresses and domains. One call per entity, relationship and 40 objects.
    GetRelationships,
    /// Writes a comment that everybody can read. One call per entity.
    AddComment,
    /// Votes, once and for all. One call per entity.
    AddVote,
    /// Files, each in an encrypted ZIP. Three calls per file and one for each look at how far it is; premium keys only.
    DownloadFile,
    /// A query of VirusTotal Intelligence. One call per 40 objects; premium keys only.
    Search,
}

/// What an action runs with.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Asks VirusTotal.
    pub client: &'a Client,
    /// Entities and parameters.
    pub context: &'a Context,
    /// Until when this step may take.
    pub deadline: &'a Deadline,
    /// Time since the moment in the context; a step of a new process has a new context and leaves this at zero.
    pub elapsed: Duration,
    /// After a run was cut off while it submitted something: how long VirusTotal may take to show it before it is
    /// submitted again. Ten minutes unless changed.
    pub lost_after: SignedDuration,
    /// How files to upload are found.
    pub files: &'a Files,
    /// When an entity is risky, beyond what the parameters say.
    pub policy: Option<&'a Policy>,
    /// Whether another step can follow by itself: then hashes and URLs that the quota or the time did not allow wait for it,
    /// instead of ending without an answer.
    pub comes_back: bool,
}

/// How a step ended.
#[derive(Debug)]
pub enum Step {
    /// The run is over.
    Done(Box<ActionResult>),
    /// Analyses are under way: resume later, here or in another process.
    Wait(State),
}

impl<'a> Run<'a> {
    /// The first step.
    #[must_use]
    pub fn new(client: &'a Client, context: &'a Context, deadline: &'a Deadline) -> Self {
        Self {
            client,
            context,
            deadline,
            elapsed: Duration::ZERO,
            lost_after: LOST_AFTER,
            files: &NO_FILES,
            policy: None,
            comes_back: false,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.context.now + self.elapsed
    }

    /// The deadline, and whether a used-up quota is waited for until then.
    fn patient_deadline(&self) -> Result<Deadline, ParameterError> {
        let waits = self.context.parameters.flag(WAIT_FOR_QUOTA)?.unwrap_or(true);
        Ok(match waits {
            true => self.deadline.clone(),
            false => self.deadline.clone().without_quota_waits(),
        })
    }

    /// What people must know about how the run was made.
    fn notices(&self) -> Vec<String> {
        let unverified = "VirusTotal's TLS certificate was not verified (Verify SSL is off): whoever answered got the API key.";
        if self.client.verifies_tls() {
            Vec::new()
        } else {
            vec![unverified.to_owned()]
        }
    }
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Ping,
        Self::GetDomainReport,
        Self::ScanHash,
        Self::ScanIp,
        Self::ScanUrl,
        Self::UploadAndScanFile,
        Self::GetRelationships,
        Self::AddComment,
        Self::AddVote,
        Self::DownloadFile,
        Self::Search,
    ];

    /// The action of that name, alias or script, whatever its case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| {
            let definition = action.definition();
            let mut names = [&definition.name, &definition.script]
                .into_iter()
                .chain(definition.aliases);
            names.any(|known| known.eq_ignore_ascii_case(name.trim()))
        })
    }

    /// What it declares.
    #[must_use]
    pub fn definition(self) -> &'static Definition {
        match self {
            Self::Ping => &definition::PING,
            Self::GetDomainReport => &definition::GET_DOMAIN_REPORT,
            Self::ScanHash => &definition::SCAN_HASH,
            Self::ScanIp => &definition::SCAN_IP,
            Self::ScanUrl => &definition::SCAN_URL,
            Self::UploadAndScanFile => &definition::UPLOAD_AND_SCAN_FILE,
            Self::GetRelationships => &definition::GET_RELATIONSHIPS,
            Self::AddComment => &definition::ADD_COMMENT,
            Self::AddVote => &definition::ADD_VOTE,
            Self::DownloadFile => &definition::DOWNLOAD_FILE,
            Self::Search => &definition::SEARCH,
        }
    }

    /// Whether its answers are kept, so that a run that was cut off can go on where it was. What is written for others to
    /// read is never written again by itself, what only API v3 lists is not kept, and a finished download is found where it is.
    #[must_use]
    pub fn can_go_on(self) -> bool {
        match self {
            Self::GetDomainReport
            | Self::ScanHash
            | Self::ScanIp
            | Self::ScanUrl
            | Self::UploadAndScanFile => true,
            Self::Ping
            | Self::GetRelationships
            | Self::AddComment
            | Self::AddVote
            | Self::DownloadFile
            | Self::Search => false,
        }
    }

    /// Whether it judges what it asks about.
    #[must_use]
    pub fn judges(self) -> bool {
        self.can_go_on() && self != Self::GetDomainReport
    }

    /// Which objects the run would ask about, and which entities it would skip. Nothing is asked.
    #[must_use]
    pub fn plan(self, context: &Context) -> Plan {
        let naming = match self {
            Self::ScanHash | Self::DownloadFile => plan::hash_of,
            Self::ScanIp => plan::address_of,
            Self::ScanUrl => plan::url_of,
            Self::GetDomainReport => plan::domain_of,
            Self::GetRelationships | Self::AddComment | Self::AddVote => plan::object_of,
            Self::Ping | Self::UploadAndScanFile | Self::Search => {
                return Plan {
                    groups: Vec::new(),
                    skipped: Vec::new(),
                };
            }
        };
        plan::plan(&context.targets, self.definition().entity_types, naming)
    }

    /// First step. A parameter that can't be used ends the run before any call.
    pub async fn start(self, run: Run<'_>) -> Step {
        self.or_failed(self.begin(run).await)
    }

    /// Next step, from the state that an earlier one gave. The context is the same as for the first.
    pub async fn resume(self, state: State, run: Run<'_>) -> Step {
        self.or_failed(self.go_on(state, run).await)
    }

    async fn begin(self, run: Run<'_>) -> Result<Step, ParameterError> {
        let deadline = run.patient_deadline()?;
        let run = Run {
            deadline: &deadline,
            ..run
        };
        match self {
            Self::Ping => Ok(Step::from(ping::run(run).await)),
            Self::GetDomainReport => get_domain_report::run(run).await.map(Step::from),
            Self::ScanHash => scan_hash::start(run).await,
            Self::ScanIp => scan_ip::run(run).await.map(Step::from),
            Self::ScanUrl => scan_url::start(run).await,
            Self::UploadAndScanFile => upload_and_scan_file::start(run).await,
            Self::GetRelationships => get_relationships::run(run).await.map(Step::from),
            Self::AddComment => add_note::comment(run).await.map(Step::from),
            Self::AddVote => add_note::vote(run).await.map(Step::from),
            Self::DownloadFile => download_file::run(run).await.map(Step::from),
            Self::Search => search::run(run).await.map(Step::from),
        }
    }

    async fn go_on(self, state: State, run: Run<'_>) -> Result<Step, ParameterError> {
        let deadline = run.patient_deadline()?;
        let run = Run {
            deadline: &deadline,
            ..run
        };
        match self {
            Self::ScanHash => scan_hash::resume(state, run).await,
            Self::ScanUrl => scan_url::resume(state, run).await,
            Self::UploadAndScanFile => upload_and_scan_file::resume(state, run).await,
            _ => Box::pin(self.begin(run)).await,
        }
    }

    fn or_failed(self, step: Result<Step, ParameterError>) -> Step {
        step.unwrap_or_else(|error| Step::from(self.failed(&error.to_string())))
    }

    /// Ends the run with what there is; analyses under way are listed as such, or replaced by an older report.
    /// `unfinished` is the state of a result in which some are.
    pub async fn conclude(self, state: State, run: Run<'_>, unfinished: ExecutionState) -> ActionResult {
        let result = match self {
            Self::ScanHash => scan_hash::conclude(state, run, unfinished).await,
            Self::ScanUrl => scan_url::conclude(state, run, unfinished).await,
            Self::UploadAndScanFile => upload_and_scan_file::conclude(state, run, unfinished).await,
            _ => return self.failed("there is nothing to resume"),
        };
        result.unwrap_or_else(|error| self.failed(&error.to_string()))
    }

    /// The result of a run that ended before anything was asked.
    #[must_use]
    pub fn failed(self, message: &str) -> ActionResult {
        let definition = self.definition();
        let script_result = ScriptResult {
            name: definition.script_result,
            value: false,
            form: definition.script_form,
        };
        ActionResult::new(definition.name, script_result, message).failed()
    }
}

impl From<ActionResult> for Step {
    fn from(result: ActionResult) -> Self {
        Self::Done(Box::new(result))
    }
}

/// The objects of a plan, in its order.
fn objects(plan: &Plan) -> Vec<&ObjectId> {
    plan.groups.iter().map(|group| &group.object).collect()
}

/// How an action that judges nothing renders.
fn style(run: Run<'_>) -> Result<Style<'_>, ParameterError> {
    let parameters = &run.context.parameters;
    let prefix = match parameters.text(PREFIX)?.as_deref() {
        None => ENRICHMENT_PREFIX.to_owned(),
        // An empty field can't say it: playbooks older than the parameter send it empty.
        Some(NO_PREFIX) => String::new(),
        Some(prefix) => prefix.to_owned(),
    };
    Ok(Style {
        rule: None,
        policy: None,
        now: run.now(),
        insights: parameters.flag(CREATE_INSIGHT)?.unwrap_or(true),
        prefix,
        unfinished: ExecutionState::TimedOut,
    })
}

/// How an action that judges objects of this kind renders. Without a default threshold, the parameter or the policy must
/// say it.
fn judging_style(
    run: Run<'_>,
    kind: PolicyKind,
    default_threshold: Option<u32>,
) -> Result<Style<'_>, ParameterError> {
    let policy = run.policy.map(|policy| (policy, kind));
    let rule = Rule::of_run(&run.context.parameters, policy, default_threshold)?;
    Ok(Style {
        rule: Some(rule),
        policy,
        ..style(run)?
    })
}

/// How much an action lists.
fn limit(run: Run<'_>) -> Result<usize, ParameterError> {
    const USUAL: u32 = 20;
    let limit = run.context.parameters.whole_number(definition::LIMIT, 1)?;
    Ok(usize::try_from(limit.unwrap_or(USUAL)).unwrap_or(usize::MAX))
}

fn wants_comments(run: Run<'_>) -> Result<bool, ParameterError> {
    Ok(run.context.parameters.flag(FETCH_COMMENTS)?.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::Action;

    #[test]
    fn actions_are_known_by_name_and_alias() {
        assert_eq!(Action::named("Scan Hash"), Some(Action::ScanHash));
        assert_eq!(
            Action::named("Upload And Scan Files"),
            Some(Action::UploadAndScanFile)
        );
        assert_eq!(
            Action::named(" upload and scan file "),
            Some(Action::UploadAndScanFile)
        );
        assert_eq!(Action::named("Scan Everything"), None);
    }
}
