//! The system's keyring: a real Secret Service, where its programs are installed.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::scene::{KEY, Ran, Scene};

/// Starts a session bus and an unlocked keyring, runs the lines, and ends both.
fn in_a_session(scene: &Scene, lines: &str) -> Ran {
    let program = env!("CARGO_BIN_EXE_vtsecops");
    let script = format!(
        "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\nset -e\nv() {{ {program} \"$@\"; }}\n{lines}"
    );
    let mut command = Command::new("dbus-run-session");
    command
        .args(["--", "sh", "-c", &script])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", scene.home.path())
        .env("XDG_RUNTIME_DIR", scene.home.path())
        .env("XDG_DATA_HOME", scene.home.path().join("data"))
        .env("VTSECOPS_VIRUSTOTAL_URL", scene.running.base_url());
    command.output().unwrap().into()
}

fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn a_key_in_the_keyring_is_found_and_can_be_removed() {
    if !installed("dbus-run-session") || !installed("gnome-keyring-daemon") {
        println!("skipped: dbus-run-session and gnome-keyring-daemon are not installed");
        return;
    }
    let scene = Scene::new();
    let ran = in_a_session(
        &scene,
        &format!(
            "echo {KEY} | v config set api_key --keyring\nv config show | grep api_key\nv ping\nv config unset api_key --keyring\n! v ping"
        ),
    );
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert!(
        ran.out.contains("keyring") && ran.out.contains("Connection Established"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("Api Key is missing"), "{}", ran.err);
}

#[test]
fn without_a_keyring_storing_says_so_and_reading_goes_on() {
    let scene = Scene::new();
    let ran = crate::scene::fed(scene.bare(&["config", "set", "api_key", "--keyring"]), KEY);
    assert_eq!(ran.code, 4);
    assert!(
        ran.err.contains("this machine has no keyring service"),
        "{}",
        ran.err
    );
}
