//! `workdesk`: a process that serves, is killed, and goes on.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::routing::post;
use reqwest::Certificate;
use reqwest::header::{ORIGIN, SET_COOKIE};
use serde_json::{Value, json};
use simulator::KeyKind;
use tokio::runtime::Runtime;

use crate::scene::{EICAR, KEY, Scene};

use crate::shared_desk::client;
pub(crate) use crate::shared_desk::{Desk, PASSWORD, token};

impl Desk {
    fn start(scene: &Scene) -> Self {
        Self::start_at(scene, "127.0.0.1:0", &[])
    }

    pub(crate) fn start_at(scene: &Scene, address: &str, more: &[&str]) -> Self {
        Self::start_logging(scene, address, more, Stdio::inherit())
    }

    fn start_logging(scene: &Scene, address: &str, more: &[&str], log: Stdio) -> Self {
        let mut command: Command = scene.command(&["workdesk", "--listen", address]);
        command
            .args(more)
            .stderr(log)
            .env("VTSECOPS_LOST_AFTER", "3s")
            .env("VTSECOPS_TIER", "private")
            .env("VTSECOPS_POLL_EVERY", "1s");
        Self::of(command)
    }
}

#[test]
fn a_killed_workdesk_has_lost_nothing_and_submits_nothing_twice() {
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .latency(Duration::from_millis(120))
            .scan_for(Duration::from_secs(3))
    });
    Runtime::new().unwrap().block_on(async {
        let mut desk = Desk::start(&scene);
        let cookie = desk.set_up().await;
        let urls = [1, 2, 3].map(|number| format!("http://unknown.example/{number}"));
        let made = [("title", "Three new URLs"), ("text", &urls.join("\n"))];
        assert_eq!(desk.send(&cookie, "/cases", &made).await.status(), 303);
        let run = [("action", "Scan URL"), ("parameter:Threshold", "3")];
        assert_eq!(desk.send(&cookie, "/cases/1/runs", &run).await.status(), 303);
        // Whatever it was just doing.
        for pause in [0, 60, 150, 250, 400, 700] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            desk.kill();
            desk = Desk::start(&scene);
            assert!(desk.setup.is_none(), "ann is still there");
        }
        let mut page = String::new();
        for _ in 0..300 {
            page = desk.page(&cookie, "/cases/1").await;
            if page.contains("Reports were fetched") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(
            page.contains("Reports were fetched") || page.contains("analyzed"),
            "{page}"
        );
        assert!(page.contains("Three new URLs") && page.contains("ann"), "{page}");
        let calls = scene.running.calls().into_iter();
        let mut submitted: Vec<String> = calls
            .filter(|call| call.endpoint == "url/scan" && call.status == 200)
            .flat_map(|call| call.resources)
            .collect();
        submitted.sort();
        let all = submitted.len();
        submitted.dedup();
        assert_eq!((submitted.len(), all), (3, 3), "{submitted:?}");
    });
}

/// Kills in the test below; a longer one is made with the variable of that name.
fn kills() -> u32 {
    let more = std::env::var("VTSECOPS_TEST_KILLS").ok();
    more.and_then(|more| more.parse().ok()).unwrap_or(12)
}

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    cases: Vec<i64>,
    runs: Vec<i64>,
}

