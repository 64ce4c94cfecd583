//! The platform's proxy for calls to VirusTotal.

use serde_json::json;
use test_platform::{Call, Entity, ForwardProxy, ProxySettings, TargetFormat};

use crate::scene::{HASH, SCAN_HASH, Scene, case_of, hash_context, risky_hash, stored, told};

fn scanned(settings: ProxySettings, wanted: bool) -> (Scene, test_platform::Run) {
    let hash = risky_hash(1);
    let case = case_of([Entity::stored(&hash, HASH)]);
    let scene = Scene::with(
        |builder| builder.case(case).proxy(settings),
        |simulator| simulator,
    );
    let context = hash_context(TargetFormat::New, &[&stored(&hash)]).set("use_proxy_settings", wanted);
    let run = scene.run(SCAN_HASH, context);
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        told(std::slice::from_ref(&run))
    );
    (scene, run)
}

fn settings(proxy: &ForwardProxy) -> ProxySettings {
    ProxySettings {
        address: proxy.origin(),
        ..ProxySettings::default()
    }
}

#[test]
fn virustotal_is_asked_through_the_proxy_when_the_platform_says_so() {
    let proxy = ForwardProxy::start().unwrap();
    let with_login = ProxySettings {
        username: "proxy-user".to_owned(),
        password: "proxy-swordfish".to_owned(),
        ..settings(&proxy)
    };
    let (scene, run) = scanned(with_login, true);
    assert_eq!(scene.platform.calls()[0], Call::ProxySettings, "it comes first");
    let simulator = scene.simulator.origin().replace("http://", "");
    assert!(
        proxy.request_lines().iter().any(|line| line.contains(&simulator)),
        "{:?}",
        proxy.request_lines()
    );
    assert_eq!(
        proxy.credentials()[0].as_deref(),
        Some("Basic cHJveHktdXNlcjpwcm94eS1zd29yZGZpc2g=")
    );
    assert!(
        !run.stderr.contains("proxy-swordfish")
            && !String::from_utf8_lossy(&run.stdout).contains("proxy-swordfish")
    );
}

#[test]
fn ignored_hosts_are_asked_directly() {
    let proxy = ForwardProxy::start().unwrap();
    let ignoring = ProxySettings {
        ignore: vec!["127.0.0.1".to_owned()],
        ..settings(&proxy)
    };
    scanned(ignoring, true);
    assert!(proxy.request_lines().is_empty());
}

#[test]
fn proxy_settings_are_not_asked_for_when_they_are_not_wanted() {
    let proxy = ForwardProxy::start().unwrap();
    let (scene, _) = scanned(settings(&proxy), false);
    assert_eq!(scene.platform.count(Call::ProxySettings), 0);
    assert!(proxy.request_lines().is_empty());
}

#[test]
fn an_empty_address_is_no_proxy() {
    let (scene, _) = scanned(ProxySettings::default(), true);
    assert_eq!(scene.platform.count(Call::ProxySettings), 1);
}
