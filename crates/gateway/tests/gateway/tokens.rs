//! Who may.

use std::fs::File;
use std::time::Duration;

use gateway::Allowance;
use simulator::{Fault, FaultKind};

use crate::scene::{EICAR, KEY, Rights, Scene, all_rights, holds};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_written_down_with_its_token_its_reason_and_its_size() {
    let scene = Scene::new().await;
    for path in [
        "/api/v3/files/a%5cb",
        "/api/v3/intelligence/search/x/upload_url",
        "/vtapi/v2/internal/admin",
    ] {
        let request = scene.get(path).query(&[("apikey", &scene.token)]);
        let seen = scene.send(request.header("x-apikey", &scene.token)).await;
        let entry = scene.audit().pop().unwrap();
        assert_eq!(entry.token.as_deref(), Some("soar"), "{path}");
        assert!(entry.token_id.is_some());
        let code = if seen.status == 404 {
            "NotFoundError"
        } else {
            "ForbiddenError"
        };
        assert_eq!(
            (entry.status, entry.refused.as_deref()),
            (seen.status, Some(code))
        );
        assert_eq!(entry.bytes_out, seen.body.len() as u64, "{path}");
    }
    let request = scene.request(
        reqwest::Method::DELETE,
        &format!("{}/vtapi/v2/file/report", scene.origin),
    );
    let seen = scene.send(request.query(&[("apikey", &scene.token)])).await;
    assert_eq!(seen.status, 405);
    assert_eq!(scene.audit().pop().unwrap().token.as_deref(), Some("soar"));
    scene.v3(&format!("files/{EICAR}")).await;
    assert_eq!(scene.audit().pop().unwrap().refused, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sought_is_not_written_down() {
    let scene = Scene::new().await;
    let sought = "name-of-a-project";
    scene.v2("file/search", &[("query", sought)]).await;
    scene.v3(&format!("intelligence/search?query={sought}")).await;
    assert_eq!(scene.audit().len(), 2);
    assert!(!holds(&scene.written(), sought));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_tokens_that_could_not_be_read_once_is_read_again_and_the_day_goes_on() {
    let scene = Scene::new().await;
    let rights = Rights {
        allowance: Allowance::PerDay(1),
        ..all_rights()
    };
    let token = scene.add_token("small", rights);
    let ask = async |name: &str| {
        let seen = scene.v2_as(&token, "domain/report", &[("domain", name)]).await;
        seen.status
    };
    assert_eq!(ask("synthetic-1.example").await, 200);
    let path = scene.folder.path().join("gateway-tokens.json");
    let (good, at) = (std::fs::read(&path).unwrap(), std::fs::metadata(&path).unwrap());
    let at = at.modified().unwrap() + Duration::from_secs(5);
    // As long, as old, and in the same place.
    let write = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(at)
            .unwrap();
    };
    write(&[b"!", &good[1..]].concat());
    assert_eq!(ask("synthetic-1.example").await, 403);
    assert_eq!(scene.send(scene.get("/readyz")).await.status, 503);
    write(&good);
    assert_eq!(ask("synthetic-1.example").await, 200);
    assert_eq!(
        ask("synthetic-2.example").await,
        204,
        "its day is used up all the same"
    );
    assert_eq!(scene.send(scene.get("/readyz")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_and_tried_again_after_a_while() {
    for api in [virustotal::Api::V2, virustotal::Api::Auto] {
        let rest = Duration::from_secs(1);
        let scene = Scene::with(
            |builder| builder.fault(Fault::new(FaultKind::Status(401)).times(1)),
            |serving| {
                serving.settings.api = api;
                serving.settings.refused_key_rests = Some(rest);
            },
        )
        .await;
        let path = format!("files/{EICAR}");
        for _ in 0..3 {
            let seen = scene.v3(&path).await;
            assert_eq!(seen.status, 503);
            assert!(seen.text().contains("own API key"), "{}", seen.text());
        }
        let seen = scene.send(scene.get("/readyz")).await;
        assert_eq!(seen.status, 503);
        assert!(seen.text().contains("the key is refused"), "{}", seen.text());
        assert_eq!(scene.running.calls().len(), 1);
        tokio::time::sleep(rest).await;
        // Otherwise nobody would send a request that could try it.
        assert_eq!(scene.send(scene.get("/readyz")).await.status, 200);
        assert_eq!(scene.v3(&path).await.status, 200);
        assert_eq!(scene.send(scene.get("/readyz")).await.status, 200);
        assert_eq!(scene.running.calls().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_in_virustotals_place_is_told_and_asked_once() {
    let moved = FaultKind::Redirect("https://elsewhere.example/".to_owned());
    for (kind, words) in [
        (moved, "HTTP 302"),
        (FaultKind::Huge(3_000_000), "larger than 1000000 bytes"),
    ] {
        let scene = Scene::with(
            |builder| builder.fault(Fault::new(kind)),
            |serving| serving.settings.max_body_bytes = 1_000_000,
        )
        .await;
        let v3 = scene.v3(&format!("files/{EICAR}")).await;
        assert_eq!((v3.status, &*v3.code()), (502, "BadGatewayError"));
        let v2 = scene.v2("file/report", &[("resource", EICAR)]).await;
        assert_eq!(v2.status, 502);
        for seen in [v3, v2] {
            assert!(seen.text().contains(words), "{}", seen.text());
        }
        assert_eq!(scene.running.calls().len(), 2, "each was asked once");
    }
}

#[test]
fn a_public_address_with_a_path_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = virustotal::ApiKey::parse(KEY).unwrap();
    let serving = crate::scene::serving(folder.path(), virustotal::Settings::new(key));
    let refused = gateway::Gateway::new(gateway::Serving {
        public_url: Some("https://gate.example/virustotal".to_owned()),
        ..serving
    });
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("without a path"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_gets_what_a_wrong_one_gets_and_the_trail_tells_whose_it_was() {
    let scene = Scene::new().await;
    let (ended, ends_later) = (
        scene.add_token_until("old", -1),
        scene.add_token_until("new", 3600),
    );
    let v3 = async |token: &str| {
        let request = scene.get(&format!("/api/v3/files/{EICAR}"));
        scene.send(request.header("x-apikey", token)).await
    };
    let v2 = async |token: &str| scene.v2_as(token, "file/report", &[("resource", EICAR)]).await;
    let metrics = async |token: &str| scene.send(scene.get("/metrics").bearer_auth(token)).await;
    for (seen, wrong) in [
        (v3(&ended).await, v3("wrong").await),
        (v2(&ended).await, v2("wrong").await),
        (metrics(&ended).await, metrics("wrong").await),
    ] {
        assert_eq!((seen.status, seen.text()), (wrong.status, wrong.text()));
        assert!([401, 403].contains(&seen.status), "{}", seen.status);
    }
    assert_eq!(
        (v3(&ends_later).await.status, v2(&ends_later).await.status),
        (200, 200)
    );
    let told = scene.audit().into_iter();
    let told: Vec<_> = told
        .filter(|entry| entry.token.as_deref() == Some("old"))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    for entry in told {
        assert_eq!(entry.refused.as_deref(), Some("WrongCredentialsError"));
        assert!([401, 403].contains(&entry.status) && entry.calls == 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_address_ends_with_its_token() {
    let scene = Scene::new().await;
    let token = scene.add_token_until("brief", 2);
    let request = scene.get("/api/v3/files/upload_url").header("x-apikey", &token);
    let address = scene.send(request).await.json();
    let address = address["data"].as_str().unwrap().to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let seen = scene.send(scene.request(reqwest::Method::POST, &address)).await;
    assert_eq!(seen.status, 401, "{}", seen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_kept_shown_as_a_page_or_asked_for_without_tls_again() {
    for is_secure in [false, true] {
        let scene = Scene::with(|builder| builder, |serving| serving.is_secure = is_secure).await;
        for (path, token) in [
            ("/healthz", false),
            ("/readyz", false),
            ("/metrics", false),
            ("/metrics", true),
            ("/nowhere", false),
            ("/api/v3/files/44d88612fea8a8f36de82e1278abb02f", false),
            ("/api/v3/files/44d88612fea8a8f36de82e1278abb02f", true),
            ("/vtapi/v2/file/report", false),
        ] {
            let mut request = scene.get(path);
            if token {
                request = request.header("x-apikey", &scene.token);
            }
            let seen = scene.send(request).await;
            let header = |name: &str| match seen.headers.get(name) {
                Some(value) => value.to_str().unwrap().to_owned(),
                None => String::new(),
            };
            assert_eq!(header("cache-control"), "no-store", "{path}");
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
            let policy = header("content-security-policy");
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{path}: {policy}"
            );
            let expected = if is_secure { "max-age=31536000" } else { "" };
            assert_eq!(header("strict-transport-security"), expected, "{path}");
            let is_json = header("content-type").starts_with("application/json");
            assert_eq!(
                header("content-disposition").starts_with("attachment"),
                is_json,
                "{path}"
            );
        }
    }
}
