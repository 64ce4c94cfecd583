//! What bad input and trouble get: the contract's table, row by row, over real HTTP.

use std::time::Duration;

use crate::common::{
    EICAR_MD5, EICAR_SHA256, client, context, entities, outcomes, run, run_until, simulator, threshold,
};
use integration::Action;
use secops::EntityType::{Address, FileHash, FileName, Hostname, Url, User};
use secops::OutcomeKind::{Failed, Found, Missing, Queued, Quota, Skipped, Stopped};
use secops::{Entity, ExecutionState, Parameters};
use serde_json::json;
use simulator::{Fault, FaultKind, KeyKind, Simulator, file_with_positives, synthetic_file, unknown_file};
use virustotal::{Deadline, Tier};

#[tokio::test]
async fn a_wrong_key_fails_every_action_at_once_with_one_clear_sentence() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "x").unwrap();
    let path = file.path().to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let targets: Vec<Entity> = [
        entities(&FileHash, &[EICAR_MD5, EICAR_SHA256]),
        entities(&Address, &["198.51.100.7", "8.8.8.8"]),
        entities(&Url, &["http://a.example/", "http://b.example/"]),
        entities(&Hostname, &["example.co.in", "example.com"]),
    ]
    .concat();
    for action in Action::ALL {
        let running = Simulator::builder()
            .key("another", KeyKind::Private)
            .start()
            .await
            .unwrap();
        let parameters = threshold("3")
            .with("File Paths", path)
            .with("Folder", folder.path().to_str().unwrap())
            .with("Relationships", "comments, votes")
            .with("Comment", "said")
            .with("Vote", "malicious")
            .with("Query", "tag:peexe");
        let context = context(targets.clone(), parameters);
        let result = run(action, &client(&running, Tier::Public), &context).await;
        assert_eq!(result.state, ExecutionState::Failed, "{action:?}");
        assert!(!result.script_result.value);
        assert!(
            result
                .output_message
                .starts_with("Invalid API key was provided. Access is forbidden."),
            "{result:?}"
        );
        assert_eq!(running.calls().len(), 1, "{action:?}");
    }
}

#[tokio::test]
async fn a_refused_rescan_keeps_the_existing_report_and_says_so() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let context = context(
        entities(&FileHash, &[EICAR_MD5]),
        threshold("3").with("Rescan after days", "0"),
    );
    let result = run(Action::ScanHash, &client(&running, Tier::Public), &context).await;
    assert_eq!(outcomes(&result), [Found]);
    assert!(
        result.script_result.value && result.entities[0].risky && result.entities[0].entity.is_suspicious
    );
    assert!(
        result
            .output_message
            .contains("Failed to rescan the following hashes"),
        "{}",
        result.output_message
    );
    assert!(result.output_message.contains("the existing reports are used"));
    assert_eq!(result.state, ExecutionState::Completed);
}

#[tokio::test]
async fn a_quota_that_comes_free_in_time_is_waited_for() {
    let fault = Fault::new(FaultKind::Quota).after(1).times(3);
    let running = simulator(KeyKind::Public).fault(fault).start().await.unwrap();
    let hashes: Vec<String> = (0..12).map(|n| synthetic_file(n).sha256).collect();
    let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let result = run(
        Action::ScanHash,
        &client(&running, Tier::Public),
        &context(entities(&FileHash, &hashes), threshold("3")),
    )
    .await;
    assert!(
        outcomes(&result).iter().all(|outcome| *outcome == Found),
        "{}",
        result.output_message
    );
}

#[tokio::test]
async fn what_the_quota_does_not_allow_in_time_is_listed_by_name_and_the_rest_is_kept() {
    let fault = Fault::new(FaultKind::Quota).after(2);
    let running = simulator(KeyKind::Public).fault(fault).start().await.unwrap();
    let addresses = ["198.51.100.7", "8.8.8.8", "8.8.4.4", "9.9.9.9"];
    let context = context(entities(&Address, &addresses), Parameters::new());
    let deadline = Deadline::after(Duration::from_millis(300));
    let result = run_until(
        Action::ScanIp,
        &client(&running, Tier::Public),
        &context,
        &deadline,
    )
    .await;
    let refused = outcomes(&result)
        .iter()
        .filter(|outcome| **outcome == Quota)
        .count();
    assert_eq!(refused, 2, "{}", result.output_message);
    assert!(result.script_result.value);
    let (_, listed) = result
        .output_message
        .split_once("due to reaching API request limitation:")
        .unwrap();
    assert_eq!(
        addresses
            .iter()
            .filter(|address| listed.contains(*address))
            .count(),
        2
    );
}

