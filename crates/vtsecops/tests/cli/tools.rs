//! Demo, simulator, completions, manual.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::scene::{EICAR, Ran, Scene};

#[test]
fn the_demo_shows_all_actions_and_what_to_try_next() {
    let scene = Scene::new();
    let ran = Ran::from(scene.bare(&["demo", "--no-serve"]).output().unwrap());
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    for part in [
        "✓ Ping",
        "✓ Scan Hash",
        "✓ Scan URL",
        "✓ Scan IP",
        "✓ Get Domain Report",
        "✓ Upload And Scan File",
        "Insights",
        "Case wall",
        "RISKY",
        "skipped",
        "config set api_key",
        "scan hash 44d88612fea8a8f36de82e1278abb02f",
        " simulator",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    // The demo asks its own simulator, never the configured address.
    assert!(scene.running.calls().is_empty());
}

#[test]
fn the_simulator_says_how_to_use_it_and_does_what_it_says() {
    let scene = Scene::new();
    let ca = scene.home.path().join("ca.pem");
    let mut child = scene
        .bare(&[
            "simulator",
            "--listen",
            "127.0.0.1:0",
            "--tls",
            "--ca-out",
            ca.to_str().unwrap(),
            "--key",
            "my-key:public",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.split_whitespace().last().unwrap();
    assert!(address.starts_with("https://127.0.0.1:"), "{first}");
    let mut command = scene.bare(&["scan", "hash", EICAR, "--ca-file", ca.to_str().unwrap()]);
    let ran = Ran::from(
        command
            .env("VTSECOPS_VIRUSTOTAL_URL", address)
            .env("VT_API_KEY", "my-key")
            .output()
            .unwrap(),
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ran.code, 1, "{} {}", ran.out, ran.err);
}

#[test]
fn the_simulators_bad_options_are_told() {
    let scene = Scene::new();
    for (arguments, part) in [
        (vec!["simulator", "--fault", "boom"], "wrong-types"),
        (vec!["simulator", "--key", "no-kind"], "KEY:public or KEY:private"),
        (
            vec!["simulator", "--listen", "127.0.0.1:1", "--latency", "soon"],
            "a length of time",
        ),
    ] {
        let ran = Ran::from(scene.bare(&arguments).output().unwrap());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(part), "{}", ran.err);
    }
}

#[test]
fn completions_and_manual_pages_are_made() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = Ran::from(scene.bare(&["completions", shell]).output().unwrap());
        assert!(ran.code == 0 && ran.out.contains("rescan-after-days"), "{shell}");
    }
    let ran = Ran::from(scene.bare(&["man"]).output().unwrap());
    assert!(ran.out.contains(".TH vtsecops"));
    let folder = scene.home.path().join("man");
    assert_eq!(
        Ran::from(
            scene
                .bare(&["man", "--out", folder.to_str().unwrap()])
                .output()
                .unwrap()
        )
        .code,
        0
    );
    assert!(folder.join("vtsecops-scan-hash.1").exists());
}

#[test]
fn version_and_help_need_no_home() {
    let scene = Scene::new();
    for arguments in [vec!["--version"], vec!["--help"], vec!["scan", "hash", "--help"]] {
        let ran = Ran::from(scene.bare(&arguments).env_remove("HOME").output().unwrap());
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains("vtsecops"), "{}", ran.out);
    }
}
