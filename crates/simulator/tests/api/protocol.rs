//! Keys, quotas, batches, scans, uploads, comments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use simulator::{DEMO_KEY, KeyKind, Quota, synthetic_file, synthetic_url, unknown_file};

use crate::scene::{EICAR_MD5, EICAR_SHA256, Scene};

#[test]
fn parameters_are_taken_from_query_form_and_multipart_alike() {
    let scene = Scene::new(|builder| builder);
    let by_query = scene.get("file/report", &[("apikey", DEMO_KEY), ("resource", EICAR_MD5)]);
    let by_form = scene.post("file/report", &[("apikey", DEMO_KEY), ("resource", EICAR_MD5)]);
    assert_eq!(by_query.json(), by_form.json());
    let url = format!("{}file/scan", scene.running.base_url());
    assert_eq!(scene.upload(&url, Some(DEMO_KEY), b"x").status, 200);
    let calls = scene.running.calls();
    assert_eq!(
        calls.iter().map(|call| call.key_in_query).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert!(calls.iter().all(|call| call.key_ok && call.status == 200));
}

#[test]
fn a_wrong_or_missing_key_is_refused_with_an_empty_body() {
    let scene = Scene::new(|builder| builder);
    for form in [
        vec![("resource", EICAR_MD5)],
        vec![("apikey", "wrong"), ("resource", EICAR_MD5)],
    ] {
        let answer = scene.post("file/report", &form);
        assert_eq!((answer.status, answer.body.as_str()), (403, ""));
    }
    assert_eq!(scene.get("nowhere", &[("apikey", DEMO_KEY)]).status, 404);
    assert_eq!(scene.post("file/report", &[("apikey", DEMO_KEY)]).status, 400);
}

#[test]
fn a_public_key_may_not_rescan_read_comments_or_ask_for_an_upload_address() {
    let scene = Scene::new(|builder| builder.key("k", KeyKind::Public));
    assert_eq!(
        scene
            .post("file/rescan", &[("apikey", "k"), ("resource", EICAR_MD5)])
            .status,
        403
    );
    assert_eq!(
        scene
            .get("comments/get", &[("apikey", "k"), ("resource", EICAR_MD5)])
            .status,
        403
    );
    assert_eq!(scene.get("file/scan/upload_url", &[("apikey", "k")]).status, 403);
    let report = scene.post(
        "file/report",
        &[
            ("apikey", "k"),
            ("resource", &synthetic_file(1).md5),
            ("allinfo", "true"),
        ],
    );
    assert!(report.json().get("first_seen").is_none());
    let scene = Scene::new(|builder| builder);
    let report = scene.post(
        "file/report",
        &[
            ("apikey", DEMO_KEY),
            ("resource", &synthetic_file(1).md5),
            ("allinfo", "1"),
        ],
    );
    assert!(report.json().get("first_seen").is_some());
}

#[test]
fn a_used_up_quota_is_a_204_until_its_window_is_new() {
    let second = Arc::new(AtomicI64::new(1_800_000_000));
    let clock = Arc::clone(&second);
    let scene = Scene::new(|builder| {
        builder
            .quota(Quota {
                per_minute: Some(2),
                ..Quota::default()
            })
            .clock(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap())
    });
    let ask = || scene.post("file/report", &[("apikey", DEMO_KEY), ("resource", EICAR_MD5)]);
    assert_eq!([ask().status, ask().status], [200, 200]);
    let refused = ask();
    assert_eq!((refused.status, refused.body.as_str()), (204, ""));
    second.fetch_add(60, Ordering::SeqCst);
    assert_eq!(ask().status, 200);
}

#[test]
fn a_batch_is_an_array_cut_at_the_keys_limit_and_one_resource_is_an_object() {
    let hashes: Vec<String> = (0..30).map(|n| synthetic_file(n).sha256).collect();
    for (kind, limit) in [(KeyKind::Public, 4), (KeyKind::Private, 25)] {
        let scene = Scene::new(|builder| builder.key("k", kind));
        let answer = scene
            .post(
                "file/report",
                &[("apikey", "k"), ("resource", &hashes.join(", "))],
            )
            .json();
        let answer = answer.as_array().unwrap();
        assert_eq!(answer.len(), limit);
        assert!(
            answer
                .iter()
                .zip(&hashes)
                .all(|(element, hash)| element["resource"] == **hash)
        );
        let urls: Vec<String> = (0..2).map(synthetic_url).collect();
        let answer = scene
            .post("url/report", &[("apikey", "k"), ("resource", &urls.join("\n"))])
            .json();
        assert_eq!(answer.as_array().unwrap().len(), 2);
        assert!(
            scene
                .post("file/report", &[("apikey", "k"), ("resource", EICAR_MD5)])
                .json()
                .is_object()
        );
    }
}

#[test]
fn a_rescan_is_queued_while_the_older_report_stays_readable_by_hash() {
    let scene = Scene::new(|builder| builder);
    let rescan = scene.ask("file/rescan", "resource", EICAR_MD5);
    assert!(rescan.get("verbose_msg").is_none());
    let id = rescan["scan_id"].as_str().unwrap();
    assert_eq!(scene.ask("file/report", "resource", id)["response_code"], -2);
    assert_eq!(
        scene.ask("file/report", "resource", EICAR_SHA256)["scan_date"],
        "2019-02-05 15:41:52"
    );
    std::thread::sleep(Duration::from_millis(300));
    for resource in [id, EICAR_MD5] {
        let report = scene.ask("file/report", "resource", resource);
        assert_eq!(
            (&report["response_code"], &report["scan_id"]),
            (&1.into(), &rescan["scan_id"])
        );
        assert_ne!(report["scan_date"], "2019-02-05 15:41:52");
    }
    assert_eq!(
        scene.ask("file/rescan", "resource", &unknown_file(1).md5)["response_code"],
        0
    );
    assert_eq!(
        scene.ask("file/rescan", "resource", "nonsense")["response_code"],
        -1
    );
}

#[test]
fn a_new_url_is_queued_and_then_known() {
    let scene = Scene::new(|builder| builder);
    let url = "http://unknown.synthetic.example/x";
    assert_eq!(scene.ask("url/report", "resource", url)["response_code"], 0);
    let queued = scene
        .post(
            "url/report",
            &[("apikey", DEMO_KEY), ("resource", url), ("scan", "1")],
        )
        .json();
    assert!(
        queued["response_code"] == 1 && queued.get("scans").is_none() && queued.get("filescan_id").is_none()
    );
    assert_eq!(scene.ask("url/report", "resource", url)["response_code"], -2);
    std::thread::sleep(Duration::from_millis(300));
    assert!(scene.ask("url/report", "resource", url)["scans"].is_object());
    assert_eq!(scene.ask("url/scan", "url", "gogles")["response_code"], -1);
}

#[test]
fn a_wrong_content_type_on_url_scan_is_refused() {
    let scene = Scene::new(|builder| builder);
    let url = format!(
        "{}url/scan?apikey={DEMO_KEY}&url=http://a.example/",
        scene.running.base_url()
    );
    let refused = ureq::post(url).header("Content-Type", "text/plain").send("x");
    assert!(matches!(refused, Err(ureq::Error::StatusCode(403))));
}

#[test]
fn an_upload_is_known_by_its_hashes_and_an_upload_address_works_once() {
    let scene = Scene::new(|builder| builder.max_upload_bytes(10_000));
    let direct = format!("{}file/scan", scene.running.base_url());
    let accepted = scene
        .upload(&direct, Some(DEMO_KEY), b"simulate:positives=7")
        .json();
    assert_eq!(
        accepted["verbose_msg"],
        "Scan request successfully queued, come back later for the report"
    );
    assert_eq!(
        scene.ask("file/report", "resource", accepted["sha256"].as_str().unwrap())["response_code"],
        -2
    );
    std::thread::sleep(Duration::from_millis(300));
    for key in ["md5", "sha1", "sha256", "scan_id"] {
        let report = scene.ask("file/report", "resource", accepted[key].as_str().unwrap());
        assert_eq!(report["positives"], 7, "{key}");
    }
    assert_eq!(scene.upload(&direct, Some(DEMO_KEY), &[0; 20_000]).status, 413);
    let answer = scene.get("file/scan/upload_url", &[("apikey", DEMO_KEY)]).json();
    let address = answer["upload_url"].as_str().unwrap();
    assert_eq!(scene.upload(address, None, &[0; 20_000]).status, 200);
    assert_eq!(scene.upload(address, None, &[0; 20_000]).status, 404);
    assert_eq!(
        scene
            .running
            .uploads()
            .iter()
            .map(|upload| upload.size_bytes)
            .collect::<Vec<_>>(),
        [20, 20_000]
    );
    assert_eq!(scene.running.uploads()[0].file_name, "a b.bin");
}

#[test]
fn comments_are_kept_once_and_come_in_pages() {
    let scene = Scene::new(|builder| builder);
    let hash = synthetic_file(3).sha256;
    let put = |text: &str| {
        scene
            .post(
                "comments/put",
                &[("apikey", DEMO_KEY), ("resource", &hash), ("comment", text)],
            )
            .json()
    };
    assert_eq!(put("one")["response_code"], 1);
    assert_eq!(put("one")["verbose_msg"], "Duplicate comment");
    for n in 0..30 {
        put(&format!("comment {n}"));
    }
    let get = |query: &[(&str, &str)]| {
        scene.get("comments/get", query).json()["comments"]
            .as_array()
            .unwrap()
            .clone()
    };
    let page = get(&[("apikey", DEMO_KEY), ("resource", &hash)]);
    assert_eq!((page.len(), &page[0]["comment"]), (25, &"comment 29".into()));
    assert!(get(&[("apikey", DEMO_KEY), ("resource", &unknown_file(1).md5)]).is_empty());
}

#[test]
fn answers_are_compressed_only_for_those_who_say_so_twice() {
    let scene = Scene::new(|builder| builder);
    for (agent, encoding, compressed) in [
        ("x (gzip)", "gzip", true),
        ("x", "gzip", false),
        ("x (gzip)", "identity", false),
    ] {
        let url = format!(
            "{}file/report?apikey={DEMO_KEY}&resource={EICAR_MD5}",
            scene.running.base_url()
        );
        let response = ureq::get(url)
            .header("User-Agent", agent)
            .header("Accept-Encoding", encoding)
            .call()
            .unwrap();
        assert_eq!(
            response.headers().contains_key("content-encoding"),
            compressed,
            "{agent} {encoding}"
        );
    }
}