#[tokio::test]
async fn one_entity_in_trouble_is_listed_as_failed_and_the_others_go_on() {
    let bad = "8.8.4.4";
    for kind in [
        FaultKind::Status(502),
        FaultKind::Reset,
        FaultKind::Truncated,
        FaultKind::NotJson,
    ] {
        let fault = Fault::new(kind.clone()).for_resource(bad);
        let running = simulator(KeyKind::Public).fault(fault).start().await.unwrap();
        let context = context(
            entities(&Address, &["198.51.100.7", bad, "203.0.113.9"]),
            Parameters::new(),
        );
        let result = run(Action::ScanIp, &client(&running, Tier::Public), &context).await;
        let outcomes = outcomes(&result);
        assert_eq!(outcomes[1], Failed, "{kind:?}");
        assert_eq!(outcomes[0], Found, "{kind:?}");
        assert_ne!(outcomes[2], Failed, "{kind:?}");
        assert_eq!(
            running
                .calls()
                .iter()
                .filter(|call| call.resources == [bad])
                .count(),
            3,
            "{kind:?}: attempts"
        );
        assert!(
            result
                .output_message
                .contains("The following IPs were failed in VirusTotal:\n8.8.4.4 ("),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn a_bad_parameter_ends_the_run_before_any_call_and_is_named() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let client = client(&running, Tier::Public);
    let targets = [
        entities(&FileHash, &[EICAR_MD5]),
        entities(&Address, &["8.8.8.8"]),
        entities(&Url, &["http://a.example"]),
    ]
    .concat();
    for action in [
        Action::ScanHash,
        Action::ScanUrl,
        Action::ScanIp,
        Action::UploadAndScanFile,
    ] {
        for value in ["-1", "abc", "2.5", "0"] {
            let parameters = threshold(value).with("File Paths", "/x");
            let result = run(action, &client, &context(targets.clone(), parameters)).await;
            let expected = format!("Threshold must be a whole number of at least 1, not \"{value}\"");
            assert_eq!(
                (result.state, result.output_message),
                (ExecutionState::Failed, expected),
                "{action:?}"
            );
        }
    }
    for action in [Action::ScanHash, Action::ScanUrl] {
        let result = run(action, &client, &context(targets.clone(), threshold(" "))).await;
        assert_eq!(
            result.output_message,
            "Threshold is missing: the parameter is required"
        );
        let result = run(
            action,
            &client,
            &context(targets.clone(), threshold("3").with("Rescan after days", "-2")),
        )
        .await;
        assert_eq!(
            result.output_message,
            "Rescan after days must be a whole number of at least 0, not \"-2\""
        );
    }
    let result = run(
        Action::UploadAndScanFile,
        &client,
        &context(targets, Parameters::new()),
    )
    .await;
    assert_eq!(
        result.output_message,
        "File Paths is missing: the parameter is required"
    );
    assert!(running.calls().is_empty());
}

#[tokio::test]
async fn malformed_and_internal_entities_are_skipped_with_their_reason_and_cost_no_call() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let client = client(&running, Tier::Public);
    let mut asset = Entity::new("8.8.8.8", Address);
    asset.is_internal = true;
    let targets = [
        entities(&FileHash, &["44d88612fea8a8f36de82e1278abb02", "nonsense"]),
        entities(
            &Address,
            &["10.0.0.1", "999.1.1.1", "192.168.1.1", "2606:4700::1111"],
        ),
        vec![asset],
        entities(
            &Url,
            &[
                "http://intranet/wiki",
                "http://10.1.1.1/x",
                "mailto:a@b.example",
                "http://",
            ],
        ),
        entities(&Hostname, &["SRV01", "dc1.corp.local", "a b"]),
        entities(&User, &["jdoe", "CORP\\jdoe", "jdoe@srv01"]),
    ]
    .concat();
    for action in [
        Action::ScanHash,
        Action::ScanIp,
        Action::ScanUrl,
        Action::GetDomainReport,
    ] {
        let result = run(action, &client, &context(targets.clone(), threshold("3"))).await;
        assert!(!result.entities.is_empty());
        for entity in &result.entities {
            assert_eq!(entity.outcome, Skipped, "{action:?}");
            assert!(entity.remark.is_some() && entity.enrichment.is_empty());
            assert!(
                result.output_message.contains(&entity.entity.identifier),
                "{action:?}: {}",
                result.output_message
            );
        }
        assert!(!result.script_result.value);
        assert_eq!(result.state, ExecutionState::Completed);
    }
    assert!(running.calls().is_empty(), "{:?}", running.calls());
}

#[tokio::test]
async fn one_object_under_several_names_costs_one_call_and_enriches_every_entity() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let client = client(&running, Tier::Public);
    let hashes = [
        EICAR_MD5,
        &EICAR_MD5.to_uppercase(),
        EICAR_SHA256,
        "3395856ce81f2b7382dee72602f798b642f14140",
    ];
    let result = run(
        Action::ScanHash,
        &client,
        &context(entities(&FileHash, &hashes), threshold("3")),
    )
    .await;
    assert_eq!(running.calls().len(), 1);
    assert!(
        result
            .entities
            .iter()
            .all(|entity| entity.enrichment["VT_positives"] == 10),
        "{result:?}"
    );
    assert_eq!(result.insights.len(), 4);

    running.clear_calls();
    let urls = [
        "http://malicious.example/payload.php",
        "hxxp://malicious[.]example/payload.php",
        "HTTP://MALICIOUS.example:80/payload.php",
    ];
    let result = run(
        Action::ScanUrl,
        &client,
        &context(entities(&Url, &urls), threshold("3")),
    )
    .await;
    assert_eq!(running.calls().len(), 1);
    assert!(result.entities.iter().all(|entity| entity.risky));

    running.clear_calls();
    let targets = [
        entities(&User, &["a@example.co.in"]),
        entities(&Hostname, &["example[.]co.in", "www.example.co.in"]),
    ]
    .concat();
    let result = run(
        Action::GetDomainReport,
        &client,
        &context(targets, Parameters::new()),
    )
    .await;
    assert_eq!(running.calls().len(), 1);
    assert!(result.entities.iter().all(|entity| entity.outcome == Found));
}

