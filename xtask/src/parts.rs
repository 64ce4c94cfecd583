//! The packages that a program is made of, as Cargo tells them.
//!
//! Which ones these are, is asked of `cargo tree`: it knows which features are on for this one program. The graph of `cargo metadata` has those of
//! the whole workspace, tests and tools included, and would list packages that are never compiled. Licences and files come from `cargo metadata`,
//! hashes from `Cargo.lock`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::asked::asked;
use crate::static_build::TARGET;

/// The program that is released.
pub(crate) const PROGRAM: &str = "vtsecops";

/// What it is made of, and what is known of each package of the workspace.
pub(crate) struct Parts {
    /// What is linked in.
    pub(crate) linked: Tree,
    /// With what only takes part in building: macros, build scripts and what these use.
    pub(crate) all: Tree,
    pub(crate) about: BTreeMap<Package, About>,
}

impl Parts {
    /// The parts of the program that this source makes.
    pub(crate) fn of(root: &Path) -> Result<Self, Box<dyn Error>> {
        let cargo = |arguments: &[&str]| {
            let mut cargo = Command::new(env!("CARGO"));
            asked(
                cargo
                    .current_dir(root)
                    .args(arguments)
                    .args(["--quiet", "--locked"]),
            )
        };
        let tree = |edges: &str| {
            let wanted = ["tree", "--package", PROGRAM, "--target", TARGET, "--edges", edges];
            Tree::read(&cargo(
                &[&wanted[..], &["--prefix", "depth", "--format", "{p}"]].concat(),
            )?)
        };
        let metadata = cargo(&["metadata", "--format-version", "1", "--filter-platform", TARGET])?;
        Ok(Self {
            linked: tree("normal,no-proc-macro")?,
            all: tree("normal,build")?,
            about: about(
                &serde_json::from_str(&metadata)?,
                &std::fs::read_to_string(root.join("Cargo.lock"))?,
            )?,
        })
    }
}

/// A package by name and version. There is one registry, so no two share both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// Which package uses which.
pub(crate) struct Tree(pub(crate) BTreeMap<Package, BTreeSet<Package>>);

impl Tree {
    /// Reads lines as `2serde v1.0.229 (proc-macro)`: how deep, what, and remarks. What has been told once stands without what is below it
    /// from then on.
    pub(crate) fn read(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut edges: BTreeMap<Package, BTreeSet<Package>> = BTreeMap::new();
        let mut above: Vec<Package> = Vec::new();
        for line in text.lines() {
            let strange = || format!("cargo tree wrote what is not understood: {line}");
            let name = line
                .find(|character: char| !character.is_ascii_digit())
                .ok_or_else(strange)?;
            let (depth, rest) = line.split_at(name);
            let mut words = rest.split_whitespace();
            let (Some(name), Some(version)) = (words.next(), words.next()) else {
                return Err(strange().into());
            };
            let package = Package {
                name: name.to_owned(),
                version: version.strip_prefix('v').ok_or_else(strange)?.to_owned(),
            };
            above.truncate(depth.parse()?);
            edges.entry(package.clone()).or_default();
            if let Some(parent) = above.last() {
                edges.entry(parent.clone()).or_default().insert(package.clone());
            }
            above.push(package);
        }
        Ok(Self(edges))
    }
}

/// What is known of a package.
pub(crate) struct About {
    /// As an SPDX expression. Without one it is in a file of the package's only.
    pub(crate) licence: Option<String>,
    /// None for our own.
    pub(crate) sha256: Option<String>,
    /// Its `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// What is compiled and run before it is compiled itself.
    pub(crate) build_script: Option<PathBuf>,
}

/// What `cargo metadata` and `Cargo.lock` say together.
pub(crate) fn about(metadata: &Value, lock: &str) -> Result<BTreeMap<Package, About>, Box<dyn Error>> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let hashes = hashes(lock)?;
    let packages = metadata
        .get("packages")
        .and_then(Value::as_array)
        .ok_or("cargo metadata lists no packages")?;
    let mut about = BTreeMap::new();
    for value in packages {
        let (Some(name), Some(version), Some(manifest)) = (
            text(value, "name"),
            text(value, "version"),
            text(value, "manifest_path"),
        ) else {
            return Err("cargo metadata lists a package without a name".into());
        };
        // With strokes, it was written before there was a form for it.
        let licence =
            text(value, "license").map(|licence| licence.replace(" / ", " OR ").replace('/', " OR "));
        let package = Package { name, version };
        let sha256 = hashes.get(&package).cloned();
        about.insert(
            package,
            About {
                licence,
                sha256,
                manifest: manifest.into(),
                build_script: build_script(value),
            },
        );
    }
    Ok(about)
}

fn build_script(package: &Value) -> Option<PathBuf> {
    let targets = package.get("targets")?.as_array()?;
    let script = targets.iter().find(|target| {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "custom-build"))
    })?;
    Some(PathBuf::from(script.get("src_path")?.as_str()?))
}

fn hashes(lock: &str) -> Result<BTreeMap<Package, String>, Box<dyn Error>> {
    let lock: toml::Table = lock.parse()?;
    let packages = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .ok_or("Cargo.lock lists no packages")?;
    let hashed = packages.iter().filter_map(|package| {
        let text = |name: &str| Some(package.get(name)?.as_str()?.to_owned());
        let (name, version) = (text("name")?, text("version")?);
        Some((Package { name, version }, text("checksum")?))
    });
    Ok(hashed.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Package, Tree, about};

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn what_stands_short_the_second_time_keeps_what_is_below_it() {
        let text = "0vtsecops v0.1.0 (/somewhere/crates/vtsecops)\n1serde v1.0.2\n2serde_derive v1.0.2 (proc-macro)\n3syn v3.0.1\n\
             1toml v1.2.2+spec-1.1.0\n2serde v1.0.2 (*)\n";
        let tree = Tree::read(text).unwrap();
        let below = |of: &Package| tree.0.get(of).unwrap().iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            below(&package("serde", "1.0.2")),
            [package("serde_derive", "1.0.2")]
        );
        assert_eq!(
            below(&package("toml", "1.2.2+spec-1.1.0")),
            [package("serde", "1.0.2")]
        );
        assert!(Tree::read("serde 1.0.2").is_err() && Tree::read("1serde").is_err());
    }

    #[test]
    fn a_build_script_is_found_wherever_it_is() {
        let metadata = json!({ "packages": [{
            "name": "x", "version": "1.0.0", "license": "MIT", "manifest_path": "/x/Cargo.toml",
            "targets": [
                { "kind": ["lib"], "src_path": "/x/src/lib.rs" },
                { "kind": ["custom-build"], "src_path": "/x/build/main.rs" },
            ],
        }] });
        let about = about(&metadata, "package = []").unwrap();
        let script = about.get(&package("x", "1.0.0")).unwrap().build_script.clone();
        assert_eq!(script.unwrap(), std::path::Path::new("/x/build/main.rs"));
    }
}
