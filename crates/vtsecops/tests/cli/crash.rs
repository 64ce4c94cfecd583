//! Processes that die and processes that share: what only real ones show.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::{KeyKind, Quota, synthetic_url};

use crate::scene::{KEY, Scene};

const URLS: u64 = 300;
/// Calls under way at once.
const IN_FLIGHT: usize = 2;
/// Resources in a call of a private key.
const BATCH: usize = 25;
/// Runs at the same time, each with a simulator and a home of its own.
const THREADS: u64 = 4;
const RUNS: u64 = 40;
const KILLS: u64 = 5;

fn scene() -> Scene {
    Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .latency(Duration::from_millis(15))
            .scan_for(Duration::from_millis(500))
    })
}

/// Looks everything up, has everything analysed anew, waits for it. Nothing is cached: the journal alone must do.
fn command(scene: &Scene) -> Command {
    let mut command = scene.command(&["scan", "url", "--tier", "private", "--rescan-after-days", "0"]);
    command
        .args([
            "--no-cache",
            "--poll-every",
            "100ms",
            "--max-in-flight",
            "2",
            "--timeout",
            "60s",
        ])
        .args(["--output", "json", "--file", "urls.txt"])
        .env("VTSECOPS_LOST_AFTER", "2s")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn write_urls(scene: &Scene) {
    let urls: Vec<String> = (0..URLS).map(synthetic_url).collect();
    scene.write("urls.txt", &urls.join("\n"));
}

/// What must be equal however often a run is cut off: all but the time of the analysis, and which engines took part then.
fn essence(stdout: &[u8]) -> Vec<Value> {
    let document: Value = serde_json::from_slice(stdout).unwrap();
    let entities = document["entities"].as_array().unwrap().iter();
    entities
        .map(|entity| {
            serde_json::json!([
                entity["identifier"],
                entity["outcome"],
                entity["positives"],
                entity["remark"]
            ])
        })
        .collect()
}

/// A number that looks like chance and is the same each time.
fn chance(seed: u64) -> u64 {
    let mut number = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn cut_off_and_go_on(run: u64, expected: &[Value]) {
    let scene = scene();
    write_urls(&scene);
    for kill in 0..KILLS {
        let mut child = command(&scene).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(chance(run * KILLS + kill) % 450));
        // It may have come to its end.
        let _ = child.kill();
        child.wait().unwrap();
    }
    let last = command(&scene).output().unwrap();
    let told = String::from_utf8_lossy(&last.stderr).into_owned();
    assert_eq!(essence(&last.stdout), expected, "run {run}: {told}");

    let calls = scene.running.calls();
    let mut submitted: HashMap<&str, usize> = HashMap::new();
    let scans = calls.iter().filter(|call| call.endpoint == "url/scan");
    for url in scans.flat_map(|call| &call.resources) {
        *submitted.entry(url).or_default() += 1;
    }
    // Everything is looked up before the first submission; later questions are about analyses.
    let looked_up = calls
        .iter()
        .take_while(|call| call.endpoint == "url/report")
        .count();
    assert_eq!(submitted.len() as u64, URLS);
    assert!(
        submitted.values().all(|times| *times == 1),
        "run {run}: submitted twice: {told}"
    );
    let least = usize::try_from(URLS).unwrap() / BATCH;
    let most = least + usize::try_from(KILLS).unwrap() * IN_FLIGHT;
    assert!(
        (least..=most).contains(&looked_up),
        "run {run}: {looked_up} look-ups, at most {most}"
    );
    // The ledger has every call that VirusTotal has, and at most those under way at a kill more.
    let quota = scene.run(&["quota", "--json"]).json();
    let counted = usize::try_from(quota["keys"][0]["windows"]["day"]["used"].as_u64().unwrap()).unwrap();
    let in_flight = usize::try_from(KILLS).unwrap() * IN_FLIGHT;
    assert!(
        (calls.len()..=calls.len() + in_flight).contains(&counted),
        "run {run}: {counted} counted, {} made",
        calls.len()
    );
    let runs = scene.home.path().join(".local/state/vtsecops/runs");
    assert_eq!(
        std::fs::read_dir(runs).unwrap().count(),
        0,
        "a finished run leaves nothing"
    );
}

#[test]
fn a_run_that_is_killed_200_times_ends_like_one_that_is_not_and_submits_nothing_twice() {
    let uninterrupted = scene();
    write_urls(&uninterrupted);
    let output = command(&uninterrupted).output().unwrap();
    let expected = essence(&output.stdout);
    assert_eq!(expected.len() as u64, URLS);
    assert!(
        expected
            .iter()
            .all(|entity| entity[1] == "found" && entity[3] == "analysed anew")
    );
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let expected = &expected;
            scope.spawn(move || {
                (thread..RUNS)
                    .step_by(THREADS as usize)
                    .for_each(|run| cut_off_and_go_on(run, expected));
            });
        }
    });
}

#[test]
fn three_processes_share_a_minute_and_none_of_their_calls_is_refused() {
    let quota = Quota {
        per_minute: Some(4),
        ..Quota::default()
    };
    let scene = Scene::with(|builder| builder.key(KEY, KeyKind::Public).quota(quota));
    let begun = Instant::now();
    let children: Vec<_> = (0..3)
        .map(|process| {
            let mut command = scene.command(&["scan", "ip", "--timeout", "66s", "--output", "json"]);
            command
                .args((0..6).map(|n| format!("8.8.{process}.{n}")))
                .env("VTSECOPS_QUOTA_PER_MINUTE", "4")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let outputs: Vec<_> = children
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .collect();
    assert!(
        begun.elapsed() > Duration::from_secs(60),
        "the second four come a minute later"
    );
    let calls = scene.running.calls();
    assert!(calls.iter().all(|call| call.status == 200), "a call was refused");
    assert_eq!(calls.len(), 8, "four, and four a minute later");
    for output in outputs {
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let entities = document["entities"].as_array().unwrap();
        let answered = entities
            .iter()
            .filter(|entity| entity["outcome"] != "quota")
            .count();
        // The first four may all go to whoever is first.
        assert!(
            (1..=5).contains(&answered),
            "each gets its share: {answered} {told}"
        );
        assert_eq!(entities.len(), 6);
        assert!(
            told.contains("To go on, nothing asked twice: vtsecops resume"),
            "{told}"
        );
    }
}
