//! The 23 rules of the content hub's validation, each by its name there; written anew from their description.

use serde_json::Value;

use crate::common::Integration;

/// What a rule has found wrong.
pub(crate) type Findings = Vec<String>;
type Rule = (&'static str, fn(&Integration) -> Findings);

pub(crate) const RULES: [Rule; 23] = [
    ("Uv Lock", uv_lock),
    ("Integration Version Bump", version_bump),
    ("Version Consistency Check", version_consistency),
    ("Required Dev Dependencies", dev_dependencies),
    ("Custom Components Validation", |it| {
        flagged(it, "is_custom", true)
    }),
    ("Disabled Components Validation", |it| {
        flagged(it, "is_enabled", false)
    }),
    ("Ping Action Existence Validation", ping_exists),
    ("Ping Message Format Validation", ping_messages),
    ("Mapping Rules Validation", mapping_rules),
    ("SSL Integration Validation", |it| {
        ssl("the integration", &it.yaml("definition.yaml"))
    }),
    ("SSL Connectors Validation", ssl_connectors),
    ("Documentation Link Validation", |it| {
        link("the integration", &it.yaml("definition.yaml"))
    }),
    ("Connectors Documentation Link Validation", connector_links),
    ("Python Version Validation", python_version),
    ("Integration Description Validation", descriptions),
    ("Fields Validation", names),
    ("JSON Result Example Validation", examples),
    ("Empty Init Files Validation", empty_inits),
    ("Support Email Validation", support_email),
    ("Release Notes Date Validation", note_dates),
    ("Test Config Validation", test_config),
    ("Integration Structure Check", structure),
    ("Dependency Provider Validation", dependency_provider),
];

/// The file that is not built: it depends on the package index of the day.
pub(crate) const OPEN: &str = "uv.lock is made by `uv lock`";

/// The rules that are not kept, with what each has found.
pub(crate) fn broken(integration: &Integration) -> Vec<(&'static str, Findings)> {
    let findings = RULES.iter().map(|(name, rule)| (*name, rule(integration)));
    findings.filter(|(_, findings)| !findings.is_empty()).collect()
}

/// A finding unless it holds.
fn unless(holds: bool, finding: impl Into<String>) -> Findings {
    if holds { Vec::new() } else { vec![finding.into()] }
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn project(integration: &Integration, key: &str) -> String {
    let project = integration.toml("pyproject.toml");
    project["project"]
        .get(key)
        .and_then(toml::Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn version(integration: &Integration) -> f64 {
    project(integration, "version").parse().unwrap_or_default()
}

fn notes(integration: &Integration) -> Vec<Value> {
    let notes = integration.yaml("release_notes.yaml");
    notes.as_array().cloned().unwrap_or_default()
}

fn note_version(note: &Value) -> f64 {
    note["integration_version"].as_f64().unwrap_or_default()
}

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.01
}

/// All that can be switched on, off or be custom.
fn components(integration: &Integration) -> Vec<(String, Value)> {
    let mut found = vec![("definition.yaml".to_owned(), integration.yaml("definition.yaml"))];
    for folder in ["actions", "connectors", "jobs", "widgets"] {
        found.extend(integration.declarations(folder));
    }
    found
}

fn locked(integration: &Integration) -> Vec<toml::Value> {
    let lock = integration.toml("uv.lock");
    lock["package"].as_array().cloned().unwrap_or_default()
}

/// What can be told without the index: that it is there, and of this version and these dependencies.
fn uv_lock(integration: &Integration) -> Findings {
    if !integration.has("uv.lock") {
        return vec![OPEN.to_owned()];
    }
    let packages = locked(integration);
    let find = |name: &str| {
        packages
            .iter()
            .find(|package| package["name"].as_str() == Some(name))
    };
    let own = project(integration, "name").to_lowercase();
    let own = find(&own).and_then(|package| package["version"].as_str());
    let mut findings = unless(
        own == Some(project(integration, "version").as_str()),
        "another version is locked",
    );
    let project = integration.toml("pyproject.toml");
    for dependency in project["project"]["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let name = dependency.as_str().unwrap_or_default();
        findings.extend(unless(find(name).is_some(), format!("{name} is not locked")));
    }
    findings
}

/// The integration that this one takes the place of has version 45.0.
fn version_bump(integration: &Integration) -> Findings {
    let version = version(integration);
    let noted = notes(integration)
        .iter()
        .any(|note| same(note_version(note), version));
    unless(
        same(version, 46.0) && noted,
        format!("{version} does not follow 45.0, or has no note"),
    )
}

fn version_consistency(integration: &Integration) -> Findings {
    let newest = notes(integration).last().map(note_version);
    unless(
        newest.is_some_and(|newest| same(newest, version(integration))),
        format!("the last note is of {newest:?}"),
    )
}

fn dev_dependencies(integration: &Integration) -> Findings {
    let project = integration.toml("pyproject.toml");
    let group = project["dependency-groups"]["dev"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let names: Vec<&str> = group
        .iter()
        .filter_map(|entry| entry.as_str()?.split(['<', '>', '=']).next())
        .collect();
    let needed = ["soar-sdk", "pytest", "pytest-json-report"];
    needed
        .iter()
        .filter(|name| !names.contains(name))
        .map(|name| format!("{name} is missing"))
        .collect()
}

fn flagged(integration: &Integration, key: &str, value: bool) -> Findings {
    let components = components(integration).into_iter();
    let flagged = components.filter(|(_, declaration)| declaration[key] == value);
    flagged
        .map(|(path, _)| format!("{path}: {key} is {value}"))
        .collect()
}

fn ping_exists(integration: &Integration) -> Findings {
    let actions = integration.declarations("actions");
    let found = actions
        .iter()
        .any(|(_, action)| text(action, "name").eq_ignore_ascii_case("ping"));
    unless(found, "no action is named Ping")
}

fn ping_messages(integration: &Integration) -> Findings {
    let path = ["actions/Ping.py", "actions/ping.py"]
        .into_iter()
        .find(|path| integration.has(path));
    let script = path.map(|path| integration.text(path)).unwrap_or_default();
    ["Successfully connected to the", "Failed to connect to the"]
        .iter()
        .filter(|sentence| !script.contains(*sentence))
        .map(|sentence| format!("Ping does not say: {sentence}"))
        .collect()
}

fn mapping_rules(integration: &Integration) -> Findings {
    let connectors = integration.declarations("connectors");
    unless(
        connectors.is_empty() || integration.has("ontology_mapping.yaml"),
        "a connector needs ontology_mapping.yaml",
    )
}

fn ssl(owner: &str, declaration: &Value) -> Findings {
    const NAMES: [&str; 4] = [
        "Verify SSL",
        "Verify SSL Certificate",
        "SSL Verification",
        "Verify SSL ",
    ];
    let found = list(declaration, "parameters").iter().any(|parameter| {
        NAMES.contains(&text(parameter, "name"))
            && text(parameter, "type") == "boolean"
            && parameter["default_value"] == true
    });
    unless(found, format!("{owner} does not verify certificates by default"))
}

fn ssl_connectors(integration: &Integration) -> Findings {
    let connectors = integration.declarations("connectors");
    connectors
        .iter()
        .flat_map(|(path, connector)| ssl(path, connector))
        .collect()
}

fn link(owner: &str, declaration: &Value) -> Findings {
    let link = text(declaration, "documentation_link");
    unless(
        link.starts_with("https://"),
        format!("{owner} has no documentation_link"),
    )
}

fn connector_links(integration: &Integration) -> Findings {
    let connectors = integration.declarations("connectors");
    connectors
        .iter()
        .flat_map(|(path, connector)| link(path, connector))
        .collect()
}

fn python_version(integration: &Integration) -> Findings {
    let definition = integration.yaml("definition.yaml");
    let declared = definition["python_version"].as_str().unwrap_or("3.11");
    let file = integration.text(".python-version");
    let mut findings = unless(
        file.trim() == declared,
        format!(".python-version is {}", file.trim()),
    );
    let requires = project(integration, "requires-python");
    findings.extend(unless(
        requires == ">=3.11,<3.12",
        format!("requires-python is {requires}"),
    ));
    findings
}

fn descriptions(integration: &Integration) -> Findings {
    let mut findings = unless(
        !project(integration, "description").is_empty(),
        "the project has no description",
    );
    for (path, action) in integration.declarations("actions") {
        for parameter in list(&action, "parameters") {
            let described = !text(parameter, "description").is_empty();
            findings.extend(unless(
                described,
                format!("{path}: {} has no description", text(parameter, "name")),
            ));
        }
    }
    findings
}

fn names(integration: &Integration) -> Findings {
    let allowed = |name: &str, more: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c.is_whitespace() || more.contains(c);
        !name.is_empty() && name.chars().all(letter)
    };
    let mut findings = Vec::new();
    for (path, declaration) in components(integration) {
        let name = text(&declaration, "name");
        if !path.starts_with("widgets/") {
            findings.extend(unless(allowed(name, ""), format!("{path}: name {name}")));
        }
        for parameter in list(&declaration, "parameters") {
            let name = text(parameter, "name");
            findings.extend(unless(allowed(name, "'"), format!("{path}: parameter {name}")));
        }
    }
    findings
}

fn examples(integration: &Integration) -> Findings {
    let marks = ["add_result_json", "self.json_results", "self.soar_action.json"];
    let scripts = integration.stems("actions", ".py").into_iter();
    let with_result = scripts.filter(|stem| {
        let script = integration.text(&format!("actions/{stem}.py"));
        marks.iter().any(|mark| script.contains(mark))
    });
    let paths = with_result.map(|stem| format!("resources/{stem}_JsonResult_example.json"));
    paths
        .filter(|path| !integration.has(path))
        .map(|path| format!("{path} is missing"))
        .collect()
}

fn empty_inits(integration: &Integration) -> Findings {
    let folders = ["actions", "core", "connectors", "jobs"]
        .iter()
        .map(|folder| format!("{folder}/__init__.py"));
    let code = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with("from __future__")
    };
    folders
        .filter(|path| integration.has(path) && integration.text(path).lines().any(code))
        .map(|path| format!("{path} has code"))
        .collect()
}

fn support_email(integration: &Integration) -> Findings {
    let partner = integration
        .folder
        .components()
        .any(|part| part.as_os_str() == "partner");
    let description = project(integration, "description");
    let mail = description.split_whitespace().any(|word| {
        let parts = word.split_once('@');
        parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
    });
    unless(!partner || mail, "a partner's description has no e-mail address")
}

fn note_dates(integration: &Integration) -> Findings {
    let dated = |note: &Value| {
        let parts: Vec<&str> = text(note, "publish_time").split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        lengths == [4, 2, 2] && parts.iter().all(|part| part.chars().all(|c| c.is_ascii_digit()))
    };
    let notes = notes(integration);
    let undated = notes.iter().filter(|note| !dated(note));
    undated
        .map(|note| format!("no date: {}", text(note, "description")))
        .collect()
}

fn test_config(integration: &Integration) -> Findings {
    if !integration.has("tests") {
        return Vec::new();
    }
    let config = integration
        .has("tests/config.json")
        .then(|| integration.text("tests/config.json"));
    let config: Option<Value> = config.and_then(|text| serde_json::from_str(&text).ok());
    unless(
        config.is_some_and(|config| config.is_object()),
        "tests/config.json is no JSON object",
    )
}

fn structure(integration: &Integration) -> Findings {
    let mut findings = unless(integration.has("pyproject.toml"), "there is no pyproject.toml");
    for (folder, ending) in [
        ("actions", ".py"),
        ("connectors", ".py"),
        ("jobs", ".py"),
        ("widgets", ".html"),
    ] {
        let declared = integration.stems(folder, ".yaml");
        findings.extend(unless(
            integration.stems(folder, ending) == declared,
            format!("{folder}: {ending} and .yaml are no pairs"),
        ));
    }
    findings
}

fn dependency_provider(integration: &Integration) -> Findings {
    if !integration.has("uv.lock") {
        return vec![OPEN.to_owned()];
    }
    let packages = locked(integration).into_iter();
    let registries =
        packages.filter_map(|package| Some(package["source"].get("registry")?.as_str()?.to_owned()));
    registries
        .filter(|address| !address.contains("pypi"))
        .map(|address| format!("from {address}"))
        .collect()
}