/// Makes cases, each with a URL that nobody knows, and asks for runs, until it is told to stop.
async fn load(origin: String, token: String, stop: Arc<AtomicBool>) -> Acknowledged {
    let (client, mut acknowledged) = (client().build().unwrap(), Acknowledged::default());
    let post = async |path: String, body: Value| -> Option<Value> {
        let request = client.post(format!("{origin}{path}")).bearer_auth(&token);
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request
            .send()
            .await
            .ok()
            .filter(|answer| answer.status() == 201)?;
        serde_json::from_str(&answer.text().await.ok()?).ok()
    };
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let url = format!("http://unknown.example/{number}");
        let entities = json!([{"identifier": url, "entity_type": "DestinationURL"}, {"identifier": EICAR, "entity_type": "FILEHASH"}]);
        let new = json!({"title": format!("Case {number}"), "alerts": [{"entities": entities}]});
        if let Some(case) = post("/api/v1/cases".to_owned(), new)
            .await
            .and_then(|case| case["id"].as_i64())
        {
            acknowledged.cases.push(case);
            for action in ["Scan URL", "Scan Hash"] {
                let run = json!({"action": action, "parameters": {"Threshold": "3"}});
                let run = post(format!("/api/v1/cases/{case}/runs"), run).await;
                acknowledged.runs.extend(run.and_then(|run| run["id"].as_i64()));
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    acknowledged
}

#[test]
fn under_load_a_workdesk_that_is_killed_again_and_again_keeps_what_it_acknowledged() {
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .scan_for(Duration::from_secs(1))
    });
    Runtime::new().unwrap().block_on(async {
        let mut desk = Desk::start(&scene);
        let cookie = desk.set_up().await;
        let token = token(&desk, &cookie, "act").await;
        let (origin, address) = (
            desk.origin.clone(),
            desk.origin.trim_start_matches("http://").to_owned(),
        );
        let stop = Arc::new(AtomicBool::new(false));
        let load = tokio::spawn(load(origin.clone(), token.clone(), Arc::clone(&stop)));
        // The same moments each time.
        let mut random: u64 = 0x5eed;
        for _ in 0..kills() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            tokio::time::sleep(Duration::from_millis((random >> 33) % 700)).await;
            desk.kill();
            desk = Desk::start_at(&scene, &address, &[]);
        }
        stop.store(true, Ordering::Relaxed);
        let acknowledged = load.await.unwrap();
        assert!(acknowledged.cases.len() > 5 && acknowledged.runs.len() > 5);
        let get = async |path: String| -> Value {
            let answer = desk
                .client
                .get(format!("{origin}{path}"))
                .bearer_auth(&token)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            serde_json::from_str(&answer.text().await.unwrap()).unwrap()
        };
        for run in &acknowledged.runs {
            let path = format!("/api/v1/runs/{run}");
            let mut shown = get(path.clone()).await;
            for _ in 0..600 {
                if !shown["ended_at"].is_null() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                shown = get(path.clone()).await;
            }
            assert_eq!(shown["state"], "done", "{shown}");
        }
        for case in &acknowledged.cases {
            let runs = get(format!("/api/v1/cases/{case}/runs")).await;
            let entities = get(format!("/api/v1/cases/{case}/entities")).await;
            let has_run = |action: &str| {
                let mut runs = runs.as_array().unwrap().iter();
                runs.any(|run| run["action"] == action && run["state"] == "done")
            };
            for (action, place) in [("Scan URL", 0), ("Scan Hash", 1)] {
                let entity = &entities["entities"][place];
                assert_eq!(
                    has_run(action),
                    entity["is_enriched"] == true,
                    "{action} {entity} {runs}"
                );
            }
        }
        let calls = scene.running.calls().into_iter();
        let mut submitted: Vec<String> = calls
            .filter(|call| call.endpoint == "url/scan" && call.status == 200)
            .flat_map(|call| call.resources)
            .collect();
        let all = submitted.len();
        submitted.sort();
        submitted.dedup();
        assert_eq!(submitted.len(), all, "no URL is submitted twice");
        println!(
            "{} kills, {} cases, {} runs, {all} submissions",
            kills(),
            acknowledged.cases.len(),
            acknowledged.runs.len()
        );
    });
}

