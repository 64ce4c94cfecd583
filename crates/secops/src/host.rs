//! Where an action runs, as the action sees it.

use crate::{Entity, Insight};

/// Stores what an action writes back. The shell, the platform and the workdesk each provide one.
///
/// Tables, links and the JSON result are part of the run's result; only what changes the case goes through here.
pub trait Host {
    /// Stores the entities: their new fields and whether they are suspicious.
    ///
    /// # Errors
    /// The host's words. The action's result is kept, and says that this was not stored.
    fn update_entities(&mut self, entities: &[Entity]) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Stores insights; one answer for each.
    ///
    /// # Errors
    /// As for [`Host::update_entities`], one of its own for each insight.
    fn add_insights(
        &mut self,
        insights: &[Insight],
    ) -> impl Future<Output = Vec<Result<(), HostError>>> + Send;
}

/// A host could not store something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);
