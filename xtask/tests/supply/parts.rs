//! The list of parts.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{python, ran, repository, xtask};

fn made(path: &Path) -> String {
    ran(xtask(&["sbom", "--output"]).arg(path));
    std::fs::read_to_string(path).unwrap()
}

fn names(document: &Value, wanted: impl Fn(&Value) -> bool) -> BTreeSet<(String, String)> {
    let components = document["components"].as_array().unwrap();
    let text = |component: &Value, name: &str| component[name].as_str().unwrap().to_owned();
    components
        .iter()
        .chain([&document["metadata"]["component"]])
        .filter(|component| wanted(component))
        .map(|component| (text(component, "name"), text(component, "version")))
        .collect()
}

/// What Cargo lists, by name and version.
fn tree(edges: &str) -> BTreeSet<(String, String)> {
    let listed = ran(Command::new(env!("CARGO"))
        .current_dir(repository(""))
        .args(["tree", "--locked", "--package", "vtsecops", "--edges", edges])
        .args(["--target", "x86_64-unknown-linux-gnu", "--prefix", "none"]));
    let lines = listed.lines().filter_map(|line| line.split_once(" v"));
    lines
        .map(|(name, rest)| {
            let version = rest.split(' ').next().unwrap();
            (name.to_owned(), version.to_owned())
        })
        .collect()
}

#[test]
fn every_part_is_listed_with_its_hash_and_nothing_else_is_and_each_time_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let text = made(&folder.path().join("one.json"));
    assert_eq!(text, made(&folder.path().join("two.json")));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["metadata"]["timestamp"], "2023-11-14T22:13:20Z");

    let of_cargo = |component: &Value| !component["bom-ref"].as_str().unwrap().starts_with("pkg:generic/");
    let listed = names(&document, of_cargo);
    assert_eq!(listed, tree("normal,build"));
    let required = names(&document, |component| {
        of_cargo(component) && component["scope"] != "excluded"
    });
    assert_eq!(required, tree("normal,no-proc-macro"));
    // For tests, for tools, and of a database that is not spoken to.
    for absent in [
        "insta",
        "proptest",
        "fantoccini",
        "libfuzzer-sys",
        "xtask",
        "test_sshd",
        "sqlx-mysql",
    ] {
        assert!(!listed.iter().any(|(name, _)| name == absent), "{absent}");
    }
    let beside = names(&document, |component| !of_cargo(component));
    let beside: Vec<_> = beside.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(beside, ["glibc", "libgcc", "rust-std", "sqlite"]);

    let lock = std::fs::read_to_string(repository("Cargo.lock")).unwrap();
    for component in document["components"].as_array().unwrap() {
        let (name, version) = (&component["name"], &component["version"]);
        assert!(
            component["licenses"][0]["expression"].is_string(),
            "{name} {version}"
        );
        if component["bom-ref"].as_str().unwrap().starts_with("pkg:cargo/") {
            let hash = component["hashes"][0]["content"].as_str().unwrap();
            let entry = lock.split_once(&format!("name = {name}\nversion = {version}\n"));
            let (_, rest) = entry.unwrap_or_else(|| panic!("{name} {version} is not locked"));
            let own = rest.split("\n\n").next().unwrap();
            assert!(
                own.contains(&format!("checksum = \"{hash}\"")),
                "{name} {version} has another hash"
            );
        }
    }
}

#[test]
fn the_list_tells_nothing_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let text = made(&folder.path().join("parts.json"));
    let home = std::env::var("HOME").unwrap();
    let root = repository("").canonicalize().unwrap();
    for place in [home.as_str(), root.to_str().unwrap()] {
        assert!(place.len() < 3 || !text.contains(&format!("{place}/")), "{place}");
    }
    // The schema's address and none but that.
    let addresses: Vec<_> = text.lines().filter(|line| line.contains("://")).collect();
    assert!(
        matches!(addresses.as_slice(), [one] if one.contains("\"$schema\"")),
        "{addresses:?}"
    );
}

#[test]
fn the_list_is_understood_by_those_who_made_its_form() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("supply");
    std::fs::create_dir_all(&folder).unwrap();
    let python = match python::installed(&repository("xtask/check/requirements.txt"), folder.join("python")) {
        Ok(python) => python.join("bin/python"),
        Err(why) => return println!("skipped: the schema's own reader can't be installed: {why}"),
    };
    let check = |text: &str| {
        let mut child = Command::new(&python)
            .arg(repository("xtask/check/parts.py"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let text = made(&folder.join("parts.json"));
    assert_eq!(check(&text), (true, String::new()));
    for (right, wrong) in [
        ("\"scope\": \"excluded\"", "\"scope\": \"perhaps\""),
        ("\"MIT OR Apache-2.0\"", "\"MIT/Apache-2.0\""),
    ] {
        assert!(!check(&text.replacen(right, wrong, 1)).0, "{wrong}");
    }
}
