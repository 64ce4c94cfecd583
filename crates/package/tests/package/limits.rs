//! What every load of an integration checks, and that the AI's files have each key.

use serde_json::Value;

use crate::common::Integration;
use crate::rules::{list, text};

/// Each limit that is crossed, in words.
pub(crate) fn crossed(integration: &Integration) -> Vec<String> {
    let definition = integration.yaml("definition.yaml");
    let mut crossings = Crossings(Vec::new());
    crossings.definition(integration, &definition);
    for (path, action) in integration.declarations("actions") {
        crossings.action(integration, &path, &action);
    }
    for (path, widget) in integration.declarations("widgets") {
        for key in ["title", "action_identifier"] {
            crossings.unless(is_name(text(&widget, key)), format!("{path}: {key}"));
        }
        crossings.description(&path, &widget);
    }
    for note in integration.yaml("release_notes.yaml").as_array().unwrap() {
        crossings.unless(
            note["integration_version"].as_f64() >= Some(1.0),
            "a note's version".to_owned(),
        );
        crossings.description("release_notes.yaml", note);
    }
    crossings.0
}

struct Crossings(Vec<String>);

impl Crossings {
    fn unless(&mut self, holds: bool, crossing: String) {
        if !holds {
            self.0.push(crossing);
        }
    }

    fn description(&mut self, path: &str, owner: &Value) {
        let length = text(owner, "description").chars().count();
        self.unless(
            length <= 2050,
            format!("{path}: description of {length} characters"),
        );
    }

    fn definition(&mut self, integration: &Integration, definition: &Value) {
        let identifier = text(definition, "identifier");
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        self.unless(
            (1..=150).contains(&identifier.len()) && identifier.chars().all(fits),
            format!("identifier {identifier}"),
        );
        self.parameters("definition.yaml", definition);
        for parameter in list(definition, "parameters") {
            let owner = text(parameter, "integration_identifier");
            self.unless(owner == identifier, format!("a parameter of {owner}"));
        }
        let project = integration.toml("pyproject.toml");
        let version = project["project"]["version"].as_str().unwrap().parse::<f64>();
        self.unless(version.is_ok_and(|version| version >= 1.0), "version".to_owned());
        if let Some(image) = self.inside(integration, text(definition, "image_path")) {
            let head = image.starts_with(b"\x89PNG\r\n\x1a\n") && image.get(12..16) == Some(b"IHDR");
            self.unless(head, "image_path is no PNG".to_owned());
        }
        if let Some(logo) = self.inside(integration, text(definition, "svg_logo_path")) {
            let logo = String::from_utf8_lossy(&logo).into_owned();
            let document = roxmltree::Document::parse(&logo);
            let svg = document.is_ok_and(|document| document.root_element().tag_name().name() == "svg");
            self.unless(svg, "svg_logo_path is no SVG".to_owned());
        }
    }

    fn action(&mut self, integration: &Integration, path: &str, action: &Value) {
        self.unless(is_name(text(action, "name")), format!("{path}: name"));
        self.unless(
            text(action, "script_result_name").len() <= 100,
            format!("{path}: script_result_name"),
        );
        self.unless(
            action["version"].as_f64() >= Some(1.0),
            format!("{path}: version"),
        );
        self.description(path, action);
        self.parameters(path, action);
        let simulation = serde_json::from_str::<Value>(text(action, "simulation_data_json"));
        let entities = simulation.is_ok_and(|simulation| simulation["Entities"].is_array());
        self.unless(entities, format!("{path}: simulation_data_json"));
        for result in list(action, "dynamic_results_metadata") {
            if let Some(example) = self.inside(integration, text(result, "result_example_path")) {
                let json = serde_json::from_slice::<Value>(&example);
                self.unless(json.is_ok(), format!("{path}: the example is no JSON"));
            }
        }
    }

    fn parameters(&mut self, path: &str, owner: &Value) {
        let parameters = list(owner, "parameters");
        self.unless(
            parameters.len() <= 50,
            format!("{path}: {} parameters", parameters.len()),
        );
        for parameter in parameters {
            let name = text(parameter, "name");
            let short = name.chars().count() <= 150 && name.split_whitespace().count() <= 13;
            self.unless(short, format!("{path}: long parameter name"));
            self.description(path, parameter);
            let choice = ["ddl", "multi_values", "multi_choice_parameter"].contains(&text(parameter, "type"));
            let options = list(parameter, "optional_values");
            self.unless(
                choice != options.is_empty(),
                format!("{path}: {name}: optional_values"),
            );
            let known = options.is_empty() || options.contains(&parameter["default_value"]);
            self.unless(known, format!("{path}: {name}: the default is no choice"));
        }
    }

