//! Both URL ids; pages, cursors, descriptors, relationships beside the object.

use serde_json::{Value, json};
use simulator::{synthetic_domain, synthetic_file, synthetic_url};

use crate::scene::Scene;

/// Every page of a collection, by its links.
pub(crate) fn all_of(scene: &Scene, path: &str) -> (Vec<Value>, usize) {
    let (mut items, mut pages, mut next) = (Vec::new(), 0, path.to_owned());
    loop {
        let page = scene.get(&next);
        assert_eq!(page.status, 200, "{next}: {}", page.text());
        let page = page.json();
        pages += 1;
        items.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["links"]["next"].as_str() {
            Some(link) => {
                assert!(link.starts_with(&scene.running.base_url_v3()), "{link}");
                assert!(page["meta"]["cursor"].is_string());
                next = link.to_owned();
            }
            None => {
                assert!(page["meta"].get("cursor").is_none(), "{page}");
                return (items, pages);
            }
        }
    }
}

#[test]
fn a_url_has_two_ids_and_is_known_by_its_sha256() {
    let scene = Scene::usual();
    // The reference's figure.
    let posted = scene.post_url("google.com").data();
    let sha256 = "cf4b367e49bf0b22041c6f065f4aa19f3cfe39c8d5abc0617343d1a66c6a26f5";
    assert_eq!(posted["id"], format!("u-{sha256}-1800000000"));
    scene.pass(30);
    for id in [sha256, "aHR0cDovL2dvb2dsZS5jb20v"] {
        let url = scene.get(&format!("urls/{id}")).data();
        assert_eq!(
            (&url["id"], &url["attributes"]["url"]),
            (&json!(sha256), &json!("http://google.com/"))
        );
    }
    // Not spoken of before.
    let id = {
        let other = Scene::usual();
        other.post_url(&synthetic_url(1500)).data()["id"]
            .as_str()
            .unwrap()[2..66]
            .to_owned()
    };
    assert_eq!(
        scene.get(&format!("urls/{id}")).data()["attributes"]["url"],
        synthetic_url(1500)
    );
    // Standard base64 breaks the path; here, the id.
    assert_eq!(scene.get("urls/aHR0cDovL2dvb2dsZS5jb20v==").status, 404);
}

#[test]
fn pages_go_on_until_there_is_no_cursor() {
    let scene = Scene::usual();
    let domain = "many-45.example";
    let first = scene.get(&format!("domains/{domain}/subdomains")).json();
    assert_eq!(first["data"].as_array().unwrap().len(), 10, "default limit");
    assert_eq!(first["meta"]["count"], 45);
    let cursor = first["meta"]["cursor"].as_str().unwrap();
    assert!(cursor.ends_with('='), "must be percent-encoded: {cursor}");
    for (limit, expected) in [(1, 45), (10, 5), (40, 2)] {
        let (items, pages) = all_of(&scene, &format!("domains/{domain}/subdomains?limit={limit}"));
        assert_eq!((items.len(), pages), (45, expected));
        assert_eq!(items[44]["id"], "s44.many-45.example");
    }
    let path = format!(
        "domains/{domain}/subdomains?cursor={}",
        cursor.replace('=', "%3D")
    );
    assert_eq!(scene.get(&path).data()[0]["id"], "s10.many-45.example");
    for query in ["limit=0", "limit=41", "limit=x", "cursor=nonsense"] {
        let refused = scene.get(&format!("domains/{domain}/subdomains?{query}"));
        assert_eq!(refused.error().0, 400, "{query}");
    }
    assert_eq!(scene.get(&format!("domains/{domain}/nonsense")).error().0, 404);
    assert_eq!(scene.get("domains/unknown.example/subdomains").error().0, 404);
}

#[test]
fn the_three_forms_of_a_relationship_agree() {
    let scene = Scene::usual();
    let short = |object: &Value| json!({"type": object["type"], "id": object["id"]});
    for (path, names) in [
        (
            "domains/many-25.example".to_owned(),
            vec![
                "resolutions",
                "subdomains",
                "siblings",
                "communicating_files",
                "referrer_files",
                "urls",
            ],
        ),
        (
            format!("files/{}", synthetic_file(3).md5),
            vec![
                "contacted_domains",
                "contacted_ips",
                "contacted_urls",
                "itw_urls",
                "dropped_files",
            ],
        ),
    ] {
        let embedded = scene
            .get(&format!("{path}?relationships={}", names.join(",")))
            .data();
        assert_eq!(embedded["relationships"].as_object().unwrap().len(), names.len());
        for name in names {
            let (full, _) = all_of(&scene, &format!("{path}/{name}?limit=40"));
            let (descriptors, _) = all_of(&scene, &format!("{path}/relationships/{name}?limit=40"));
            assert_eq!(full.iter().map(short).collect::<Vec<_>>(), descriptors, "{name}");
            assert!(full.iter().all(|object| object["attributes"].is_object()));
            let own = &embedded["relationships"][name];
            let first: Vec<Value> = descriptors.iter().take(20).cloned().collect();
            assert_eq!(own["data"], json!(first), "{name}");
            if let Some(next) = own["links"]["next"].as_str() {
                let (rest, _) = all_of(&scene, next);
                assert_eq!(rest, descriptors[20..]);
            } else {
                assert!(descriptors.len() <= 20);
            }
        }
    }
    let unknown = scene.get("domains/many-25.example?relationships=nonsense");
    assert_eq!(unknown.error(), (400, "BadRequestError".to_owned()));
}

#[test]
fn a_relationship_to_one_object_is_no_list() {
    let scene = Scene::usual();
    let id = scene.post_url(&synthetic_url(4)).data()["id"].as_str().unwrap()[2..66].to_owned();
    let network = scene.get(&format!("urls/{id}/network_location")).data();
    assert_eq!(
        (&network["type"], &network["id"]),
        (&json!("domain"), &json!("host-4.synthetic.example"))
    );
    let serving = scene.get(&format!("urls/{id}/last_serving_ip_address")).data();
    assert_eq!(serving["type"], "ip_address");
    let parent = scene
        .get("domains/a.b.synthetic-1.example/immediate_parent")
        .data();
    assert_eq!(parent["id"], "b.synthetic-1.example");
    assert!(
        scene
            .get(&format!("domains/{}/parent", synthetic_domain(1)))
            .data()
            .is_null()
    );
}
