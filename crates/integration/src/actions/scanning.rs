//! What Scan Hash and Scan URL have in common: everything but the object, the words and the facts.

use std::collections::HashMap;

use secops::{ActionResult, ExecutionState, ParameterError};
use virustotal::{ObjectId, Report};

use super::{Action, Run, Step, judging_style, objects, wants_comments};
use crate::comments;
use crate::conclude::{Ending, Style};
use crate::definition::RESCAN_AFTER_DAYS;
use crate::facts::Facts;
use crate::lookup::Outcome;
use crate::render::message::Words;
use crate::scan::{self, Kind};
use crate::state::State;
use crate::verdict::PolicyKind;

/// One of the two actions.
pub(super) struct Scanning {
    pub(super) action: Action,
    pub(super) kind: Kind,
    pub(super) words: &'static Words,
    pub(super) facts: fn(&ObjectId, &Report) -> Facts,
}

impl Scanning {
    pub(super) async fn start(&self, run: Run<'_>) -> Result<Step, ParameterError> {
        // All parameters are looked at before anything is asked.
        self.style(run)?;
        wants_comments(run)?;
        let after_days = run.context.parameters.whole_number(RESCAN_AFTER_DAYS, 0)?;
        let plan = self.action.plan(run.context);
        let entries = scan::start(self.kind, run, &objects(&plan), after_days).await;
        self.next(
            State {
                action: self.action,
                entries,
                notices: Vec::new(),
            },
            run,
        )
        .await
    }

    pub(super) async fn resume(&self, mut state: State, run: Run<'_>) -> Result<Step, ParameterError> {
        let plan = self.action.plan(run.context);
        let by_key: HashMap<String, &ObjectId> = plan
            .groups
            .iter()
            .map(|group| (scan::key(&group.object), &group.object))
            .collect();
        let objects: Vec<_> = state
            .entries
            .iter()
            .map(|entry| by_key.get(&entry.key).copied())
            .collect();
        if run.comes_back {
            let after_days = run.context.parameters.whole_number(RESCAN_AFTER_DAYS, 0)?;
            scan::ask_again(self.kind, run, &mut state.entries, &objects, after_days).await;
        }
        scan::poll(self.kind, run, &mut state.entries, &objects).await;
        self.next(state, run).await
    }

    /// The form insists on a threshold.
    fn style<'a>(&self, run: Run<'a>) -> Result<Style<'a>, ParameterError> {
        let kind = match self.kind {
            Kind::Hash => PolicyKind::File,
            Kind::Url => PolicyKind::Url,
        };
        judging_style(run, kind, None)
    }

    async fn next(&self, state: State, run: Run<'_>) -> Result<Step, ParameterError> {
        match state.is_waiting() || (run.comes_back && state.is_cut_off()) {
            true => Ok(Step::Wait(state)),
            false => self
                .conclude(state, run, ExecutionState::TimedOut)
                .await
                .map(Step::from),
        }
    }

    pub(super) async fn conclude(
        &self,
        state: State,
        run: Run<'_>,
        unfinished: ExecutionState,
    ) -> Result<ActionResult, ParameterError> {
        let mut style = self.style(run)?;
        style.unfinished = unfinished;
        let plan = self.action.plan(run.context);
        let mut by_key: HashMap<String, Outcome> = state
            .entries
            .into_iter()
            .map(|entry| (entry.key.clone(), entry.outcome()))
            .collect();
        let lost = || Outcome::Failed("it was not among the entities when the scan began".to_owned());
        let outcomes: Vec<Outcome> = plan
            .groups
            .iter()
            .map(|group| by_key.remove(&scan::key(&group.object)).unwrap_or_else(lost))
            .collect();
        let mut notices = run.notices();
        let comments = match wants_comments(run)? {
            true => {
                let (comments, refused) = comments::fetch(self.kind, run, &outcomes).await;
                notices.extend(refused);
                comments
            }
            false => Vec::new(),
        };
        Ok(Ending {
            definition: self.action.definition(),
            words: self.words,
            context: run.context,
            plan: &plan,
            outcomes,
            comments,
            facts: self.facts,
            style,
            notices,
        }
        .conclude())
    }
}
