//! Who may.

use crate::scene::{EICAR, KEY, Scene, holds};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_wrong_or_revoked_token_gets_what_a_bad_key_gets_and_nothing_is_asked() {
    let scene = Scene::new().await;
    let revoked = scene.add_token("old", crate::scene::all_rights());
    assert_eq!(
        scene
            .v2_as(&revoked, "file/report", &[("resource", "x")])
            .await
            .status,
        200
    );
    scene.revoke("old");
    // The real key is no token either.
    for token in ["", "wrong", KEY, &revoked] {
        for path in ["file/report", "url/scan", "file/scan/upload_url", "no/such"] {
            let seen = scene.v2_as(token, path, &[("resource", EICAR)]).await;
            assert_eq!((seen.status, seen.body.len()), (403, 0), "{path}");
        }
        let form = [("apikey", token), ("url", "http://a.example/")];
        let seen = scene.send(scene.post("/vtapi/v2/url/scan").form(&form)).await;
        assert_eq!(seen.status, 403);
        let part = reqwest::multipart::Part::bytes(&b"content"[..]).file_name("a.bin");
        let form = reqwest::multipart::Form::new().part("file", part);
        let form = form.text("apikey", token.to_owned());
        let seen = scene
            .send(scene.post("/vtapi/v2/file/scan").multipart(form))
            .await;
        assert_eq!(seen.status, 403);
        for path in [
            "files/44d88612fea8a8f36de82e1278abb02f",
            "users/me",
            "files/upload_url",
        ] {
            let request = scene.get(&format!("/api/v3/{path}")).header("x-apikey", token);
            let seen = scene.send(request).await;
            assert_eq!(
                (seen.status, &*seen.code()),
                (401, "WrongCredentialsError"),
                "{path}"
            );
            assert_eq!(seen.json()["error"]["message"], "Wrong API key");
        }
    }
    let seen = scene.send(scene.get("/api/v3/files/x")).await;
    assert_eq!((seen.status, &*seen.code()), (401, "AuthenticationRequiredError"));
    let seen = scene.send(scene.get("/vtapi/v2/file/report?resource=x")).await;
    assert_eq!(seen.status, 403);
    assert!(scene.running.calls().is_empty(), "{:?}", scene.running.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_in_the_query_a_form_and_a_multipart_form() {
    let scene = Scene::new().await;
    let fields = [("apikey", &*scene.token), ("resource", EICAR)];
    for request in [
        scene.get("/vtapi/v2/file/report").query(&fields),
        scene.post("/vtapi/v2/file/report").query(&fields),
        scene.post("/vtapi/v2/file/report").form(&fields),
        scene.post("/vtapi/v2/file/report").multipart(
            reqwest::multipart::Form::new()
                .text("apikey", scene.token.clone())
                .text("resource", EICAR),
        ),
    ] {
        assert_eq!(scene.send(request).await.json()["positives"], 10);
    }
    assert_eq!(scene.running.count("file/report"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_real_key_nor_a_token_is_in_anything_that_is_written_down() {
    let scene = Scene::new().await;
    scene.v3(&format!("files/{EICAR}")).await;
    scene.v3(&format!("users/{}/overall_quotas", scene.token)).await;
    scene.v3(&format!("users/{KEY}")).await;
    scene.v2("file/report", &[("resource", EICAR)]).await;
    scene
        .v2_as("some-wrong-token", "file/report", &[("resource", EICAR)])
        .await;
    let written = scene.written();
    assert!(holds(&written, "\"token\":\"soar\""));
    for secret in [KEY, &scene.token, "some-wrong-token"] {
        assert!(!holds(&written, secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_a_line_of_the_audit_trail() {
    let scene = Scene::new().await;
    scene.v3(&format!("files/{EICAR}")).await;
    scene.v3(&format!("files/{EICAR}")).await;
    scene
        .v2("domain/report", &[("domain", "synthetic-1.example")])
        .await;
    let lines: Vec<_> = scene
        .audit()
        .into_iter()
        .map(|entry| {
            let bytes = entry.bytes_out > 0;
            (
                entry.endpoint,
                entry.object.unwrap(),
                entry.kept,
                entry.calls,
                entry.status,
                bytes,
            )
        })
        .collect();
    let file = ("/api/v3/files/{id}".to_owned(), EICAR.to_owned());
    let domain = (
        "/vtapi/v2/domain/report".to_owned(),
        "synthetic-1.example".to_owned(),
    );
    assert_eq!(
        lines,
        [
            (file.0.clone(), file.1.clone(), false, 1, 200, true),
            (file.0, file.1, true, 0, 200, true),
            (domain.0, domain.1, false, 1, 200, true),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_virustotals_paths_lead_to_virustotal() {
    let scene = Scene::new().await;
    for path in [
        "/",
        "/admin",
        "/api/v3/files/%2e%2e/%2e%2e/admin",
        "/api/v3/http:%2f%2fevil.example%2f..%2fx",
        "/api/v3/files/a%5c..%5cb",
        "/_ah/upload/x",
    ] {
        let request = scene.get(path).header("x-apikey", &scene.token);
        assert_eq!(scene.send(request).await.status, 404, "{path}");
    }
    let seen = scene.v2("internal/admin", &[]).await;
    assert_eq!(seen.status, 404);
    assert!(scene.running.calls().is_empty(), "{:?}", scene.running.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_need_a_token_and_health_does_not() {
    let scene = Scene::new().await;
    scene.v3(&format!("files/{EICAR}")).await;
    assert_eq!(scene.send(scene.get("/healthz")).await.text(), "ok\n");
    assert_eq!(scene.send(scene.get("/readyz")).await.text(), "ready\n");
    assert_eq!(scene.send(scene.get("/metrics")).await.status, 401);
    let shown = scene
        .send(scene.get("/metrics").bearer_auth(&scene.token))
        .await
        .text();
    let line = "vtsecops_gateway_requests_total{api=\"v3\",endpoint=\"files\",status=\"200\"} 1";
    assert!(shown.contains(line), "{shown}");
    assert!(
        shown.contains("vtsecops_gateway_calls_total{token=\"soar\"} 1"),
        "{shown}"
    );
    std::fs::write(scene.folder.path().join("gateway-tokens.json"), "{").unwrap();
    assert_eq!(scene.send(scene.get("/readyz")).await.status, 503);
    assert_eq!(scene.v3(&format!("files/{EICAR}")).await.status, 401);
}
