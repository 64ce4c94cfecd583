//! Keys, licences, quotas.

use serde_json::{Value, json};
use simulator::{DEMO_KEY, Quota, synthetic_file, user_name};

use crate::scene::{EICAR_MD5, PUBLIC_KEY, Scene};

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn errors_are_the_references() {
    let scene = Scene::usual();
    let get = |key: Option<&str>, path: &str| scene.try_get(key, path).unwrap();
    let file = format!("files/{EICAR_MD5}");
    for (answer, status, expected) in [
        (
            get(None, &file),
            401,
            include_str!("../../samples/v3_error_missing_key.json"),
        ),
        (
            get(Some("wrong"), &file),
            401,
            include_str!("../../samples/v3_error_wrong_key.json"),
        ),
        (
            get(Some(PUBLIC_KEY), "domains/example.co.in/urls"),
            403,
            include_str!("../../samples/v3_error_forbidden.json"),
        ),
        (
            scene.get("files/00000000000000000000000000000000000000000000000000000000000000aa"),
            404,
            include_str!("../../samples/v3_error_file_not_found.json"),
        ),
        (
            scene.get("urls/thisurlidmakesnosenseatall"),
            404,
            include_str!("../../samples/v3_error_url_not_found.json"),
        ),
        (
            scene.get("domains/-"),
            400,
            include_str!("../../samples/v3_error_invalid_domain.json"),
        ),
        (
            scene.post_url("gogles"),
            400,
            include_str!("../../samples/v3_error_invalid_url.json"),
        ),
    ] {
        assert_eq!((answer.status, answer.json()), (status, sample(expected)));
    }
    assert_eq!(scene.get("nonsense").error(), (404, "NotFoundError".to_owned()));
    assert_eq!(
        scene.get("ip_addresses/999.1.1.1").error(),
        (400, "InvalidArgumentError".to_owned())
    );
    assert_eq!(scene.get("ip_addresses/10.0.0.1").error().0, 404);
    assert_eq!(scene.get("domains/unknown.example").error().0, 404);
    // A key in the query is no key.
    let in_query = get(None, &format!("{file}?x-apikey={DEMO_KEY}&apikey={DEMO_KEY}"));
    assert_eq!(in_query.error(), (401, "AuthenticationRequiredError".to_owned()));
    assert!(scene.running.calls().last().unwrap().key_in_query);
}

#[test]
fn a_public_key_is_refused_what_its_licence_lacks() {
    let scene = Scene::usual();
    let file = synthetic_file(1).sha256;
    for path in [
        "domains/example.co.in/downloaded_files".to_owned(),
        "ip_addresses/198.51.100.7/relationships/urls".to_owned(),
        "domains/example.co.in?relationships=subdomains,urls".to_owned(),
        format!("files/{file}/itw_urls"),
        format!("files/{file}/download"),
        "intelligence/search?query=x".to_owned(),
        "intelligence/zip_files/1".to_owned(),
    ] {
        assert_eq!(
            scene.get_as(PUBLIC_KEY, &path).error(),
            (403, "ForbiddenError".to_owned()),
            "{path}"
        );
    }
    for path in [
        "domains/example.co.in/resolutions".to_owned(),
        format!("files/{file}/contacted_domains"),
        format!("files/{file}/comments"),
        "files/upload_url".to_owned(),
    ] {
        assert_eq!(scene.get_as(PUBLIC_KEY, &path).status, 200, "{path}");
    }
    let again = scene.post(
        Some(PUBLIC_KEY),
        &format!("files/{file}/analyse"),
        "text/plain",
        b"",
    );
    assert_eq!(again.status, 200);
}

#[test]
fn both_apis_take_from_one_quota() {
    let scene = Scene::new(|builder| {
        builder.quota(Quota {
            per_minute: Some(4),
            per_day: Some(500),
            ..Quota::default()
        })
    });
    let file = format!("files/{EICAR_MD5}");
    let v2 = || {
        let url = format!(
            "{}file/report?apikey={DEMO_KEY}&resource={EICAR_MD5}",
            scene.running.base_url()
        );
        scene.try_get(None, &url).unwrap().status
    };
    assert_eq!([v2(), v2()], [200, 200]);
    assert_eq!(
        [
            scene.get(&file).status,
            scene.get("domains/unknown.example").status
        ],
        [200, 404]
    );
    let refused = scene.get(&file);
    assert_eq!(
        (refused.status, refused.json()),
        (
            429,
            sample(include_str!("../../samples/v3_error_quota_exceeded.json"))
        )
    );
    assert_eq!(v2(), 204);
    let quotas = scene.get(&format!("users/{DEMO_KEY}/overall_quotas")).data();
    assert_eq!(
        [&quotas["api_requests_hourly"], &quotas["api_requests_daily"]],
        [
            &json!({"user": {"allowed": 240, "used": 4}}),
            &json!({"user": {"allowed": 500, "used": 4}})
        ]
    );
    let shape = sample(include_str!("../../samples/v3_user_overall_quotas.json"));
    assert!(
        shape["data"]
            .as_object()
            .unwrap()
            .keys()
            .all(|name| quotas[name]["user"]["used"].is_u64())
    );
    assert_eq!(
        scene.get_as(PUBLIC_KEY, &file).status,
        200,
        "another key has its own"
    );
    scene.pass(60);
    assert_eq!(scene.get(&file).status, 200);
    let usage = scene.get(&format!("users/{DEMO_KEY}/api_usage")).data();
    assert_eq!(
        (&usage["total"]["v3/files"], &usage["total"]["file/report"]),
        (&json!(3), &json!(3)),
        "refused ones too"
    );
    let by_name = format!("users/{}/api_usage?start_date=20270116", user_name(DEMO_KEY));
    assert_eq!(scene.get(&by_name).data()["daily"], json!({}));
    assert_eq!(usage["daily"]["2027-01-15"]["v3/domains"], 1);
    assert_eq!(
        scene.get(&format!("users/{PUBLIC_KEY}/api_usage")).error().0,
        403,
        "somebody else's"
    );
    assert!(
        scene
            .running
            .calls()
            .iter()
            .all(|call| !format!("{call:?}").contains(DEMO_KEY)),
        "no key in the record"
    );
}

#[test]
fn calls_are_recorded_by_kind_and_method() {
    let scene = Scene::usual();
    scene.get(&format!("files/{EICAR_MD5}"));
    scene.upload("files", Some(DEMO_KEY), b"x");
    scene.post_url("http://a.example/");
    scene.get("domains/example.co.in/subdomains");
    for (endpoint, count) in [
        ("v3/files", 2),
        ("POST v3/files", 1),
        ("GET v3/files", 1),
        ("v3/urls", 1),
        ("v3/relationships", 1),
        ("file/report", 0),
    ] {
        assert_eq!(scene.running.count(endpoint), count, "{endpoint}");
    }
    let calls = scene.running.calls();
    assert!(calls.iter().all(|call| call.key_ok && !call.key_in_query));
    assert_eq!(calls[2].resources, ["http://a.example/"]);
}
