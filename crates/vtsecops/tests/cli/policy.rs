//! Verdict policies: where they are named, what they decide, how they fail.

use serde_json::{Value, json};

use crate::scene::{BENIGN, EICAR, Ran, Scene};

/// EICAR's report: 10 of 12 engines, of 2019.
const STRICT: &str = "percentage = 50\ntrusted = ['Kaspersky', 'Bkav']\ntrusted_quorum = 2\n";

fn verdict(ran: &Ran) -> Value {
    ran.json()["entities"][0]["verdict"].clone()
}

#[test]
fn a_policy_decides_and_says_why_in_every_output() {
    let scene = Scene::new();
    let policy = scene.write("strict.toml", STRICT);
    let scan = ["scan", "hash", EICAR, BENIGN, "--policy", &policy, "--output"];
    let output = |format: &str| scene.run(&[&scan[..], &[format]].concat());
    let why = "risky: 10 of 12 engines (at least 3), 83 % of the engines (at least 50 %), 2 of 2 trusted engines (at least 2)";
    let json = output("json");
    assert_eq!((json.code, verdict(&json)), (1, json!(why)), "{}", json.err);
    let document = json.json();
    assert_eq!(
        document["entities"][1]["verdict"],
        "not risky: 0 of 12 engines (at least 3)"
    );
    let message = document["output_message"].as_str().unwrap();
    assert!(
        message.ends_with("\n\nVerdict policy in use: strict.toml."),
        "{message}"
    );
    let insight = document["insights"][0]["content"].as_str().unwrap();
    assert!(insight.ends_with(&format!("Verdict policy - {why}")), "{insight}");
    let first: Value = serde_json::from_str(output("ndjson").out.lines().next().unwrap()).unwrap();
    assert_eq!(first["verdict"], why);
    let table = output("table");
    assert!(
        table.out.contains("Verdict policy in use: strict.toml."),
        "{}",
        table.out
    );
    // Without a policy nothing is said of one.
    for format in ["json", "ndjson", "table"] {
        let plain = scene.run(&["scan", "hash", EICAR, "--output", format]);
        let words = ["\"verdict\"", "olicy", "at least"];
        assert!(
            !words.iter().any(|word| plain.out.contains(word)),
            "{}",
            plain.out
        );
    }
}

#[test]
fn a_policy_is_named_by_a_flag_the_environment_or_the_config_file_and_switched_off_by_an_empty_name() {
    let scene = Scene::new();
    let [three, four, five] = [3, 4, 5].map(|engines| {
        let text = format!("threshold = {engines}0");
        scene.write(&format!("{engines}.toml"), &text)
    });
    let config = scene.write("config.toml", &format!("policy = '{five}'\n"));
    let scan = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = scene.command(&[&["scan", "hash", EICAR, "-o", "json"], arguments].concat());
        command
            .env("VTSECOPS_CONFIG", &config)
            .envs(environment.iter().copied());
        verdict(&command.output().unwrap().into())
    };
    let by = |engines: u32| json!(format!("not risky: 10 of 12 engines (at least {engines})"));
    let named = [("VTSECOPS_POLICY", four.as_str())];
    assert_eq!(scan(&[], &[]), by(50));
    assert_eq!(scan(&[], &named), by(40));
    assert_eq!(scan(&["--policy", &three], &named), by(30));
    assert_eq!(scan(&["--policy", ""], &named), Value::Null);
    // The parameter's number comes before the policy's.
    assert_eq!(scan(&["--threshold", "11"], &[]), by(11));
    let shown = scene.run(&["config", "set", "policy", &three]);
    assert_eq!(shown.code, 0, "{}", shown.err);
}

