//! Uploads from the command line: from servers, large ones, by rules; and what they leave behind.

use simulator::KeyKind;
use test_sshd::{Sshd, available};

use crate::scene::{KEY, Ran, Scene};
use crate::shared_files::files_below;

const CONTENT: &str = "the-content-of-the-file-is-nobodys-business";
const PASSWORD: &str = "a-swordfish-to-look-for";

/// A server whose files are uploaded.
fn server() -> Option<Sshd> {
    if !available() {
        println!("skipped: there is no sshd");
        return None;
    }
    Some(Sshd::start().unwrap())
}

fn from_server(scene: &Scene, sshd: &Sshd, arguments: &[&str]) -> Ran {
    let at = format!("{}@{}", sshd.user(), sshd.address());
    let identity = sshd.identity();
    let mut command = scene.command(&[
        "upload",
        "--server",
        &at,
        "--identity",
        identity.to_str().unwrap(),
    ]);
    command.args(arguments).env("VTSECOPS_SSH_PASSWORD", PASSWORD);
    command.output().unwrap().into()
}

#[test]
fn nothing_secret_of_an_upload_is_written_anywhere() {
    let Some(sshd) = server() else { return };
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .scan_for(std::time::Duration::from_secs(60))
    });
    let file = sshd.folder().join("secret.bin");
    std::fs::write(&file, CONTENT).unwrap();
    let file = file.to_str().unwrap();
    // Left under way, so that its journal stays; then with a wrong user, and with a changed host key.
    let mut ran = vec![from_server(
        &scene,
        &sshd,
        &["--always-upload", "--detach", "-vv", file],
    )];
    assert_eq!(scene.running.uploads().len(), 1, "{} {}", ran[0].out, ran[0].err);
    ran.push(from_server(
        &scene,
        &sshd,
        &["--user", "no-such-user", "-vv", file],
    ));
    ran.push(scene.run(&["resume", "--list"]));
    let identity = std::fs::read_to_string(sshd.identity()).unwrap();
    let secrets = [KEY, CONTENT, PASSWORD, identity.lines().nth(1).unwrap()];
    for ran in &ran {
        for secret in secrets {
            assert!(
                !ran.out.contains(secret) && !ran.err.contains(secret),
                "{} {}",
                ran.out,
                ran.err
            );
        }
    }
    let mut looked_at = 0;
    files_below(scene.home.path(), &mut |path, bytes| {
        looked_at += 1;
        for secret in secrets {
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{}", path.display());
        }
    });
    assert!(looked_at >= 3, "ledger, cache and journal");
}

#[test]
fn an_upload_from_a_server_that_was_left_is_collected_and_not_sent_again() {
    let Some(sshd) = server() else { return };
    let scene = Scene::new();
    let file = sshd.folder().join("left.bin");
    std::fs::write(&file, "simulate:positives=9").unwrap();
    let left = from_server(
        &scene,
        &sshd,
        &["--always-upload", "--detach", file.to_str().unwrap()],
    );
    assert_eq!(left.code, 3, "{} {}", left.out, left.err);
    let collected = scene.run(&["resume", "--poll-every", "100ms", "--wait", "-o", "json"]);
    assert_eq!(collected.code, 1, "{} {}", collected.out, collected.err);
    assert_eq!(scene.running.uploads().len(), 1, "sent once");
}

#[test]
fn three_hundred_megabytes_go_through_from_here_and_from_a_server() {
    let Some(sshd) = server() else { return };
    let scene = Scene::with(|builder| builder.key(KEY, KeyKind::Private).max_upload_bytes(400 << 20));
    let path = sshd.folder().join("large.bin");
    std::fs::File::create(&path).unwrap().set_len(300 << 20).unwrap();
    let path = path.to_str().unwrap();
    let options = [
        "--tier",
        "private",
        "--always-upload",
        "--no-wait",
        "-o",
        "json",
        path,
    ];
    let here = scene.run(&[&["upload"], &options[..]].concat());
    let there = from_server(&scene, &sshd, &options);
    for ran in [here, there] {
        assert_eq!(
            ran.json()["entities"][0]["outcome"],
            "queued",
            "{} {}",
            ran.out,
            ran.err
        );
    }
    let sizes: Vec<u64> = scene
        .running
        .uploads()
        .iter()
        .map(|upload| upload.size_bytes)
        .collect();
    assert_eq!(sizes, [300 << 20; 2]);
}

#[test]
fn a_slip_is_told_before_anything_is_sent() {
    let scene = Scene::new();
    let file = scene.write("a.bin", "harmless");
    let rules = scene.write("rules.toml", "[[refuse]]\nrule = \"r\"\npath = [\"x\"]\n");
    for (arguments, told) in [
        (
            vec!["upload", "--server", "web-3.example", &file],
            "Who logs in at web-3.example?",
        ),
        (
            vec!["upload", "--upload-rules", &rules, &file],
            "unknown field `path`",
        ),
        (
            vec!["upload", "--upload-rules", "gone.toml", &file],
            "the upload rules can't be read",
        ),
        (
            vec!["upload", "--server", "u@h", "--host-keys", "SHA1:x", &file],
            "must be strict, accept-new or fingerprints",
        ),
        (vec!["upload", "--user", "u", &file], "--server"),
    ] {
        let ran = scene.run(&arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {} {}", ran.out, ran.err);
        assert!(ran.err.contains(told), "{arguments:?}: {}", ran.err);
    }
    assert!(scene.running.calls().is_empty());
}
