//! Search, downloads, ZIP files.

use std::io::{Cursor, Read};

use serde_json::json;
use simulator::{DEMO_KEY, synthetic_file, unknown_file};

use crate::collections::all_of;
use crate::scene::{EICAR_MD5, EICAR_SHA256, PUBLIC_KEY, Scene};

#[test]
fn a_search_finds_by_hash_positives_tag_and_name() {
    let scene = Scene::usual();
    let search = |query: &str| all_of(&scene, &format!("intelligence/search?query={query}&limit=200")).0;
    for hash in [EICAR_MD5, &synthetic_file(5000).sha1] {
        assert_eq!(search(hash).len(), 1, "{hash}");
    }
    assert!(search(&unknown_file(1).md5).is_empty());
    let many = all_of(&scene, "intelligence/search?query=positives:10%2B&limit=20").0;
    assert!(many.len() > 20, "several pages: {}", many.len());
    assert!(
        many.iter()
            .all(|file| file["attributes"]["last_analysis_stats"]["malicious"].as_u64() >= Some(10))
    );
    let tagged = search("tag:pdf%20positives:0");
    assert!(
        !tagged.is_empty()
            && tagged
                .iter()
                .all(|file| file["attributes"]["tags"] == json!(["pdf"]))
    );
    assert_eq!(search("name:eicar.com")[0]["id"], EICAR_SHA256);
    scene.upload("files", Some(DEMO_KEY), b"x");
    assert_eq!(
        search("%22a%22")
            .iter()
            .filter(|file| file["attributes"]["names"] == json!(["a b.bin"]))
            .count(),
        1
    );
    assert!(
        search("entity:domain%20synthetic-7")
            .iter()
            .any(|domain| domain["id"] == "synthetic-7.example")
    );
    assert!(!search("entity:url%20positives:1%2B").is_empty());
    let hits = scene.get("intelligence/search?query=tag:pdf&limit=1").json();
    assert!(hits["meta"]["total_hits"].as_u64() > Some(1) && hits["links"]["next"].is_string());
    for query in ["", "content:x", "entity:nonsense"] {
        assert_eq!(
            scene.get(&format!("intelligence/search?query={query}")).error().0,
            400,
            "{query}"
        );
    }
}

#[test]
fn a_download_leads_to_the_content() {
    let scene = Scene::usual();
    scene.upload("files", Some(DEMO_KEY), b"small content");
    scene.pass(30);
    let uploaded = scene.running.uploads()[0].sha256.clone();
    for (hash, content) in [
        (uploaded.as_str(), Some("small content")),
        (EICAR_MD5, Some("X5O!")),
        (&synthetic_file(1).md5, None),
    ] {
        let answer = scene.get(&format!("files/{hash}/download"));
        assert_eq!(answer.status, 302);
        let to = answer.headers["location"].to_str().unwrap();
        let bytes = scene.try_get(None, to).unwrap();
        assert_eq!(bytes.status, 200);
        assert!(
            bytes.text().starts_with(content.unwrap_or("content of")),
            "{}",
            bytes.text()
        );
        let address = scene.get(&format!("files/{hash}/download_url")).data();
        assert_eq!(
            scene.try_get(None, address.as_str().unwrap()).unwrap().body,
            bytes.body
        );
    }
    assert_eq!(
        scene
            .get(&format!("files/{}/download", unknown_file(1).md5))
            .error()
            .0,
        404
    );
    assert_eq!(
        scene
            .get_as(PUBLIC_KEY, &format!("files/{EICAR_MD5}/download"))
            .error()
            .0,
        403
    );
}

#[test]
fn a_zip_is_made_in_time_and_opens_with_its_password() {
    let scene = Scene::usual();
    let body = json!({"data": {"hashes": [EICAR_MD5, synthetic_file(1).md5, unknown_file(1).md5], "password": "infected"}});
    let made = scene.post_json("intelligence/zip_files", &body).data();
    assert_eq!(made["attributes"]["status"], "creating");
    assert_eq!(
        (
            &made["attributes"]["files_ok"],
            &made["attributes"]["files_error"]
        ),
        (&json!(2), &json!(1))
    );
    let path = format!("intelligence/zip_files/{}", made["id"].as_str().unwrap());
    assert_eq!(
        scene.get(&format!("{path}/download")).error(),
        (400, "NotAvailableYet".to_owned())
    );
    scene.pass(30);
    assert_eq!(scene.get(&path).data()["attributes"]["status"], "finished");
    let answer = scene.get(&format!("{path}/download"));
    assert_eq!(answer.status, 302);
    let to = answer.headers["location"].to_str().unwrap();
    let bytes = scene.try_get(None, to).unwrap().body;
    let address = scene.get(&format!("{path}/download_url")).data();
    assert_eq!(
        scene.try_get(None, address.as_str().unwrap()).unwrap().body,
        bytes
    );
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert!(archive.by_index(0).is_err(), "needs a password");
    let mut text = String::new();
    let mut file = archive.by_index_decrypt(0, b"infected").unwrap();
    assert_eq!(file.name().unwrap(), EICAR_SHA256);
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text.len(), 68);
    assert_eq!(scene.get("intelligence/zip_files/1").error().0, 404);
    assert_eq!(
        scene
            .post_json("intelligence/zip_files", &json!({"data": {"hashes": []}}))
            .error()
            .0,
        400
    );
}
