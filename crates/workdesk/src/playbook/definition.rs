//! What a playbook is: a trigger and steps.

use std::collections::BTreeMap;

use secops::{Entity, EntityType};
use serde::Deserialize;

use super::Condition;
use crate::Priority;

/// A playbook that could be read. [`check`](Self::check) tells whether it can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Playbook {
    /// Its name, of 1 to 100 characters.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// For which cases it is, and what starts it.
    pub trigger: Trigger,
    /// What is done, in this order; never empty.
    pub steps: Vec<Step>,
}

/// For which cases a playbook is, and what starts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// What starts it.
    pub on: TriggerEvent,
    /// The environments it is for; empty for all.
    pub environments: Vec<String>,
    /// The case must have an entity of one of these types; empty where it need not.
    pub entity_types: Vec<EntityType>,
}

/// What starts a playbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerEvent {
    /// A case is made.
    CaseCreated,
    /// Somebody asks for it.
    Manual,
}

impl Trigger {
    /// Whether the playbook is for a case of that environment with these entities, whatever starts it.
    #[must_use]
    pub fn is_for(&self, environment: &str, entities: &[Entity]) -> bool {
        let is_there =
            self.environments.is_empty() || self.environments.iter().any(|name| name == environment);
        is_there && has_any_of(entities, &self.entity_types)
    }
}

/// Whether there is an entity of these types. Where no type is named, none need be there.
pub(super) fn has_any_of(entities: &[Entity], types: &[EntityType]) -> bool {
    types.is_empty() || entities.iter().any(|entity| types.contains(&entity.entity_type))
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name; no other step of the playbook may have it.
    pub id: String,
    /// The line it begins in, where it is known.
    pub line: Option<u64>,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Runs an action.
    Action(ActionStep),
    /// Goes one of two ways.
    If {
        /// What decides.
        condition: Condition,
        /// Where it holds; never empty.
        then: Vec<Step>,
        /// Where it does not.
        otherwise: Vec<Step>,
    },
    /// Goes all of these ways at the same time, and is over when all of them are.
    Parallel(Vec<Vec<Step>>),
    /// Waits for a person, and goes one of two ways.
    Approval {
        /// What the person is asked.
        question: String,
        /// Where it is approved.
        then: Vec<Step>,
        /// Where it is rejected.
        otherwise: Vec<Step>,
    },
    /// Writes on the case wall.
    Comment(String),
    /// Sets the case's priority.
    Priority(Priority),
    /// Closes the case.
    Close,
}

/// A step that runs an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionStep {
    /// The action's name.
    pub action: String,
    /// The instance of the integration; `None` for the usual one.
    pub instance: Option<String>,
    /// The types of the entities it is run on; empty for all entities of the case.
    pub entity_types: Vec<EntityType>,
    /// Its parameters, as texts.
    pub parameters: BTreeMap<String, String>,
    /// What becomes of the playbook where it fails.
    pub on_failure: OnFailure,
}

/// What becomes of a playbook whose action has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It ends.
    #[default]
    Stop,
    /// The next step comes.
    GoOn,
}

impl Step {
    /// The steps below it, each way by itself: `then` and `else`, or the branches.
    pub(super) fn ways(&self) -> Vec<&[Step]> {
        match &self.kind {
            StepKind::If { then, otherwise, .. } | StepKind::Approval { then, otherwise, .. } => {
                vec![then, otherwise]
            }
            StepKind::Parallel(branches) => branches.iter().map(Vec::as_slice).collect(),
            StepKind::Action(_) | StepKind::Comment(_) | StepKind::Priority(_) | StepKind::Close => {
                Vec::new()
            }
        }
    }

    /// The way that is gone after a choice.
    pub(super) fn way(&self, chosen: bool) -> &[Step] {
        match &self.kind {
            StepKind::If { then, otherwise, .. } | StepKind::Approval { then, otherwise, .. } => match chosen
            {
                true => then,
                false => otherwise,
            },
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use secops::{Entity, EntityType};

    use super::{Trigger, TriggerEvent};

    #[test]
    fn a_trigger_without_limits_is_for_every_case() {
        let mut trigger = Trigger {
            on: TriggerEvent::Manual,
            environments: Vec::new(),
            entity_types: Vec::new(),
        };
        let entities = [Entity::new("198.51.100.7", EntityType::Address)];
        assert!(trigger.is_for("Berlin", &[]));
        trigger.entity_types = vec![EntityType::FileHash, EntityType::Address];
        assert!(trigger.is_for("Berlin", &entities));
        assert!(!trigger.is_for("Berlin", &[]));
        trigger.environments = vec!["Vienna".to_owned()];
        assert!(!trigger.is_for("Berlin", &entities));
    }
}
