//! Scans, reports and uploads, with good input and bad.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use simulator::{Fault, FaultKind, KeyKind, synthetic_file, unknown_file};

use crate::scene::{BENIGN, EICAR, KEY, Scene};

#[test]
fn the_exit_code_tells_scripts_how_it_went() {
    let scene = Scene::new();
    let unknown = unknown_file(1).md5;
    for (arguments, code) in [
        (vec!["scan", "hash", BENIGN], 0),
        (vec!["scan", "hash", EICAR, &unknown], 1),
        (vec!["scan", "hash", EICAR, "--threshold", "11"], 0),
        (vec!["scan", "hash", &unknown], 3),
        (vec!["scan", "hash", "nonsense"], 3),
        (vec!["scan", "ip", "10.0.0.1"], 3),
        (vec!["scan", "ip", "198.51.100.7"], 1),
        (vec!["scan", "hash"], 2),
        (vec!["scan", "hash", EICAR, "--threshold", "0"], 2),
        (vec!["scan", "hash", EICAR, "--nonsense"], 2),
        (vec!["report", "domain", "example.co.in"], 0),
        (vec!["ping"], 0),
    ] {
        let ran = scene.run(&arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {} {}", ran.out, ran.err);
    }
}

#[test]
fn the_json_document_has_everything() {
    let scene = Scene::new();
    let ran = scene.run(&["scan", "hash", EICAR, "--output", "json"]);
    let document = ran.json();
    assert_eq!(document["action"], "Scan Hash");
    assert_eq!(document["status"], "completed");
    assert_eq!(document["script_result"], json!({"is_risky": true}));
    assert_eq!(document["calls"], json!({"file/report": 1}));
    let entity = &document["entities"][0];
    assert_eq!(
        (&entity["identifier"], &entity["type"]),
        (&json!(EICAR), &json!("FILEHASH"))
    );
    assert_eq!(
        (&entity["suspicious"], &entity["outcome"]),
        (&json!(true), &json!("found"))
    );
    assert_eq!(entity["enrichment"]["VT_positives"], 10);
    assert_eq!(document["insights"][0]["severity"], "warn");
    assert_eq!(document["tables"][0]["columns"][0], "Engine");
    assert!(
        document["links"][0]["url"]
            .as_str()
            .unwrap()
            .starts_with("https://www.virustotal.com/")
    );
    assert_eq!(
        document["json_result"][0]["EntityResult"]["scans"]["Bkav"]["detected"],
        true
    );
}

#[test]
fn every_form_of_output_names_the_entity() {
    let scene = Scene::new();
    for format in ["table", "json", "ndjson", "csv", "markdown"] {
        let ran = scene.run(&["scan", "hash", EICAR, "--output", format]);
        assert!(
            ran.out.contains(EICAR) && ran.code == 1 && ran.err.is_empty(),
            "{format}: {} {}",
            ran.out,
            ran.err
        );
        assert!(!ran.out.contains('\u{1b}'), "{format} has colours in a pipe");
    }
    let colored = scene.run(&["scan", "hash", EICAR, "--color", "always"]);
    assert!(colored.out.contains("\u{1b}["));
}

#[test]
fn defanged_forms_are_understood() {
    let scene = Scene::new();
    let ran = scene.run(&[
        "scan",
        "url",
        "hxxp://malicious[.]example/payload.php",
        "-o",
        "json",
    ]);
    assert_eq!(ran.json()["entities"][0]["positives"], 5);
    let ran = scene.run(&["scan", "ip", "198[.]51.100[.]7", "-o", "json"]);
    assert_eq!(ran.json()["entities"][0]["positives"], 30);
    let ran = scene.run(&["report", "domain", "someone[at]example[dot]co[.]in", "-o", "json"]);
    assert_eq!(ran.json()["entities"][0]["outcome"], "found");
}

#[test]
fn a_wrong_key_gets_one_clear_sentence_and_one_call() {
    let scene = Scene::with(|builder| builder.key("another", KeyKind::Private));
    let ran = scene.run(&["scan", "hash", EICAR, BENIGN]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.out
            .starts_with("Invalid API key was provided. Access is forbidden."),
        "{}",
        ran.out
    );
    assert_eq!(scene.running.calls().len(), 1);
}

#[test]
fn no_key_says_where_to_get_one() {
    let scene = Scene::new();
    let ran = crate::scene::Ran::from(scene.bare(&["scan", "hash", EICAR]).output().unwrap());
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("Api Key is missing\n"), "{}", ran.err);
    for part in [
        "VTSECOPS_API_KEY",
        "config set api_key",
        "https://www.virustotal.com/gui/my-apikey",
        "vtsecops demo",
    ] {
        assert!(ran.err.contains(part), "{part}");
    }
    assert!(scene.running.calls().is_empty());
}

