//! How far a playbook is: what can begin, and whether it is over.

use std::collections::BTreeMap;

use secops::{Entity, EntityType, Parameters};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::definition::has_any_of;
use super::{ActionStep, OnFailure, Playbook, Step, StepKind};
use crate::Priority;

/// What became of a step that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It is under way.
    Running,
    /// It waits for a person.
    Pending,
    /// It is over.
    Done {
        /// The action's script result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script_result: Option<Value>,
    },
    /// It has failed.
    Failed,
    /// There was nothing for it to do.
    Skipped,
    /// A condition held or not; a person approved or rejected.
    Chose(bool),
}

/// What became of the steps that have begun, by their ids.
pub type States = BTreeMap<String, StepState>;

/// What is known of the case.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its entities, as they are now.
    pub entities: &'a [Entity],
}

/// A step that can begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Due<'a> {
    /// Run an action. Its state is [`StepState::Running`], then how it ended.
    Action {
        /// The step.
        id: &'a str,
        /// The action's name.
        action: &'a str,
        /// The instance of the integration; `None` for the usual one.
        instance: Option<&'a str>,
        /// The action's parameters.
        parameters: Parameters,
        /// The types of its targets; empty for all entities.
        entity_types: &'a [EntityType],
    },
    /// Ask a person. Its state is [`StepState::Pending`], then [`StepState::Chose`].
    Approval {
        /// The step.
        id: &'a str,
        /// What is asked.
        question: &'a str,
    },
    /// Write on the case wall.
    Comment {
        /// The step.
        id: &'a str,
        /// What is written.
        text: &'a str,
    },
    /// Set the case's priority.
    Priority {
        /// The step.
        id: &'a str,
        /// How urgent the case is.
        priority: Priority,
    },
    /// Close the case.
    Close {
        /// The step.
        id: &'a str,
    },
    /// Write down which way it goes, as [`StepState::Chose`]. It must not be asked again: the case may change.
    Choose {
        /// The step.
        id: &'a str,
        /// Whether the condition holds.
        outcome: bool,
    },
    /// Write down that there is nothing to do, as [`StepState::Skipped`].
    Skip {
        /// The step.
        id: &'a str,
    },
}

/// Whether a playbook goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Something is due, runs, or waits for a person.
    GoesOn,
    /// Every step on its way is over.
    Done,
    /// A step has failed and nothing runs any more. Approvals that still wait are void.
    Failed {
        /// The step's id.
        step: String,
    },
}

impl Due<'_> {
    /// The step's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Action { id, .. }
            | Self::Approval { id, .. }
            | Self::Comment { id, .. }
            | Self::Priority { id, .. }
            | Self::Close { id }
            | Self::Choose { id, .. }
            | Self::Skip { id } => id,
        }
    }
}

impl Playbook {
    /// Every step that can begin now, and whether the playbook goes on. It depends on nothing but what is given: whoever writes
    /// down the state of a step together with what the step does can die at any moment, ask again, and go on.
    #[must_use]
    pub fn due(&self, states: &States, facts: Facts<'_>) -> (Vec<Due<'_>>, Outlook) {
        let mut walk = Walk::new(states, facts);
        let is_over = walk.steps(&self.steps);
        match walk.failed {
            Some(_) if walk.runs => (Vec::new(), Outlook::GoesOn),
            Some(step) => (
                Vec::new(),
                Outlook::Failed {
                    step: step.to_owned(),
                },
            ),
            None if is_over => (Vec::new(), Outlook::Done),
            None => (walk.due, Outlook::GoesOn),
        }
    }
}

/// Whether all of the steps are over.
pub(super) fn is_over(steps: &[Step], states: &States) -> bool {
    Walk::new(states, Facts { entities: &[] }).steps(steps)
}

/// A walk from the beginning to the first steps that are not over.
struct Walk<'a, 's> {
    states: &'s States,
    facts: Facts<'s>,
    due: Vec<Due<'a>>,
    /// The first step that has failed and may not.
    failed: Option<&'a str>,
    runs: bool,
}

impl<'a, 's> Walk<'a, 's> {
    fn new(states: &'s States, facts: Facts<'s>) -> Self {
        Self {
            states,
            facts,
            due: Vec::new(),
            failed: None,
            runs: false,
        }
    }

    /// Whether they are all over. None is looked at before the one in front of it is over.
    fn steps(&mut self, steps: &'a [Step]) -> bool {
        steps.iter().all(|step| self.step(step))
    }

    /// Whether it is over.
    fn step(&mut self, step: &'a Step) -> bool {
        if let StepKind::Parallel(branches) = &step.kind {
            let mut is_over = true;
            for branch in branches {
                // Each is walked, whether or not the one before is over.
                is_over &= self.steps(branch);
            }
            return is_over;
        }
        match self.states.get(&step.id) {
            None => {
                let due = self.begin(step);
                self.due.extend(due);
                false
            }
            Some(StepState::Running) => {
                self.runs = true;
                false
            }
            Some(StepState::Pending) => false,
            Some(StepState::Done { .. } | StepState::Skipped) => true,
            Some(StepState::Failed) if goes_on(step) => true,
            Some(StepState::Failed) => {
                self.failed.get_or_insert(&step.id);
                false
            }
            Some(StepState::Chose(chosen)) => self.steps(step.way(*chosen)),
        }
    }

    fn begin(&self, step: &'a Step) -> Option<Due<'a>> {
        let id = step.id.as_str();
        Some(match &step.kind {
            StepKind::Action(action) if !has_any_of(self.facts.entities, &action.entity_types) => {
                Due::Skip { id }
            }
            StepKind::Action(action) => Due::Action {
                id,
                action: &action.action,
                instance: action.instance.as_deref(),
                parameters: parameters(action),
                entity_types: &action.entity_types,
            },
            StepKind::If { condition, .. } => Due::Choose {
                id,
                outcome: condition.holds(self.states, self.facts),
            },
            StepKind::Approval { question, .. } => Due::Approval { id, question },
            StepKind::Comment(text) => Due::Comment { id, text },
            StepKind::Priority(priority) => Due::Priority {
                id,
                priority: *priority,
            },
            StepKind::Close => Due::Close { id },
            // Its branches begin; it has nothing of its own to do.
            StepKind::Parallel(_) => return None,
        })
    }
}

fn goes_on(step: &Step) -> bool {
    matches!(&step.kind, StepKind::Action(action) if action.on_failure == OnFailure::GoOn)
}

fn parameters(action: &ActionStep) -> Parameters {
    let parameters = action.parameters.iter();
    parameters.fold(Parameters::new(), |parameters, (name, value)| {
        parameters.with(name, value.as_str())
    })
}
