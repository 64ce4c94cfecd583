//! `actions/<Script>.yaml`

use integration::{Action, Parameter};
use serde::Serialize;

use crate::field::{self, Scalar};
use crate::{fact, simulation, source};

#[derive(Serialize)]
pub(super) struct Declaration {
    name: &'static str,
    description: &'static str,
    integration_identifier: &'static str,
    parameters: Vec<Field>,
    dynamic_results_metadata: Vec<Example>,
    creator: &'static str,
    is_async: bool,
    script_result_name: &'static str,
    simulation_data_json: String,
    version: f64,
}

#[derive(Serialize)]
struct Field {
    name: &'static str,
    default_value: Scalar,
    #[serde(rename = "type")]
    form: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    optional_values: Option<&'static [&'static str]>,
    description: &'static str,
    is_mandatory: bool,
}

#[derive(Serialize)]
struct Example {
    result_example_path: String,
    result_name: &'static str,
    show_result: bool,
}

pub(super) fn declaration(action: Action) -> Declaration {
    let definition = action.definition();
    let example = source::example(action).map(|_| Example {
        result_example_path: source::example_path(definition.script),
        result_name: "JsonResult",
        show_result: true,
    });
    Declaration {
        name: definition.name,
        description: definition.description,
        integration_identifier: fact::IDENTIFIER,
        parameters: definition.parameters.iter().map(field).collect(),
        dynamic_results_metadata: example.into_iter().collect(),
        creator: fact::CREATOR,
        is_async: definition.is_async,
        script_result_name: definition.script_result,
        simulation_data_json: simulation::entities(action),
        version: fact::ACTION_VERSION,
    }
}

fn field(parameter: &Parameter) -> Field {
    Field {
        name: parameter.name,
        default_value: field::default_of(parameter),
        form: field::type_of(parameter).name,
        optional_values: field::choices_of(parameter),
        description: parameter.description,
        is_mandatory: parameter.required,
    }
}
