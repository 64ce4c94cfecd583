//! Helm's chart.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::tools::{deploy, must_take, python_tool};

fn rendered(python: &PathBuf, values: &[PathBuf]) -> Output {
    Command::new(python)
        .arg(deploy("check/chart.py"))
        .arg(deploy("helm/vtsecops"))
        .args(values)
        .env_remove("PYTHONPATH")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap()
}

/// Every object that the chart makes of `ci/*.yaml`; linted, and held against Kubernetes' schemas.
fn objects() -> Option<Vec<Value>> {
    let python = python_tool("python")?;
    let values = ["least", "everything"].map(|name| deploy(&format!("helm/vtsecops/ci/{name}.yaml")));
    let output = rendered(&python, &values);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    let objects: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    Some(objects.iter().map(|own| own["object"].clone()).collect())
}

fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |own| own["kind"] == kind)
}

#[test]
fn the_chart_is_for_this_version_of_the_program() {
    let chart = std::fs::read_to_string(deploy("helm/vtsecops/Chart.yaml")).unwrap();
    let version = concat!("\nappVersion: ", env!("CARGO_PKG_VERSION"), "\n");
    assert!(chart.contains(version), "{chart}");
}

#[test]
fn the_chart_makes_what_kubernetes_takes_and_each_pod_is_restricted() {
    let Some(objects) = objects() else { return };
    let mut pods = 0;
    for deployment in of_kind(&objects, "Deployment") {
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["automountServiceAccountToken"], false);
        for container in pod["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]));
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                assert!(container[probe]["httpGet"]["path"].is_string(), "{probe}");
            }
            assert!(container["resources"]["limits"]["memory"].is_string());
            pods += 1;
        }
        let name = &deployment["metadata"]["name"];
        for kind in ["PodDisruptionBudget", "NetworkPolicy"] {
            assert!(
                of_kind(&objects, kind).any(|own| &own["metadata"]["name"] == name),
                "{kind} of {name}"
            );
        }
    }
    assert_eq!(pods, 5, "workdesk and worker twice, the gateway once");
}

#[test]
fn the_chart_starts_the_program_with_options_that_it_has_and_secrets_by_their_names_only() {
    let Some(objects) = objects() else { return };
    assert_eq!(of_kind(&objects, "Secret").count(), 0);
    for deployment in of_kind(&objects, "Deployment") {
        for container in deployment["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap()
        {
            let arguments = container["args"].as_array().unwrap().iter();
            let arguments: Vec<String> = arguments.map(|own| own.as_str().unwrap().to_owned()).collect();
            must_take(&arguments);
            for variable in container["env"].as_array().into_iter().flatten() {
                let name = variable["name"].as_str().unwrap();
                if name.contains("KEY") || name.contains("PASSWORD") {
                    assert!(variable["value"].is_null(), "{name}");
                    assert!(
                        variable["valueFrom"]["secretKeyRef"]["name"].is_string(),
                        "{name}"
                    );
                }
            }
        }
    }
}

#[test]
fn prometheus_reads_the_workers_metrics_openly_or_with_its_token() {
    let Some(objects) = objects() else { return };
    let workers = of_kind(&objects, "Deployment").filter(|own| {
        let name = own["metadata"]["name"].as_str();
        name.is_some_and(|name| name.ends_with("-worker"))
    });
    let is_open = |own: &Value| {
        let arguments = &own["spec"]["template"]["spec"]["containers"][0]["args"];
        arguments.as_array().unwrap().contains(&"--open-metrics".into())
    };
    assert_eq!(workers.map(is_open).collect::<Vec<_>>(), [true, false]);
    let monitors = of_kind(&objects, "ServiceMonitor");
    let tokens =
        monitors.map(|own| own["spec"]["endpoints"][0]["authorization"]["credentials"]["name"].clone());
    // The workdesk's and the workers', of everything.
    assert_eq!(
        tokens.collect::<Vec<_>>(),
        ["vtsecops-metrics", "vtsecops-metrics"]
    );
}

#[test]
fn the_gateway_asks_virustotal_with_its_own_key_whomever_the_others_ask() {
    let Some(objects) = objects() else { return };
    let variables = |component: &str| {
        let name = format!("vt-vtsecops-{component}");
        let named = |own: &&Value| own["metadata"]["name"] == name.as_str();
        // The last is the one of everything.
        let own = of_kind(&objects, "Deployment").filter(named).last();
        own.unwrap()["spec"]["template"]["spec"]["containers"][0]["env"].to_string()
    };
    let (gateway, worker) = (variables("gateway"), variables("worker"));
    assert!(worker.contains("VTSECOPS_VIRUSTOTAL_URL") && worker.contains("vtsecops-gateway-token"));
    assert!(!gateway.contains("VTSECOPS_VIRUSTOTAL_URL") && gateway.contains("vtsecops-virustotal"));
}

#[test]
fn values_that_can_not_work_or_hold_a_secret_are_refused() {
    let Some(python) = python_tool("python") else {
        return;
    };
    let least = std::fs::read_to_string(deploy("helm/vtsecops/ci/least.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = "postgres://vtsecops@db.example/vtsecops";
    for (there, instead, words) in [
        (address, "postgres://vtsecops:s3cr3t@db.example/vtsecops", "url"),
        (
            address,
            "postgres://vtsecops@db.example/vtsecops?password=s3cr3t",
            "url",
        ),
        (address, "sqlite:///var/lib/vtsecops/workdesk.db", "url"),
        (
            "sealKeySecret: {name: vtsecops-seal}",
            "sealKeySecret: {}",
            "sealKeySecret",
        ),
        ("tlsSecret: vtsecops-tls", "tlsSecret: ''", "tlsSecret"),
        (
            "workdesk:\n",
            "workdesk:\n  singleSignOn: {issuer: 'https://id.example'}\n",
            "singleSignOn",
        ),
        ("workdesk:\n", "gateway: {enabled: true}\nworkdesk:\n", "gateway"),
        (
            "workdesk:\n",
            "settings: {api_key: s3cr3t}\nworkdesk:\n",
            "api_key",
        ),
        ("workdesk:\n", "worker: {replica: 3}\nworkdesk:\n", "replica"),
    ] {
        let values = least.replace(there, instead);
        assert_ne!(values, least);
        let path = folder.path().join("values.yaml");
        std::fs::write(&path, values).unwrap();
        let output = rendered(&python, &[path]);
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{instead} is taken");
        assert!(problems.contains(words), "{instead}: {problems}");
    }
}
