//! Every action from its first run to its end, in both forms of addresses and both formats of targets.

use std::time::Duration;

use serde_json::{Value, json};
use test_platform::{Call, Context, Drive, Entity, Form, Launch, Run, TargetFormat, drive};

use crate::scene::{
    ADDRESS, ALERT, DOMAIN, FORMATS, FORMS, HASH, HOSTNAME, PING, SCAN_HASH, SCAN_IP, SCAN_URL, Scene,
    UPLOAD, URL, USER, case_of, clean_hash, context, hash_context, risky_hash, stored, told,
};

/// Runs an action to its end in a form, with every option that calls must show.
fn driven(scene: &Scene, action: &str, form: Form, context: Context) -> Vec<Run> {
    let launch = scene
        .launch(action, context)
        .form(form)
        .option("--correlationId", "\"correlation-1\"")
        .option("--traceId", "00-trace-01")
        .baggage("tenant=é");
    for (name, value) in [
        ("correlation_id", "correlation-1"),
        ("traceparent", "00-trace-01"),
        ("baggage", "tenant=é"),
    ] {
        scene.platform.expect_header(name, value);
    }
    scene.platform.expect_form(form);
    scene.drive(&launch)
}

fn in_every_way(test: impl Fn(Form, TargetFormat)) {
    for form in FORMS {
        for format in FORMATS {
            test(form, format);
        }
    }
}

fn last(runs: &[Run]) -> &Run {
    runs.last().unwrap()
}

/// Keys of a member of the result objects.
fn key(title: &str, format: TargetFormat) -> String {
    match format {
        TargetFormat::New => format!("{title}_None"),
        TargetFormat::Old => title.to_owned(),
    }
}

#[test]
fn ping_says_true_as_text_and_asks_for_the_configuration_alone() {
    for form in FORMS {
        let scene = Scene::new([]);
        let runs = driven(&scene, PING, form, Context::new());
        assert_eq!(scene.calls(), [Call::Configuration]);
        let run = last(&runs);
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!("true")),
            "{}",
            told(&runs)
        );
        assert!(run.message().starts_with("Connection Established"));
        assert_eq!(run.objects(), json!({}));
    }
}

#[test]
fn get_domain_report_enriches_hosts_users_and_urls() {
    in_every_way(|form, format| {
        let host = "www.example.co.in";
        let (user, url) = ("jdoe@example.co.in", "http://www.example.co.in/Path");
        let scene = Scene::new([
            Entity::stored(host, HOSTNAME),
            Entity::stored(user, USER),
            Entity::stored(url, URL),
            Entity::stored("other.example", HOSTNAME),
        ]);
        let [host, user, url] = [host, user, url].map(stored);
        let targets = [
            (host.as_str(), HOSTNAME),
            (user.as_str(), USER),
            (url.as_str(), URL),
        ];
        let runs = driven(&scene, DOMAIN, form, context(format, &targets));
        assert_eq!(
            scene.calls(),
            [Call::Configuration, Call::AlertFullDetails, Call::UpdateEntities]
        );
        let run = last(&runs);
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!("true")),
            "{}",
            told(&runs)
        );
        assert!(run.message().contains("submitted and analyzed in VirusTotal"));
        assert_eq!(scene.platform.written().len(), 3);
        for (identifier, entity_type) in targets {
            assert_eq!(scene.property(identifier, entity_type, "IsEnriched"), "True");
            assert!(
                scene
                    .property(identifier, entity_type, "VT_verbose_msg")
                    .is_string()
            );
            assert!(
                run.objects().get(key(identifier, format)).is_some(),
                "{}",
                run.objects()
            );
        }
        let names: Vec<Value> = run
            .json_result()
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["Entity"].clone())
            .collect();
        assert_eq!(names, [json!(host), json!(user), json!(url)]);
        // Three names, one domain.
        assert_eq!(scene.simulator.count("domain/report"), 1);
    });
}

