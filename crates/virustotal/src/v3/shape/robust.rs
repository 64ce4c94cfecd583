//! Whatever VirusTotal sends: nothing panics, and a report keeps API v2's promises.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::analysis::scan_id_of_analysis;
use super::promises::{check, try_all};
use super::{Analysis, Counting, Kind, Related, Shaped, file, with_analysis};

/// Names of attributes and of parts of an object.
const NAMES: &[&str] = &[
    "alert_severity",
    "as_owner",
    "asn",
    "attributes",
    "Alexa",
    "behaviour_mitre_trees",
    "BitDefender",
    "categories",
    "category",
    "communicating_files",
    "context_attributes",
    "continent",
    "count",
    "country",
    "creation_date",
    "crowdsourced_ids_results",
    "crowdsourced_ids_stats",
    "data",
    "date",
    "downloaded_files",
    "engine_update",
    "engine_version",
    "error",
    "exiftool",
    "file_info",
    "file_type",
    "first_submission_date",
    "harmless",
    "high",
    "host_name",
    "id",
    "imphash",
    "ip_address",
    "item",
    "itw_urls",
    "last_analysis_date",
    "last_analysis_results",
    "last_analysis_stats",
    "last_https_certificate",
    "last_submission_date",
    "links",
    "magic",
    "malicious",
    "malware_classification",
    "md5",
    "meta",
    "names",
    "network",
    "pe_info",
    "popular_threat_classification",
    "popular_threat_name",
    "popularity_ranks",
    "probability",
    "rank",
    "referrer_files",
    "relationships",
    "reputation",
    "resolutions",
    "result",
    "results",
    "rule_msg",
    "sandbox_verdicts",
    "sha1",
    "sha256",
    "siblings",
    "sigma_analysis_stats",
    "sigma_analysis_summary",
    "signature_info",
    "signers",
    "size",
    "ssdeep",
    "stats",
    "status",
    "subdomains",
    "suspicious",
    "tags",
    "text",
    "times_submitted",
    "title",
    "total_votes",
    "trid",
    "type",
    "undetected",
    "url",
    "url_info",
    "urls",
    "validity",
    "value",
    "whois",
    "whois_date",
];

/// Values that mean something somewhere, and values that don't.
fn leaf() -> impl Strategy<Value = Value> {
    let words = select(vec![
        "malicious",
        "suspicious",
        "harmless",
        "undetected",
        "timeout",
        "clean",
        "completed",
        "file",
        "url",
        "",
        " ",
        "49813d1795c3a7e90534570f77219c948586a87e3566d403a76a7c9182c6586d",
        "192.0.2.1",
        "192.0.2.1a.example",
        "a.example",
        "http://a.example/",
        "T1059",
        "2026-01-02 03:04:05",
        "u-49813d1795c3a7e90534570f77219c948586a87e3566d403a76a7c9182c6586d-1549344534",
        "ZTA0Mzc4ODIwZTNlZjg5YTJjMDY0ZWY3YTMxNTU4MWM6MTU0OTM4MjE1MA==",
    ]);
    prop_oneof![
        4 => words.prop_map(Value::from),
        2 => (0_i64..2_000_000_000).prop_map(Value::from),
        1 => (0_u64..90).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => ".{0,12}".prop_map(Value::from),
        1 => select(vec!["1e999", "123456789012345678901234567890", "-0", "1.50"])
            .prop_map(|text| serde_json::from_str(text).unwrap()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => select(NAMES).prop_map(str::to_owned),
        1 => ".{0,8}",
    ]
}

fn object_of(pairs: Vec<(String, Value)>) -> Value {
    Value::Object(pairs.into_iter().collect::<Map<_, _>>())
}

/// Any JSON with the known names mixed in.
fn json() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            3 => prop::collection::vec((name(), inner), 0..10).prop_map(object_of),
        ]
    })
}

