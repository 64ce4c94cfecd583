//! What our own manifests promise.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{ran, repository};

fn packages() -> Vec<Value> {
    let told = ran(Command::new(env!("CARGO")).current_dir(repository("")).args([
        "metadata",
        "--quiet",
        "--locked",
        "--no-deps",
        "--format-version",
        "1",
    ]));
    let metadata: Value = serde_json::from_str(&told).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn read(path: &Path) -> toml::Table {
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            sources(&entry.path(), found);
        } else if entry.path().extension().is_some_and(|kind| kind == "rs") {
            found.push(entry.path());
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate_of_ours_and_none_has_a_build_script() {
    let workspace = read(&repository("Cargo.toml"));
    let level = &workspace["workspace"]["lints"]["rust"]["unsafe_code"];
    assert_eq!(level.as_str(), Some("forbid"));
    let packages = packages();
    assert!(packages.len() >= 14, "{}", packages.len());
    for package in packages {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let lints = &read(manifest)["lints"];
        assert_eq!(lints["workspace"].as_bool(), Some(true), "{manifest:?}");
        for target in package["targets"].as_array().unwrap() {
            assert_ne!(target["kind"][0], "custom-build", "{manifest:?}");
        }
        let mut files = Vec::new();
        sources(manifest.parent().unwrap(), &mut files);
        assert!(!files.is_empty());
        // What can't be overruled can't be asked to be either; still, nobody shall have to know that.
        let words = [
            concat!("allow(unsafe", "_code"),
            concat!("expect(unsafe", "_code"),
        ];
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(words.iter().all(|word| !text.contains(word)), "{file:?}");
        }
    }
}

#[test]
fn each_direct_dependency_is_named_with_its_reason_and_no_other_is() {
    let mut direct = BTreeSet::new();
    let mut of_tests = BTreeSet::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let is_tool = ["fuzz", "xtask"].contains(&name) || name.starts_with("test_");
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["path"].is_string() {
                continue;
            }
            let name = dependency["name"].as_str().unwrap().to_owned();
            match is_tool || dependency["kind"] == "dev" {
                true => of_tests.insert(name),
                false => direct.insert(name),
            };
        }
    }
    let page = std::fs::read_to_string(repository("docs/dependencies.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let listed: BTreeSet<String> = rows
        .skip(1)
        .flat_map(|row| names(row.split(" | ").next().unwrap()))
        .collect();
    let missing: Vec<_> = direct.difference(&listed).collect();
    assert!(missing.is_empty(), "not in docs/dependencies.md: {missing:?}");
    let gone: Vec<_> = listed.iter().filter(|name| !direct.contains(*name)).collect();
    assert!(gone.is_empty(), "in docs/dependencies.md, but not used: {gone:?}");

    let (_, tools) = page.split_once("\nTests and tools: ").unwrap();
    let words: BTreeSet<&str> = tools
        .split(|character: char| !(character.is_alphanumeric() || "-_".contains(character)))
        .collect();
    let missing: Vec<_> = of_tests
        .iter()
        .filter(|name| !direct.contains(*name) && !words.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "not in docs/dependencies.md under tests and tools: {missing:?}"
    );
}

/// Names of a cell, without what stands in parentheses.
fn names(cell: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut depth = 0;
    for character in cell.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    plain.split(',').map(|name| name.trim().to_owned()).collect()
}
