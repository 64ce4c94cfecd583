//! The archive that a platform imports.

use std::collections::BTreeMap;

use integration::Action;
use package::{IDENTIFIER, VERSION};
use serde_json::Value;

use crate::common;

fn archive() -> BTreeMap<String, Vec<u8>> {
    let files = common::unpacked(&common::package(false).files[&package::archive_name()]);
    files
        .into_iter()
        .map(|(path, (bytes, _))| (path, bytes))
        .collect()
}

fn json(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
    serde_json::from_slice(&files[path]).unwrap()
}

/// Keys in order, each with the type of its value.
fn shape(value: &Value) -> Vec<(String, &'static str)> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "truth",
        Value::Number(number) if number.to_string().contains('.') => "fraction",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    value
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (key.clone(), kind(value)))
        .collect()
}

fn expected(text: &str) -> Vec<(String, &'static str)> {
    let kinds = ["null", "truth", "fraction", "number", "text", "list", "object"];
    let pairs = text.split_whitespace().collect::<Vec<_>>();
    pairs
        .iter()
        .map(|pair| {
            let (key, kind) = pair.split_once(':').unwrap();
            (
                key.to_owned(),
                *kinds.iter().find(|known| **known == kind).unwrap(),
            )
        })
        .collect()
}

#[test]
fn it_holds_these_files() {
    let mut paths = vec![
        ".python-version".to_owned(),
        "Integration-VirusTotal.def".to_owned(),
        "VirusTotal.fulldetails".to_owned(),
        "RN.json".to_owned(),
        "Managers/VTSecOpsLauncher.py".to_owned(),
        format!("Dependencies/{}", package::wheel_name()),
        "resources/ai/actions_ai_description.yaml".to_owned(),
        "resources/ai/integration_ai_description.yaml".to_owned(),
    ];
    for action in Action::ALL {
        let script = action.definition().script;
        paths.push(format!("ActionsDefinitions/{script}.actiondef"));
        paths.push(format!("ActionsScripts/{script}.py"));
        if package::widget::html(action).is_some() {
            paths.push(format!("Widgets/{script}.json"));
            paths.push(format!("WidgetsScripts/{script}.html"));
        }
    }
    paths.sort();
    let files = archive();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), paths);
    assert_eq!(package::archive_name(), format!("VirusTotal-{VERSION}.zip"));
    assert!(files.values().all(|bytes| !bytes.is_empty()));
    assert_eq!(files[".python-version"], b"3.11\n");
}

#[test]
fn the_definition_has_the_platforms_keys() {
    let definition = json(&archive(), "Integration-VirusTotal.def");
    assert_eq!(
        shape(&definition),
        expected(
            "Categories:list Description:text DisplayName:text DocumentationLink:text GoogleSecOpsProduct:truth Identifier:text \
             ImageBase64:text IntegrationProperties:list IsAvailableForCommunity:truth IsCertified:truth IsCustom:truth \
             IsPowerUp:truth MarketingDisplayName:text MinimumSystemVersion:fraction PythonVersion:number SVGImage:text \
             ShouldInstalledInSystem:truth Version:fraction"
        )
    );
    assert_eq!(definition["Version"].to_string(), VERSION);
    assert_eq!(definition["MinimumSystemVersion"].to_string(), "5.3");
    assert_eq!(definition["PythonVersion"], 3);
    assert_eq!(definition["IsCustom"], true);
    let properties = definition["IntegrationProperties"].as_array().unwrap();
    let [key, ssl, api] = &properties[..] else {
        panic!("{properties:?}")
    };
    let keys = "IntegrationIdentifier:text IsMandatory:truth PropertyDescription:text PropertyDisplayName:text \
                PropertyName:text PropertyType:number";
    assert_eq!(shape(key), expected(&format!("{keys} Value:text")));
    assert_eq!(shape(ssl), expected(&format!("{keys} Value:truth")));
    assert_eq!(
        (&key["PropertyName"], &key["PropertyType"], &key["IsMandatory"]),
        (&"Api Key".into(), &3.into(), &true.into())
    );
    assert_eq!(
        (&ssl["PropertyName"], &ssl["PropertyType"], &ssl["Value"]),
        (&"Verify SSL".into(), &0.into(), &true.into())
    );
    assert_eq!(shape(api), expected(&format!("{keys} Value:text")));
    assert_eq!(
        (&api["PropertyName"], &api["PropertyType"], &api["Value"]),
        (&"Api Version".into(), &2.into(), &"".into())
    );
}