/// Results of engines, mostly good ones.
fn results() -> impl Strategy<Value = Value> {
    let result = prop::collection::vec(
        (
            select(vec!["category", "result", "engine_version", "engine_update"]),
            leaf(),
        ),
        0..6,
    );
    let result = result.prop_map(|pairs| {
        object_of(
            pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    });
    let result = prop_oneof![4 => result, 1 => json()];
    prop::collection::vec((".{0,6}", result), 0..12).prop_map(object_of)
}

/// An object that goes wrong in places only.
fn object() -> impl Strategy<Value = Value> {
    let attributes = (
        prop::collection::vec((name(), json()), 0..16),
        prop_oneof![4 => results(), 1 => json()],
        leaf(),
        prop::option::of(json()),
    );
    let objects = prop::collection::vec(
        prop_oneof![
            json(),
            (leaf(), json()).prop_map(|(id, attributes)| {
                object_of(vec![("id".to_owned(), id), ("attributes".to_owned(), attributes)])
            })
        ],
        0..5,
    );
    let relationships = prop::collection::vec((name(), objects), 0..8).prop_map(|lists| {
        let lists = lists.into_iter();
        object_of(
            lists
                .map(|(name, list)| (name, object_of(vec![("data".to_owned(), list.into())])))
                .collect(),
        )
    });
    (attributes, leaf(), relationships).prop_map(|((mut fields, results, date, stats), id, relationships)| {
        fields.push(("last_analysis_results".to_owned(), results.clone()));
        fields.push(("results".to_owned(), results));
        fields.push(("last_analysis_date".to_owned(), date.clone()));
        fields.push(("date".to_owned(), date));
        fields.push(("status".to_owned(), "completed".into()));
        fields.extend(stats.map(|stats| ("last_analysis_stats".to_owned(), stats)));
        object_of(vec![
            ("id".to_owned(), id),
            ("attributes".to_owned(), object_of(fields)),
            ("relationships".to_owned(), relationships),
        ])
    })
}

/// Any list of related objects, under the names that are read.
fn related() -> impl Strategy<Value = Related> {
    let names = select(vec![
        "resolutions",
        "subdomains",
        "siblings",
        "communicating_files",
        "referrer_files",
        "downloaded_files",
        "urls",
    ]);
    let list = prop::collection::vec(prop_oneof![object(), json()], 0..4);
    prop::collection::vec((names, list), 0..6).prop_map(|lists| {
        let lists = lists.into_iter();
        lists.fold(Related::none(), |related, (name, list)| related.with(name, list))
    })
}

proptest! {
    #[test]
    fn any_json_is_read_without_a_panic(value in json(), other in json(), suspicious in any::<bool>()) {
        let counting = Counting { suspicious };
        try_all(&value, &other, &Related::none().with("urls", vec![other.clone()]), counting);
    }

    #[test]
    fn reports_of_any_object_keep_v2s_promises(
        object in object(), other in object(), related in related(), suspicious in any::<bool>()
    ) {
        try_all(&object, &other, &related, Counting { suspicious });
    }

    #[test]
    fn any_text_is_an_analysis_id_of_no_form_or_a_known_one(id in ".{0,120}", sha256 in ".{0,70}") {
        let scan_id = scan_id_of_analysis(&id, Some(&sha256));
        prop_assert!(scan_id.is_none_or(|scan_id| scan_id.split_once('-').is_some_and(|(hash, _)| hash.len() == 64)));
    }

    #[test]
    fn what_an_analysis_found_replaces_what_an_older_one_did(old in results(), new in results()) {
        let id = "e19b64788136e1791b9ccf6d21d48ce1f5da4897a8cf2114a34f25cbb0e74ebe";
        let object = serde_json::json!({"type": "file", "id": id, "attributes": {
            "last_analysis_date": 5, "last_analysis_results": old,
        }});
        let analysis = serde_json::json!({"data": {"id": "x", "attributes": {"status": "completed", "date": 6, "results": new}},
            "meta": {"file_info": {"sha256": id}}});
        prop_assert_eq!(Analysis::read(&analysis).item, Some((Kind::File, id.to_owned())));
        let report = check(file(&object, "asked", Counting::default())).unwrap();
        let renewed = with_analysis(report.clone(), &analysis, Counting::default());
        check(Ok(Shaped::Report(renewed.clone())));
        if renewed != report {
            prop_assert_eq!(&renewed["scan_date"], "1970-01-01 00:00:06");
        }
    }
}
