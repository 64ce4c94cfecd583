//! Playbooks: what is done with a case, step by step, as people write it down.
//!
//! Everything here is a function of values. [`Playbook::read`] and [`Playbook::check`] say what is wrong with a text,
//! [`Playbook::due`] what can begin now, [`diagram`] and [`outline`] show how far it is. Who takes the steps, and where it is
//! stored how they went, is not decided here.

mod check;
mod condition;
mod definition;
mod diagram;
mod form;
mod outline;
mod problem;
mod progress;
mod shown;

pub use check::Offered;
pub use condition::{Condition, Range, Test};
pub use definition::{ActionStep, OnFailure, Playbook, Step, StepKind, Trigger, TriggerEvent};
pub use diagram::diagram;
pub use outline::outline;
pub use problem::Problem;
pub use progress::{Due, Facts, Outlook, States, StepState};

/// Playbooks that come with the workdesk: the name of the file, and its text.
pub const SHIPPED: [(&str, &str); 3] = [
    (
        "enrich-a-new-case.yaml",
        include_str!("../playbooks/enrich-a-new-case.yaml"),
    ),
    (
        "phishing-mail.yaml",
        include_str!("../playbooks/phishing-mail.yaml"),
    ),
    (
        "triage-with-approval.yaml",
        include_str!("../playbooks/triage-with-approval.yaml"),
    ),
];

#[cfg(test)]
mod tests;
