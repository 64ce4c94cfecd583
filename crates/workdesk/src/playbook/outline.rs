//! A playbook as a list: what the diagram shows, for screen readers and narrow screens.

use maud::{Markup, html};

use super::shown::{Look, is_open, kind, look, progress, start, words};
use super::{Playbook, States, Step, StepKind};
use crate::text::visible;

/// The steps as a nested list, each with what became of it. Beside the diagram, the style sheet shows one of the two.
#[must_use]
pub fn outline(playbook: &Playbook, states: &States) -> Markup {
    html! {
        div.outline {
            p { "Starts when: " (start(playbook)) }
            (list(&playbook.steps, states, true))
        }
    }
}

fn list(steps: &[Step], states: &States, is_on_the_way: bool) -> Markup {
    html! {
        ol { @for step in steps { li { (item(step, states, is_on_the_way)) } } }
    }
}

fn item(step: &Step, states: &States, is_on_the_way: bool) -> Markup {
    let look = look(step, states, is_on_the_way);
    html! {
        @if let Some(word) = progress(step, states, look) { span class=(format!("mark {}", mark(look))) { (word) } " " }
        strong { (kind(step)) } ": " bdi { (words(step)) } " " small.mono { (visible(&step.id)) }
        @match &step.kind {
            StepKind::Parallel(branches) => ul {
                @for branch in branches { li { "Branch" (list(branch, states, is_on_the_way)) } }
            },
            StepKind::If { .. } | StepKind::Approval { .. } => ul {
                @for (word, way) in [("Yes", true), ("No", false)] {
                    @if !step.way(way).is_empty() {
                        li { (word) (list(step.way(way), states, is_on_the_way && is_open(step, states, way))) }
                    }
                }
            },
            StepKind::Action(_) | StepKind::Comment(_) | StepKind::Priority(_) | StepKind::Close => {}
        }
    }
}

/// The colour of a mark.
fn mark(look: Look) -> &'static str {
    match look {
        Look::Todo | Look::Skipped => "dim",
        Look::Running | Look::Pending => "live",
        Look::Done => "good",
        Look::Failed => "bad",
    }
}
