//! The source layout keeps every rule, and each rule notices when it is broken.

use crate::common::Integration;
use crate::limits;
use crate::rules::{self, OPEN, RULES};

const CONNECTOR: &str = "name: Reports\ndocumentation_link: https://docs.example/reports\nparameters:\n- name: Verify SSL\n  \
                         type: boolean\n  default_value: true\n  description: Whether the certificate is verified.\n";

fn broken(integration: &Integration) -> Vec<&'static str> {
    rules::broken(integration)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn as_built_only_the_lock_file_is_open() {
    let integration = Integration::built(false);
    let broken = rules::broken(&integration);
    assert!(
        broken.iter().all(|(_, findings)| findings == &[OPEN]),
        "{broken:?}"
    );
    let names: Vec<_> = broken.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Uv Lock", "Dependency Provider Validation"]);
    assert_eq!(limits::crossed(&integration), Vec::<String>::new());
}

#[test]
fn with_a_lock_file_all_rules_are_kept() {
    let integration = Integration::locked();
    assert_eq!(rules::broken(&integration), []);
    assert_eq!(RULES.len(), 23);
}

#[test]
fn with_the_seeds_defaults_one_more_rule_is_broken() {
    let integration = Integration::built(true);
    let names = broken(&integration);
    assert_eq!(
        names,
        [
            "Uv Lock",
            "SSL Integration Validation",
            "Dependency Provider Validation"
        ]
    );
}

/// The form of an instance that is upgraded has no such field: empty has to mean the same.
#[test]
fn the_version_of_the_api_is_left_to_the_machine() {
    for seed_defaults in [false, true] {
        let definition = Integration::built(seed_defaults).yaml("definition.yaml");
        let parameters = definition["parameters"].as_array().unwrap();
        let names: Vec<_> = parameters.iter().map(|parameter| &parameter["name"]).collect();
        assert_eq!(names, ["Api Key", "Verify SSL", "Api Version"]);
        let api = &parameters[2];
        assert_eq!(
            (&api["type"], &api["default_value"], &api["is_mandatory"]),
            (&"string".into(), &"".into(), &false.into())
        );
    }
}

#[test]
fn a_partners_integration_keeps_all_but_one() {
    let integration = Integration::locked().moved_to("partner");
    assert_eq!(broken(&integration), ["Support Email Validation"]);
    integration.change(
        "pyproject.toml",
        "Verdicts of",
        "Ask help@vendor.example for verdicts of",
    );
    assert_eq!(broken(&integration), Vec::<&str>::new());
}

/// What is done to the sources, and the rules that notice.
type Breach = (&'static [&'static str], fn(&Integration));