#[tokio::test]
async fn a_case_without_entities_of_the_type_is_a_success_that_says_so() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let client = client(&running, Tier::Public);
    let context = context(entities(&FileName, &["x.exe"]), threshold("3"));
    for (action, success, words) in [
        (
            Action::ScanHash,
            false,
            "No FILE HASH entities were found in current scope.",
        ),
        (
            Action::ScanUrl,
            false,
            "No URL entities were found in current scope.",
        ),
        (
            Action::ScanIp,
            true,
            "No ADDRESS entities were found in current scope.",
        ),
        (
            Action::GetDomainReport,
            true,
            "No HOSTNAME or USER entities were found in current scope.",
        ),
    ] {
        let result = run(action, &client, &context).await;
        assert_eq!(
            (result.state, result.output_message.as_str()),
            (ExecutionState::Completed, words)
        );
        assert_eq!(result.script_result.value, success, "{action:?}");
    }
    assert!(running.calls().is_empty());
}

#[tokio::test]
async fn near_the_deadline_finished_results_are_kept_and_the_rest_is_listed() {
    let fault = Fault::new(FaultKind::Hang).for_resource("8.8.8.8");
    let running = simulator(KeyKind::Public).fault(fault).start().await.unwrap();
    let context = context(
        entities(&Address, &["198.51.100.7", "8.8.8.8"]),
        Parameters::new(),
    );
    let deadline = Deadline::after(Duration::from_millis(500));
    let result = run_until(
        Action::ScanIp,
        &client(&running, Tier::Public),
        &context,
        &deadline,
    )
    .await;
    assert_eq!(outcomes(&result), [Found, Stopped]);
    assert_eq!(result.state, ExecutionState::TimedOut);
    assert!(result.script_result.value);
    assert!(
        result.output_message.contains("before time ran out:\n8.8.8.8"),
        "{}",
        result.output_message
    );
}

