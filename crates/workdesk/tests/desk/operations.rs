//! What those need who keep the workdesk running: TLS, metrics, readiness, accounts.

use std::time::Duration;

use entrance::Tls;
use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::redirect::Policy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use workdesk::{Desk, Role, Scope, Serving};

use crate::scene::{Scene, simulator};
use crate::served::{PASSWORD, Served};

fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_a_cookie_is_for_tls_and_a_slow_client_keeps_nobody_waiting() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let serving = Serving {
        is_secure: true,
        open_metrics: true,
        ..Serving::default()
    };
    let desk = Desk::new(scene.store.clone(), engine, serving).await.unwrap();
    let person = scene
        .store
        .add_person("ann", Role::Admin, PASSWORD.into(), "test")
        .await
        .unwrap();
    let link = desk.invite(person, "/quota");
    let (certificate, key) = certificate();
    let tls = Tls::new(certificate.as_bytes(), key.as_bytes()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(desk.serve(tls.listen(listener), std::future::pending()));
    // It says nothing, and is waited for by nobody.
    let _slow = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .tls_certs_only([root])
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let origin = format!("https://localhost:{port}");
    let entered = client.get(format!("{origin}{link}")).send().await.unwrap();
    let cookie = entered.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("__Host-") && cookie.contains("; Secure"),
        "{cookie}"
    );
    assert!(entered.headers().contains_key("strict-transport-security"));
    let cookie = cookie.split(';').next().unwrap();
    let page = client
        .get(format!("{origin}/quota"))
        .header(COOKIE, cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let again = client.get(format!("{origin}{link}")).send().await.unwrap();
    assert_eq!(again.status(), 404, "a link is for once");
    let metrics = client.get(format!("{origin}/metrics")).send().await.unwrap();
    assert_eq!(metrics.status(), 200);
    // Without TLS there is no answer.
    let mut plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said).await;
    assert!(!String::from_utf8_lossy(&said).contains("200 OK"));
}

#[test]
fn a_certificate_that_can_not_be_used_is_told() {
    let ((one, key), (_, other)) = (certificate(), certificate());
    for (certificate, key, words) in [
        ("", key.as_str(), "has no certificate"),
        (one.as_str(), "", "the key is no PEM"),
        (one.as_str(), other.as_str(), "don't go together"),
    ] {
        let error = Tls::new(certificate.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_need_a_token_and_tell_nothing_of_addresses() {
    let served = Served::new().await;
    let program = served.program("prometheus", Role::Viewer, &[Scope::Read]).await;
    let stranger = served.browser();
    assert_eq!(stranger.get("/metrics").await.status(), 401);
    assert_eq!(stranger.get("/readyz").await.status(), 200);
    assert_eq!(
        stranger
            .send("/login", &[("name", "eve"), ("password", "wrong")])
            .await
            .status(),
        401
    );
    let analyst = served.logged_in("ann", Role::Analyst).await;
    analyst
        .send("/cases", &[("title", "A case"), ("text", "8.8.8.8")])
        .await;
    let run = [("action", "Scan IP"), ("parameter:Threshold", "3")];
    analyst.send("/cases/1/runs", &run).await;
    served.scene.until(1, |run| run.ended_at.is_some()).await;
    let _listening = analyst.get("/cases/1/events").await;
    stranger.get("/cases/4711?secret=s3cr3t").await;
    stranger.get("/nowhere/s3cr3t").await;
    let answer = program
        .request(reqwest::Method::GET, "/metrics")
        .header("X-Request-Id", "mine-1");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "mine-1");
    let text = answer.text().await.unwrap();
    for line in [
        "vtsecops_workdesk_log_ins_total{outcome=\"wrong\"} 1",
        "vtsecops_workdesk_http_requests_total{method=\"GET\",route=\"/cases/{id}\",status=\"303\"} 1",
        "vtsecops_workdesk_http_seconds_bucket",
        "vtsecops_workdesk_open_cases 1",
        "vtsecops_workdesk_ended_runs_total{action=\"Scan IP\",state=\"done\"} 1",
        "vtsecops_workdesk_virustotal_calls_total{endpoint=\"ip-address/report\"} 1",
        "vtsecops_workdesk_event_listeners 1",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(!text.contains("s3cr3t") && !text.contains("4711"), "{text}");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions_and_a_new_role_holds_at_once() {
    let served = Served::new().await;
    let browser = served.logged_in("ann", Role::Admin).await;
    let mut other = served.browser();
    let entered = other
        .send("/login", &[("name", "ann"), ("password", PASSWORD)])
        .await;
    other.keep(&entered);
    assert_eq!(other.get("/").await.status(), 200);
    let new = "a different battery staple";
    let wrong = browser.send("/account", &[("old", "not it"), ("new", new)]).await;
    assert_eq!(wrong.status(), 422);
    let short = browser
        .send("/account", &[("old", PASSWORD), ("new", "short")])
        .await;
    assert!(short.text().await.unwrap().contains("at least 12 characters"));
    assert_eq!(
        browser
            .send("/account", &[("old", PASSWORD), ("new", new)])
            .await
            .status(),
        200
    );
    assert_eq!(
        (browser.get("/").await.status(), other.get("/").await.status()),
        (200.try_into().unwrap(), 303.try_into().unwrap())
    );
    assert_eq!(
        other
            .send("/login", &[("name", "ann"), ("password", new)])
            .await
            .status(),
        303
    );

    let bob = served.logged_in("bob", Role::Analyst).await;
    assert_eq!(bob.get("/people").await.status(), 403);
    let people = served.scene.store.people().await.unwrap();
    let number = |name: &str| people.iter().find(|own| own.name == name).unwrap().id;
    let role = format!("/people/{}/role", number("bob"));
    assert_eq!(bob.send(&role, &[("role", "admin")]).await.status(), 403);
    assert_eq!(browser.send(&role, &[("role", "admin")]).await.status(), 303);
    assert_eq!(bob.get("/people").await.status(), 200);
    let own = format!("/people/{}/role", number("ann"));
    assert_eq!(bob.send(&own, &[("role", "viewer")]).await.status(), 303);
    assert_eq!(
        bob.send(&role, &[("role", "viewer")]).await.status(),
        409,
        "somebody must stay an admin"
    );
    let password = format!("/people/{}/password", number("ann"));
    assert_eq!(
        bob.send(&password, &[("password", "reset battery staple")])
            .await
            .status(),
        303
    );
    assert_eq!(browser.get("/").await.status(), 303, "ann is logged out");
    served.end().await;
}