#[test]
fn scan_hash_with_known_reports_is_done_at_once_and_says_a_json_boolean() {
    in_every_way(|form, format| {
        let (risky, clean) = (risky_hash(1), clean_hash(2));
        let scene = Scene::new([Entity::stored(&clean, HASH), Entity::stored(&risky, HASH)]);
        let (risky, clean) = (stored(&risky), stored(&clean));
        let runs = driven(&scene, SCAN_HASH, form, hash_context(format, &[&risky, &clean]));
        assert_eq!(runs.len(), 1, "{}", told(&runs));
        assert_eq!(
            scene.calls(),
            [
                Call::Configuration,
                Call::AlertFullDetails,
                Call::CreateCaseInsight,
                Call::UpdateEntities
            ]
        );
        let run = last(&runs);
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{}",
            told(&runs)
        );
        assert!(
            run.message()
                .contains("Reports were fetched for the following hashes")
        );
        let insights = scene.platform.insights();
        let content = insights[0]["content"].as_str().unwrap();
        assert!(
            content.starts_with("VirusTotal - Hash was marked as malicious by 12 of "),
            "{content}"
        );
        assert!(content.ends_with("Threshold set to - 3"), "{content}");
        assert_eq!(
            insights,
            [
                json!({"case_id": "17", "alert_identifier": ALERT, "triggered_by": "VirusTotal", "title": "Entity insight",
                "content": content, "entity_identifier": risky, "severity": 1, "type": 1, "entity_type": HASH,
                "additional_data": null, "additional_data_type": null, "additional_data_title": null,
                "original_requesting_user": null})
            ]
        );
        for (hash, suspicious) in [(&risky, true), (&clean, false)] {
            let entity = scene.platform.entity(hash, HASH).unwrap();
            assert_eq!(
                (&entity["is_enriched"], &entity["is_suspicious"]),
                (&json!(true), &json!(suspicious))
            );
        }
        assert_eq!(scene.property(&risky, HASH, "VT_positives"), json!(12));
        // As in the alert, not as in the target entities.
        let result = run.json_result();
        assert_eq!(
            (&result[0]["Entity"], &result[1]["Entity"]),
            (&json!(clean), &json!(risky))
        );
        assert_eq!(result[1]["EntityResult"]["positives"], 12);
        let member = &run.objects()[key(&risky, format)];
        assert_eq!(member["IsForEntity"], true);
        assert!(member["Links"][0].as_str().unwrap().contains("virustotal.com"));
        assert!(member["CSVLines"].as_array().unwrap().len() > 10);
    });
}

#[test]
fn a_clean_hash_is_not_risky_and_leaves_no_insight() {
    let hash = clean_hash(1);
    let scene = Scene::new([Entity::stored(&hash, HASH)]);
    let run = scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&stored(&hash)]));
    assert_eq!((run.state(), run.value()), (Some(0), json!(false)));
    assert!(scene.platform.insights().is_empty());
}

#[test]
fn a_hash_that_virustotal_has_never_seen_is_listed_without_a_wasted_call() {
    let hash = simulator::unknown_file(1).sha256;
    let scene = Scene::new([Entity::stored(&hash, HASH)]);
    let context = hash_context(TargetFormat::New, &[&stored(&hash)]).parameter("Rescan after days", "0");
    let run = scene.run(SCAN_HASH, context);
    assert_eq!((run.state(), run.value()), (Some(0), json!(false)));
    assert!(
        run.message().contains("do not exist on VirusTotal"),
        "{}",
        run.message()
    );
    assert_eq!(
        (scene.simulator.calls().len(), scene.platform.written().len()),
        (1, 0)
    );
}