#[test]
fn no_network_fails_with_the_cause() {
    let scene = Scene::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = scene.run(&[
        "scan",
        "hash",
        EICAR,
        "--virustotal-url",
        &format!("http://{closed}/vtapi/v2/"),
    ]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.out.contains(&format!(
            "VirusTotal cannot be reached: {closed} refused the connection"
        )),
        "{}",
        ran.out
    );
}

#[test]
fn a_typo_is_named_with_its_place_and_the_others_go_on() {
    let scene = Scene::new();
    let ran = scene.run(&["scan", "hash", "44d88612fea8a8f36de82e1278abb02O", BENIGN]);
    assert_eq!(ran.code, 3);
    let text = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("'O' at position 32 is not a hexadecimal digit"),
        "{}",
        ran.out
    );
    assert!(text.contains("1 skipped, 1 clean"), "{}", ran.out);
}

#[test]
fn an_empty_list_is_no_error() {
    let scene = Scene::new();
    let ran = scene.run_with_input(&["scan", "hash", "-"], "\n# nothing today\n");
    assert_eq!(
        (ran.code, ran.out.trim()),
        (0, "No FILE HASH entities were found in current scope.")
    );
    let ran = scene.run(&["scan", "url"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("--file PATH") && ran.err.contains("standard input with -"),
        "{}",
        ran.err
    );
}

#[test]
fn ten_thousand_lines_on_standard_input_come_out_in_order() {
    let scene = Scene::new();
    let hashes: Vec<String> = (0..10_000).map(|n| synthetic_file(n % 500).sha256).collect();
    let ran = scene.run_with_input(
        &["scan", "hash", "--tier", "private", "-o", "ndjson", "-"],
        &hashes.join("\r\n"),
    );
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 10_000);
    for (line, hash) in lines.iter().zip(&hashes) {
        assert!(
            line.contains(hash) && line.contains("\"outcome\":\"found\""),
            "{line}"
        );
    }
    assert_eq!(scene.running.calls().len(), 20);
}

