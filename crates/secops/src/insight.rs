//! Insights: the notes an action leaves on a case or an entity.

use serde::{Serialize, Serializer};

use crate::{Entity, EntityType};

/// One note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Insight {
    /// Headline.
    pub title: String,
    /// Text; several lines are fine.
    pub content: String,
    /// How loud it is.
    pub severity: Severity,
    /// What it is about.
    #[serde(flatten)]
    pub kind: InsightKind,
    /// Which integration says so.
    pub triggered_by: String,
}

impl Insight {
    /// A note on one entity, under the title that the platform's SDK gives it.
    #[must_use]
    pub fn on_entity(
        entity: &Entity,
        content: impl Into<String>,
        severity: Severity,
        triggered_by: impl Into<String>,
    ) -> Self {
        Self {
            title: "Entity insight".to_owned(),
            content: content.into(),
            severity,
            kind: InsightKind::Entity {
                entity_identifier: entity.identifier.clone(),
                entity_type: entity.entity_type.clone(),
            },
            triggered_by: triggered_by.into(),
        }
    }
}

/// What an insight is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum InsightKind {
    /// The case as a whole.
    General {},
    /// One entity.
    Entity {
        /// The entity's identifier.
        entity_identifier: String,
        /// The entity's type.
        entity_type: EntityType,
    },
}

/// How loud an insight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Informative,
    /// Look at this.
    Warn,
}

impl Severity {
    /// The platform's number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Informative => 0,
            Self::Warn => 1,
        }
    }

    /// The word shown to people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Informative => "informative",
            Self::Warn => "warn",
        }
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
