//! The same objects through both versions: v3's samples come to v2's. Source: the mapping, section 8.

use serde_json::{Value, json};

use super::{Counting, Related, Shaped, comments, domain, file, ip, url};

macro_rules! sample_files {
    ($name:expr, v3: [$($v3:literal),* $(,)?], v2: [$($v2:literal),* $(,)?]) => {
        match $name {
            $($v3 => include_str!(concat!("../../../tests/samples/", $v3, ".json")),)*
            $($v2 => include_str!(concat!("../../../../simulator/samples/", $v2, ".json")),)*
            other => panic!("no sample {other}"),
        }
    };
}

/// A sample by its name.
pub(super) fn sample(name: &str) -> Value {
    let text = sample_files!(
        name,
        v3: [
            "v3_analysis_file_completed",
            "v3_analysis_file_in_progress",
            "v3_analysis_file_queued",
            "v3_analysis_url_completed",
            "v3_analysis_url_queued",
            "v3_domain",
            "v3_domain_communicating_files",
            "v3_domain_downloaded_files",
            "v3_domain_referrer_files",
            "v3_domain_resolutions",
            "v3_domain_siblings",
            "v3_domain_subdomains",
            "v3_domain_urls",
            "v3_domain_with_relationships",
            "v3_file_benign",
            "v3_file_comments",
            "v3_file_eicar",
            "v3_ip",
            "v3_ip_communicating_files",
            "v3_ip_downloaded_files",
            "v3_ip_referrer_files",
            "v3_ip_resolutions_page1",
            "v3_ip_resolutions_page2",
            "v3_ip_urls",
            "v3_post_files",
            "v3_post_urls",
            "v3_url_clean",
            "v3_url_malicious",
        ],
        v2: [
            "seed_get_domain_report",
            "seed_scan_hash",
            "seed_scan_ip",
            "seed_scan_url",
            "v2_comments_get",
            "v2_domain_report",
            "v2_file_report_benign",
            "v2_file_report_benign_allinfo",
            "v2_file_report_eicar",
            "v2_ip_report",
            "v2_url_report_clean",
            "v2_url_report_malicious",
        ]
    );
    serde_json::from_str(text).unwrap()
}

fn object(name: &str) -> Value {
    sample(name)["data"].clone()
}

fn objects(name: &str) -> Vec<Value> {
    sample(name)["data"].as_array().unwrap().clone()
}

fn report(shaped: Result<Shaped, String>) -> Value {
    match shaped {
        Ok(Shaped::Report(report)) => report,
        other => panic!("{other:?}"),
    }
}

