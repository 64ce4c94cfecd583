//! What a holder of a token must not be able to do to others, or to send out of the network.

use std::time::Duration;

use crate::scene::{EICAR, Rights, Scene, all_rights};

#[tokio::test(flavor = "multi_thread")]
async fn an_escaped_question_never_passes_for_another_one() {
    let scene = Scene::new().await;
    scene
        .v3(&format!("files/{EICAR}%3Frelationships%3Dcontacted_ips"))
        .await;
    let seen = scene
        .v3(&format!("files/{EICAR}?relationships=contacted_ips"))
        .await;
    assert_eq!(seen.status, 200, "{}", seen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escaped_slash_leads_around_nothing() {
    let scene = Scene::new().await;
    for path in [
        "users%2Fsomebody",
        "ip_addresses%2F10.0.0.1",
        "files/x%2Fcomments",
        "domains%2Fsrv01.corp",
    ] {
        assert_eq!(scene.v3(path).await.status, 404, "{path}");
    }
    assert_eq!(scene.v2("url/report%2F", &[("scan", "1")]).await.status, 404);
    assert!(scene.running.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_own_network_is_submitted_in_whatever_form() {
    let scene = Scene::new().await;
    let inside = "http://intranet/x";
    let form = format!("url={inside}");
    for kind in [
        "Application/X-WWW-Form-Urlencoded",
        "text/plain",
        "application/json",
    ] {
        let request = scene.post("/api/v3/urls").header("x-apikey", &scene.token);
        let request = request.header("content-type", kind).body(form.clone());
        assert_eq!(scene.send(request).await.status, 400, "{kind}");
    }
    let request = scene
        .post(&format!("/api/v3/urls?url={inside}"))
        .header("x-apikey", &scene.token);
    let request = request.form(&[("url", "http://a.example/")]);
    assert_eq!(scene.send(request).await.status, 400);
    let request = scene.post("/vtapi/v2/url/scan?url=http://a.example/");
    let request = request.form(&[("apikey", scene.token.as_str()), ("url", inside)]);
    assert!(scene.send(request).await.status >= 400);
    let path = "fileserver01/departments/hr/salaries";
    scene.v2("url/report", &[("resource", path)]).await;
    assert!(scene.running.calls().is_empty(), "{:?}", scene.running.calls());
    // What is public goes, in whatever letters.
    assert_eq!(scene.v3("domains/UNKNOWN.EXAMPLE").await.status, 404);
    assert_eq!(scene.running.count("v3/domains"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_one_whatever_its_method() {
    let scene = Scene::new().await;
    let reader = scene.add_token(
        "reader",
        Rights {
            no_upload: true,
            ..all_rights()
        },
    );
    for token in [&reader, &scene.token] {
        let seen = scene
            .v2_as(token, "url/scan", &[("url", "http://a.example/")])
            .await;
        assert!(seen.status >= 400, "{}", seen.text());
    }
    assert!(scene.running.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_comment_stops_nobody() {
    let fault = || "403*1@comments/put".parse().unwrap();
    let scene = Scene::with(|builder| builder.fault(fault()), |_| {}).await;
    assert_eq!(scene.v2("file/report", &[("resource", EICAR)]).await.status, 200);
    let request = scene.post("/vtapi/v2/comments/put");
    let fields = [
        ("apikey", scene.token.as_str()),
        ("resource", EICAR),
        ("comment", "x"),
    ];
    assert!(scene.send(request.form(&fields)).await.status >= 400);
    for place in 0..3 {
        let seen = scene
            .v2("ip-address/report", &[("ip", &format!("8.8.8.{place}"))])
            .await;
        assert_eq!(seen.status, 200, "{}", seen.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_is_counted_and_written_down() {
    let slow = Duration::from_millis(300);
    let scene = Scene::with(|builder| builder.latency(slow), |_| {}).await;
    for place in 0..3 {
        let request = scene.post("/api/v3/urls").header("x-apikey", &scene.token);
        let request = request.form(&[("url", format!("http://unknown.example/{place}"))]);
        let given_up = request.timeout(Duration::from_millis(100)).send().await;
        assert!(given_up.is_err());
    }
    let lines = || {
        let trail = std::fs::read_to_string(scene.folder.path().join("gateway-audit.jsonl"));
        trail.unwrap_or_default().lines().count()
    };
    for _ in 0..100 {
        if lines() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lines(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_can_not_take_every_address() {
    let scene = Scene::new().await;
    let reader = scene.add_token(
        "reader",
        Rights {
            no_upload: true,
            ..all_rights()
        },
    );
    let mut refused = 0;
    for _ in 0..120 {
        let request = scene.get(&format!("/api/v3/files/{EICAR}/download_url"));
        let seen = scene.send(request.header("x-apikey", &reader)).await;
        refused += u32::from(seen.status != 200);
    }
    assert_eq!(refused, 20);
    assert_eq!(
        scene.v3("files/upload_url").await.status,
        200,
        "there is room for others"
    );
}
