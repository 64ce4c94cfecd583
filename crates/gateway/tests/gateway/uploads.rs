//! Files and other submissions.

use gateway::Rights;
use integration::UploadRules;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use simulator::{Fault, FaultKind};

use crate::scene::{Scene, Seen, all_rights};

fn form(content: Vec<u8>, name: &str) -> Form {
    Form::new().part("file", Part::bytes(content).file_name(name.to_owned()))
}

async fn upload_v3(scene: &Scene, token: &str, form: Form) -> Seen {
    let request = scene.post("/api/v3/files").header("x-apikey", token);
    scene.send(request.multipart(form)).await
}

fn spooled(scene: &Scene) -> usize {
    std::fs::read_dir(scene.folder.path().join("gateway-spool"))
        .unwrap()
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_through_in_both_versions_wherever_the_token_stands() {
    let scene = Scene::new().await;
    let seen = upload_v3(&scene, &scene.token, form(vec![b'3'; 70_000], "three.bin")).await;
    assert_eq!(seen.json()["data"]["type"], "analysis");
    let key = || scene.token.clone();
    let before = Form::new().text("apikey", key());
    let before = before.part("file", Part::bytes(vec![b'b'; 5]).file_name("before.bin"));
    let behind = form(vec![b'a'; 5], "behind.bin").text("apikey", key());
    for form in [before, behind] {
        let seen = scene
            .send(scene.post("/vtapi/v2/file/scan").multipart(form))
            .await;
        assert_eq!(seen.json()["response_code"], 1, "{}", seen.text());
    }
    let request = scene.post("/vtapi/v2/file/scan").query(&[("apikey", key())]);
    let seen = scene
        .send(request.multipart(form(vec![b'q'; 5], "query.bin")))
        .await;
    assert_eq!(seen.json()["response_code"], 1);
    let uploads = scene.running.uploads();
    let shown: Vec<_> = uploads
        .iter()
        .map(|upload| (upload.file_name.as_str(), upload.size_bytes))
        .collect();
    assert_eq!(
        shown,
        [
            ("three.bin", 70_000),
            ("before.bin", 5),
            ("behind.bin", 5),
            ("query.bin", 5)
        ]
    );
    assert_eq!(spooled(&scene), 0, "nothing stays on the disk");
    let entry = scene.audit().pop().unwrap();
    assert_eq!(entry.object.as_deref(), Some(uploads[3].sha256.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_through_an_address_of_the_gateways_that_counts_once() {
    let scene = Scene::new().await;
    let content = vec![b'x'; 33 * 1024 * 1024];
    let direct = upload_v3(&scene, &scene.token, form(content.clone(), "large.bin")).await;
    assert_eq!(direct.status, 413);
    let url = scene.v3("files/upload_url").await.json();
    let url = url["data"].as_str().unwrap();
    assert!(url.starts_with(&scene.origin), "{url}");
    assert!(scene.running.calls().is_empty(), "an address costs no call");
    let send = async |url: &str, content: Vec<u8>| {
        let request = scene.request(Method::POST, url);
        scene.send(request.multipart(form(content, "large.bin"))).await
    };
    let seen = send(url, content.clone()).await;
    assert_eq!(seen.json()["data"]["type"], "analysis", "{}", seen.text());
    assert_eq!(scene.running.uploads()[0].size_bytes, content.len() as u64);
    assert_eq!(send(url, b"again".to_vec()).await.status, 404);
    let url = scene.v2("file/scan/upload_url", &[]).await.json();
    let url = url["upload_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&scene.origin), "{url}");
    assert_eq!(send(&url, b"small".to_vec()).await.json()["response_code"], 1);
    // A token that is revoked meanwhile leaves no door open.
    let url = scene.v3("files/upload_url").await.json();
    scene.revoke("soar");
    assert_eq!(
        send(url["data"].as_str().unwrap(), b"late".to_vec()).await.status,
        401
    );
    assert_eq!(scene.running.uploads().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_only_ask_submits_nothing() {
    let scene = Scene::new().await;
    let rights = Rights {
        no_upload: true,
        ..all_rights()
    };
    let token = scene.add_token("reader", rights);
    let seen = upload_v3(&scene, &token, form(vec![b'x'; 2_000_000], "a.bin")).await;
    assert_eq!((seen.status, &*seen.code()), (403, "ForbiddenError"));
    assert!(seen.text().contains("reader"), "{}", seen.text());
    let behind = form(vec![b'x'; 9], "a.bin").text("apikey", token.clone());
    let seen = scene
        .send(scene.post("/vtapi/v2/file/scan").multipart(behind))
        .await;
    assert_eq!(seen.status, 403);
    assert!(seen.text().contains("may only ask"), "{}", seen.text());
    for path in ["url/scan", "file/rescan", "comments/put"] {
        let fields = [
            ("apikey", &*token),
            ("url", "http://a.example/"),
            ("resource", "x"),
        ];
        let request = scene.post(&format!("/vtapi/v2/{path}")).form(&fields);
        assert_eq!(scene.send(request).await.status, 403, "{path}");
    }
    for path in [
        "urls",
        "files/abc/analyse",
        "files/abc/comments",
        "files/abc/votes",
    ] {
        let request = scene.post(&format!("/api/v3/{path}")).header("x-apikey", &token);
        assert_eq!(scene.send(request).await.status, 403, "{path}");
    }
    for path in ["files/upload_url"] {
        let request = scene.get(&format!("/api/v3/{path}")).header("x-apikey", &token);
        assert_eq!(scene.send(request).await.status, 403, "{path}");
    }
    let unknown = [("resource", "http://unknown.example/"), ("scan", "1")];
    let seen = scene.v2_as(&token, "url/report", &unknown).await.json();
    assert_eq!(seen["response_code"], 0, "it is asked and not submitted");
    assert_eq!(scene.running.calls().len(), 1);
    assert!(scene.running.uploads().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_never_uploads_and_rules_refuse_files() {
    let scene = Scene::with(|builder| builder, |serving| serving.never_upload = true).await;
    let seen = upload_v3(&scene, &scene.token, form(vec![b'x'; 9], "a.bin")).await;
    assert_eq!(seen.status, 403);
    assert!(seen.text().contains("--never-upload"), "{}", seen.text());
    let rules = "[[refuse]]\nrule = \"mail stays\"\npaths = [\"*.pst\"]\n[[refuse]]\nrule = \"no documents\"\ntypes = [\"pdf\"]";
    let scene = Scene::with(
        |builder| builder,
        |serving| serving.rules = UploadRules::parse(rules).unwrap(),
    )
    .await;
    for (content, name, rule) in [
        (&b"x"[..], "box.pst", "mail stays"),
        (&b"%PDF-1.7 x"[..], "harmless.bin", "no documents"),
    ] {
        let seen = upload_v3(&scene, &scene.token, form(content.to_vec(), name)).await;
        assert_eq!(seen.code(), "ForbiddenError");
        assert!(seen.text().contains(rule), "{}", seen.text());
    }
    assert!(scene.running.calls().is_empty());
    let seen = upload_v3(&scene, &scene.token, form(b"x".to_vec(), "a.bin")).await;
    assert_eq!(seen.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_sent_once_whatever_comes_of_it() {
    let scene = Scene::new().await;
    scene
        .running
        .add_fault(Fault::new(FaultKind::Status(503)).times(4));
    let fields = [("apikey", &*scene.token), ("url", "http://a.example/")];
    let seen = scene.send(scene.post("/vtapi/v2/url/scan").form(&fields)).await;
    assert_eq!(seen.status, 503);
    let request = scene.post("/api/v3/urls").header("x-apikey", &scene.token);
    let seen = scene.send(request.form(&[("url", "http://a.example/")])).await;
    assert_eq!((seen.status, &*seen.code()), (503, "TransientError"));
    let seen = upload_v3(&scene, &scene.token, form(b"x".to_vec(), "a.bin")).await;
    assert_eq!(seen.status, 503);
    assert_eq!(scene.running.calls().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_comes_through_and_its_address_is_the_gateways() {
    let scene = Scene::new().await;
    let path = format!("files/{}", crate::scene::EICAR);
    assert_eq!(scene.v3(&format!("{path}/download")).await.body.len(), 68);
    let url = scene.v3(&format!("{path}/download_url")).await.json();
    let url = url["data"].as_str().unwrap();
    assert!(url.starts_with(&scene.origin), "{url}");
    let get = async || scene.send(scene.request(Method::GET, url)).await;
    assert_eq!(get().await.body.len(), 68);
    assert_eq!(get().await.status, 404);
    let seen = scene
        .v3(&format!("files/{}/download", simulator::unknown_file(3).sha256))
        .await;
    assert_eq!(seen.status, 404, "{}", seen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_where_none_is_taken_is_not_even_stored() {
    let scene = Scene::new().await;
    for (path, token, status) in [
        ("/vtapi/v2/file/report", &*scene.token, 400),
        ("/vtapi/v2/file/report", "wrong", 403),
        ("/api/v3/urls", &*scene.token, 403),
    ] {
        let request = scene.post(path).query(&[("apikey", token)]);
        let request = request
            .header("x-apikey", token)
            .multipart(form(b"x".to_vec(), "a.bin"));
        assert_eq!(scene.send(request).await.status, status, "{path}");
    }
    assert!(scene.running.calls().is_empty());
    assert_eq!(spooled(&scene), 0);
}