/// An action as Google SecOps would start it, with the workdesk in its place. A program knows nothing of the workdesk's certificate, and
/// needs not to.
#[test]
fn the_program_itself_can_be_an_external_action_in_both_forms_of_a_workdesk_with_tls() {
    let scene = Scene::new();
    let program = env!("CARGO_BIN_EXE_vtsecops");
    let one = |name: &str, more: &str| {
        format!(
            "- name: {name}\n  integration: VirusTotal\n  command: [{program}, action, Scan Hash]\n  one_platform: {more}\n  \
             environment: {{VTSECOPS_VIRUSTOTAL_URL: '{}'}}\n  parameters: [{{name: Threshold, default: '3'}}]\n",
            scene.running.base_url()
        )
    };
    let list = scene.home.path().join("actions.yaml");
    std::fs::write(&list, one("Legacy", "false") + &one("One Platform", "true")).unwrap();
    Runtime::new().unwrap().block_on(async {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let [certificate, key] = ["desk.pem", "desk.key"].map(|name| scene.home.path().join(name));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let options = |path: &Path| path.to_str().unwrap().to_owned();
        let [list, certificate_file, key] = [&*list, &*certificate, &*key].map(options);
        let more = [
            "--actions",
            &list,
            "--tls-cert",
            &certificate_file,
            "--tls-key",
            &key,
        ];
        #[cfg(unix)]
        {
            let open = scene.run(&[&["workdesk", "--listen", "127.0.0.1:0"], &more[..]].concat());
            assert!(
                open.code == 2 && open.err.contains("others may read the key"),
                "{}",
                open.err
            );
            let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&key, own).unwrap();
        }
        let mut desk = Desk::start_at(&scene, "127.0.0.1:0", &more);
        let root = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        desk.client = client().tls_certs_only([root]).build().unwrap();
        assert!(desk.origin.starts_with("https://"), "{}", desk.origin);
        let cookie = desk.set_up().await;
        let token = token(&desk, &cookie, "act").await;
        for (number, action) in [(1, "Legacy"), (2, "One Platform")] {
            desk.send(&cookie, "/cases", &[("title", "A case"), ("text", EICAR)])
                .await;
            let path = format!("/cases/{number}/runs");
            assert_eq!(
                desk.send(&cookie, &path, &[("action", action)]).await.status(),
                303
            );
            let path = format!("{}/api/v1/cases/{number}/runs", desk.origin);
            let mut run = Value::Null;
            for _ in 0..300 {
                let answer = desk.client.get(&path).bearer_auth(&token).send().await.unwrap();
                let runs: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
                run = runs[0].clone();
                if !run["ended_at"].is_null() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(
                (&run["state"], &run["script_result"]),
                (&json!("done"), &json!(true)),
                "{run}"
            );
            let page = desk.page(&cookie, &format!("/cases/{number}")).await;
            assert!(
                page.contains("suspicious") && page.contains("marked as malicious by 10 of"),
                "{page}"
            );
            let page = desk.page(&cookie, &format!("/runs/{}", run["id"])).await;
            assert!(
                page.contains("EICAR-Test-File") && page.contains("virustotal.com"),
                "{page}"
            );
        }
        desk.kill();
    });
}

