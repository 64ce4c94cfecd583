//! Comments and votes.

use serde_json::{Value, json};
use simulator::{DEMO_KEY, synthetic_file};

use crate::scene::{EICAR_SHA256, PUBLIC_KEY, Scene, note};

#[test]
fn a_comment_is_kept_once_and_both_apis_show_it() {
    let scene = Scene::usual();
    let file = synthetic_file(3);
    let path = format!("files/{}/comments", file.md5);
    let posted = scene
        .post_json(&path, &note("comment", "text", "seen in #Phishing <b>mail</b>"))
        .data();
    assert!(
        posted["id"]
            .as_str()
            .unwrap()
            .starts_with(&format!("f-{}-", file.sha256))
    );
    assert_eq!(posted["attributes"]["tags"], json!(["phishing"]));
    let twice = scene.post_json(&path, &note("comment", "text", "seen in #Phishing <b>mail</b>"));
    assert_eq!(twice.error(), (409, "AlreadyExistsError".to_owned()));
    for n in 0..12 {
        scene.post_json(&path, &note("comment", "text", &format!("comment {n}")));
    }
    let page = scene.get_as(PUBLIC_KEY, &path).json();
    assert_eq!(
        (page["data"].as_array().unwrap().len(), &page["meta"]["count"]),
        (10, &json!(13))
    );
    assert_eq!(
        page["data"][0]["attributes"]["text"], "comment 11",
        "newest first"
    );
    let v2 = scene.v2("comments/get", "resource", &file.sha1);
    assert_eq!(v2["comments"].as_array().unwrap().len(), 13);
    assert_eq!(
        v2["comments"][0],
        json!({"date": "20270115080000", "comment": "comment 11"})
    );
    for (body, status) in [
        (json!({}), 400),
        (note("vote", "text", "x"), 400),
        (note("comment", "text", ""), 400),
    ] {
        assert_eq!(scene.post_json(&path, &body).error().0, status);
    }
    assert_eq!(
        scene
            .post_json("domains/unknown.example/comments", &note("comment", "text", "x"))
            .status,
        404
    );
    for other in [
        "domains/synthetic-1.example/comments",
        "ip_addresses/45.0.0.1/comments",
    ] {
        assert_eq!(scene.post_json(other, &note("comment", "text", "x")).status, 200);
        assert_eq!(scene.get(other).json()["meta"]["count"], 1);
    }
}

#[test]
fn the_references_comments_are_there() {
    let scene = Scene::usual();
    let sample: Value = serde_json::from_str(include_str!("../../samples/v3_file_comments.json")).unwrap();
    assert_eq!(
        scene.get(&format!("files/{EICAR_SHA256}/comments")).data(),
        sample["data"]
    );
}

#[test]
fn a_user_votes_once_and_the_vote_counts_in_both_apis() {
    let scene = Scene::usual();
    for path in [
        format!("files/{}", synthetic_file(5).sha256),
        "domains/synthetic-1.example".to_owned(),
        "ip_addresses/45.0.0.1".to_owned(),
        format!("files/{EICAR_SHA256}"),
    ] {
        let votes = format!("{path}/votes");
        let count = || {
            scene.get(&path).data()["attributes"]["total_votes"]["malicious"]
                .as_u64()
                .unwrap()
        };
        let before = count();
        let vote = |key: &str, verdict: &str| {
            let body = note("vote", "verdict", verdict).to_string();
            scene.post(Some(key), &votes, "application/json", body.as_bytes())
        };
        assert_eq!(
            vote(DEMO_KEY, "malicious").data()["attributes"]["verdict"],
            "malicious"
        );
        assert_eq!(
            vote(DEMO_KEY, "harmless").error(),
            (409, "AlreadyExistsError".to_owned())
        );
        assert_eq!(
            vote(PUBLIC_KEY, "evil").error(),
            (400, "InvalidArgumentError".to_owned())
        );
        assert_eq!(vote(PUBLIC_KEY, "malicious").status, 200);
        assert_eq!(count(), before + 2, "{path}");
        let list = scene.get(&votes).json();
        assert_eq!(
            (&list["meta"]["count"], &list["data"][0]["type"]),
            (&json!(2), &json!("vote"))
        );
        assert!(!list.to_string().contains(DEMO_KEY));
    }
    let hash = synthetic_file(5).sha256;
    let v3 = scene.get(&format!("files/{hash}")).data();
    let v2 = scene.v2("file/report", "resource", &hash);
    assert_eq!(
        v2["malicious_votes"],
        v3["attributes"]["total_votes"]["malicious"]
    );
}