#[tokio::test]
async fn an_analysis_that_is_not_finished_in_time_is_listed_or_replaced_by_the_older_report() {
    let running = simulator(KeyKind::Private)
        .scan_for(Duration::from_secs(3600))
        .start()
        .await
        .unwrap();
    let urls = [
        "http://malicious.example/payload.php",
        "http://unknown.synthetic.example/",
    ];
    let parameters = threshold("3").with("Rescan after days", "0");
    let deadline = Deadline::after(Duration::from_millis(2600));
    let result = run_until(
        Action::ScanUrl,
        &client(&running, Tier::Private),
        &context(entities(&Url, &urls), parameters),
        &deadline,
    )
    .await;
    assert_eq!(outcomes(&result), [Found, Queued]);
    assert!(result.entities[0].risky && result.script_result.value);
    assert_eq!(result.state, ExecutionState::TimedOut);
    assert!(
        result
            .output_message
            .contains("still queued for analysis:\nhttp://unknown.synthetic.example/")
    );
}

#[tokio::test]
async fn a_hash_never_seen_is_reported_missing_without_a_rescan() {
    let running = simulator(KeyKind::Private).start().await.unwrap();
    let hash = unknown_file(1).sha256;
    let parameters = threshold("3").with("Rescan after days", "0");
    let result = run(
        Action::ScanHash,
        &client(&running, Tier::Private),
        &context(entities(&FileHash, &[&hash]), parameters),
    )
    .await;
    assert_eq!(outcomes(&result), [Missing]);
    assert!(
        result
            .output_message
            .contains("do not exist on VirusTotal (file was never scanned before):")
    );
    assert_eq!(
        (running.count("file/report"), running.count("file/rescan")),
        (1, 0)
    );
}

#[tokio::test]
async fn a_rescan_is_waited_for_and_the_new_report_is_used() {
    let running = simulator(KeyKind::Private).start().await.unwrap();
    let parameters = threshold("3").with("Rescan after days", "1");
    let context = context(
        entities(&FileHash, &[EICAR_MD5, &unknown_file(2).md5]),
        parameters,
    );
    let result = run(Action::ScanHash, &client(&running, Tier::Private), &context).await;
    assert_eq!(outcomes(&result), [Found, Missing]);
    assert_eq!(result.entities[0].remark.as_deref(), Some("analysed anew"));
    assert_ne!(
        result.entities[0].enrichment["VT_Scan date"],
        "2019-02-05 15:41:52"
    );
    assert_eq!(running.count("file/rescan"), 1);
}

#[tokio::test]
async fn each_file_that_cannot_be_uploaded_has_its_own_reason_and_the_others_go_on() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("good.bin"), "simulate:positives=7").unwrap();
    std::fs::write(path("empty.bin"), "").unwrap();
    let paths = [
        path("good.bin"),
        path("empty.bin"),
        path("gone.bin"),
        folder.path().to_str().unwrap().to_owned(),
    ];
    let targets = entities(&FileName, &[&paths[0], "EMPTY.BIN", "unrelated.bin"]);
    let result = run(
        Action::UploadAndScanFile,
        &client(&running, Tier::Public),
        &context(
            targets,
            Parameters::new()
                .with("File Paths", paths.join(", "))
                .with("Upload Policy", "Always"),
        ),
    )
    .await;
    assert_eq!(outcomes(&result), [Found, Failed, Failed, Failed]);
    let of_the_case: Vec<bool> = result.entities.iter().map(|entity| entity.is_target).collect();
    assert_eq!(of_the_case, [true, true, false, false]);
    assert!(result.script_result.value && result.entities[0].risky);
    for part in [
        "empty.bin (it is empty)",
        "gone.bin (there is no such file)",
        "(it is a folder; name its files, or ask for folders)",
    ] {
        assert!(result.output_message.contains(part), "{}", result.output_message);
    }
    let json = serde_json::to_value(&result.json_result).unwrap();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), [&paths[0]]);
    assert_eq!(result.insights.len(), 1);
    assert_eq!(running.uploads().len(), 1);
}