#[test]
fn what_can_not_be_used_is_told_before_anything_is_served() {
    let scene = Scene::new();
    let everywhere = ["workdesk", "--listen", "0.0.0.0:0", "--behind-tls"];
    for arguments in [&everywhere[..3], &everywhere] {
        let open = scene.run(arguments);
        assert_eq!(open.code, 2, "{} {}", open.out, open.err);
        assert!(open.err.contains("loopback"), "{}", open.err);
    }
    let desk = Desk::start(&scene);
    let second = scene.run(&["workdesk", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 4, "{} {}", second.out, second.err);
    assert!(second.err.contains("Another workdesk uses"), "{}", second.err);
    desk.kill();
    let wrong = scene.home.path().join("wrong");
    std::fs::write(&wrong, "no key").unwrap();
    let key = scene.run(&[
        "workdesk",
        "--listen",
        "127.0.0.1:0",
        "--key-file",
        wrong.to_str().unwrap(),
    ]);
    assert!(
        key.code != 0 && key.err.contains("has not 64 hexadecimal digits"),
        "{}",
        key.err
    );
    let list = scene.run(&[
        "workdesk",
        "--listen",
        "127.0.0.1:0",
        "--actions",
        wrong.to_str().unwrap(),
    ]);
    assert!(list.code == 2 && list.err.contains("wrong"), "{}", list.err);
}

#[test]
fn behind_a_proxy_with_tls_the_link_is_at_its_address_and_browsers_come_by_https() {
    let scene = Scene::new();
    let mut command: Command = scene.command(&["workdesk", "--listen", "127.0.0.1:0", "--behind-tls"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let (first, second) = (lines.next().unwrap(), lines.next().unwrap());
    let mut desk = Desk {
        child,
        client: client().build().unwrap(),
        origin: first
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .unwrap()
            .trim_end_matches(['/', ','])
            .to_owned(),
        setup: second
            .strip_prefix("Set it up, once, with this path at the proxy's address: ")
            .map(str::to_owned),
    };
    Runtime::new().unwrap().block_on(async {
        let request = desk
            .client
            .post(format!("{}{}", desk.origin, desk.setup.take().unwrap()));
        let request = request.form(&[("name", "ann"), ("password", PASSWORD)]);
        let request = request
            .header("host", "desk.example")
            .header(ORIGIN, "https://desk.example");
        let made = request.send().await.unwrap();
        assert_eq!(made.status(), 303);
        let cookie = made.headers()[SET_COOKIE].to_str().unwrap();
        assert!(
            cookie.starts_with("__Host-") && cookie.contains("; Secure"),
            "{cookie}"
        );
        assert!(made.headers().contains_key("strict-transport-security"));
    });
}

#[test]
fn spans_of_requests_steps_and_calls_go_to_the_collector_and_carry_no_secret() {
    let scene = Scene::new();
    Runtime::new().unwrap().block_on(async {
        let received: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&received);
        let traces = post(move |body: Bytes| {
            kept.lock().unwrap().extend_from_slice(&body);
            std::future::ready(())
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/v1/traces", traces);
        tokio::spawn(axum::serve(listener, router).into_future());
        let mut desk = Desk::start_at(&scene, "127.0.0.1:0", &["--otlp-endpoint", &collector]);
        let cookie = desk.set_up().await;
        desk.send(&cookie, "/cases", &[("title", "A case"), ("text", EICAR)])
            .await;
        let run = [("action", "Scan Hash"), ("parameter:Threshold", "3")];
        desk.send(&cookie, "/cases/1/runs", &run).await;
        for _ in 0..300 {
            if desk
                .page(&cookie, "/cases/1")
                .await
                .contains("marked as malicious")
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // It ends in good order, and sends what is left.
        let pid = desk.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(desk.child.wait().unwrap().success());
        let received = received.lock().unwrap();
        let has = |text: &str| received.windows(text.len()).any(|part| part == text.as_bytes());
        for text in [
            "vtsecops-workdesk",
            "POST /cases/{id}/runs",
            "asked_by",
            "step",
            "Scan Hash",
            "virustotal call",
            "file/report",
        ] {
            assert!(has(text), "{text}: {:?}", String::from_utf8_lossy(&received));
        }
        let cookie = cookie.split('=').next_back().unwrap();
        for secret in [KEY, PASSWORD, cookie, EICAR] {
            assert!(!has(secret), "{secret}");
        }
    });
}

#[test]
fn the_log_names_who_asked_and_has_no_token() {
    let scene = Scene::new();
    let path = scene.home.path().join("workdesk.log");
    let log = std::fs::File::create(&path).unwrap();
    let how = ["--log-level", "info", "--log-format", "json"];
    Runtime::new().unwrap().block_on(async {
        let desk = Desk::start_logging(&scene, "127.0.0.1:0", &how, log.into());
        let cookie = desk.set_up().await;
        desk.page(&cookie, "/quota").await;
        desk.page("", "/login").await;
        let form = [("name", "night shift"), ("scope", "read"), ("days", "30")];
        let made = desk.send(&cookie, "/tokens", &form).await;
        let page = made.text().await.unwrap();
        let start = page.find("vtd_").unwrap_or_else(|| panic!("no token: {page}"));
        let token = &page[start..start + 68];
        let asked = desk
            .client
            .get(format!("{}/api/v1/cases", desk.origin))
            .bearer_auth(token);
        assert_eq!(asked.send().await.unwrap().status(), 200);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let asked_by = |route: &str| {
            let of_route = |line: &&Value| line["route"] == route;
            let line = lines
                .iter()
                .find(of_route)
                .unwrap_or_else(|| panic!("{route}: {text}"));
            line["asked_by"].clone()
        };
        assert_eq!(asked_by("/quota"), "ann");
        assert_eq!(asked_by("/api/v1/cases"), "ann, token night shift");
        assert_eq!(asked_by("/login"), Value::Null);
        let asked = lines.iter().filter(|line| !line["route"].is_null());
        let from: Vec<&Value> = asked.map(|line| &line["peer"]).collect();
        assert!(
            from.len() > 3 && from.iter().all(|peer| *peer == "127.0.0.1"),
            "{from:?}"
        );
        for secret in [token, cookie.split('=').next_back().unwrap(), PASSWORD] {
            assert!(!text.contains(secret), "{text}");
        }
        desk.kill();
    });
}

#[test]
fn a_collector_that_is_none_is_told_and_one_that_is_gone_stops_nothing() {
    let scene = Scene::new();
    let wrong = scene.run(&[
        "workdesk",
        "--listen",
        "127.0.0.1:0",
        "--otlp-endpoint",
        "localhost:4318",
    ]);
    assert_eq!(wrong.code, 2, "{} {}", wrong.out, wrong.err);
    assert!(wrong.err.contains("must begin with http"), "{}", wrong.err);
    Runtime::new().unwrap().block_on(async {
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &["--otlp-endpoint", "http://127.0.0.1:9"]);
        let cookie = desk.set_up().await;
        assert!(desk.page(&cookie, "/quota").await.contains("Quota"));
        desk.kill();
    });
}
