//! What can be asked for: our own actions and external ones, in one form.

use integration::{Definition, ParameterKind};
use serde::Serialize;
use utoipa::ToSchema;

use super::ExternalAction;

/// An action that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Types of the entities it acts on; empty for all.
    pub entity_types: Vec<String>,
    /// What its form asks for.
    pub parameters: Vec<OfferedParameter>,
}

/// A parameter of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OfferedParameter {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: String,
    /// What its field lets in.
    pub field: Field,
    /// Whether it must be filled in.
    pub required: bool,
    /// What it is filled with.
    pub default: Option<String>,
}

/// What a field lets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Any text.
    Text,
    /// Text that is not shown.
    Password,
    /// A whole number.
    WholeNumber,
    /// A tick.
    Flag,
    /// One of these words.
    Choice(Vec<String>),
}

impl From<&Definition> for Offer {
    fn from(definition: &Definition) -> Self {
        let parameter = |parameter: &integration::Parameter| OfferedParameter {
            name: parameter.name.to_owned(),
            description: parameter.description.to_owned(),
            field: match parameter.kind {
                ParameterKind::Text => Field::Text,
                ParameterKind::Password => Field::Password,
                ParameterKind::WholeNumber => Field::WholeNumber,
                ParameterKind::Flag => Field::Flag,
                ParameterKind::Choice(words) => {
                    Field::Choice(words.iter().map(|word| (*word).to_owned()).collect())
                }
            },
            required: parameter.required,
            // What the platform leaves to whoever fills in the form, people here should not have to think of.
            default: parameter
                .default
                .or_else(|| (parameter.name == "Threshold").then_some("3"))
                .map(str::to_owned),
        };
        let entity_types = definition.entity_types.iter();
        Self {
            name: definition.name.to_owned(),
            description: definition.description.to_owned(),
            entity_types: entity_types.map(|own| own.name().to_owned()).collect(),
            parameters: definition.parameters.iter().map(parameter).collect(),
        }
    }
}

impl From<&ExternalAction> for Offer {
    fn from(action: &ExternalAction) -> Self {
        let parameters = action.parameters.iter().map(|parameter| OfferedParameter {
            name: parameter.name.clone(),
            description: parameter.description.clone(),
            field: match parameter.is_secret {
                true => Field::Password,
                false => Field::Text,
            },
            required: parameter.required,
            default: parameter.default.clone(),
        });
        Self {
            name: action.name.clone(),
            description: action.description.clone(),
            entity_types: action.entity_types.clone(),
            parameters: parameters.collect(),
        }
    }
}
