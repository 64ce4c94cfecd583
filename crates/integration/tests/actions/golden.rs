//! The outputs of every action, pinned: `golden/<case>.json` is a case, its snapshot everything that the action leaves;
//! `golden/v3@<case>.json.snap` is the same with API v3, to be read beside it.
//!
//! A case names the action, the key's kind, the simulator's samples, the target entities and the parameters.
//! `{folder}` in an upload's parameters stands for a folder with the files of the case. Verdicts are shown where the case
//! has a policy.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::{impatient, settings, simulator};
use integration::{Action, Policy, Run, drive};
use secops::{ActionResult, Context, Entity, Parameters};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use simulator::KeyKind;
use virustotal::{Api, Client, Deadline, Tier};

#[derive(Clone, Deserialize)]
struct Case {
    action: String,
    #[serde(default)]
    private_key: bool,
    #[serde(default)]
    samples: Vec<String>,
    targets: Vec<Entity>,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Lines of a verdict policy.
    #[serde(default)]
    policy: Vec<String>,
}

#[test]
fn the_outputs_of_every_action_are_as_they_were() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    insta::glob!("..", "golden/*.json", |path| {
        let case: Case = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        // What only API v3 has is asked there in any case.
        let action = Action::named(&case.action).unwrap();
        let has_twin = action.can_go_on() || action == Action::Ping;
        let older = runtime.block_on(document(case.clone(), Api::V2));
        let newer = has_twin.then(|| runtime.block_on(document(case, Api::V3)));
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../golden" }, {
            insta::assert_snapshot!(older);
            if let Some(newer) = newer {
                insta::assert_snapshot!("v3", newer);
            }
        });
    });
}

async fn document(mut case: Case, api: Api) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in &case.files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let folder = folder.path().to_str().unwrap();
    for value in case.parameters.values_mut() {
        *value = Value::from(value.as_str().unwrap().replace("{folder}", folder));
    }
    let kind = if case.private_key {
        KeyKind::Private
    } else {
        KeyKind::Public
    };
    let running = simulator(kind)
        .scan_for(Duration::ZERO)
        .clock(|| "2026-11-24T12:00:00Z".parse().unwrap())
        .start()
        .await
        .unwrap();
    for sample in &case.samples {
        assert!(running.put_sample(sample), "{sample}");
    }
    let context = Context {
        targets: case.targets,
        parameters: Parameters::from(case.parameters),
        now: "2026-11-24T12:00:00Z".parse().unwrap(),
    };
    let mut settings = settings(&running, Tier::Public);
    settings.api = api;
    let client = Client::new(settings).unwrap();
    let deadline = Deadline::after(Duration::from_secs(20));
    let action = Action::named(&case.action).unwrap();
    let policy =
        (!case.policy.is_empty()).then(|| Policy::parse("policy.toml", &case.policy.join("\n")).unwrap());
    let run = Run {
        policy: policy.as_ref(),
        ..Run::new(&client, &context, &deadline)
    };
    let result = drive(action, run, impatient()).await;
    let calls: Map<String, Value> = client
        .calls()
        .into_iter()
        .map(|(endpoint, count)| (endpoint.to_owned(), count.into()))
        .collect();
    let mut document = as_value(&result);
    if policy.is_some() {
        let verdicts = result.entities.iter().map(|entity| entity.verdict.clone());
        document["verdicts"] = verdicts.collect();
    }
    document["calls"] = Value::Object(calls);
    serde_json::to_string_pretty(&document)
        .unwrap()
        .replace(folder, "{folder}")
}

fn as_value(result: &ActionResult) -> Value {
    json!({
        "action": result.action,
        "state": result.state.name(),
        "script_result": { result.script_result.name: result.script_result.platform_value() },
        "output_message": result.output_message.lines().collect::<Vec<_>>(),
        "entities": result.entities.iter().map(|entity| json!({
            "identifier": entity.entity.identifier,
            "suspicious": entity.entity.is_suspicious,
            "outcome": entity.outcome.name(),
            "remark": entity.remark,
            "enrichment": entity.enrichment,
        })).collect::<Vec<_>>(),
        "insights": result.insights,
        "tables": result.tables,
        "links": result.links,
        "json_result": result.json_result,
    })
}