fn keys(report: &Value) -> Vec<&str> {
    report.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Compares field by field, so that a failure names the field.
fn assert_same(made: &Value, expected: &Value) {
    let (made, expected) = (made.as_object().unwrap(), expected.as_object().unwrap());
    for (key, value) in expected {
        assert_eq!(made.get(key), Some(value), "{key}");
    }
    for key in made.keys() {
        assert!(expected.contains_key(key), "{key} is one too many");
    }
}

/// Keys of the known sample in its order, as far as the report has them.
fn assert_in_seed_order(made: &Value, seed: &Value) {
    let made = keys(made);
    let known: Vec<&str> = keys(seed).into_iter().filter(|key| made.contains(key)).collect();
    let order: Vec<&str> = made.into_iter().filter(|key| known.contains(key)).collect();
    assert_eq!(order, known);
}

/// API v3 knows the new form of permalinks only.
fn with_new_permalink(mut report: Value, kind: &str) -> Value {
    let scan_id = report["scan_id"].as_str().unwrap().to_owned();
    let (id, _) = scan_id.split_once('-').unwrap();
    let letter = &kind[..1];
    report["permalink"] = json!(format!(
        "https://www.virustotal.com/gui/{kind}/{id}/detection/{letter}-{scan_id}"
    ));
    report
}

/// Fields that API v3's object adds to what API v2 says without `allinfo`.
fn without_allinfo(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    for key in &super::draft::FILE[12..] {
        fields.shift_remove(*key);
    }
    report
}

#[test]
fn eicar_comes_to_v2s_report_but_for_the_permalinks_style() {
    let expected = with_new_permalink(sample("v2_file_report_eicar"), "file");
    let resource = expected["resource"].as_str().unwrap();
    let made = report(file(&object("v3_file_eicar"), resource, Counting::default()));
    // 15 results, three of them without a verdict.
    assert_eq!((&made["positives"], &made["total"]), (&json!(10), &json!(12)));
    assert_same(&without_allinfo(made.clone()), &expected);
    assert_in_seed_order(&made, &sample("seed_scan_hash")[0]["EntityResult"]);
}

#[test]
fn a_benign_file_comes_to_v2s_report_as_it_is() {
    let expected = sample("v2_file_report_benign");
    let resource = expected["resource"].as_str().unwrap();
    let made = report(file(&object("v3_file_benign"), resource, Counting::default()));
    assert_same(&without_allinfo(made), &expected);
}

#[test]
fn a_benign_file_has_allinfos_extras_as_far_as_the_object_does() {
    let mut expected = sample("v2_file_report_benign_allinfo");
    let resource = expected["resource"].as_str().unwrap().to_owned();
    let made = report(file(&object("v3_file_benign"), &resource, Counting::default()));
    // Null in v2, missing in v3; relationships take calls of their own; the object has no TrID, EXIF or signature.
    let fields = expected.as_object_mut().unwrap();
    for key in ["vhash", "authentihash", "ITW_urls"] {
        fields.shift_remove(key);
    }
    fields["additional_info"] = json!({"magic": fields["additional_info"]["magic"]});
    assert_same(&made, &expected);
}

#[test]
fn urls_come_to_v2s_reports_but_for_detail_and_the_permalinks_style() {
    for (v3, v2) in [
        ("v3_url_malicious", "v2_url_report_malicious"),
        ("v3_url_clean", "v2_url_report_clean"),
    ] {
        let mut expected = with_new_permalink(sample(v2), "url");
        for scan in expected["scans"].as_object_mut().unwrap().values_mut() {
            scan.as_object_mut().unwrap().shift_remove("detail");
        }
        let resource = expected["resource"].as_str().unwrap();
        let made = report(url(&object(v3), resource, Counting::default()));
        assert_same(&made, &expected);
        assert_in_seed_order(&made, &sample("seed_scan_url")[0]["EntityResult"]);
    }
}

fn all_of_the_domain() -> Related {
    let all = [
        "resolutions",
        "subdomains",
        "siblings",
        "communicating_files",
        "referrer_files",
        "downloaded_files",
        "urls",
    ];
    all.into_iter().fold(Related::none(), |related, name| {
        related.with(name, objects(&format!("v3_domain_{name}")))
    })
}

#[test]
fn a_domain_comes_to_v2s_report_but_for_what_v3_does_not_know() {
    let mut expected = sample("v2_domain_report");
    let fields = expected.as_object_mut().unwrap();
    for key in [
        // No source in v3.
        "BitDefender domain info",
        "Opera domain info",
        "Alexa domain info",
        "Webutation domain info",
        "WOT domain info",
        "pcaps",
        // Vendors that v3's sample doesn't name.
        "Alexa category",
        "TrendMicro category",
        "Websense ThreatSeeker category",
    ] {
        assert!(fields.shift_remove(key).is_some(), "{key}");
    }
    // The known sample's hash is invented; this is the URL's.
    fields["undetected_urls"][0][1] = objects("v3_domain_urls")[1]["id"].clone();
    let made = report(domain(
        &object("v3_domain"),
        &all_of_the_domain(),
        Counting::default(),
    ));
    assert_same(&made, &expected);
    assert_in_seed_order(&made, &sample("seed_get_domain_report")[0]["EntityResult"]);
}

#[test]
fn a_lean_domain_has_names_and_addresses_but_no_samples() {
    let object = object("v3_domain_with_relationships");
    let made = report(domain(
        &object,
        &Related::from_descriptors(&object),
        Counting::default(),
    ));
    assert_eq!(made["subdomains"], json!(["www.example.co.in"]));
    assert_eq!(made["domain_siblings"], json!([]));
    assert_eq!(made["resolutions"], json!([{"ip_address": "192.0.2.1"}]));
    for list in [
        "communicating_samples",
        "referrer_samples",
        "downloaded_samples",
        "urls",
    ] {
        assert_eq!(made.get(format!("detected_{list}")), None, "{list}");
        assert_eq!(made.get(format!("undetected_{list}")), None, "{list}");
    }
}

#[test]
fn pages_that_are_fetched_replace_descriptors() {
    let object = object("v3_domain_with_relationships");
    let related = Related::from_descriptors(&object).with("resolutions", objects("v3_domain_resolutions"));
    let made = report(domain(&object, &related, Counting::default()));
    assert_eq!(
        made["resolutions"],
        json!([{"last_resolved": "2019-01-13 03:31:09", "ip_address": "192.0.2.1"}])
    );
}

#[test]
fn an_address_comes_to_v2s_report_and_referrer_samples_gain_a_date() {
    let mut expected = sample("v2_ip_report");
    for list in ["detected_referrer_samples", "undetected_referrer_samples"] {
        expected[list][0]["date"] = json!("2019-01-01 00:00:00");
    }
    // V2's sample has an invented hash here, as in the domain's report; v3's is the address's SHA-256.
    expected["undetected_urls"][0][1] = objects("v3_ip_urls")[1]["id"].clone();
    // The wrong way round, to see that the newest comes first.
    let mut resolutions = objects("v3_ip_resolutions_page2");
    resolutions.extend(objects("v3_ip_resolutions_page1"));
    let names = [
        "communicating_files",
        "referrer_files",
        "downloaded_files",
        "urls",
    ];
    let related = names.into_iter().fold(
        Related::none().with("resolutions", resolutions),
        |related, name| related.with(name, objects(&format!("v3_ip_{name}"))),
    );
    let made = report(ip(&object("v3_ip"), &related, Counting::default()));
    assert_same(&made, &expected);
    assert_in_seed_order(&made, &sample("seed_scan_ip")[0]["EntityResult"]);
}

#[test]
fn lists_are_cut_where_asked() {
    let related = all_of_the_domain().at_most(0);
    let made = report(domain(&object("v3_domain"), &related, Counting::default()));
    for list in [
        "subdomains",
        "resolutions",
        "detected_urls",
        "detected_communicating_samples",
    ] {
        assert_eq!(made[list], json!([]), "{list}");
    }
}

#[test]
fn comments_come_to_v2s() {
    let expected = sample("v2_comments_get");
    let expected: Vec<(String, String)> = expected["comments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|comment| {
            let text = |key: &str| comment[key].as_str().unwrap().to_owned();
            (text("date"), text("comment"))
        })
        .collect();
    assert_eq!(comments(&sample("v3_file_comments")), expected);
}
