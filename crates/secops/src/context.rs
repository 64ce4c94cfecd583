//! What one run of an action gets.

use jiff::Timestamp;

use crate::{Entity, Parameters};

/// One run's input: plain data, the same wherever the action runs.
#[derive(Clone, Debug)]
pub struct Context {
    /// The entities to act on, in the order of the case. An action picks those of its types.
    pub targets: Vec<Entity>,
    /// The action's parameters, as typed into a form.
    pub parameters: Parameters,
    /// The moment the run began; the age of a scan is counted from here.
    pub now: Timestamp,
}
