//! Nothing is asked twice.

use std::time::Duration;

use serde_json::json;
use virustotal::{Accept, Answer, Deadline, FileHash};

use crate::scene::{EICAR, EICAR_SHA256, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_and_the_gateway_share_what_is_kept() {
    let scene = Scene::new().await;
    let hash = FileHash::parse(EICAR).unwrap();
    let (shell, deadline) = (scene.shell(), Deadline::after(Duration::from_secs(10)));
    let runtime = tokio::runtime::Handle::current();
    let report = tokio::task::block_in_place(|| {
        runtime.block_on(async {
            let answers = shell.file_reports(&[hash], Accept::Fresh, &deadline).await;
            answers.into_iter().next().unwrap().unwrap()
        })
    });
    let Answer::Found(report) = report else { panic!() };
    let seen = scene.v2("file/report", &[("resource", EICAR)]).await;
    assert_eq!(seen.text(), report.raw());
    // By another name of the file, which is what the answer names.
    let upper = EICAR_SHA256.to_uppercase();
    let seen = scene.v2("file/report", &[("resource", &upper)]).await.json();
    assert_eq!(
        (&seen["resource"], &seen["positives"]),
        (&json!(upper), &json!(10))
    );
    assert_eq!(scene.running.count("file/report"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_v3_is_as_virustotal_gave_it_to_the_byte_and_asked_for_once() {
    let scene = Scene::new().await;
    let direct = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}files/{EICAR}", scene.running.base_url_v3());
    let real = direct.get(url).header("x-apikey", crate::scene::KEY);
    let real = real.send().await.unwrap().bytes().await.unwrap();
    scene.running.clear_calls();
    for id in [EICAR, EICAR, EICAR_SHA256] {
        let seen = scene.v3(&format!("files/{id}")).await;
        assert_eq!((seen.status, &seen.body[..]), (200, &real[..]));
    }
    assert_eq!(scene.running.count("v3/files"), 1);
    for _ in 0..2 {
        let seen = scene.v3("domains/unknown.example").await;
        assert_eq!((seen.status, &*seen.code()), (404, "NotFoundError"));
    }
    assert_eq!(scene.running.count("v3/domains"), 1);
    // Whoever wants it new gets it new.
    let request = scene.get(&format!("/api/v3/files/{EICAR}"));
    let request = request
        .header("x-apikey", &scene.token)
        .header("cache-control", "no-cache");
    assert_eq!(scene.send(request).await.status, 200);
    assert_eq!(scene.running.count("v3/files"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_the_same_at_once_make_one_call() {
    let scene = Scene::with(|builder| builder.latency(Duration::from_millis(200)), |_| {}).await;
    let v3 = format!("files/{EICAR}");
    // An analysis is not kept, and yet asked for once by those who ask at once.
    let analysis = "analyses/NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MTU0OTM2NjQwMA==";
    let resource = [("resource", EICAR)];
    let asks = (0..8).map(|_| async {
        let (object, polled, report) = tokio::join!(
            scene.v3(&v3),
            scene.v3(analysis),
            scene.v2("file/report", &resource)
        );
        (object.status, polled.status, report.status)
    });
    for statuses in futures_util::future::join_all(asks).await {
        assert_eq!((statuses.0, statuses.2), (200, 200));
    }
    for endpoint in ["v3/files", "v3/analyses", "file/report"] {
        assert_eq!(scene.running.count(endpoint), 1, "{endpoint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_an_array_one_resource_an_object_and_only_what_is_not_kept_is_asked() {
    let scene = Scene::new().await;
    let known = simulator::file_with_positives(7, 1).sha256;
    let unknown = simulator::unknown_file(3).sha256;
    let one = scene.v2("file/report", &[("resource", EICAR)]).await.json();
    assert_eq!(one["response_code"], 1);
    let resource = format!("{EICAR}, {known},{unknown},hello");
    let batch = scene.v2("file/report", &[("resource", &resource)]).await.json();
    let shown: Vec<_> = batch
        .as_array()
        .unwrap()
        .iter()
        .map(|element| (element["resource"].clone(), element["response_code"].clone()))
        .collect();
    assert_eq!(
        shown,
        [
            (json!(EICAR), json!(1)),
            (json!(known), json!(1)),
            (json!(unknown), json!(0)),
            (json!("hello"), json!(0)),
        ]
    );
    let asked: Vec<usize> = scene.running.calls().iter().map(|call| call.items).collect();
    assert_eq!(asked, [1, 2]);
    let urls = scene
        .v2(
            "url/report",
            &[("resource", "http://a.example/\nhttp://unknown.example/")],
        )
        .await;
    assert_eq!(urls.json()[1]["response_code"], 0);
    for (path, name, value) in [
        ("domain/report", "domain", "synthetic-1.example"),
        ("ip-address/report", "ip", "45.0.0.1"),
    ] {
        assert_eq!(
            scene.v2(path, &[(name, value)]).await.json()["response_code"],
            1,
            "{path}"
        );
    }
    let missing = scene.v2("file/report", &[]).await;
    assert_eq!(missing.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_the_own_network_is_answered_here() {
    let scene = Scene::new().await;
    let ip = scene.v2("ip-address/report", &[("ip", "10.0.0.1")]).await.json();
    assert_eq!(ip["response_code"], 0);
    assert!(ip["verbose_msg"].as_str().unwrap().contains("private"), "{ip}");
    let seen = scene.v3("ip_addresses/192.168.0.1").await;
    assert_eq!((seen.status, &*seen.code()), (404, "NotFoundError"));
    let form = [("apikey", &*scene.token), ("url", "http://intranet/x")];
    let seen = scene
        .send(scene.post("/vtapi/v2/url/scan").form(&form))
        .await
        .json();
    assert_eq!(seen["response_code"], -1);
    let form = [("url", "http://intranet/x")];
    let request = scene
        .post("/api/v3/urls")
        .header("x-apikey", &scene.token)
        .form(&form);
    assert_eq!(scene.send(request).await.code(), "InvalidArgumentError");
    assert!(scene.running.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_list_are_at_the_gateway() {
    let scene = Scene::new().await;
    let mut url = format!(
        "{}/api/v3/domains/many-45.example/subdomains?limit=20",
        scene.origin
    );
    let mut names = 0;
    for _ in 0..3 {
        let request = scene.request(reqwest::Method::GET, &url);
        let page = scene.send(request.header("x-apikey", &scene.token)).await.json();
        names += page["data"].as_array().unwrap().len();
        match page["links"]["next"].as_str() {
            Some(next) => next.clone_into(&mut url),
            None => break,
        }
        assert!(url.starts_with(&scene.origin), "{url}");
    }
    assert_eq!(names, 45);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_makes_kept_answers_old() {
    let scene = Scene::new().await;
    let url = "http://unknown.positives-3.example/";
    let report = async || scene.v2("url/report", &[("resource", url)]).await.json();
    assert_eq!(report().await["response_code"], 0);
    let form = [("apikey", &*scene.token), ("url", url)];
    let sent = scene
        .send(scene.post("/vtapi/v2/url/scan").form(&form))
        .await
        .json();
    assert_eq!(sent["response_code"], 1);
    let scan_id = sent["scan_id"].as_str().unwrap().to_owned();
    assert_ne!(report().await["response_code"], 0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let polled = scene.v2("url/report", &[("resource", &scan_id)]).await.json();
    assert!(polled["scans"].is_object(), "{polled}");
    // Of a URL that nobody knows, `scan=1` asks for an analysis.
    let new = [("resource", "http://unknown.example/new"), ("scan", "1")];
    let seen = scene.v2("url/report", &new).await.json();
    assert!(seen["verbose_msg"].as_str().unwrap().contains("queued"), "{seen}");
}