const BREACHES: &[Breach] = &[
    (&["Uv Lock", "Dependency Provider Validation"], |it| {
        it.remove("uv.lock");
    }),
    (&["Uv Lock"], |it| {
        it.change("uv.lock", "version = \"46.0\"", "version = \"45.0\"");
    }),
    (&["Uv Lock"], |it| {
        it.change(
            "pyproject.toml",
            "[\"vtsecops-binary\"]",
            "[\"vtsecops-binary\", \"more\"]",
        );
    }),
    (&["Integration Version Bump"], |it| {
        it.change("pyproject.toml", "\"46.0\"", "\"47.0\"");
        it.change("uv.lock", "\"46.0\"", "\"47.0\"");
        it.change(
            "release_notes.yaml",
            "integration_version: 46.0",
            "integration_version: 47.0",
        );
    }),
    (&["Version Consistency Check"], |it| {
        it.change(
            "release_notes.yaml",
            "integration_version: 46.0",
            "integration_version: 45.0",
        );
    }),
    (&["Required Dev Dependencies"], |it| {
        it.change("pyproject.toml", "\"pytest-json-report\",", "");
    }),
    (&["Custom Components Validation"], |it| {
        it.change("actions/ScanIP.yaml", "is_async", "is_custom: true\nis_async");
    }),
    (&["Disabled Components Validation"], |it| {
        it.change("actions/ScanIP.yaml", "is_async", "is_enabled: false\nis_async");
    }),
    (&["Ping Action Existence Validation"], |it| {
        it.change("actions/Ping.yaml", "name: Ping", "name: Pong");
    }),
    (&["Ping Message Format Validation"], |it| {
        it.change("actions/Ping.py", "Failed to connect", "No way");
    }),
    (&["Ping Message Format Validation"], |it| {
        it.change("actions/Ping.py", "Successfully connected", "Connected");
    }),
    (&["Mapping Rules Validation"], |it| {
        it.put("connectors/Reports.yaml", CONNECTOR);
        it.put("connectors/Reports.py", "");
    }),
    (&["SSL Integration Validation"], |it| {
        it.change("definition.yaml", "default_value: true", "default_value: false");
    }),
    (&["SSL Connectors Validation"], |it| {
        it.put("ontology_mapping.yaml", "[]");
        it.put("connectors/Reports.yaml", &CONNECTOR.replace("true", "false"));
        it.put("connectors/Reports.py", "");
    }),
    (&["Documentation Link Validation"], |it| {
        it.change("definition.yaml", "documentation_link: ", "link: ");
    }),
    (&["Connectors Documentation Link Validation"], |it| {
        it.put("ontology_mapping.yaml", "[]");
        it.put(
            "connectors/Reports.yaml",
            &CONNECTOR.replace("documentation_link", "link"),
        );
        it.put("connectors/Reports.py", "");
    }),
    (&["Python Version Validation"], |it| {
        it.put(".python-version", "3.12\n");
    }),
    (&["Python Version Validation"], |it| {
        it.change("pyproject.toml", ">=3.11,<3.12", ">=3.11");
    }),
    (&["Integration Description Validation"], |it| {
        it.change(
            "actions/ScanIP.yaml",
            "description: Whether insights are added to the case.",
            "description: ''",
        );
    }),
    (&["Integration Description Validation"], |it| {
        let text = it.text("pyproject.toml");
        let line = text.lines().find(|line| line.starts_with("description")).unwrap();
        it.change("pyproject.toml", line, "description = \"\"");
    }),
    (&["Fields Validation"], |it| {
        it.change("actions/ScanIP.yaml", "name: Threshold", "name: threshold_value");
    }),
    (&["Fields Validation"], |it| {
        it.change("actions/ScanIP.yaml", "name: Scan IP", "name: Scan_IP");
    }),
    (&["JSON Result Example Validation"], |it| {
        it.change(
            "actions/ScanIP.py",
            "    run(",
            "    siemplify.result.add_result_json(\"{}\")\n    run(",
        );
        it.remove("resources/ScanIP_JsonResult_example.json");
    }),
    (&["Empty Init Files Validation"], |it| {
        it.put("core/__init__.py", "# A remark.\nimport os\n");
    }),
    (&["Release Notes Date Validation"], |it| {
        it.change("release_notes.yaml", "\"2026-11-25\"", "\"25.11.2026\"");
    }),
    (&["Test Config Validation"], |it| {
        it.put("tests/config.json", "[]");
    }),
    (&["Test Config Validation"], |it| it.remove("tests/config.json")),
    (&["Integration Structure Check"], |it| {
        it.remove("widgets/ScanIP.html");
    }),
    (&["Integration Structure Check"], |it| {
        let html = it.text("widgets/ScanIP.html");
        it.remove("widgets/ScanIP.html");
        it.put("widgets/scan_ip.html", &html);
    }),
    (&["Integration Structure Check"], |it| {
        it.put("actions/More.py", "");
    }),
    (&["Dependency Provider Validation"], |it| {
        it.change("uv.lock", "https://pypi.example/", "https://mirror.example/");
    }),
];

#[test]
fn each_rule_notices_when_it_is_broken() {
    for (place, (expected, breach)) in BREACHES.iter().enumerate() {
        let integration = Integration::locked();
        breach(&integration);
        assert_eq!(&broken(&integration), expected, "breach {place}");
    }
}

#[test]
fn no_rule_goes_untested() {
    for (name, _) in RULES {
        let tested = BREACHES.iter().any(|(expected, _)| expected.contains(&name));
        assert!(tested || name == "Support Email Validation", "{name}");
    }
}
