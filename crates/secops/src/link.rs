//! Links on the case wall.

use serde::Serialize;

/// A web address that belongs to an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The identifier of the entity, so that the platform attaches it.
    pub title: String,
    /// `https` address.
    pub url: String,
}
