//! Samples and made-up objects.

use serde_json::Value;
use simulator::{
    file_with_positives, synthetic_domain, synthetic_file, synthetic_ip, synthetic_url, unknown_file,
};

use crate::scene::{EICAR_MD5, EICAR_SHA256, Scene};

#[test]
fn the_references_samples_are_served_as_they_are() {
    let scene = Scene::new(|builder| builder);
    for (endpoint, name, value, sample) in [
        (
            "file/report",
            "resource",
            EICAR_SHA256,
            include_str!("../../samples/v2_file_report_eicar.json"),
        ),
        (
            "url/report",
            "resource",
            "http://malicious.example/payload.php",
            include_str!("../../samples/v2_url_report_malicious.json"),
        ),
        (
            "url/report",
            "resource",
            "http://never-seen.example/",
            include_str!("../../samples/v2_url_report_unknown.json"),
        ),
        (
            "file/report",
            "resource",
            "not-a-hash",
            include_str!("../../samples/v2_file_report_invalid_resource.json"),
        ),
        (
            "file/report",
            "resource",
            "00000000000000000000000000000000000000000000000000000000000000aa",
            include_str!("../../samples/v2_file_report_unknown.json"),
        ),
    ] {
        let mut sample: Value = serde_json::from_str(sample).unwrap();
        sample["resource"] = value.into();
        let answer = scene.ask(endpoint, name, value);
        match sample["response_code"].as_i64() {
            Some(1) => assert_eq!(answer.to_string(), sample.to_string()),
            _ => assert_eq!(answer, sample),
        }
    }
    for (endpoint, name, value, sample) in [
        (
            "domain/report",
            "domain",
            "Example.co.in",
            include_str!("../../samples/v2_domain_report.json"),
        ),
        (
            "domain/report",
            "domain",
            "-",
            include_str!("../../samples/v2_domain_report_invalid.json"),
        ),
        (
            "domain/report",
            "domain",
            "unknown.example",
            include_str!("../../samples/v2_domain_report_unknown.json"),
        ),
        (
            "ip-address/report",
            "ip",
            "198.51.100.7",
            include_str!("../../samples/v2_ip_report.json"),
        ),
        (
            "ip-address/report",
            "ip",
            "999.1.1.1",
            include_str!("../../samples/v2_ip_report_invalid.json"),
        ),
        (
            "ip-address/report",
            "ip",
            "10.0.0.1",
            include_str!("../../samples/v2_ip_report_unknown.json"),
        ),
    ] {
        let sample: Value = serde_json::from_str(sample).unwrap();
        assert_eq!(
            scene
                .get(endpoint, &[("apikey", simulator::DEMO_KEY), (name, value)])
                .json(),
            sample,
            "{value}"
        );
    }
}

#[test]
fn a_sample_can_take_the_place_of_an_object() {
    let scene = Scene::new(|builder| builder);
    assert!(scene.running.put_sample("seed_scan_hash"));
    assert!(!scene.running.put_sample("nonsense"));
    let report = scene.ask("file/report", "resource", EICAR_MD5);
    assert_eq!(
        (&report["positives"], &report["resource"]),
        (&54.into(), &EICAR_MD5.into())
    );
}

#[test]
fn made_up_objects_are_the_same_in_every_run_and_agree_in_every_form() {
    let (one, other) = (Scene::new(|builder| builder), Scene::new(|builder| builder));
    let ask = |scene: &Scene| {
        let files = (0..20).flat_map(|n| {
            let file = synthetic_file(n);
            [file.md5, file.sha1, file.sha256]
        });
        let files: Vec<Value> = files
            .map(|hash| scene.ask("file/report", "resource", &hash))
            .collect();
        let urls: Vec<Value> = (0..20)
            .map(|n| scene.ask("url/report", "resource", &synthetic_url(n)))
            .collect();
        let get = |endpoint: &str, name: &str, value: &str| {
            scene
                .get(endpoint, &[("apikey", simulator::DEMO_KEY), (name, value)])
                .json()
        };
        let domains: Vec<Value> = (0..20)
            .map(|n| get("domain/report", "domain", &synthetic_domain(n)))
            .collect();
        let addresses: Vec<Value> = (0..20)
            .map(|n| get("ip-address/report", "ip", &synthetic_ip(n).to_string()))
            .collect();
        [files, urls, domains, addresses].concat()
    };
    let all = ask(&one);
    assert_eq!(all, ask(&other));
    assert!(all.iter().all(|report| report["response_code"] == 1));
    for report in all.iter().take(60) {
        let scans = report["scans"].as_object().unwrap();
        let detected = scans.values().filter(|scan| scan["detected"] == true).count();
        assert_eq!(
            (report["positives"].as_u64(), report["total"].as_u64()),
            (Some(detected as u64), Some(scans.len() as u64))
        );
        assert!((60..=75).contains(&scans.len()));
    }
    for three in all.chunks(3).take(20) {
        assert!(
            three
                .iter()
                .all(|report| report["sha256"] == three[0]["sha256"]
                    && report["scan_id"] == three[0]["scan_id"])
        );
    }
}

#[test]
fn names_decide_what_engines_say() {
    let scene = Scene::new(|builder| builder);
    assert_eq!(
        scene.ask("file/report", "resource", &file_with_positives(17, 4).sha1)["positives"],
        17
    );
    assert_eq!(
        scene.ask("file/report", "resource", &unknown_file(4).sha256)["response_code"],
        0
    );
    assert_eq!(
        scene.ask("url/report", "resource", "http://a.positives-9.example/x")["positives"],
        9
    );
}

#[test]
fn a_foreign_file_is_known_by_its_other_hashes_once_it_was_reported() {
    let scene = Scene::new(|builder| builder);
    let foreign = (0..50)
        .map(|n| format!("{n:064x}"))
        .map(|hash| scene.ask("file/report", "resource", &hash));
    let report = foreign
        .into_iter()
        .find(|report| report["response_code"] == 1)
        .unwrap();
    for key in ["md5", "sha1"] {
        let again = scene.ask("file/report", "resource", report[key].as_str().unwrap());
        assert_eq!(again["sha256"], report["sha256"]);
    }
}
