//! Programs that check, and where they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::python;

pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

pub(crate) fn deploy(path: &str) -> PathBuf {
    repository("deploy").join(path)
}

/// What it wrote; it must have ended well.
pub(crate) fn ran(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{command:?}: {out}{err}");
    out + &err
}

/// A program of the system, or one that `./test` has put beside the tests' other files.
pub(crate) fn system_tool(name: &str) -> Option<PathBuf> {
    let of_tests = tools_folder().join(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .chain([of_tests])
        .find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: {name} is not installed");
    }
    found
}

fn tools_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("deploy")
}

/// A program that Python's packages bring, or Python itself with its packages; installed at the first run and kept for the next.
pub(crate) fn python_tool(name: &str) -> Option<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let install = || python::installed(&deploy("check/requirements.txt"), tools_folder().join("python"));
    match FOLDER.get_or_init(install) {
        Ok(folder) => Some(folder.join("bin").join(name)),
        Err(why) => {
            println!("skipped: {name} can't be installed: {why}");
            None
        }
    }
}

/// Whether the program takes these arguments. Asked for help it does nothing else, but looks at what stands before.
pub(crate) fn taken(arguments: &[String]) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_vtsecops"))
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The program must take these arguments.
pub(crate) fn must_take(arguments: &[String]) {
    if let Err(error) = taken(arguments) {
        panic!("{arguments:?}: {error}");
    }
}

#[test]
fn an_option_that_the_program_does_not_know_is_noticed() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    taken(&words("workdesk --listen 127.0.0.1:0 --open-metrics")).unwrap();
    for wrong in [
        "workdesk --open-metric",
        "workdesk --listen nowhere",
        "no-such-command",
    ] {
        assert!(taken(&words(wrong)).is_err(), "{wrong}");
    }
}