#[test]
fn scan_hash_with_a_rescan_goes_on_until_the_new_report_is_there() {
    in_every_way(|form, format| {
        let (scene, hash) = crate::scene::one_risky_hash();
        let context = hash_context(format, &[&hash]).parameter("Rescan after days", "0");
        let runs = driven(&scene, SCAN_HASH, form, context);
        assert!(runs.len() > 1, "{}", told(&runs));
        let first = &runs[0];
        assert_eq!(first.state(), Some(1));
        assert!(serde_json::from_str::<Value>(first.value().as_str().unwrap()).is_ok());
        assert!(
            first.message().contains(&hash) || first.message().contains(&hash.to_lowercase()),
            "{}",
            first.message()
        );
        let run = last(&runs);
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{}",
            told(&runs)
        );
        assert_eq!(run.json_result()[0]["Entity"], json!(hash));
        let writes: Vec<Call> = scene
            .calls()
            .into_iter()
            .filter(|call| matches!(call, Call::CreateCaseInsight | Call::UpdateEntities))
            .collect();
        assert_eq!(
            writes,
            [Call::CreateCaseInsight, Call::UpdateEntities],
            "only the last run writes"
        );
        assert_eq!(scene.simulator.count("file/rescan"), 1);
    });
}

#[test]
fn scan_ip_leaves_an_insight_on_every_address_and_warns_of_risky_ones() {
    in_every_way(|form, format| {
        let internal = Entity::new("9.9.9.9", ADDRESS).internal();
        let scene = Scene::new([
            Entity::new("198.51.100.7", ADDRESS),
            internal,
            Entity::new("10.0.0.1", ADDRESS),
        ]);
        let targets = [
            ("198.51.100.7", ADDRESS),
            ("9.9.9.9", ADDRESS),
            ("10.0.0.1", ADDRESS),
        ];
        let runs = driven(
            &scene,
            SCAN_IP,
            form,
            context(format, &targets).parameter("Threshold", 25),
        );
        assert_eq!(
            scene.calls(),
            [
                Call::Configuration,
                Call::AlertFullDetails,
                Call::CreateCaseInsight,
                Call::UpdateEntities
            ]
        );
        let run = last(&runs);
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!("true")),
            "{}",
            told(&runs)
        );
        let insight = &scene.platform.insights()[0];
        assert_eq!(
            (&insight["severity"], &insight["entity_identifier"]),
            (&json!(1), &json!("198.51.100.7"))
        );
        let content = insight["content"].as_str().unwrap();
        for line in [
            "Malicious Referrer Samples: ",
            "Malicious Communicating Samples: ",
            "Malicious URLs: ",
        ] {
            assert!(content.contains(line), "{content}");
        }
        assert_eq!(
            scene.platform.entity("198.51.100.7", ADDRESS).unwrap()["is_suspicious"],
            true
        );
        assert!(
            run.message().contains("10.0.0.1") && run.message().contains("9.9.9.9"),
            "{}",
            run.message()
        );
        assert_eq!(
            scene.simulator.calls().len(),
            1,
            "nothing internal leaves the network"
        );
    });
}

#[test]
fn a_harmless_address_gets_an_informative_insight_only() {
    let address = (0..200).map(|n| simulator::synthetic_ip(n).to_string());
    let addresses: Vec<String> = address.take(5).collect();
    let scene = Scene::new(addresses.iter().map(|address| Entity::new(address, ADDRESS)));
    let targets: Vec<(&str, &str)> = addresses
        .iter()
        .map(|address| (address.as_str(), ADDRESS))
        .collect();
    let run = scene.run(
        SCAN_IP,
        context(TargetFormat::New, &targets).parameter("Threshold", "1000"),
    );
    assert_eq!((run.state(), run.value()), (Some(0), json!("true")));
    assert_eq!(scene.platform.insights().len(), 5);
    assert!(
        scene
            .platform
            .insights()
            .iter()
            .all(|insight| insight["severity"] == 0)
    );
}

