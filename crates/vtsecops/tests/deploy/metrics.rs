//! The dashboard and the alerts, against what a workdesk exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::scene::{EICAR, Scene};
use crate::tools::{deploy, ran, repository, system_tool};

const DASHBOARD: &str = "grafana/vtsecops.json";
const ALERTS: &str = "prometheus/alerts.yaml";

/// Killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Names of series with the labels that they have been seen with, from a workdesk that has done some work.
fn exported() -> BTreeMap<String, BTreeSet<String>> {
    let scene = Scene::new();
    let mut command = scene.command(&["workdesk", "--listen", "127.0.0.1:0", "--open-metrics"]);
    let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let mut word = |with: &str| {
        let line = lines.next().unwrap().unwrap();
        let word = line.split_whitespace().find(|word| word.contains(with)).unwrap();
        word.trim_end_matches(['/', ',']).to_owned()
    };
    let (origin, setup) = (word("http://"), word("/setup/"));
    let text = Runtime::new().unwrap().block_on(async {
        // Another test may have done so before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy();
        let client = client.build().unwrap();
        let send = async |cookie: &str, address: &str, fields: &[(&str, &str)]| {
            let request = client.post(address).form(fields).header(ORIGIN, &origin);
            request.header(COOKIE, cookie).send().await.unwrap()
        };
        let ann = [("name", "ann"), ("password", "correct horse battery staple")];
        let entered = send("", &setup, &ann).await;
        let cookie = entered.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap();
        let eve = [("name", "eve"), ("password", "wrong")];
        send("", &format!("{origin}/login"), &eve).await;
        let case = [("title", "A case"), ("text", EICAR)];
        send(cookie, &format!("{origin}/cases"), &case).await;
        let run = [("action", "Scan Hash"), ("parameter:Threshold", "3")];
        send(cookie, &format!("{origin}/cases/1/runs"), &run).await;
        for _ in 0..100 {
            let answer = client.get(format!("{origin}/metrics")).send().await.unwrap();
            let text = answer.text().await.unwrap();
            // What is counted when a run ends may be a moment behind what is stored.
            let done = [
                "_runs{state=\"done\"}",
                "_ended_runs_total{",
                "_virustotal_calls_total{",
            ];
            if done.iter().all(|part| text.contains(part)) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the run does not end");
    });
    let mut exported: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        for (name, labels) in asked(line) {
            exported.entry(name).or_default().extend(labels);
        }
    }
    exported
}

/// The series in a text, with the labels that are named in braces behind them.
fn asked(text: &str) -> Vec<(String, Vec<String>)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (place, _) in text.match_indices("vtsecops_") {
        let rest = &text[place..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let braces = rest[end..].strip_prefix('{').unwrap_or_default();
        let mut labels = Vec::new();
        // No label's value has a quotation mark within.
        for (number, part) in braces.split('"').enumerate() {
            let is_value = number % 2 == 1;
            if is_value {
                continue;
            }
            let name = part.trim_start_matches([',', ' ']);
            labels.extend(
                name.split(['=', '!', '}'])
                    .next()
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned),
            );
            if part.contains('}') {
                break;
            }
        }
        found.push((rest[..end].to_owned(), labels));
    }
    found
}

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(deploy(DASHBOARD)).unwrap()).unwrap()
}

/// Every expression of the dashboard.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn series_and_labels_are_read_out_of_expressions() {
    let text = r#"sum(rate(vtsecops_a_total{x="1", y!~"a|b{}"}[5m])) by (z) / vtsecops_b + vtsecops_c{z=~".*"} * {d="1"}"#;
    let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        asked(text),
        [
            ("vtsecops_a_total".to_owned(), labels(&["x", "y"])),
            ("vtsecops_b".to_owned(), labels(&[])),
            ("vtsecops_c".to_owned(), labels(&["z"])),
        ]
    );
}

#[test]
fn the_dashboard_and_the_alerts_ask_only_for_what_a_workdesk_exports() {
    let exported = exported();
    let dashboard = dashboard();
    let mut texts = expressions(&dashboard);
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    texts.extend(variables.filter_map(|own| Some(own["definition"].as_str()?.to_owned())));
    texts.push(fs::read_to_string(deploy(ALERTS)).unwrap());
    texts.push(fs::read_to_string(deploy("prometheus/alerts.test.yaml")).unwrap());
    let mut series = BTreeSet::new();
    for (name, labels) in texts.iter().flat_map(|text| asked(text)) {
        let Some(known) = exported.get(&name) else {
            panic!("{name} is not exported: {:?}", exported.keys());
        };
        // Prometheus itself gives each series these.
        let known = |label: &String| known.contains(label) || label == "instance" || label == "job";
        assert!(labels.iter().all(known), "{name} has not all of {labels:?}");
        series.insert(name);
    }
    assert!(series.len() >= 10, "{series:?}");
}

#[test]
fn the_alerts_are_raised_when_they_should_and_at_no_other_time() {
    let Some(promtool) = system_tool("promtool") else {
        return;
    };
    ran(Command::new(&promtool)
        .args(["check", "rules"])
        .arg(deploy(ALERTS)));
    ran(Command::new(&promtool)
        .args(["test", "rules"])
        .arg(deploy("prometheus/alerts.test.yaml")));
}

#[test]
fn every_expression_of_the_dashboard_is_one_of_prometheus() {
    let Some(promtool) = system_tool("promtool") else {
        return;
    };
    let rule = |(number, expression): (usize, String)| {
        let expression = expression
            .replace("$__rate_interval", "5m")
            .replace("$instance", ".*");
        json!({"record": format!("dashboard:{number}"), "expr": expression})
    };
    let expressions = expressions(&dashboard());
    let rules: Vec<Value> = expressions.into_iter().enumerate().map(rule).collect();
    let folder = tempfile::tempdir().unwrap();
    // JSON is YAML.
    let path = folder.path().join("dashboard.yaml");
    let groups = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    fs::write(&path, groups.to_string()).unwrap();
    ran(Command::new(promtool).args(["check", "rules"]).arg(path));
}

#[test]
fn every_alert_leads_to_its_place_in_the_runbook() {
    let alerts = fs::read_to_string(deploy(ALERTS)).unwrap();
    let page = fs::read_to_string(repository("docs/operations.md")).unwrap();
    let values = |key: &str| {
        let lines = alerts
            .lines()
            .filter_map(|line| Some(line.split_once(key)?.1.trim().to_owned()));
        lines.collect::<Vec<_>>()
    };
    let (names, places) = (values("- alert:"), values("runbook:"));
    assert_eq!(names.len(), places.len());
    for (name, place) in names.iter().zip(places) {
        assert_eq!(place, format!("docs/operations.md#{}", name.to_lowercase()));
        assert!(
            page.contains(&format!("\n### {name}\n")),
            "{name} is not explained"
        );
    }
}
