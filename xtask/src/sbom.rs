//! `cargo xtask sbom`: what the program for releases is made of, as a CycloneDX document.
//!
//! What no package of Cargo's stands for, but is linked in all the same, is added: SQLite, the standard library, the C library.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::asked::asked;
use crate::parts::{About, PROGRAM, Package, Parts};
use crate::source;
use crate::static_build::{TARGET, root, target_folder};

/// Name of the document in a release.
pub(crate) const NAME: &str = "vtsecops.cdx.json";

/// Writes the document where the files of a release are, or to where the arguments say.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let output = match arguments {
        [] => crate::release::folder(&target_folder()?).join(NAME),
        ["--output", path] => path.into(),
        _ => return Err("usage: cargo xtask sbom [--output FILE]".into()),
    };
    let root = root()?;
    let document = make(&root, source::date(&root)?)?;
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&output, document)?;
    println!("{}", output.display());
    Ok(())
}

/// The document for the program that this source makes, with the tools of this machine.
pub(crate) fn make(root: &Path, date: i64) -> Result<String, Box<dyn Error>> {
    let parts = Parts::of(root)?;
    let tools = Tools::here()?;
    let beside = beside(&parts.about, &tools)?;
    let mut document = document(&parts, &beside)?;
    let time = jiff::Timestamp::from_second(date)?.to_string();
    put(&mut document, "/metadata/timestamp", time.into())?;
    let commit = source::commit(root).unwrap_or_else(|| "unknown".to_owned());
    let mut properties = vec![("target", TARGET.to_owned()), ("commit", commit)];
    properties.extend(tools.properties());
    let properties: Vec<Value> = properties
        .into_iter()
        .map(|(name, value)| json!({ "name": format!("{PROGRAM}:{name}"), "value": value }))
        .collect();
    put(&mut document, "/metadata/properties", properties.into())?;
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn put(document: &mut Value, place: &str, value: Value) -> Result<(), Box<dyn Error>> {
    *document
        .pointer_mut(place)
        .ok_or("the document has no such place")? = value;
    Ok(())
}

/// What is linked in and is no package of Cargo's.
struct Beside {
    name: &'static str,
    version: String,
    licence: &'static str,
    /// As the lists of weaknesses name it: vendor and product.
    listed_as: Option<(&'static str, &'static str)>,
    /// The package that brings it. None is the program itself.
    brought_by: Option<Package>,
}

impl Beside {
    fn reference(&self) -> String {
        format!("pkg:generic/{}@{}", self.name, self.version)
    }

    fn component(&self) -> Value {
        let mut component = json!({
            "type": "library",
            "bom-ref": self.reference(),
            "name": self.name,
            "version": self.version,
            "scope": "required",
            "licenses": [{ "expression": self.licence }],
            "purl": self.reference(),
        });
        if let (Some((vendor, product)), Some(fields)) = (self.listed_as, component.as_object_mut()) {
            let name = format!("cpe:2.3:a:{vendor}:{product}:{}:*:*:*:*:*:*:*", self.version);
            fields.insert("cpe".to_owned(), name.into());
        }
        component
    }
}

fn beside(about: &BTreeMap<Package, About>, tools: &Tools) -> Result<Vec<Beside>, Box<dyn Error>> {
    let (bindings, known) = about
        .iter()
        .find(|(package, _)| package.name == "libsqlite3-sys")
        .ok_or("libsqlite3-sys is not there: who brings SQLite now?")?;
    let header = known.manifest.with_file_name("sqlite3/sqlite3.h");
    let header = std::fs::read_to_string(header)?;
    Ok(vec![
        Beside {
            name: "sqlite",
            version: sqlite(&header)
                .ok_or("SQLite does not say its version")?
                .to_owned(),
            licence: "blessing",
            listed_as: Some(("sqlite", "sqlite")),
            brought_by: Some(bindings.clone()),
        },
        Beside {
            name: "rust-std",
            version: tools.rust_version.clone(),
            licence: "MIT OR Apache-2.0",
            listed_as: Some(("rust-lang", "rust")),
            brought_by: None,
        },
        Beside {
            name: "glibc",
            version: tools.c_library_version.clone(),
            licence: "LGPL-2.1-or-later",
            listed_as: Some(("gnu", "glibc")),
            brought_by: None,
        },
        Beside {
            name: "libgcc",
            version: tools.c_version.clone(),
            licence: "GPL-3.0-or-later WITH GCC-exception-3.1",
            listed_as: None,
            brought_by: None,
        },
    ])
}

fn sqlite(header: &str) -> Option<&str> {
    let line = header
        .lines()
        .find_map(|line| line.strip_prefix("#define SQLITE_VERSION "))?;
    Some(line.trim().trim_matches('"'))
}

/// With what it is built. Another compiler or C library makes another program.
struct Tools {
    rust: String,
    rust_version: String,
    c: String,
    c_version: String,
    c_library: String,
    c_library_version: String,
    linker: String,
}

impl Tools {
    fn here() -> Result<Self, Box<dyn Error>> {
        let first = |program: &str, argument: &str| -> Result<String, Box<dyn Error>> {
            let said = asked(Command::new(program).env("LC_ALL", "C").arg(argument))?;
            let line = said
                .lines()
                .next()
                .ok_or_else(|| format!("{program} says nothing"))?;
            Ok(line.trim().to_owned())
        };
        let rust = first("rustc", "--version")?;
        let c_library = first("ldd", "--version")?;
        Ok(Self {
            rust_version: rust
                .split_whitespace()
                .nth(1)
                .ok_or("rustc says no version")?
                .to_owned(),
            rust,
            c: first("cc", "--version")?,
            c_version: first("cc", "-dumpfullversion")?,
            c_library_version: c_library
                .split_whitespace()
                .last()
                .ok_or("ldd says no version")?
                .to_owned(),
            c_library,
            linker: first("ld", "--version")?,
        })
    }

    fn properties(&self) -> [(&'static str, String); 4] {
        [
            ("rustc", self.rust.clone()),
            ("cc", self.c.clone()),
            ("libc", self.c_library.clone()),
            ("ld", self.linker.clone()),
        ]
    }
}

/// Our own packages are in no registry, where others may use the same names; so they have no address there.
fn reference(package: &Package, about: &About) -> String {
    let Package { name, version } = package;
    // As an address spells what a version has behind its plus.
    let version = version.replace('+', "%2B");
    match about.sha256 {
        Some(_) => format!("pkg:cargo/{name}@{version}"),
        None => format!("{PROGRAM}/{name}@{version}"),
    }
}

/// The document, without its time and its properties. A package that only takes part in building has the scope `excluded`.
fn document(parts: &Parts, beside: &[Beside]) -> Result<Value, Box<dyn Error>> {
    let known = |package: &Package| {
        parts.about.get(package).ok_or_else(|| {
            format!(
                "cargo metadata does not know {} {}",
                package.name, package.version
            )
        })
    };
    let refer =
        |package: &Package| -> Result<String, Box<dyn Error>> { Ok(reference(package, known(package)?)) };
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut whole = Value::Null;
    for (package, used) in &parts.all.0 {
        let about = known(package)?;
        let silent = || format!("{} {} does not say its licence", package.name, package.version);
        let licence = about.licence.as_ref().ok_or_else(silent)?;
        let is_program = package.name == PROGRAM;
        let mut component = json!({
            "type": if is_program { "application" } else { "library" },
            "bom-ref": refer(package)?,
            "name": package.name,
            "version": package.version,
            "licenses": [{ "expression": licence }],
        });
        let fields = component.as_object_mut().ok_or("no object")?;
        if let Some(hash) = &about.sha256 {
            let hashes = json!([{ "alg": "SHA-256", "content": hash }]);
            fields.insert("hashes".to_owned(), hashes);
            fields.insert("purl".to_owned(), refer(package)?.into());
        } else {
            fields.insert("group".to_owned(), PROGRAM.into());
        }
        let mut uses = used.iter().map(refer).collect::<Result<Vec<_>, _>>()?;
        uses.extend(
            beside
                .iter()
                .filter(|part| match &part.brought_by {
                    Some(by) => by == package,
                    None => is_program,
                })
                .map(Beside::reference),
        );
        dependencies.push(json!({ "ref": refer(package)?, "dependsOn": uses }));
        if is_program {
            whole = component;
            continue;
        }
        let scope = if parts.linked.0.contains_key(package) {
            "required"
        } else {
            "excluded"
        };
        fields.insert("scope".to_owned(), scope.into());
        components.push(component);
    }
    for part in beside {
        components.push(part.component());
        dependencies.push(json!({ "ref": part.reference(), "dependsOn": [] }));
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": null,
            "tools": { "components": [{
                "type": "application",
                "group": PROGRAM,
                "name": "xtask",
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": whole,
            "properties": null,
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{document, sqlite};
    use crate::parts::{Parts, Tree, about};

    const LINKED: &str = "0vtsecops v0.1.0 (/somewhere/crates/vtsecops)\n1serde v1.0.2\n1toml v1.2.2+spec-1.1.0\n2serde v1.0.2\n";
    const ALL: &str = "0vtsecops v0.1.0 (/somewhere/crates/vtsecops)\n1serde v1.0.2\n2serde_derive v1.0.2 (proc-macro)\n3syn v3.0.1\n\
         1toml v1.2.2+spec-1.1.0\n2serde v1.0.2 (*)\n";
    const LOCK: &str = "[[package]]\nname = \"serde\"\nversion = \"1.0.2\"\nchecksum = \"aa\"\n\
         [[package]]\nname = \"serde_derive\"\nversion = \"1.0.2\"\nchecksum = \"bb\"\n\
         [[package]]\nname = \"syn\"\nversion = \"3.0.1\"\nchecksum = \"cc\"\n\
         [[package]]\nname = \"toml\"\nversion = \"1.2.2+spec-1.1.0\"\nchecksum = \"dd\"\n\
         [[package]]\nname = \"vtsecops\"\nversion = \"0.1.0\"\n";

    fn metadata() -> Value {
        let package = |name: &str, version: &str, licence: &str| json!({ "name": name, "version": version, "license": licence, "manifest_path": "/m" });
        json!({ "packages": [
            package("serde", "1.0.2", "MIT/Apache-2.0"),
            package("serde_derive", "1.0.2", "MIT OR Apache-2.0"),
            package("syn", "3.0.1", "MIT"),
            package("toml", "1.2.2+spec-1.1.0", "Apache-2.0 / MIT"),
            package("vtsecops", "0.1.0", "Apache-2.0"),
            package("insta", "1.0.0", "Apache-2.0"),
        ] })
    }

    fn parts(metadata: &Value) -> Parts {
        Parts {
            linked: Tree::read(LINKED).unwrap(),
            all: Tree::read(ALL).unwrap(),
            about: about(metadata, LOCK).unwrap(),
        }
    }

    fn made() -> Value {
        document(&parts(&metadata()), &[]).unwrap()
    }

    #[test]
    fn what_is_linked_is_required_and_what_only_builds_is_excluded() {
        let made = made();
        let scopes: Vec<_> = made["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| {
                (
                    component["name"].as_str().unwrap(),
                    component["scope"].as_str().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("serde", "required"),
            ("serde_derive", "excluded"),
            ("syn", "excluded"),
            ("toml", "required"),
        ];
        assert_eq!(scopes, expected);
    }

    #[test]
    fn a_package_has_its_hash_and_a_licence_in_the_usual_form() {
        let made = made();
        let toml = &made["components"][3];
        assert_eq!(toml["hashes"][0]["content"], "dd");
        assert_eq!(toml["licenses"][0]["expression"], "Apache-2.0 OR MIT");
        assert_eq!(
            made["components"][0]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(toml["purl"], "pkg:cargo/toml@1.2.2%2Bspec-1.1.0");
        // Others may have that name in the registry.
        let own = &made["metadata"]["component"];
        assert_eq!((own.get("purl"), own.get("hashes")), (None, None));
    }

    #[test]
    fn a_package_without_a_licence_or_unknown_to_cargo_is_refused() {
        let mut silent = metadata();
        silent["packages"][2]["license"] = Value::Null;
        let refusal = document(&parts(&silent), &[]).unwrap_err();
        assert_eq!(refusal.to_string(), "syn 3.0.1 does not say its licence");
        silent["packages"].as_array_mut().unwrap().remove(2);
        assert!(document(&parts(&silent), &[]).is_err());
    }

    #[test]
    fn sqlites_version_is_read_from_its_own_header() {
        let header =
            "/* x */\n#define SQLITE_VERSION        \"3.51.1\"\n#define SQLITE_VERSION_NUMBER 3051001\n";
        assert_eq!(sqlite(header), Some("3.51.1"));
        assert_eq!(sqlite("nothing"), None);
    }
}