#[test]
fn scan_url_submits_what_is_new_and_says_a_json_boolean() {
    in_every_way(|form, format| {
        let (known, new) = ("http://positives-12.example/Path", "http://unknown.example/Other");
        let scene = Scene::new([Entity::stored(known, URL), Entity::stored(new, URL)]);
        let [known, new] = [known, new].map(stored);
        let targets = [(known.as_str(), URL), (new.as_str(), URL)];
        let runs = driven(
            &scene,
            SCAN_URL,
            form,
            context(format, &targets).parameter("Threshold", "3"),
        );
        assert!(runs.len() > 1, "{}", told(&runs));
        let run = last(&runs);
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{}",
            told(&runs)
        );
        let insights = scene.platform.insights();
        assert_eq!(insights.len(), 1);
        assert!(
            insights[0]["content"]
                .as_str()
                .unwrap()
                .starts_with("VirusTotal - URL was marked as malicious by 12 of")
        );
        assert_eq!(scene.platform.entity(&known, URL).unwrap()["is_suspicious"], true);
        assert_eq!(
            scene.property(&known, URL, "VT_Scanned URL"),
            "http://positives-12.example/Path"
        );
        assert_eq!(scene.property(&new, URL, "IsEnriched"), "True");
        assert_eq!(run.json_result().as_array().unwrap().len(), 2);
        assert_eq!(run.objects()[key(&known, format)]["IsForEntity"], true);
    });
}

/// Files in the action's working folder, and their paths for the parameter.
fn files(launch: &Launch, contents: &[(&str, &str)]) -> Vec<String> {
    let write = |(name, content): &(&str, &str)| {
        let path = launch.work_folder().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    contents.iter().map(write).collect()
}

#[test]
fn upload_and_scan_file_waits_for_the_analyses_and_says_true_as_text() {
    for (action, form) in [
        (UPLOAD, Form::Legacy),
        ("Upload And Scan Files", Form::OnePlatform),
    ] {
        let scene = Scene::new([]);
        let keeper = scene.launch(action, Context::new());
        let paths = files(
            &keeper,
            &[
                ("bad.bin", "simulate:positives=12"),
                ("good.bin", "nothing to see"),
            ],
        );
        let context = Context::new()
            .parameter("Threshold", "3")
            // What looks new may be known to the simulator.
            .parameter("Upload Policy", "Always")
            .parameter("File Paths", paths.join(" , "));
        let runs = driven(&scene, action, form, context);
        assert_eq!(runs[0].state(), Some(1), "{}", told(&runs));
        let run = last(&runs);
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!("true")),
            "{}",
            told(&runs)
        );
        let result = run.json_result();
        let keys: Vec<&String> = result.as_object().unwrap().keys().collect();
        assert_eq!(keys, paths.iter().collect::<Vec<_>>());
        assert_eq!(result[&paths[0]]["positives"], 12);
        let insights = scene.platform.insights();
        assert_eq!(insights.len(), 1);
        assert_eq!(
            (&insights[0]["type"], &insights[0]["entity_type"]),
            (&json!(0), &json!(null))
        );
        assert_eq!(
            insights[0]["title"],
            format!("File {} found as suspicious.", paths[0])
        );
        assert_eq!(scene.simulator.uploads().len(), 2);
        assert!(
            run.message()
                .contains("The following files were uploaded to VirusTotal for scan"),
            "{}",
            run.message()
        );
    }
}

#[test]
fn an_uploaded_file_that_an_entity_stands_for_enriches_it() {
    in_every_way(|form, format| {
        let scene = Scene::new([Entity::stored("bad.bin", "FILENAME")]);
        let keeper = scene.launch(UPLOAD, Context::new());
        let paths = files(&keeper, &[("bad.bin", "simulate:positives=12")]);
        let context = context(format, &[("BAD.BIN", "FILENAME")]);
        let runs = driven(
            &scene,
            UPLOAD,
            form,
            context
                .parameter("Threshold", "3")
                .parameter("File Paths", paths[0].clone()),
        );
        assert_eq!(last(&runs).value(), json!("true"), "{}", told(&runs));
        assert_eq!(scene.property("BAD.BIN", "FILENAME", "VT_positives"), json!(12));
        assert_eq!(
            scene.platform.entity("BAD.BIN", "FILENAME").unwrap()["is_suspicious"],
            true
        );
    });
}

