//! `ActionsDefinitions/<Script>.actiondef`

use integration::Action;
use serde_json::{Map, Value, json};

use crate::{ai, fact, field, simulation, source};

pub(super) fn declaration(action: Action) -> Value {
    let definition = action.definition();
    let about = ai::about(action);
    let examples: Vec<Value> = source::example(action)
        .map(|example| json!({ "ResultExample": example, "ResultName": "JsonResult", "ShowResult": true }))
        .into_iter()
        .collect();
    let parameters: Vec<Value> = definition.parameters.iter().map(field::built).collect();
    let mut declaration = json!({
        "AiDescription": about.description,
        "AiShortDescription": about.short_description,
        "Creator": fact::CREATOR,
        "Description": definition.description,
        "DynamicResultsMetadata": examples,
        "IntegrationIdentifier": fact::IDENTIFIER,
        "IsAsync": definition.is_async,
        "IsCustom": false,
        "IsEnabled": true,
        "Name": definition.name,
        "Parameters": parameters,
        "ParametersDescription": ai::parameters_description(definition),
        "ScriptResultName": definition.script_result,
        "SimulationDataJson": simulation::entities(action),
        "Version": fact::ACTION_VERSION,
    });
    if let Value::Object(fields) = &mut declaration {
        add_lists(fields, action);
    }
    declaration
}

/// Lists that an action without entities does not have: an empty one is left out.
fn add_lists(fields: &mut Map<String, Value>, action: Action) {
    let types: Vec<&str> = action
        .definition()
        .entity_types
        .iter()
        .map(secops::EntityType::name)
        .collect();
    let outcomes = ai::outcome_names(action);
    // The platform calls an action that tells about indicators an enrichment.
    let categories = if outcomes.is_empty() {
        Vec::new()
    } else {
        vec!["Enrichment"]
    };
    for (name, list) in [
        ("AiCategories", categories),
        ("EntityTypes", types),
        ("OutcomeCategories", outcomes),
    ] {
        if !list.is_empty() {
            fields.insert(name.to_owned(), json!(list));
        }
    }
}
