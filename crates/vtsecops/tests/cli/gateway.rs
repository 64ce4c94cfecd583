//! `gateway`: tokens made by one process count in another that runs.

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::scene::{EICAR, KEY, Scene};
use crate::shared_gateway::Gateway;

impl Gateway {
    fn start(scene: &Scene) -> Self {
        Self::of(scene.command(&["gateway", "--listen", "127.0.0.1:0", "--tier", "private"]))
    }
}

#[test]
fn a_token_is_made_listed_used_and_revoked_while_the_gateway_runs() {
    let scene = Scene::new();
    let gateway = Gateway::start(&scene);
    let added = scene.run(&[
        "gateway",
        "token",
        "add",
        "soar",
        "--priority",
        "background",
        "--per-day",
        "9",
    ]);
    assert_eq!(added.code, 0, "{}", added.err);
    let token = added.out.trim().to_owned();
    assert_eq!(token.len(), 64);
    assert!(added.err.contains("at most 9 calls a day"), "{}", added.err);
    let path = format!("/api/v3/files/{EICAR}");
    Runtime::new().unwrap().block_on(async {
        let (status, text) = gateway.get(&token, &path).await;
        assert_eq!(status, 200, "{text}");
        assert_eq!(gateway.get("wrong", &path).await.0, 401);
        let listed = scene.run(&["gateway", "token", "list", "--json"]).json();
        assert_eq!(listed["tokens"][0]["calls_today"], 1);
        assert!(
            scene
                .run(&["gateway", "token", "list"])
                .out
                .contains("background")
        );
        let revoked = scene.run(&["gateway", "token", "revoke", "soar"]);
        assert_eq!(revoked.code, 0, "{}", revoked.err);
        assert_eq!(gateway.get(&token, &path).await.0, 401);
    });
    assert_eq!(scene.running.count("v3/files"), 1);
    let audit = scene
        .run(&["gateway", "audit", "--token", "soar", "--since", "1h"])
        .out;
    let line: Value = serde_json::from_str(audit.lines().next().unwrap()).unwrap();
    assert_eq!((&line["object"], &line["status"]), (&EICAR.into(), &200.into()));
    assert!(!audit.contains(&token) && !audit.contains(KEY));
    // The shell sees the gateway's calls in the same ledger.
    let quota = scene.run(&["quota", "--json"]).json();
    assert_eq!(quota["keys"][0]["windows"]["minute"]["used"], 1);
}

#[test]
fn a_token_with_an_end_is_listed_with_it_and_told_while_there_is_time() {
    let scene = Scene::new();
    for (name, days) in [("soon", "10"), ("later", "90")] {
        let added = scene.run(&["gateway", "token", "add", name, "--days", days]);
        assert_eq!(added.code, 0, "{}", added.err);
        assert!(added.err.contains(", until 20"), "{}", added.err);
    }
    assert_eq!(scene.run(&["gateway", "token", "add", "never"]).code, 0);
    let listed = scene.run(&["gateway", "token", "list"]);
    let line = |name: &str| listed.out.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(line("soon").contains(", until 20") && line("later").contains(", until 20"));
    assert!(!line("never").contains("until"));
    assert!(listed.err.contains("soon ends in 9 days"), "{}", listed.err);
    assert!(!listed.err.contains("later") && !listed.err.contains("never"));
    let listed = scene.run(&["gateway", "token", "list", "--json"]).json();
    let ends: Vec<bool> = listed["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["ends_at"].is_string())
        .collect();
    assert_eq!(ends, [true, true, false]);
    // A file of before tokens had ends is read as it is; the end of one has come.
    let file = scene
        .home
        .path()
        .join(".local/state/vtsecops/gateway-tokens.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let end = listed["tokens"][0]["ends_at"].as_str().unwrap();
    assert!(text.contains(end), "{text}");
    std::fs::write(&file, text.replace(end, "2026-01-01T00:00:00Z")).unwrap();
    let listed = scene.run(&["gateway", "token", "list"]);
    assert!(listed.out.contains(", ended 2026-01-01"), "{}", listed.out);
    assert_eq!(scene.run(&["gateway", "token", "add", "soon"]).code, 0);
    let none = scene.run(&["gateway", "token", "add", "none", "--days", "0"]);
    assert_eq!(none.code, 2, "{}", none.err);
}

#[test]
fn what_can_not_be_is_said_before_anything_is_served() {
    let scene = Scene::new();
    let open = scene.run(&["gateway", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.code, 2);
    assert!(open.err.contains("--tls-cert"), "{}", open.err);
    let below = scene.run(&["gateway", "--public-url", "https://gate.example/virustotal"]);
    assert_eq!(below.code, 2);
    assert!(below.err.contains("without a path"), "{}", below.err);
    let share = scene.run(&["gateway", "token", "add", "a", "--share", "150%"]);
    assert!(share.err.contains("from 1% to 100%"), "{}", share.err);
    let mut command = scene.command(&["gateway", "token", "add", "a", "--share", "20%"]);
    let unknown = command.env("VTSECOPS_TIER", "private").output().unwrap();
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("quota_per_day"));
    let nobody = scene.run(&["gateway", "token", "revoke", "nobody"]);
    assert_eq!(nobody.code, 2);
    let _first = Gateway::start(&scene);
    let second = scene.run(&["gateway", "--listen", "127.0.0.1:0"]);
    assert!(second.err.contains("Another gateway"), "{}", second.err);
}