#[test]
fn nothing_of_the_right_type_is_success_in_the_originals_words() {
    let cases = [
        (
            DOMAIN,
            "No HOSTNAME or USER entities were found in current scope.",
            json!("true"),
        ),
        (
            SCAN_HASH,
            "No FILE HASH entities were found in current scope.",
            json!(false),
        ),
        (
            SCAN_IP,
            "No ADDRESS entities were found in current scope.",
            json!("true"),
        ),
        (
            SCAN_URL,
            "No URL entities were found in current scope.",
            json!(false),
        ),
    ];
    for (action, sentence, value) in cases {
        let scene = Scene::new([Entity::new("x", "PROCESS")]);
        for targets in [&[][..], &[("x", "PROCESS")], &[("absent", "PROCESS")]] {
            let run = scene.run(
                action,
                context(TargetFormat::New, targets).parameter("Threshold", "3"),
            );
            assert_eq!((run.state(), run.value()), (Some(0), value.clone()), "{action}");
            assert!(run.message().contains(sentence), "{}", run.message());
        }
        assert!(scene.simulator.calls().is_empty() && scene.platform.written().is_empty());
    }
}

#[test]
fn a_threshold_that_is_none_fails_before_any_call_to_virustotal() {
    for threshold in [json!("abc"), json!("-1"), json!("25.0"), json!("0"), json!("")] {
        let (scene, hash) = crate::scene::one_risky_hash();
        let context = context(TargetFormat::New, &[(&hash, HASH)]).parameter("Threshold", threshold.clone());
        let run = scene.run(SCAN_HASH, context);
        assert_eq!((run.state(), run.value()), (Some(2), json!(false)), "{threshold}");
        assert!(run.message().contains("Threshold"), "{}", run.message());
        assert!(scene.simulator.calls().is_empty());
    }
}

#[test]
fn a_missing_api_key_fails_before_any_call_to_virustotal() {
    for configuration in [
        vec![("Api Key", "")],
        vec![("Verify SSL", "True")],
        vec![("Api Key", "  ")],
    ] {
        let hash = risky_hash(1);
        let case = case_of([Entity::stored(&hash, HASH)]);
        let scene = Scene::with(
            |builder| builder.case(case).configuration("instance-1", configuration),
            |simulator| simulator,
        );
        let run = scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&stored(&hash)]));
        assert_eq!((run.state(), run.value()), (Some(2), json!(false)));
        assert!(run.message().contains("Api Key is missing"), "{}", run.message());
        assert!(scene.simulator.calls().is_empty());
    }
}

#[test]
fn the_instance_says_which_version_of_the_api_is_asked() {
    let run = |version: &str| {
        let hash = risky_hash(1);
        let case = case_of([Entity::stored(&hash, HASH)]);
        let configuration = vec![
            ("Api Key", crate::scene::KEY),
            ("Verify SSL", "True"),
            ("Api Version", version),
        ];
        let scene = Scene::with(
            |builder| builder.case(case).configuration("instance-1", configuration),
            |simulator| simulator,
        );
        let run = scene.run(SCAN_HASH, hash_context(TargetFormat::New, &[&stored(&hash)]));
        let calls = (
            scene.simulator.count("file/report"),
            scene.simulator.count("v3/files"),
        );
        (run.state(), calls, run.message())
    };
    for (version, calls) in [("", (1, 0)), ("v2", (1, 0)), ("V3", (0, 1)), ("auto", (0, 1))] {
        let (state, made, message) = run(version);
        assert_eq!((state, made), (Some(0), calls), "{version:?} {message}");
    }
    let (state, made, message) = run("4");
    assert_eq!((state, made), (Some(2), (0, 0)));
    assert!(
        message.contains("Api Version must be one of v2, v3, auto"),
        "{message}"
    );
}

