//! `cargo xtask audits`: whether the notes of `docs/audits.md` are of what is built in, with the figures for new ones.
//!
//! A critical package is noted with its version: another one wants another look. A build script is noted with the hash of its source, so that only a change of
//! the script itself wants one.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::parts::{About, Package, Parts};
use crate::static_build::root;

const NOTES: &str = "docs/audits.md";
/// Enough to tell two sources of a script from each other.
const HASH_DIGITS: usize = 12;

/// Prints what is to be noted, then what of the notes is not so.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let root = root()?;
    let parts = Parts::of(&root)?;
    let notes = Notes::read(&std::fs::read_to_string(root.join(NOTES))?);
    let built_in = BuiltIn::of(&parts)?;
    println!("| package | version | `unsafe` | build script | C, assembler |\n|---|---|---:|---:|---:|");
    for (package, figures) in &built_in.packages {
        if notes.packages.iter().any(|noted| noted.name == package.name) {
            let cells = figures.cells().join(" | ");
            println!("| {} | {} | {cells} |", package.name, package.version);
        }
    }
    println!("\n| package | hash | lines |\n|---|---|---:|");
    for script in &built_in.scripts {
        println!("| {} | {} | {} |", script.package, script.hash, script.lines);
    }
    let complaints = complaints(&built_in, &notes);
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(format!("\n{NOTES} is not of what is built in:\n{}", complaints.join("\n")).into()),
    }
}

/// The notes, as the tables of the page have them.
#[derive(Debug, Default, PartialEq)]
struct Notes {
    packages: Vec<Noted>,
    scripts: BTreeSet<(String, String)>,
}

#[derive(Debug, PartialEq)]
struct Noted {
    name: String,
    version: String,
    /// `unsafe`, build script, C and assembler, as they are written.
    figures: [String; 3],
}

impl Notes {
    /// Rows that begin with a package and a version, or with a package and a hash.
    fn read(page: &str) -> Self {
        let mut notes = Self::default();
        for line in page.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let ["", name, second, rest @ ..] = cells.as_slice() else {
                continue;
            };
            let is_hash = second.len() == HASH_DIGITS && second.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_version = second.starts_with(|first: char| first.is_ascii_digit()) && second.contains('.');
            match rest {
                _ if is_hash => {
                    notes.scripts.insert(((*name).to_owned(), (*second).to_owned()));
                }
                [first, second_figure, third, ..] if is_version => notes.packages.push(Noted {
                    name: (*name).to_owned(),
                    version: (*second).to_owned(),
                    figures: [first, second_figure, third].map(|figure| (*figure).to_owned()),
                }),
                _ => {}
            }
        }
        notes
    }
}

/// What is to be noted, or may be.
struct BuiltIn {
    /// Packages of others that are linked in.
    packages: Vec<(Package, Figures)>,
    scripts: Vec<Script>,
}

impl BuiltIn {
    fn of(parts: &Parts) -> Result<Self, Box<dyn Error>> {
        let mut packages = Vec::new();
        for package in parts.linked.0.keys() {
            if let Some(about) = parts.about.get(package).filter(|about| about.sha256.is_some()) {
                packages.push((package.clone(), Figures::of(about)?));
            }
        }
        Ok(Self {
            packages,
            scripts: Script::all(parts)?,
        })
    }
}

/// What of the notes is not so, and what is missing.
fn complaints(built_in: &BuiltIn, notes: &Notes) -> Vec<String> {
    let mut complaints = Vec::new();
    for noted in &notes.packages {
        let same_name = || {
            let packages = built_in.packages.iter();
            packages.filter(|(package, _)| package.name == noted.name)
        };
        let Noted { name, version, .. } = noted;
        match same_name().find(|(package, _)| package.version == *version) {
            Some((_, figures)) if figures.cells() == noted.figures => {}
            Some((_, figures)) => {
                complaints.push(format!(
                    "{name} {version}: the figures are {}",
                    figures.cells().join(", ")
                ));
            }
            None => {
                let others: Vec<&str> = same_name().map(|(package, _)| package.version.as_str()).collect();
                complaints.push(format!(
                    "{name}: noted is {version}, built in is {}",
                    match others.is_empty() {
                        true => "none".to_owned(),
                        false => others.join(", "),
                    }
                ));
            }
        }
    }
    for (Package { name, version }, figures) in &built_in.packages {
        let mut same_name = notes.packages.iter().filter(|noted| noted.name == *name);
        if same_name.clone().any(|noted| noted.version == *version) {
            continue;
        }
        if same_name.next().is_some() {
            complaints.push(format!("{name} {version} is not noted: another version of it is"));
        } else if figures.c > 0 {
            complaints.push(format!("{name} {version} is not noted: it has C or assembler"));
        }
    }
    let scripts = built_in.scripts.iter();
    let there: BTreeSet<_> = scripts
        .map(|script| (script.package.clone(), script.hash.clone()))
        .collect();
    for (package, hash) in there.difference(&notes.scripts) {
        complaints.push(format!("the build script of {package} is not noted: {hash}"));
    }
    for (package, hash) in notes.scripts.difference(&there) {
        complaints.push(format!("there is no such build script of {package}: {hash}"));
    }
    complaints.sort();
    complaints
}

/// Lines of a package that no compiler of Rust's vouches for.
struct Figures {
    /// Lines of `src` with the word, but for those that are remarks only. The standard's tools count blocks; lines can be counted by anybody.
    r#unsafe: usize,
    script: usize,
    /// C, its headers, assembler: of all systems, also where only a part is compiled.
    c: usize,
}