    /// The file, if it is in the integration's folder.
    fn inside(&mut self, integration: &Integration, path: &str) -> Option<Vec<u8>> {
        let found = integration.folder.join(path).canonicalize().ok();
        let inside = found
            .filter(|found| found.starts_with(integration.folder.canonicalize().unwrap()) && found.is_file());
        self.unless(inside.is_some(), format!("{path} is not in the folder"));
        std::fs::read(inside?).ok()
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_,".contains(c) || c.is_whitespace();
    (1..=150).contains(&name.len()) && name.chars().all(fits)
}

type Breach = fn(&Integration);

#[test]
fn each_limit_is_noticed() {
    let breaches: &[(&str, Breach)] = &[
        ("identifier ", |it| {
            it.change(
                "definition.yaml",
                "identifier: VirusTotal\nname",
                "identifier: Virus Total\nname",
            );
        }),
        ("identifier ", |it| {
            let long = format!("identifier: {}\nname", "x".repeat(151));
            it.change("definition.yaml", "identifier: VirusTotal\nname", &long);
        }),
        ("ScanIP.yaml: name", |it| {
            it.change("actions/ScanIP.yaml", "name: Scan IP", "name: Scan IP!");
        }),
        ("ScanIP.yaml: title", |it| {
            it.change("widgets/ScanIP.yaml", "title: Scan IP", "title: 'Scan: IP'");
        }),
        ("action_identifier", |it| {
            it.change(
                "widgets/ScanIP.yaml",
                "action_identifier: Scan IP",
                "action_identifier: ''",
            );
        }),
        ("long parameter name", |it| {
            it.change(
                "actions/ScanIP.yaml",
                "name: Threshold",
                "name: a b c d e f g h i j k l m n",
            );
        }),
        ("long parameter name", |it| {
            it.change(
                "actions/ScanIP.yaml",
                "name: Threshold",
                &format!("name: {}", "x".repeat(151)),
            );
        }),
        ("51 parameters", |it| {
            let text = it.text("actions/Ping.yaml");
            let field = "\n- {name: A, type: string, description: b, default_value: ''}".repeat(51);
            it.put(
                "actions/Ping.yaml",
                &text.replacen("parameters: []", &format!("parameters:{field}"), 1),
            );
        }),
        ("script_result_name", |it| {
            it.change("actions/ScanIP.yaml", "is_success", &"x".repeat(101));
        }),
        ("version", |it| {
            it.change("actions/ScanIP.yaml", "version: 1.0", "version: 0.9");
        }),
        ("version", |it| it.change("pyproject.toml", "\"46.0\"", "\"0.9\"")),
        ("a note's version", |it| {
            it.change("release_notes.yaml", "46.0", "0.5");
        }),
        ("the example is no JSON", |it| {
            it.put("resources/ScanIP_JsonResult_example.json", "[");
        }),
        ("is not in the folder", |it| {
            it.remove("resources/ScanIP_JsonResult_example.json");
        }),
        ("is not in the folder", |it| {
            it.put("../outside.json", "[]");
            it.change(
                "actions/ScanIP.yaml",
                "resources/ScanIP_JsonResult_example.json",
                "../outside.json",
            );
        }),
        ("no PNG", |it| it.put("resources/image.png", "GIF89a")),
        ("no SVG", |it| it.put("resources/logo.svg", "<svg><path></svg>")),
        ("no SVG", |it| it.put("resources/logo.svg", "<html/>")),
        ("simulation_data_json", |it| {
            it.change("actions/Ping.yaml", "Entities", "Things");
        }),
        ("the default is no choice", |it| {
            it.change(
                "actions/UploadAndScanFile.yaml",
                "default_value: Hash First",
                "default_value: Maybe",
            );
        }),
        ("optional_values", |it| {
            it.change("actions/UploadAndScanFile.yaml", "type: ddl", "type: string");
        }),
    ];
    for (place, (expected, breach)) in breaches.iter().enumerate() {
        let integration = Integration::built(false);
        breach(&integration);
        let crossed = crossed(&integration);
        assert!(
            crossed.iter().any(|crossing| crossing.contains(expected)),
            "breach {place}: {crossed:?}"
        );
    }
}

#[test]
fn a_long_description_is_noticed() {
    for (path, owner) in [
        ("actions/Ping.yaml", "integration_identifier"),
        ("widgets/ScanIP.yaml", "data_definition"),
    ] {
        let integration = Integration::built(false);
        let text = integration.text(path);
        let from = text.find("description:").unwrap();
        let to = text.find(owner).unwrap();
        let long = "x".repeat(2051);
        integration.put(
            path,
            &format!("{}description: {long}\n{}", &text[..from], &text[to..]),
        );
        assert_eq!(
            crossed(&integration),
            [format!("{path}: description of 2051 characters")]
        );
    }
}

#[test]
fn the_ai_knows_every_action_by_every_key() {
    let integration = Integration::built(false);
    let actions = integration.yaml("resources/ai/actions_ai_description.yaml");
    let names: Vec<&String> = actions.as_object().unwrap().keys().collect();
    let defined = integration::Action::ALL.map(|action| action.definition().name);
    assert_eq!(names, defined);
    for action in actions.as_object().unwrap().values() {
        let keys = |value: &Value| value.as_object().unwrap().len();
        assert_eq!(keys(action), 6);
        // A reasoning, the types and 13 filters; a reasoning and 27 outcomes; a reasoning and nine capabilities.
        assert_eq!(keys(&action["entity_usage"]), 15);
        assert_eq!(keys(&action["entity_usage"]["entity_types"]), 35);
        assert_eq!(keys(&action["outcome_categories"]), 28);
        assert_eq!(keys(&action["capabilities"]), 10);
        let description = text(action, "ai_description");
        for section in ["General Description", "Flow Description", "Additional Notes"] {
            assert!(description.contains(section), "{description}");
        }
        for part in ["entity_usage", "outcome_categories", "capabilities"] {
            assert!(!text(&action[part], "reasoning").is_empty());
        }
        for side in ["external", "internal"] {
            let mutates = action["capabilities"][format!("can_mutate_{side}_data")] == true;
            assert_eq!(
                mutates,
                action["capabilities"][format!("{side}_data_mutation_explanation")].is_string()
            );
        }
        let truths = action["entity_usage"]["entity_types"].as_object().unwrap();
        assert!(truths.values().all(Value::is_boolean));
    }
    assert_eq!(
        actions["Ping"]["parameters_description"],
        "There are no parameters for this action"
    );
    assert_eq!(actions["Scan URL"]["entity_usage"]["entity_types"]["url"], true);
    let products = integration.yaml("resources/ai/integration_ai_description.yaml");
    assert_eq!(products["product_categories"].as_object().unwrap().len(), 12);
}