/// What the form says counts; what it leaves open, and a form of before the field, is the machine's to say.
#[test]
fn the_instances_version_of_the_api_wins_over_the_machines() {
    let run = |form: Option<&'static str>, machine: Option<&str>| {
        let hash = risky_hash(1);
        let case = case_of([Entity::stored(&hash, HASH)]);
        let mut configuration = vec![("Api Key", crate::scene::KEY), ("Verify SSL", "True")];
        configuration.extend(form.map(|version| ("Api Version", version)));
        let scene = Scene::with(
            |builder| builder.case(case).configuration("instance-1", configuration),
            |simulator| simulator,
        );
        let mut launch = scene.launch(SCAN_HASH, hash_context(TargetFormat::New, &[&stored(&hash)]));
        if let Some(version) = machine {
            launch = launch.variable("VTSECOPS_API", version);
        }
        let run = launch.run().unwrap();
        scene.sound(&launch, std::slice::from_ref(&run));
        assert_eq!(run.state(), Some(0), "{form:?} {machine:?} {}", run.message());
        (
            scene.simulator.count("file/report"),
            scene.simulator.count("v3/files"),
        )
    };
    let (v2, v3) = ((1, 0), (0, 1));
    for (form, machine, calls) in [
        (None, None, v2),
        (None, Some("v3"), v3),
        (Some(""), Some("v3"), v3),
        (Some("v2"), Some("v3"), v2),
        (Some("v3"), Some("v2"), v3),
    ] {
        assert_eq!(run(form, machine), calls, "{form:?} {machine:?}");
    }
}

#[test]
fn verify_ssl_that_is_off_or_absent_is_said_once() {
    for configuration in [
        vec![("Api Key", crate::scene::KEY)],
        vec![("Api Key", crate::scene::KEY), ("Verify SSL", "False")],
    ] {
        let scene = Scene::with(
            |builder| builder.configuration("instance-1", configuration),
            |simulator| simulator,
        );
        let run = scene.run(PING, Context::new());
        assert_eq!(run.value(), json!("true"), "{}", run.message());
        assert_eq!(
            run.message().matches("Verify SSL").count(),
            1,
            "{}",
            run.message()
        );
    }
    let run = Scene::new([]).run(PING, Context::new());
    assert!(!run.message().contains("Verify SSL"), "{}", run.message());
}

#[test]
fn without_an_instance_the_configuration_is_the_integrations_own() {
    for instance in [json!(null), json!("")] {
        let scene = Scene::with(
            |builder| {
                builder.configuration(
                    "VirusTotal",
                    [("Api Key", crate::scene::KEY), ("Verify SSL", "True")],
                )
            },
            |simulator| simulator,
        );
        let run = scene.run(PING, Context::new().set("integration_instance", instance));
        assert_eq!(run.value(), json!("true"), "{}", run.message());
        assert!(
            scene
                .platform
                .requests()
                .iter()
                .any(|request| request.path.ends_with("/configuration/VirusTotal"))
        );
    }
}

#[test]
fn an_instance_is_escaped_in_the_address() {
    let name = "a b/ü?&#%2F";
    for form in FORMS {
        let scene = Scene::with(
            |builder| builder.configuration(name, [("Api Key", crate::scene::KEY)]),
            |simulator| simulator,
        );
        let runs = driven(
            &scene,
            PING,
            form,
            Context::new().set("integration_instance", name),
        );
        assert_eq!(last(&runs).value(), json!("true"), "{}", told(&runs));
    }
}

#[test]
fn a_refused_virustotal_key_fails_at_once_in_the_originals_words() {
    for (action, value) in [
        (PING, json!("false")),
        (SCAN_HASH, json!(false)),
        (SCAN_IP, json!("false")),
    ] {
        let hashes: Vec<String> = (0..30).map(risky_hash).collect();
        let mut entities: Vec<Entity> = hashes.iter().map(|hash| Entity::stored(hash, HASH)).collect();
        entities.push(Entity::new("198.51.100.7", ADDRESS));
        let wrong = [("Api Key", "0000"), ("Verify SSL", "True")];
        let scene = Scene::with(
            |builder| builder.case(case_of(entities)).configuration("instance-1", wrong),
            |simulator| simulator,
        );
        let stored: Vec<String> = hashes.iter().map(|hash| stored(hash)).collect();
        let mut targets: Vec<(&str, &str)> = stored.iter().map(|hash| (hash.as_str(), HASH)).collect();
        targets.push(("198.51.100.7", ADDRESS));
        let run = scene.run(
            action,
            context(TargetFormat::New, &targets).parameter("Threshold", "3"),
        );
        assert_eq!((run.state(), run.value()), (Some(2), value), "{}", run.message());
        assert!(
            run.message()
                .contains("Invalid API key was provided. Access is forbidden."),
            "{}",
            run.message()
        );
        assert!(scene.platform.written().is_empty());
        assert!(!run.message().contains("0000") && !run.stderr.contains("0000"));
    }
}