#[test]
fn values_come_from_files_too() {
    let scene = Scene::new();
    let list = scene.write("list.txt", &format!("# two\n{EICAR}\n\n  {BENIGN}  \n"));
    let ran = scene.run(&["scan", "hash", "--file", &list, "-o", "json"]);
    assert_eq!(ran.json()["entities"].as_array().unwrap().len(), 2);
    let ran = scene.run(&["scan", "hash", "--file", "/nowhere/list.txt"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("/nowhere/list.txt can't be read"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn ctrl_c_prints_what_is_finished() {
    let scene = Scene::new();
    scene
        .running
        .add_fault(Fault::new(FaultKind::Hang).for_resource(&synthetic_file(30).sha256));
    let hashes: Vec<String> = (0..40).map(|n| synthetic_file(n).sha256).collect();
    let list = scene.write("list.txt", &hashes.join("\n"));
    let mut child = scene
        .command(&["scan", "hash", "--tier", "private", "-o", "json", "--file", &list])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while scene.running.calls().len() < 2 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let outcome = |outcome| {
        document["entities"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entity| entity["outcome"] == outcome)
            .count()
    };
    assert_eq!((outcome("found"), outcome("stopped")), (25, 15));
    assert_eq!(document["status"], "timed_out");
    assert!(matches!(child.wait().unwrap().code(), Some(1 | 3)));
}

#[test]
fn the_deadline_ends_a_wait_with_what_is_there() {
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .scan_for(Duration::from_secs(3600))
    });
    let ran = scene.run(&[
        "scan",
        "url",
        "http://unknown.synthetic.example/",
        "--timeout",
        "1s",
        "-o",
        "json",
    ]);
    assert_eq!((ran.code, &ran.json()["status"]), (3, &json!("timed_out")));
    let ran = scene.run(&[
        "scan",
        "url",
        "http://unknown.synthetic.example/b",
        "--no-wait",
        "-o",
        "json",
    ]);
    assert_eq!((ran.code, &ran.json()["status"]), (3, &json!("in_progress")));
    assert_eq!(ran.json()["entities"][0]["outcome"], "queued");
}

#[test]
fn a_new_url_is_submitted_and_waited_for() {
    let scene = Scene::new();
    let ran = scene.run(&[
        "scan",
        "url",
        "http://unknown.synthetic.example/",
        "--poll-every",
        "100ms",
        "-o",
        "json",
    ]);
    assert_eq!(
        (ran.code, &ran.json()["entities"][0]["outcome"]),
        (0, &json!("found"))
    );
}

#[test]
fn files_are_uploaded_and_each_failure_has_its_reason() {
    let scene = Scene::new();
    let bad = scene.write("bad, very.bin", "simulate:positives=9");
    let ran = scene.run(&[
        "upload",
        "--always-upload",
        &bad,
        "gone.bin",
        "--poll-every",
        "100ms",
        "-o",
        "json",
    ]);
    let document = ran.json();
    assert_eq!(ran.code, 1);
    assert_eq!(document["json_result"][&bad]["positives"], 9);
    assert_eq!(document["entities"][1]["remark"], "there is no such file");
}

#[test]
fn a_certificate_is_verified_unless_switched_off_which_is_said() {
    let scene = Scene::with(|builder| builder.key(KEY, KeyKind::Private).tls(true));
    let ran = scene.run(&["scan", "hash", EICAR]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.out
            .contains("TLS certificate is not trusted (its issuer is unknown)"),
        "{}",
        ran.out
    );
    assert!(scene.running.calls().is_empty());
    let ran = scene.run(&["scan", "hash", EICAR, "--insecure"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("was not verified"), "{}", ran.out);
    let ca = scene.write("ca.pem", scene.running.ca_pem().unwrap());
    let ran = scene.run(&["scan", "hash", EICAR, "--ca-file", &ca]);
    assert_eq!(ran.code, 1);
    assert!(!ran.out.contains("was not verified"));
}

#[test]
fn the_proxy_of_the_environment_is_used_unless_it_is_switched_off() {
    let scene = Scene::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let run = |arguments: &[&str], no_proxy: &str| {
        let mut command = scene.command(arguments);
        command
            .env("http_proxy", format!("http://{closed}"))
            .env("no_proxy", no_proxy);
        command.output().unwrap().status.code()
    };
    assert_eq!(run(&["ping", "--timeout", "10s"], ""), Some(4));
    assert_eq!(run(&["ping"], "127.0.0.1"), Some(0));
    assert_eq!(run(&["ping", "--proxy", "none"], ""), Some(0));
}

#[test]
fn whoever_stops_reading_ends_the_output_quietly() {
    let scene = Scene::new();
    let hashes: Vec<String> = (0..200).map(|n| synthetic_file(n).sha256).collect();
    let list = scene.write("list.txt", &hashes.join("\n"));
    let mut child = scene
        .command(&["scan", "hash", "--tier", "private", "-o", "json", "--file", &list])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(err, "");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
