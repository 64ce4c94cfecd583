//! Submissions and their analyses.

use serde_json::{Value, json};
use simulator::{DEMO_KEY, file_with_positives, synthetic_file, unknown_file};

use crate::scene::{EICAR_MD5, EICAR_SHA256, Scene};

fn encoded(id: &str) -> String {
    format!("analyses/{}", id.replace('=', "%3D"))
}

fn counts(analysis: &Value) -> (usize, u64) {
    let attributes = &analysis["attributes"];
    let counted = attributes["stats"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap());
    (attributes["results"].as_object().unwrap().len(), counted.sum())
}

#[test]
fn an_analysis_goes_from_queued_over_partial_results_to_completed() {
    let scene = Scene::usual();
    let posted = scene
        .upload("files", Some(DEMO_KEY), b"simulate:positives=7")
        .data();
    assert_eq!(posted["type"], "analysis");
    let id = posted["id"].as_str().unwrap();
    assert!(id.ends_with('='), "must be percent-encoded: {id}");
    let status = || {
        let answer = scene.get(&encoded(id)).json();
        let data = answer["data"].clone();
        assert_eq!(
            (&data["id"], &data["attributes"]["date"]),
            (&json!(id), &json!(1_800_000_000))
        );
        assert_eq!(answer["meta"]["file_info"]["size"], 20);
        let (results, counted) = counts(&data);
        assert_eq!(results as u64, counted);
        (
            data["attributes"]["status"].as_str().unwrap().to_owned(),
            results,
            answer,
        )
    };
    let (first, results, answer) = status();
    assert_eq!((first.as_str(), results), ("queued", 0));
    let sha256 = answer["meta"]["file_info"]["sha256"].as_str().unwrap().to_owned();
    let fresh = scene.get(&format!("files/{sha256}")).data();
    assert!(fresh["attributes"].get("last_analysis_date").is_none(), "{fresh}");
    scene.pass(15);
    let (second, partial, _) = status();
    assert_eq!(second, "in-progress");
    assert!(partial > 0);
    scene.pass(15);
    let (third, all, answer) = status();
    assert_eq!(third, "completed");
    assert!(all > partial);
    assert_eq!(answer["data"]["attributes"]["stats"]["malicious"], 7);
    let file = scene.get(&format!("files/{sha256}")).data();
    assert_eq!(file["attributes"]["last_analysis_date"], 1_800_000_000);
    assert_eq!(
        file["attributes"]["last_analysis_results"],
        answer["data"]["attributes"]["results"]
    );
    // The same upload in API v2.
    assert_eq!(scene.v2("file/report", "resource", &sha256)["positives"], 7);
}

#[test]
fn a_known_object_keeps_its_results_until_the_new_ones_are_there() {
    let scene = Scene::usual();
    let file = file_with_positives(9, 1);
    for (path, date) in [
        (format!("files/{}", file.sha1), None),
        (format!("files/{EICAR_MD5}"), Some(1_549_381_312)),
        (
            "urls/aHR0cDovL21hbGljaW91cy5leGFtcGxlL3BheWxvYWQucGhw".to_owned(),
            Some(1_549_258_134),
        ),
    ] {
        let before = scene.get(&path).data();
        let start = scene
            .post(Some(DEMO_KEY), &format!("{path}/analyse"), "text/plain", b"")
            .data();
        assert_eq!(scene.get(&path).data(), before);
        if let Some(date) = date {
            assert_eq!(before["attributes"]["last_analysis_date"], date);
        }
        scene.pass(30);
        let after = scene.get(&path).data();
        let analysis = scene.get(&encoded(start["id"].as_str().unwrap())).data();
        assert_eq!(
            after["attributes"]["last_analysis_date"],
            analysis["attributes"]["date"]
        );
        assert_eq!(after["id"], before["id"]);
    }
    let unknown = format!("files/{}/analyse", unknown_file(1).sha256);
    assert_eq!(
        scene.post(Some(DEMO_KEY), &unknown, "text/plain", b"").error().0,
        404
    );
}

#[test]
fn the_analysis_before_all_others_can_be_read_too() {
    let scene = Scene::usual();
    let file = synthetic_file(2);
    let object = scene.get(&format!("files/{}", file.sha256)).data();
    let analyses = scene.get(&format!("files/{}/analyses", file.sha256)).data();
    let own = &analyses[0];
    assert_eq!(
        own["attributes"]["results"],
        object["attributes"]["last_analysis_results"]
    );
    let same = scene.get(&encoded(own["id"].as_str().unwrap())).data();
    assert_eq!(&same, own);
    assert_eq!(
        scene.get("analyses/nonsense").error(),
        (404, "NotFoundError".to_owned())
    );
}

#[test]
fn scans_begun_in_one_api_are_seen_in_the_other() {
    let scene = Scene::usual();
    let url = "http://unknown.synthetic.example/x";
    let posted = scene.post_url(url).data();
    let scan_id = posted["id"].as_str().unwrap().strip_prefix("u-").unwrap();
    assert_eq!(scene.v2("url/report", "resource", scan_id)["response_code"], -2);
    scene.pass(30);
    assert_eq!(scene.v2("url/report", "resource", url)["scan_id"], scan_id);
    let queued = scene.post(
        None,
        &format!(
            "{}file/rescan?apikey={DEMO_KEY}&resource={EICAR_MD5}",
            scene.running.base_url()
        ),
        "application/x-www-form-urlencoded",
        b"",
    );
    assert_eq!(queued.json()["response_code"], 1);
    let analyses = scene.get(&format!("files/{EICAR_SHA256}/analyses")).data();
    assert_eq!(analyses[0]["attributes"]["status"], "queued");
}

#[test]
fn uploads_are_bounded_and_an_upload_address_works_once() {
    let scene = Scene::new(|builder| builder.max_upload_bytes(10_000));
    let too_large = scene.upload("files", Some(DEMO_KEY), &[0; 20_000]);
    assert_eq!(too_large.status, 413);
    assert_eq!(scene.upload("files", None, b"x").error().0, 401);
    assert_eq!(scene.upload("files", Some(DEMO_KEY), b"").error().0, 400);
    let address = scene.get("files/upload_url").data();
    let address = address.as_str().unwrap();
    assert!(address.contains("/_ah/upload/"));
    let accepted = scene.upload(address, None, &[0; 20_000]).data();
    assert_eq!(accepted["type"], "analysis");
    assert_eq!(scene.upload(address, None, &[0; 20_000]).status, 404);
    assert_eq!(scene.running.uploads()[0].size_bytes, 20_000);
    assert_eq!(scene.running.count("v3/upload"), 2);
}
