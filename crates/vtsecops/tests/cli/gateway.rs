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
