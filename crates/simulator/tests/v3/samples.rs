//! The reference's samples, and those that only API v2 has.

use serde_json::{Value, json};
use simulator::DEMO_KEY;

use crate::collections::all_of;
use crate::scene::{EICAR_MD5, Scene};

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_references_samples_are_served_as_they_are() {
    let scene = Scene::usual();
    for (path, text) in [
        (
            format!("files/{EICAR_MD5}"),
            include_str!("../../samples/v3_file_eicar.json"),
        ),
        (
            "files/e04378820e3ef89a2c064ef7a315581c".to_owned(),
            include_str!("../../samples/v3_file_benign.json"),
        ),
        (
            "urls/aHR0cDovL21hbGljaW91cy5leGFtcGxlL3BheWxvYWQucGhw".to_owned(),
            include_str!("../../samples/v3_url_malicious.json"),
        ),
        (
            "urls/aHR0cHM6Ly9jbGVhbi5leGFtcGxlLw".to_owned(),
            include_str!("../../samples/v3_url_clean.json"),
        ),
        (
            "domains/example.co.in".to_owned(),
            include_str!("../../samples/v3_domain.json"),
        ),
        (
            "ip_addresses/198.51.100.7".to_owned(),
            include_str!("../../samples/v3_ip.json"),
        ),
        (
            "analyses/ZTA0Mzc4ODIwZTNlZjg5YTJjMDY0ZWY3YTMxNTU4MWM6MTU0OTM4MjE1MA==".to_owned(),
            include_str!("../../samples/v3_analysis_file_completed.json"),
        ),
    ] {
        let (mut own, mut sample) = (scene.get(&path).data(), sample(text)["data"].clone());
        for object in [&mut own, &mut sample] {
            object.as_object_mut().unwrap().remove("links");
        }
        assert_eq!(own, sample, "{path}");
    }
    for (path, text) in [
        (
            "domains/example.co.in/urls",
            include_str!("../../samples/v3_domain_urls.json"),
        ),
        (
            "domains/example.co.in/siblings",
            include_str!("../../samples/v3_domain_siblings.json"),
        ),
        (
            "domains/example.co.in/historical_whois",
            include_str!("../../samples/v3_domain_historical_whois.json"),
        ),
        (
            "ip_addresses/198.51.100.7/referrer_files",
            include_str!("../../samples/v3_ip_referrer_files.json"),
        ),
    ] {
        assert_eq!(json!(all_of(&scene, path).0), sample(text)["data"], "{path}");
    }
    let (resolutions, pages) = all_of(&scene, "ip_addresses/198.51.100.7/resolutions?limit=1");
    assert_eq!((resolutions.len(), pages), (2, 2));
    let embedded = sample(include_str!("../../samples/v3_domain_with_relationships.json"));
    let names = "resolutions,subdomains,siblings,communicating_files";
    let own = scene
        .get(&format!("domains/example.co.in?relationships={names}"))
        .data();
    for name in names.split(',') {
        let data = |object: &Value| object["relationships"][name]["data"].clone();
        assert_eq!(data(&own), data(&embedded["data"]), "{name}");
    }
}

#[test]
fn where_only_v2_has_a_sample_v3_derives_its_view() {
    let scene = Scene::usual();
    let sparse = scene.get("domains/sparse.example").data();
    let expected = json!({
        "categories": {
            "Sophos": "uncategorized", "alphaMountain.ai": "Uncategorized", "Xcitium Verdict Cloud": "uncategorized"
        },
        "whois_date": 1_467_410_563
    });
    assert_eq!(sparse["attributes"], expected);
    let resolutions = scene.get("domains/sparse.example/resolutions").data();
    assert_eq!(resolutions[0]["id"], "198.51.100.7sparse.example");
    assert!(resolutions[0]["attributes"].get("date").is_none());
    let address = scene.get("ip_addresses/192.0.2.1").data();
    assert_eq!(
        (
            &address["attributes"]["asn"],
            address["attributes"].get("reputation")
        ),
        (&json!(4436), None)
    );
    // The seed's sample takes the place of API v3's own.
    assert!(scene.running.put_sample("seed_scan_hash"));
    let eicar = scene.get(&format!("files/{EICAR_MD5}")).data()["attributes"].clone();
    assert_eq!(eicar["last_analysis_stats"]["malicious"], 54);
    assert_eq!(eicar["md5"], EICAR_MD5);
    assert!(scene.running.put_sample("seed_get_domain_report"));
    let seed = scene.get("domains/example.co.in").data();
    assert!(seed["attributes"].get("registrar").is_none());
    assert!(scene.running.put_sample("v3_domain"));
    assert_eq!(
        scene.get("domains/example.co.in").data()["attributes"]["registrar"],
        "Example Registrar"
    );
    assert!(scene.running.put_sample("seed_upload_and_scan_file"));
    scene.upload("files", Some(DEMO_KEY), b"anything");
    scene.pass(30);
    let sha256 = &scene.running.uploads()[0].sha256;
    let uploaded = scene.get(&format!("files/{sha256}")).data();
    assert_eq!(
        (
            &uploaded["id"],
            &uploaded["attributes"]["last_analysis_stats"]["undetected"]
        ),
        (&json!(sha256), &json!(58))
    );
    // API v2 keeps its own.
    assert_eq!(scene.v2("file/report", "resource", EICAR_MD5)["positives"], 54);
}

#[test]
fn an_analysis_can_be_put_in_another_state() {
    let scene = Scene::usual();
    let path = "analyses/ZTA0Mzc4ODIwZTNlZjg5YTJjMDY0ZWY3YTMxNTU4MWM6MTU0OTM4MjE1MA==";
    for (name, status) in [
        ("v3_analysis_file_queued", "queued"),
        ("v3_analysis_file_in_progress", "in-progress"),
        ("v3_analysis_file_completed", "completed"),
    ] {
        assert!(scene.running.put_sample(name));
        assert_eq!(scene.get(path).data()["attributes"]["status"], status);
    }
}