#[test]
fn an_insight_can_be_left_on_all_alerts_when_the_alert_in_context_is_gone() {
    let (scene, hash) = crate::scene::one_risky_hash();
    for alert in [json!("GONE"), json!(null)] {
        scene.platform.clear();
        let run = scene.run(
            SCAN_HASH,
            hash_context(TargetFormat::New, &[&hash]).set("alert_id", alert),
        );
        assert_eq!(
            (run.state(), run.value()),
            (Some(0), json!(true)),
            "{}",
            run.message()
        );
        assert_eq!(
            scene.calls(),
            [
                Call::Configuration,
                Call::AlertFullDetails,
                Call::AlertsFullDetails,
                Call::CreateCaseInsight,
                Call::UpdateEntities
            ]
        );
        assert_eq!(scene.platform.insights()[0]["alert_identifier"], json!(null));
    }
}

#[test]
fn an_action_that_never_ends_is_always_the_same_state() {
    let (scene, hash) = (
        Scene::with(
            |builder| builder.case(case_of([Entity::stored(&risky_hash(1), HASH)])),
            |simulator| simulator.scan_for(Duration::from_secs(3600)),
        ),
        stored(&risky_hash(1)),
    );
    let launch = scene.launch(
        SCAN_HASH,
        hash_context(TargetFormat::New, &[&hash]).parameter("Rescan after days", "0"),
    );
    let how = Drive {
        interval: Duration::ZERO,
        most_runs: 4,
    };
    let runs = drive(&launch, how).unwrap();
    scene.sound(&launch, &runs);
    assert!(runs.iter().all(|run| run.state() == Some(1)), "{}", told(&runs));
    assert!(runs[3].message().contains("queued"), "{}", runs[3].message());
    assert!(scene.platform.written().is_empty() && scene.platform.insights().is_empty());
}

#[test]
fn what_is_related_comes_as_entities_in_the_json_result() {
    in_every_way(|form, format| {
        let name = "many-3.example";
        let scene = Scene::new([Entity::stored(name, HOSTNAME)]);
        let context = context(format, &[(&stored(name), HOSTNAME)])
            .parameter("Relationships", "subdomains")
            .parameter("Limit", "2");
        let runs = driven(&scene, "GetRelationships", form, context);
        let run = last(&runs);
        assert_eq!((run.state(), run.value()), (Some(0), json!("true")));
        let result = run.json_result();
        let list = &result[0]["EntityResult"]["lists"][0];
        assert_eq!(
            (&list["name"], &list["has_more"]),
            (&json!("subdomains"), &json!(true))
        );
        assert_eq!(list["objects"][1]["entity"], "s1.many-3.example");
        assert_eq!(list["objects"][1]["entity_type"], "DOMAIN");
    });
}

#[test]
fn a_comment_is_written_once_and_changes_nothing_in_the_case() {
    in_every_way(|form, format| {
        let scene = Scene::new([Entity::stored("bad.example", HOSTNAME)]);
        let context =
            context(format, &[(&stored("bad.example"), HOSTNAME)]).parameter("Comment", "seen #here");
        let runs = driven(&scene, "AddComment", form, context);
        let run = last(&runs);
        assert_eq!((run.state(), run.value()), (Some(0), json!("true")));
        assert_eq!(scene.simulator.count("v3/comments"), 1);
        assert!(
            run.message().contains("The comment is on the following"),
            "{}",
            run.message()
        );
    });
}
