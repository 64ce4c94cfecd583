//! `cargo xtask reproduce`: whether a release comes out the same to the byte wherever it is built.
//!
//! The commit is built twice, from two copies in folders of different names and lengths, with different folders of Cargo's. What differs is told with its place.

use std::error::Error;
use std::path::{Path, PathBuf};

use elf::ElfBytes;
use elf::endian::AnyEndian;

use crate::asked::{asked, succeed};
use crate::release;
use crate::source;
use crate::static_build::{Place, root, target_folder};

/// Builds twice and compares.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let folder = target_folder()?.join("reproduce");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    if source::is_changed(&root()?) {
        println!("Files differ from the commit; it is the commit that is built.");
    }
    // The same for both, also when somebody commits meanwhile.
    let commit = asked(source::git(&root()?).args(["rev-parse", "HEAD"]))?;
    let commit = commit.trim();
    let short = build(commit, &folder.join("a"), false)?;
    let long = build(
        commit,
        &folder.join("a folder whose name is longer/and that is deeper"),
        true,
    )?;
    let (first, second) = (release::hashes(&short)?, release::hashes(&long)?);
    println!("| file | SHA-256 | bytes |\n|---|---|---:|");
    let mut differ = first.len() != second.len();
    for ((name, hash), other) in first.iter().zip(&second) {
        let (one, two) = (short.join(name), long.join(&other.0));
        println!("| {name} | {hash} | {} |", std::fs::metadata(&one)?.len());
        if (name, hash) != (&other.0, &other.1) {
            differ = true;
            println!(
                "| {} | {} | {} |",
                other.0,
                other.1,
                std::fs::metadata(&two)?.len()
            );
            println!("{}", difference(&std::fs::read(&one)?, &std::fs::read(&two)?));
        }
    }
    match differ {
        true => Err(format!("The two builds differ. They are in {}.", folder.display()).into()),
        false => Ok(()),
    }
}

/// The files of a release out of a copy of the commit. Afterwards only they are left.
fn build(commit: &str, folder: &Path, own_cargo_home: bool) -> Result<PathBuf, Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let mut place = Place::here()?;
    let source = folder.join("source");
    let mut clone = source::git(folder);
    clone
        .args(["clone", "--quiet", "--no-hardlinks"])
        .arg(root()?)
        .arg(&source);
    succeed(&mut clone, "the repository could not be copied")?;
    let mut checkout = source::git(&source);
    checkout.args(["checkout", "--quiet", "--detach", commit]);
    succeed(&mut checkout, "the commit could not be checked out")?;
    if own_cargo_home {
        place.cargo_home = other_cargo_home(&folder.join("cargo home"), &place.cargo_home)?;
    }
    place.source = source;
    place.target = folder.join("target");
    let files = folder.join("files");
    release::make(&place, &files)?;
    std::fs::remove_dir_all(&place.target)?;
    Ok(files)
}

/// A folder of Cargo's of another name, with the same packages in it: its own settings, and what has been fetched by way of a link.
#[cfg(unix)]
fn other_cargo_home(folder: &Path, usual: &Path) -> Result<PathBuf, Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    for name in ["registry", "config.toml"] {
        if usual.join(name).exists() {
            std::os::unix::fs::symlink(usual.join(name), folder.join(name))?;
        }
    }
    Ok(folder.to_owned())
}

#[cfg(not(unix))]
fn other_cargo_home(_: &Path, _: &Path) -> Result<PathBuf, Box<dyn Error>> {
    Err("the program for releases is built on Linux".into())
}

/// The first place where two files differ, the section of the program that it is in, and what stands there.
fn difference(one: &[u8], two: &[u8]) -> String {
    let same = one.iter().zip(two).take_while(|(one, two)| one == two).count();
    if same == one.len() && same == two.len() {
        return "They hold the same bytes.".to_owned();
    }
    let part = |bytes: &[u8]| {
        let part = bytes.get(same.saturating_sub(16)..bytes.len().min(same + 48));
        part.unwrap_or_default().escape_ascii().to_string()
    };
    let section = section(one, same).map_or(String::new(), |name| format!(", in the section {name}"));
    format!(
        "{} and {} bytes; they differ first at {same}{section}:\n  {}\n  {}",
        one.len(),
        two.len(),
        part(one),
        part(two)
    )
}

fn section(program: &[u8], place: usize) -> Option<String> {
    let place = u64::try_from(place).ok()?;
    let program = ElfBytes::<AnyEndian>::minimal_parse(program).ok()?;
    let (sections, names) = program.section_headers_with_strtab().ok()?;
    let (sections, names) = (sections?, names?);
    let found = sections.iter().find(|section| {
        let end = section.sh_offset.saturating_add(section.sh_size);
        section.sh_type != elf::abi::SHT_NOBITS && (section.sh_offset..end).contains(&place)
    })?;
    let name = names.get(usize::try_from(found.sh_name).ok()?).ok()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{difference, section};

    #[test]
    fn the_first_difference_is_told_with_what_stands_there() {
        let told = difference(b"built in /a/x", b"built in /home/x");
        assert!(
            told.starts_with("13 and 16 bytes; they differ first at 10:\n"),
            "{told}"
        );
        assert!(told.contains("built in /a/x") && told.contains("built in /home/x"));
        assert!(difference(b"one", b"one and more").contains("differ first at 3"));
        assert_eq!(difference(b"one", b"one"), "They hold the same bytes.");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_place_in_a_program_is_told_by_its_section() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let text = b"a place in a program is told by its section";
        let place = own.windows(text.len()).position(|part| part == text).unwrap();
        let found = section(&own, place).unwrap();
        assert!(
            found.starts_with(".rodata") || found.starts_with(".data"),
            "{found}"
        );
        assert_eq!(section(&own, 0), None);
        assert_eq!(section(b"no program", 3), None);
    }
}
