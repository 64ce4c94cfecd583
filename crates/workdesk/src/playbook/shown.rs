//! How a step is told to people: its kind, its words, how far it is. For the diagram and the outline alike.

use secops::EntityType;

use super::progress::is_over;
use super::{Playbook, States, Step, StepKind, StepState, TriggerEvent};
use crate::text::visible;

/// How a step looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Todo,
    Running,
    Pending,
    Done,
    Failed,
    Skipped,
}

impl Look {
    /// The class of the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::Running => "running",
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// How a step looks. One that stands on a way that was not gone is skipped with it.
pub(super) fn look(step: &Step, states: &States, is_on_the_way: bool) -> Look {
    match states.get(&step.id) {
        Some(StepState::Running) => Look::Running,
        Some(StepState::Pending) => Look::Pending,
        Some(StepState::Done { .. } | StepState::Chose(_)) => Look::Done,
        Some(StepState::Failed) => Look::Failed,
        Some(StepState::Skipped) => Look::Skipped,
        None if !is_on_the_way => Look::Skipped,
        None => match &step.kind {
            StepKind::Parallel(branches) if branches.iter().all(|branch| is_over(branch, states)) => {
                Look::Done
            }
            StepKind::Parallel(branches) if branches.iter().any(|branch| has_begun(branch, states)) => {
                Look::Running
            }
            _ => Look::Todo,
        },
    }
}

fn has_begun(steps: &[Step], states: &States) -> bool {
    steps.iter().any(|step| {
        states.contains_key(&step.id) || step.ways().into_iter().any(|way| has_begun(way, states))
    })
}

/// Whether the steps of one of its ways can still be reached, or were gone.
pub(super) fn is_open(step: &Step, states: &States, way: bool) -> bool {
    match states.get(&step.id) {
        Some(StepState::Chose(chosen)) => *chosen == way,
        Some(StepState::Done { .. } | StepState::Skipped) => false,
        _ => true,
    }
}

/// How far it is, in a word; nothing where it has not begun.
pub(super) fn progress(step: &Step, states: &States, look: Look) -> Option<&'static str> {
    match (states.get(&step.id), &step.kind) {
        (Some(StepState::Chose(true)), StepKind::Approval { .. }) => Some("approved"),
        (Some(StepState::Chose(false)), StepKind::Approval { .. }) => Some("rejected"),
        (Some(StepState::Chose(true)), _) => Some("yes"),
        (Some(StepState::Chose(false)), _) => Some("no"),
        _ => match look {
            Look::Todo => None,
            Look::Running => Some("running"),
            Look::Pending => Some("waits"),
            Look::Done => Some("done"),
            Look::Failed => Some("failed"),
            Look::Skipped => Some("skipped"),
        },
    }
}

/// What kind of step it is.
pub(super) fn kind(step: &Step) -> &'static str {
    match &step.kind {
        StepKind::Action(_) => "Action",
        StepKind::If { .. } => "If",
        StepKind::Parallel(_) => "At the same time",
        StepKind::Approval { .. } => "Ask a person",
        StepKind::Comment(_) => "Comment",
        StepKind::Priority(_) => "Priority",
        StepKind::Close => "Case",
    }
}

/// What it does.
pub(super) fn words(step: &Step) -> String {
    let words = match &step.kind {
        StepKind::Action(action) if action.entity_types.is_empty() => action.action.clone(),
        StepKind::Action(action) => format!("{} on {}", action.action, types(&action.entity_types)),
        StepKind::If { condition, .. } => format!("{condition}?"),
        StepKind::Parallel(branches) => format!("{} branches", branches.len()),
        StepKind::Approval { question, .. } => question.clone(),
        StepKind::Comment(text) => text.clone(),
        StepKind::Priority(priority) => format!("Set to {}", priority.name()),
        StepKind::Close => "Close".to_owned(),
    };
    visible(&words)
}

/// What starts the playbook.
pub(super) fn start(playbook: &Playbook) -> String {
    let trigger = &playbook.trigger;
    let event = match trigger.on {
        TriggerEvent::CaseCreated => "A case is made",
        TriggerEvent::Manual => "Somebody asks for it",
    };
    let mut words = event.to_owned();
    if !trigger.environments.is_empty() {
        words.push_str(&format!(" in {}", trigger.environments.join(", ")));
    }
    if !trigger.entity_types.is_empty() {
        words.push_str(&format!(" with {}", types(&trigger.entity_types)));
    }
    visible(&words)
}

fn types(types: &[EntityType]) -> String {
    let names: Vec<_> = types.iter().map(EntityType::name).collect();
    names.join(", ")
}