#[test]
fn what_the_policy_gives_no_verdict_on_is_named_and_not_clean() {
    let scene = Scene::new();
    let policy = scene.write(
        "p.toml",
        "minimum_engines = 100\n[ip]\nnewest_scan_days = 1\nstale = 'unknown'\nminimum_engines = 1\n",
    );
    let ran = scene.run(&["scan", "hash", EICAR, "--policy", &policy]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    for part in [
        "no verdict",
        "Verdict policy p.toml: there is no verdict on the following, which do not count as risky:",
        "only 12 engines answered (at least 100)",
        "1 entity: 1 no verdict",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    assert!(!ran.out.contains("RISKY"), "{}", ran.out);
    let address = scene.run(&["scan", "ip", "198.51.100.7", "--policy", &policy, "-o", "json"]);
    let said = verdict(&address).as_str().unwrap().to_owned();
    assert!(
        said.starts_with("no verdict: the newest scan is ") && said.ends_with(" days old (at most 1)"),
        "{said}"
    );
    assert_eq!(address.json()["script_result"], json!({"is_success": true}));
}

#[test]
fn rules_on_engines_leave_addresses_alone_and_are_said_to() {
    let scene = Scene::new();
    let policy = scene.write("p.toml", "trusted = ['Kaspersky']\ntrusted_quorum = 1\n");
    let ran = scene.run(&["scan", "ip", "198.51.100.7", "--policy", &policy]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let notice = "Verdict policy p.toml: trusted, trusted_quorum cannot apply to IP addresses, whose reports name no engines.";
    assert_eq!(ran.out.matches(notice).count(), 1, "{}", ran.out);
}

#[test]
fn files_and_urls_are_judged_by_their_own_values() {
    let scene = Scene::new();
    let policy = scene.write("p.toml", "threshold = 3\n[url]\nthreshold = 50\n");
    let file = scene.write("bad.bin", "simulate:positives=7");
    let uploaded = scene.run(&["upload", &file, "--policy", &policy, "-o", "json"]);
    let said = verdict(&uploaded).as_str().unwrap().to_owned();
    assert!(
        said.starts_with("risky: ") && said.ends_with("engines (at least 3)"),
        "{said}"
    );
    let url = scene.run(&[
        "scan",
        "url",
        "http://malicious.example/payload.php",
        "--policy",
        &policy,
        "-o",
        "json",
    ]);
    let said = verdict(&url).as_str().unwrap().to_owned();
    assert!(
        said.starts_with("not risky: 5 of ") && said.ends_with("engines (at least 50)"),
        "{said}"
    );
}

#[test]
fn a_policy_that_cannot_be_used_is_told_before_anything_is_asked() {
    let scene = Scene::new();
    std::fs::write(scene.home.path().join("latin.toml"), b"# caf\xe9").unwrap();
    for (name, text, problems) in [
        ("gone.toml", None, ["can't be read", "No such file"]),
        (".", None, ["can't be read", "directory"]),
        ("latin.toml", None, ["can't be read", "UTF-8"]),
        (
            "empty.toml",
            Some(""),
            ["can't be used: the policy says nothing", "give it a threshold"],
        ),
        (
            "key.toml",
            Some("\ntreshold = 3"),
            ["line 2", "unknown field `treshold`"],
        ),
        (
            "type.toml",
            Some("percentage = 'ten'"),
            ["line 1", "expected a whole number from 1 to 100"],
        ),
        (
            "range.toml",
            Some("[url]\nthreshold = 0"),
            ["line 2", "a whole number of at least 1"],
        ),
        (
            "quorum.toml",
            Some("trusted_quorum = 1"),
            ["trusted_quorum needs trusted", "can't be used"],
        ),
    ] {
        if let Some(text) = text {
            scene.write(name, text);
        }
        for command in [
            vec!["scan", "hash", EICAR],
            vec!["scan", "ip", "198.51.100.7"],
            vec!["upload", "--never-upload", "no-such-file"],
        ] {
            let ran = scene.run(&[&command[..], &["--policy", name]].concat());
            assert_eq!(ran.code, 2, "{name}: {} {}", ran.out, ran.err);
            let start = format!("{name}: the verdict policy that --policy names can't be ");
            assert!(ran.err.starts_with(&start), "{name}: {}", ran.err);
            let advice = format!("Nothing was asked. Try it alone: vtsecops policy check {name}");
            for part in problems.iter().chain([&advice.as_str()]) {
                assert!(ran.err.contains(part), "{name}, {part}: {}", ran.err);
            }
        }
        let alone = scene.run(&["policy", "check", name]);
        assert_eq!(alone.code, 2, "{name}: {}", alone.out);
        assert!(
            alone
                .err
                .starts_with(&format!("{name}: the verdict policy can't be ")),
            "{}",
            alone.err
        );
    }
    // What judges nothing needs no policy.
    let mut domain = scene.command(&["report", "domain", "example.co.in"]);
    let ran = Ran::from(domain.env("VTSECOPS_POLICY", "gone.toml").output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(scene.running.calls().len(), 1);
}

#[test]
fn a_policy_can_be_tried_without_asking_anything() {
    let scene = Scene::new();
    let policy = scene.write("strict.toml", STRICT);
    let told = scene.run(&["policy", "check", &policy]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let start =
        "strict.toml: an entity is risky when all of this holds.\n\nHashes and files\n  as many engines";
    assert!(told.out.starts_with(start), "{}", told.out);
    let report = |detected: [bool; 2], total: u64| {
        let [kaspersky, bkav] = detected;
        let scans = json!({"Kaspersky": {"detected": kaspersky}, "Bkav": {"detected": bkav}});
        json!({"sha256": "x", "positives": 6, "total": total, "scans": scans}).to_string()
    };
    for (text, code, said) in [
        (report([true, true], 10), 1, "risky: 6 of 10 engines"),
        (
            report([true, false], 10),
            0,
            "but only 1 of 2 trusted engines (at least 2)",
        ),
        (
            report([true, true], 20),
            0,
            "but only 30 % of the engines (at least 50 %)",
        ),
        (
            r#"{"md5": "x", "positives": 6, "total": 10}"#.to_owned(),
            3,
            "no verdict: the report names no engines",
        ),
    ] {
        let file = scene.write("report.json", &text);
        let by_file = scene.run(&["policy", "check", &policy, "--report", &file]);
        let by_pipe = scene.run_with_input(&["policy", "check", &policy, "--report", "-"], &text);
        assert_eq!(
            (by_file.code, &by_file.out),
            (code, &by_pipe.out),
            "{}",
            by_file.err
        );
        assert!(by_file.out.contains(said), "{}", by_file.out);
    }
    let file = scene.write("report.json", &report([true, true], 10));
    let stricter = scene.run(&["policy", "check", &policy, "--report", &file, "--threshold", "7"]);
    assert_eq!(
        (stricter.code, stricter.out.as_str()),
        (0, "not risky: 6 of 10 engines (at least 7)\n")
    );
    for (text, problem) in [
        ("nonsense", "the report is no JSON"),
        ("{}", "it is no report of API v2"),
        ("[]", "it is no report of API v2"),
    ] {
        let ran = scene.run_with_input(&["policy", "check", &policy, "--report", "-"], text);
        assert_eq!(ran.code, 2);
        assert!(
            ran.err.starts_with("-: ") && ran.err.contains(problem),
            "{}",
            ran.err
        );
    }
    let gone = scene.run(&["policy", "check", &policy, "--report", "gone.json"]);
    assert!(
        gone.code == 2 && gone.err.starts_with("gone.json: the report can't be read"),
        "{}",
        gone.err
    );
    assert!(scene.running.calls().is_empty());
}

#[test]
fn a_run_that_was_cut_off_goes_on_with_its_policy() {
    let scene = Scene::new();
    scene.write("p.toml", "threshold = 2\n");
    let url = "http://new.example/never-seen";
    let detached = scene.run(&["scan", "url", url, "--detach", "--policy", "p.toml"]);
    assert_eq!(detached.code, 3, "{}", detached.err);
    let resumed = scene.run(&["resume", "-o", "json"]);
    let said = verdict(&resumed).as_str().unwrap().to_owned();
    assert!(said.ends_with("engines (at least 2)"), "{said}");
}
