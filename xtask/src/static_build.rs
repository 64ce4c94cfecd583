//! The program for releases: static, and the same to the byte wherever it is built.
//!
//! What a build takes from its machine is cut off: folders get other names in what the compilers write down, and nothing of the caller's
//! environment is passed on but where the tools are. What is left is the source, the tools and the C library that is linked in.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::asked::{asked, succeed};

/// The platform's servers have this kind of processor, and install wheels for it only.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Settings that a build is let see: where its tools are, and where they may write.
const PASSED_ON: [&str; 2] = ["PATH", "TMPDIR"];

/// Where a build happens. Nothing of it is to be seen in the program.
pub(crate) struct Place {
    /// The root of the repository, or of a copy of it.
    pub(crate) source: PathBuf,
    /// A target folder of its own, because the flags differ from those of all other builds.
    pub(crate) target: PathBuf,
    /// Cargo's folder, with the sources of all packages.
    pub(crate) cargo_home: PathBuf,
}

impl Place {
    /// This clone.
    pub(crate) fn here() -> Result<Self, Box<dyn Error>> {
        let source = root()?;
        let cargo_home = match std::env::var_os("CARGO_HOME") {
            Some(folder) => PathBuf::from(folder),
            None => home()?.join(".cargo"),
        };
        Ok(Self {
            target: target_folder()?.join("static"),
            source,
            cargo_home,
        })
    }

    /// Builds the program and says where it is. `date` is the time of the source, in seconds since 1970.
    ///
    /// # Errors
    /// When it can't be built, or when a folder of this machine is named in it.
    pub(crate) fn build(&self, date: i64) -> Result<PathBuf, Box<dyn Error>> {
        // With all settings of the caller, as a registry may be reached by them only.
        let mut fetch = Command::new(env!("CARGO"));
        fetch
            .current_dir(&self.source)
            .args(["fetch", "--quiet", "--locked", "--target", TARGET])
            .env("CARGO_HOME", &self.cargo_home);
        succeed(&mut fetch, "the sources of the packages could not be had")?;
        let toolchain = toolchain()?;
        let names = self.names(&toolchain)?;
        let mut build = Command::new(env!("CARGO"));
        build
            .current_dir(&self.source)
            .args(["build", "--release", "--frozen", "--package", "vtsecops"])
            .args(["--target", TARGET])
            .arg("--target-dir")
            .arg(&self.target)
            .env_clear()
            .envs(
                PASSED_ON
                    .iter()
                    .filter_map(|name| Some((*name, std::env::var_os(name)?))),
            )
            .env("CARGO_HOME", &self.cargo_home)
            .env("CARGO_INCREMENTAL", "0")
            .env("RUSTC", toolchain.join("bin/rustc"))
            .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&names))
            .env("CFLAGS_x86_64_unknown_linux_gnu", c_flags(&names))
            // The flags are quoted, as a folder's name may hold spaces.
            .env("CC_SHELL_ESCAPED_FLAGS", "1")
            .env("SOURCE_DATE_EPOCH", date.to_string())
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        succeed(&mut build, "the static binary could not be built")?;
        let program = self.target.join(TARGET).join("release/vtsecops");
        let mut folders: Vec<PathBuf> = names.into_iter().map(|(folder, _)| folder).collect();
        folders.extend([toolchain, home()?]);
        match told(&std::fs::read(&program)?, &folders) {
            None => Ok(program),
            Some(line) => Err(format!("a folder of this machine is named in the program: {line}").into()),
        }
    }

    /// Folders of this machine and what they are called in the program. Of those that hold each other, the inner one comes later, as the last
    /// that fits counts.
    fn names(&self, toolchain: &Path) -> Result<Vec<(PathBuf, String)>, Box<dyn Error>> {
        let compiler = asked(Command::new(toolchain.join("bin/rustc")).arg("-vV"))?;
        let commit = compiler
            .lines()
            .find_map(|line| line.strip_prefix("commit-hash: "))
            .ok_or("the compiler does not say what it was built of")?;
        let mut names = vec![
            // As the compiler's own packages call it.
            (toolchain.join("lib/rustlib/src/rust"), format!("/rustc/{commit}")),
            (self.cargo_home.clone(), "/cargo".to_owned()),
        ];
        // The folder of a registry is called after where it is.
        for registry in std::fs::read_dir(self.cargo_home.join("registry/src"))? {
            names.push((registry?.path(), "/registry".to_owned()));
        }
        names.push((self.source.clone(), "/source".to_owned()));
        names.push((self.target.clone(), "/target".to_owned()));
        Ok(names)
    }
}

