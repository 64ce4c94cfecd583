//! Where and when a platform shows an action's widget. What it shows is the widget's HTML.

use integration::Action;
use integration::Definition;
use serde::Serialize;
use serde_json::{Value, json};

use crate::yaml::Ordered;

/// Pixels; a longer page scrolls.
const HEIGHT: u16 = 500;
/// What the platform replaces by the action's JSON result.
const RESULT: &str = "[{stepInstanceName}.JsonResult]";

/// The actions that have a widget, with its HTML.
pub(crate) fn all() -> impl Iterator<Item = (&'static Definition, String)> {
    Action::ALL
        .into_iter()
        .filter_map(|action| Some((action.definition(), crate::widget::html(action)?)))
}

fn description(definition: &Definition) -> String {
    format!("What {} found, in short.", definition.name)
}

/// The declaration in the sources.
#[derive(Serialize)]
pub(crate) struct Declaration {
    title: &'static str,
    #[serde(rename = "type")]
    form: &'static str,
    scope: &'static str,
    action_identifier: &'static str,
    description: String,
    data_definition: DataDefinition,
    condition_group: ConditionGroup,
    default_size: &'static str,
}

#[derive(Serialize)]
struct DataDefinition {
    html_height: u16,
    safe_rendering: bool,
    #[serde(rename = "type")]
    form: &'static str,
    widget_definition_scope: &'static str,
}

#[derive(Serialize)]
struct ConditionGroup {
    conditions: Vec<Ordered<&'static str, Option<&'static str>>>,
    logical_operator: &'static str,
}

/// In an alert's view, as soon as the action has a result.
pub(crate) fn source(definition: &Definition) -> Declaration {
    Declaration {
        title: definition.name,
        form: "html",
        scope: "alert",
        action_identifier: definition.name,
        description: description(definition),
        data_definition: DataDefinition {
            html_height: HEIGHT,
            // The page has a script, which safe rendering would take away.
            safe_rendering: false,
            form: "html",
            widget_definition_scope: "both",
        },
        condition_group: ConditionGroup {
            conditions: vec![Ordered(vec![
                ("field_name", Some(RESULT)),
                ("value", Some("")),
                ("match_type", Some("is_not_empty")),
                ("custom_operator_name", None),
            ])],
            logical_operator: "and",
        },
        default_size: "half_width",
    }
}

/// The same in the built form, where words are numbers.
pub(crate) fn built(definition: &Definition) -> Value {
    json!({
        "ActionIdentifier": definition.name,
        "ConditionsGroup": {
            "Conditions": [{ "CustomOperatorName": null, "FieldName": RESULT, "MatchType": 8, "Value": "" }],
            "LogicalOperator": 0,
        },
        "DataDefinition": {
            "htmlContent": "",
            "htmlHeight": HEIGHT,
            "safeRendering": false,
            "type": 3,
            "widgetDefinitionScope": 2,
        },
        "DefaultSize": 1,
        "Description": description(definition),
        "Scope": 0,
        "Title": definition.name,
        "Type": 3,
    })
}