#[test]
fn with_the_seeds_defaults_certificates_are_not_verified() {
    let files = common::unpacked(&common::package(true).files[&package::archive_name()]);
    let definition: Value = serde_json::from_slice(&files["Integration-VirusTotal.def"].0).unwrap();
    assert_eq!(definition["IntegrationProperties"][1]["Value"], false);
}

#[test]
fn each_action_is_declared_as_it_is_defined() {
    let files = archive();
    for action in Action::ALL {
        let definition = action.definition();
        let declared = json(
            &files,
            &format!("ActionsDefinitions/{}.actiondef", definition.script),
        );
        // Those that tell nothing of indicators have no outcome.
        let has_outcome = !matches!(
            action,
            Action::Ping | Action::AddComment | Action::AddVote | Action::Search
        );
        let [categories, outcomes] = match has_outcome {
            true => ["AiCategories:list ", "OutcomeCategories:list "],
            false => [""; 2],
        };
        let types = match definition.entity_types.is_empty() {
            true => "",
            false => "EntityTypes:list ",
        };
        assert_eq!(
            shape(&declared),
            expected(&format!(
                "{categories}AiDescription:text AiShortDescription:text Creator:text Description:text \
                 DynamicResultsMetadata:list {types}IntegrationIdentifier:text IsAsync:truth IsCustom:truth IsEnabled:truth \
                 Name:text {outcomes}Parameters:list ParametersDescription:text ScriptResultName:text SimulationDataJson:text \
                 Version:fraction"
            ))
        );
        assert_eq!(declared["Name"], definition.name);
        assert_eq!(declared["IsAsync"], definition.is_async);
        assert_eq!(declared["IsCustom"], false);
        assert_eq!(declared["ScriptResultName"], definition.script_result);
        let parameters = declared["Parameters"].as_array().unwrap();
        assert_eq!(parameters.len(), definition.parameters.len());
        for (declared, defined) in parameters.iter().zip(definition.parameters) {
            let keys: Vec<&String> = declared.as_object().unwrap().keys().collect();
            assert_eq!(
                keys,
                [
                    "DefaultValue",
                    "Description",
                    "IsMandatory",
                    "Name",
                    "OptionalValues",
                    "Type",
                    "Value"
                ]
            );
            assert_eq!(declared["Name"], defined.name);
            assert_eq!(declared["IsMandatory"], defined.required);
            assert_eq!(declared["Value"], declared["DefaultValue"]);
            assert_eq!(declared["OptionalValues"].is_array(), declared["Type"] == 15);
        }
        for result in declared["DynamicResultsMetadata"].as_array().unwrap() {
            assert_eq!(
                shape(result),
                expected("ResultExample:text ResultName:text ShowResult:truth")
            );
            let example: Value = serde_json::from_str(result["ResultExample"].as_str().unwrap()).unwrap();
            assert_eq!(example.is_object(), action == Action::UploadAndScanFile);
        }
        let simulation: Value =
            serde_json::from_str(declared["SimulationDataJson"].as_str().unwrap()).unwrap();
        let entities = simulation["Entities"].as_array().unwrap().len();
        let all = definition.entity_types.len();
        assert_eq!(
            entities,
            if action == Action::UploadAndScanFile {
                0
            } else {
                all
            }
        );
    }
}