#[tokio::test]
async fn positives_that_reach_the_threshold_are_risky_for_every_action() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let client = client(&running, Tier::Public);
    let hash = file_with_positives(5, 1).sha256;
    let url = "http://positives-5.synthetic.example/";
    for (value, risky) in [("4", true), ("5", true), ("6", false)] {
        let result = run(
            Action::ScanHash,
            &client,
            &context(entities(&FileHash, &[&hash]), threshold(value)),
        )
        .await;
        assert_eq!(
            (result.script_result.value, result.insights.len()),
            (risky, usize::from(risky))
        );
        let result = run(
            Action::ScanUrl,
            &client,
            &context(entities(&Url, &[url]), threshold(value)),
        )
        .await;
        assert_eq!(
            (result.script_result.value, result.insights.len()),
            (risky, usize::from(risky))
        );
    }
    for (value, severity) in [("30", "warn"), ("31", "informative")] {
        let result = run(
            Action::ScanIp,
            &client,
            &context(entities(&Address, &["198.51.100.7"]), threshold(value)),
        )
        .await;
        assert_eq!(result.insights[0].severity.name(), severity);
        assert!(result.script_result.value);
    }
}

#[tokio::test]
async fn a_public_key_without_comments_still_gets_its_reports() {
    for (kind, tables) in [(KeyKind::Public, 1), (KeyKind::Private, 2)] {
        let running = simulator(kind).start().await.unwrap();
        let parameters = threshold("3").with("Fetch Comments", "true");
        let result = run(
            Action::ScanHash,
            &client(&running, Tier::Public),
            &context(entities(&FileHash, &[EICAR_MD5]), parameters),
        )
        .await;
        assert_eq!(outcomes(&result), [Found]);
        assert_eq!(result.tables.len(), tables);
        assert_eq!(
            result.output_message.contains("Comments were not fetched:"),
            kind == KeyKind::Public
        );
    }
}

#[tokio::test]
async fn reports_of_any_types_never_stop_an_action() {
    let running = simulator(KeyKind::Public)
        .fault(Fault::new(FaultKind::WrongTypes))
        .start()
        .await
        .unwrap();
    let client = client(&running, Tier::Public);
    let targets = [
        entities(&FileHash, &[EICAR_MD5]),
        entities(&Address, &["198.51.100.7"]),
        entities(&Url, &["http://malicious.example/payload.php"]),
        entities(&Hostname, &["example.co.in"]),
    ]
    .concat();
    for action in [
        Action::ScanHash,
        Action::ScanIp,
        Action::ScanUrl,
        Action::GetDomainReport,
    ] {
        let result = run(action, &client, &context(targets.clone(), threshold("3"))).await;
        for (name, value) in result.entities.iter().flat_map(|entity| &entity.enrichment) {
            assert!(!value.is_null() && *value != json!(""), "{action:?}: {name}");
        }
    }
}

#[tokio::test]
async fn the_prefix_is_a_setting() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let client = client(&running, Tier::Public);
    for (prefix, field) in [("", "VT_positives"), ("none", "positives"), ("X-", "X-positives")] {
        let parameters = threshold("3").with("Enrichment Prefix", prefix);
        let result = run(
            Action::ScanHash,
            &client,
            &context(entities(&FileHash, &[EICAR_MD5]), parameters),
        )
        .await;
        assert_eq!(result.entities[0].updated().additional_properties[field], 10);
    }
}

#[tokio::test]
async fn ping_tells_a_used_up_quota_from_a_bad_key() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let empty = context(Vec::new(), Parameters::new());
    let result = run(Action::Ping, &client(&running, Tier::Public), &empty).await;
    assert_eq!(
        (result.output_message.as_str(), result.script_result.value),
        ("Connection Established", true)
    );
    assert_eq!(running.calls().len(), 1);
    running.add_fault(Fault::new(FaultKind::Quota));
    let deadline = Deadline::after(Duration::from_millis(40));
    let result = run_until(Action::Ping, &client(&running, Tier::Public), &empty, &deadline).await;
    assert!(
        result.script_result.value && result.output_message.contains("its quota is used up"),
        "{result:?}"
    );
}
