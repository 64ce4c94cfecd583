//! `related`, `search`, `comment`, `vote` and `download`.

use crate::scene::{EICAR, Scene};

#[test]
fn related_objects_are_shown_and_are_whole_in_json() {
    let scene = Scene::new();
    let shown = scene.run(&[
        "related",
        "subdomains,resolutions",
        "--limit",
        "2",
        "many-5[.]example",
    ]);
    assert_eq!(shown.code, 0, "{} {}", shown.out, shown.err);
    for part in ["done", "subdomains: 2, and more", "s0.many-5.example", "ADDRESS"] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let arguments = [
        "related",
        "subdomains",
        "--output",
        "json",
        "many-5.example",
        "unknown.example",
    ];
    let json = scene.run(&arguments);
    assert_eq!(json.code, 3, "{} {}", json.out, json.err);
    let lists = &json.json()["json_result"][0]["EntityResult"]["lists"];
    assert_eq!(lists[0]["objects"].as_array().map(Vec::len), Some(5));
    assert_eq!(lists[0]["objects"][0]["entity_type"], "DOMAIN");
}

#[test]
fn a_search_lists_what_it_finds_and_a_bad_query_is_told() {
    let scene = Scene::new();
    let found = scene.run(&["search", "entity:file positives:1+", "--limit", "3"]);
    assert_eq!(found.code, 0, "{} {}", found.out, found.err);
    assert!(found.out.contains("FILEHASH"), "{}", found.out);
    let bad = scene.run(&["search", "nonsense_modifier:1"]);
    assert_eq!(bad.code, 4);
    assert!(bad.out.contains("does not understand the query"), "{}", bad.out);
}

#[test]
fn a_comment_and_a_vote_are_written_once_and_never_by_a_run_that_goes_on() {
    let scene = Scene::new();
    for _ in 0..2 {
        let said = scene.run(&["comment", "--text", "seen #here", EICAR]);
        assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    }
    let again = scene.run(&["comment", "--text", "seen #here", EICAR]);
    assert!(again.out.contains("there before"), "{}", again.out);
    let voted = scene.run(&["vote", "malicious", EICAR, "10.0.0.1"]);
    assert_eq!(voted.code, 3, "{} {}", voted.out, voted.err);
    assert!(voted.out.contains("it is a private"), "{}", voted.out);
    assert_eq!(scene.running.count("v3/votes"), 1);
    let list = scene.run(&["resume", "--list"]);
    assert!(!list.out.contains("Add "), "{} {}", list.out, list.err);
}

#[test]
fn what_can_not_be_meant_is_refused_before_any_call() {
    let scene = Scene::new();
    for arguments in [
        &["vote", "perhaps", EICAR][..],
        &["comment", EICAR],
        &["related", "subdomains"],
    ] {
        let refused = scene.run(arguments);
        assert_eq!(refused.code, 2, "{arguments:?} {} {}", refused.out, refused.err);
    }
    let refused = scene.run(&["related", "../x", "a.example"]);
    assert_eq!(refused.code, 4);
    assert!(refused.out.contains("Relationships must be"), "{}", refused.out);
    assert!(scene.running.calls().is_empty());
}

#[test]
fn a_download_is_in_quarantine_and_is_not_repeated() {
    let scene = Scene::new();
    let first = scene.run(&["download", EICAR]);
    assert_eq!(first.code, 0, "{} {}", first.out, first.err);
    for part in ["done", "saved as", "its password is infected"] {
        assert!(first.out.contains(part), "{part}: {}", first.out);
    }
    let path = scene.home.path().join(format!("{EICAR}.zip"));
    assert!(path.is_file());
    let again = scene.run(&["download", "--output", "json", EICAR]);
    assert_eq!(again.code, 0, "{} {}", again.out, again.err);
    let said = &again.json()["json_result"][0]["EntityResult"];
    assert_eq!(said["size_bytes"], path.metadata().unwrap().len());
    assert_eq!(said["password"], "infected");
    assert_eq!(scene.running.count("v3/storage"), 1);
    // Something of that name is nobody's to overwrite.
    std::fs::write(&path, "my notes").unwrap();
    let refused = scene.run(&["download", EICAR]);
    assert_eq!(refused.code, 4, "{} {}", refused.out, refused.err);
    assert!(refused.out.contains("move it away"), "{}", refused.out);
    let nowhere = scene.run(&["download", "--folder", "gone", EICAR]);
    assert_eq!(nowhere.code, 4, "{} {}", nowhere.out, nowhere.err);
    assert!(nowhere.out.contains("a folder that is there"), "{}", nowhere.out);
}