#[test]
fn numbers_stand_for_types_and_defaults_keep_theirs() {
    let files = archive();
    let upload = json(&files, "ActionsDefinitions/UploadAndScanFile.actiondef");
    let find = |name: &str| {
        let parameters = upload["Parameters"].as_array().unwrap();
        parameters
            .iter()
            .find(|parameter| parameter["Name"] == name)
            .cloned()
            .unwrap()
    };
    assert_eq!(
        (&find("Threshold")["Type"], &find("Threshold")["Value"]),
        (&0.into(), &3.into())
    );
    assert_eq!(find("Linux Password")["Type"], 12);
    assert_eq!(find("Create Insight")["Type"], 1);
    assert_eq!(find("Create Insight")["Value"], true);
    assert_eq!(find("Upload Policy")["Type"], 15);
    assert_eq!(find("File Paths")["Value"], "");
    assert_eq!(find("File Paths")["IsMandatory"], true);
}

#[test]
fn the_release_notes_are_dated() {
    let notes = json(&archive(), "RN.json");
    for note in notes.as_array().unwrap() {
        assert_eq!(
            shape(note),
            expected(
                "ChangeDescription:text Deprecated:truth IntroducedInIntegrationVersion:fraction ItemName:text ItemType:text \
                 New:truth PublishTime:number Regressive:truth Removed:truth TicketNumber:null"
            )
        );
    }
    let versions: Vec<f64> = notes
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["IntroducedInIntegrationVersion"].as_f64().unwrap())
        .collect();
    assert!(versions.is_sorted());
}

#[test]
fn each_widget_shows_itself_when_there_is_a_result() {
    let files = archive();
    for action in Action::ALL {
        let Some(html) = package::widget::html(action) else {
            continue;
        };
        let definition = action.definition();
        let widget = json(&files, &format!("Widgets/{}.json", definition.script));
        assert_eq!(
            shape(&widget),
            expected(
                "ActionIdentifier:text ConditionsGroup:object DataDefinition:object DefaultSize:number Description:text \
                 Scope:number Title:text Type:number"
            )
        );
        assert_eq!(
            shape(&widget["ConditionsGroup"]),
            expected("Conditions:list LogicalOperator:number")
        );
        assert_eq!(
            shape(&widget["ConditionsGroup"]["Conditions"][0]),
            expected("CustomOperatorName:null FieldName:text MatchType:number Value:text")
        );
        assert_eq!(
            shape(&widget["DataDefinition"]),
            expected(
                "htmlContent:text htmlHeight:number safeRendering:truth type:number widgetDefinitionScope:number"
            )
        );
        assert_eq!(widget["ActionIdentifier"], definition.name);
        assert_eq!(
            files[&format!("WidgetsScripts/{}.html", definition.script)],
            html.as_bytes()
        );
    }
}

#[test]
fn the_summary_names_everything() {
    let summary = json(&archive(), "VirusTotal.fulldetails");
    assert_eq!(summary["Identifier"], IDENTIFIER);
    assert_eq!(summary["Actions"].as_array().unwrap().len(), 11);
    assert_eq!(summary["Widgets"].as_array().unwrap().len(), 7);
    assert_eq!(summary["Managers"][0], "VTSecOpsLauncher");
    assert_eq!(
        summary["ReleaseNotes"][0]["PublishTimeUnixTime"],
        1_795_564_800_000_i64
    );
}

#[test]
fn json_has_four_spaces_and_sorted_keys() {
    for (path, bytes) in archive() {
        let ending = path.rsplit('.').next().unwrap();
        if ["def", "actiondef", "json", "fulldetails"].contains(&ending) {
            let text = String::from_utf8(bytes).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            assert!(text.lines().nth(1).unwrap().starts_with("    "), "{path}");
            sorted(&path, &value);
        }
    }
}

fn sorted(path: &str, value: &Value) {
    match value {
        Value::Object(map) => {
            assert!(map.keys().is_sorted(), "{path}: {:?}", map.keys());
            map.values().for_each(|value| sorted(path, value));
        }
        Value::Array(items) => items.iter().for_each(|value| sorted(path, value)),
        _ => {}
    }
}

#[test]
fn two_builds_give_the_same_bytes() {
    assert_eq!(common::package(false).files, common::package(false).files);
}