/// The root of this clone.
pub(crate) fn root() -> Result<PathBuf, Box<dyn Error>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().ok_or("no workspace")?.to_owned())
}

/// Where builds go: the usual folder, or the one that the caller has set.
pub(crate) fn target_folder() -> Result<PathBuf, Box<dyn Error>> {
    let root = root()?;
    Ok(std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set)))
}

fn home() -> Result<PathBuf, Box<dyn Error>> {
    Ok(PathBuf::from(std::env::var_os("HOME").ok_or("HOME is not set")?))
}

fn toolchain() -> Result<PathBuf, Box<dyn Error>> {
    let folder = asked(
        Command::new("rustc")
            .current_dir(root()?)
            .args(["--print", "sysroot"]),
    )?;
    Ok(PathBuf::from(folder.trim()))
}

/// Between flags stands the character that Cargo wants there.
fn rust_flags(names: &[(PathBuf, String)]) -> OsString {
    let mut flags = OsString::from("-Ctarget-feature=+crt-static");
    for (folder, name) in names {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

fn c_flags(names: &[(PathBuf, String)]) -> String {
    let flag = |(folder, name): &(PathBuf, String)| {
        let text = format!("-ffile-prefix-map={}={name}", folder.display());
        format!("'{}'", text.replace('\'', r"'\''"))
    };
    names.iter().map(flag).collect::<Vec<_>>().join(" ")
}

/// Where one of the folders is named, with what stands around it. A folder that holds all others, or is called like any program's, counts only with what is
/// in it.
fn told(program: &[u8], folders: &[PathBuf]) -> Option<String> {
    folders.iter().find_map(|folder| {
        let text = format!("{}/", folder.display());
        if text.len() < 3 {
            return None;
        }
        let place = program
            .windows(text.len())
            .position(|part| part == text.as_bytes())?;
        let around = program.get(place..program.len().min(place + 160))?;
        let end = around
            .iter()
            .position(|byte| !(b' '..=b'~').contains(byte))
            .unwrap_or(around.len());
        Some(String::from_utf8_lossy(around.get(..end)?).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{c_flags, rust_flags, told};

    fn names() -> Vec<(PathBuf, String)> {
        vec![
            ("/home/an other/.cargo".into(), "/cargo".into()),
            ("/it's/here".into(), "/source".into()),
        ]
    }

    #[test]
    fn a_folder_with_a_space_or_a_quote_is_one_flag() {
        let rust = rust_flags(&names()).into_string().unwrap();
        assert_eq!(rust.split('\u{1f}').count(), 3);
        assert!(rust.contains("\u{1f}--remap-path-prefix=/home/an other/.cargo=/cargo\u{1f}"));
        assert_eq!(
            c_flags(&names()),
            r"'-ffile-prefix-map=/home/an other/.cargo=/cargo' '-ffile-prefix-map=/it'\''s/here=/source'"
        );
    }

    #[test]
    fn a_program_that_names_a_folder_of_the_machine_is_noticed() {
        let folders = [PathBuf::from("/"), PathBuf::from("/home/somebody")];
        let program = b"\x00panicked at /home/somebody/src/main.rs\x00/home/somebodyelse/ /source/x.rs";
        assert_eq!(
            told(program, &folders).as_deref(),
            Some("/home/somebody/src/main.rs")
        );
        assert_eq!(told(b"/source/x.rs /home/somebodyelse/x", &folders), None);
    }
}
