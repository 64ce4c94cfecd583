//! Programs of Python's that check: installed at the first run, in the versions that a file names, and kept for the next. `xtask` has these tests, too.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The environment in `folder` with the packages that the file names, or why there is none.
pub(crate) fn installed(packages: &Path, folder: PathBuf) -> Result<PathBuf, String> {
    let wanted = std::fs::read_to_string(packages).map_err(|error| error.to_string())?;
    let ready = folder.join("ready");
    if std::fs::read_to_string(&ready).is_ok_and(|have| have == wanted) {
        return Ok(folder);
    }
    let run = |command: &mut Command| {
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
        ])
        .args(["--disable-pip-version-check", "--retries", "1", "--timeout", "20"])
        .arg("--requirement")
        .arg(packages))?;
    std::fs::write(ready, wanted).map_err(|error| error.to_string())?;
    Ok(folder)
}