impl Figures {
    fn of(about: &About) -> Result<Self, Box<dyn Error>> {
        let folder = about.manifest.parent().ok_or("a package without a folder")?;
        let mut figures = Self {
            r#unsafe: 0,
            script: 0,
            c: 0,
        };
        for path in files(folder)? {
            let kind = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            let is_rust = kind == "rs" && path.starts_with(folder.join("src"));
            if is_rust {
                let text = text(&path)?;
                figures.r#unsafe += text.lines().filter(|line| names_unsafe(line)).count();
            } else if ["c", "h", "S", "s", "asm"].contains(&kind) {
                figures.c += text(&path)?.lines().count();
            }
        }
        if let Some(script) = &about.build_script {
            figures.script = text(script)?.lines().count();
        }
        Ok(figures)
    }

    fn cells(&self) -> [String; 3] {
        [self.r#unsafe, self.script, self.c].map(|lines| match lines {
            0 => "–".to_owned(),
            _ => lines.to_string(),
        })
    }
}

fn names_unsafe(line: &str) -> bool {
    line.contains("unsafe")
        && !line.trim_start().starts_with("//")
        && line
            .split(|character: char| !(character.is_alphanumeric() || character == '_'))
            .any(|word| word == "unsafe")
}

/// A program that is run on whatever machine builds.
struct Script {
    package: String,
    /// Of its source, and of the files of Rust beside it, which it may include.
    hash: String,
    lines: usize,
}

impl Script {
    /// Those of all packages of others that take part in building.
    fn all(parts: &Parts) -> Result<Vec<Self>, Box<dyn Error>> {
        let mut scripts = Vec::new();
        for package in parts.all.0.keys() {
            let about = parts.about.get(package).filter(|about| about.sha256.is_some());
            let Some((about, script)) = about.and_then(|about| Some((about, about.build_script.as_ref()?)))
            else {
                continue;
            };
            let beside = script.parent().ok_or("a script without a folder")?;
            // A folder of its own may have folders; that of the package has all the rest.
            let is_own = Some(beside) != about.manifest.parent();
            let mut hash = Sha256::new();
            for path in files(beside)? {
                let is_near = is_own || path.parent() == Some(beside);
                if is_near && path.extension() == Some(OsStr::new("rs")) {
                    hash.update(std::fs::read(&path)?);
                }
            }
            let mut digits = String::new();
            for byte in hash.finalize() {
                write!(digits, "{byte:02x}")?;
            }
            digits.truncate(HASH_DIGITS);
            scripts.push(Self {
                package: package.name.clone(),
                hash: digits,
                lines: text(script)?.lines().count(),
            });
        }
        Ok(scripts)
    }
}

/// All files below a folder, in the order of their paths.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Sources of C need not be UTF-8.
fn text(path: &Path) -> Result<String, Box<dyn Error>> {
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{BuiltIn, NOTES, Notes, complaints, names_unsafe};
    use crate::parts::Parts;
    use crate::static_build::root;

    #[test]
    fn the_notes_are_of_what_is_built_in_and_a_change_of_it_is_noticed() {
        let root = root().unwrap();
        let built_in = BuiltIn::of(&Parts::of(&root).unwrap()).unwrap();
        let page = std::fs::read_to_string(root.join(NOTES)).unwrap();
        let notes = Notes::read(&page);
        assert!(notes.packages.len() >= 30 && notes.scripts.len() >= 30);
        assert_eq!(complaints(&built_in, &notes), Vec::<String>::new());

        let ring = notes.packages.iter().find(|noted| noted.name == "ring").unwrap();
        let older = Notes::read(&page.replace(&format!("| ring | {} |", ring.version), "| ring | 0.16.20 |"));
        let told = complaints(&built_in, &older);
        assert_eq!(
            told,
            [
                format!("ring {} is not noted: another version of it is", ring.version),
                format!("ring: noted is 0.16.20, built in is {}", ring.version),
            ]
        );

        let mut fewer = Notes::read(&page);
        fewer.packages.retain(|noted| noted.name != "libsqlite3-sys");
        let told = complaints(&built_in, &fewer);
        assert!(
            matches!(told.as_slice(), [one] if one.starts_with("libsqlite3-sys ") && one.ends_with("it has C or assembler")),
            "{told:?}"
        );

        let mut changed = Notes::read(&page);
        let (package, _) = changed.scripts.pop_first().unwrap();
        changed
            .scripts
            .insert((package.clone(), "0123456789ab".to_owned()));
        let told = complaints(&built_in, &changed);
        assert_eq!(told.len(), 2);
        assert!(
            told.iter().all(|complaint| complaint.contains(&package)),
            "{told:?}"
        );
    }

    #[test]
    fn only_rows_of_a_version_or_a_hash_are_notes() {
        let page = "| package | version | a | b | c |\n|---|---|---|---|---|\n| ring | 0.17.14 | 1 | 2 | 3 | for |\n\
             | serde | 0123456789ab | asks |\ntext | 1.0 | 2 | 3 | 4 |\n| flag | no 1.0 | x |\n";
        let notes = Notes::read(page);
        assert_eq!(notes.packages.len(), 1);
        assert_eq!(notes.packages.first().unwrap().figures, ["1", "2", "3"]);
        assert_eq!(notes.scripts.len(), 1);
    }

    #[test]
    fn a_line_counts_that_has_the_word_and_is_no_remark() {
        assert!(names_unsafe("    unsafe { x() }") && names_unsafe("pub unsafe fn x()"));
        assert!(
            !names_unsafe("// unsafe")
                && !names_unsafe("#![forbid(unsafe_code)]")
                && !names_unsafe("let x = 1;")
        );
    }
}
