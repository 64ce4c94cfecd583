//! VirusTotal's own Python client against the simulator.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use simulator::DEMO_KEY;

use crate::scene::Scene;

/// Pinned, with everything it needs.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vt_py.txt");

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(output),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// A Python with the client in it, kept for the next run.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vt_py_0.22.0");
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    if ready.exists() {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--disable-pip-version-check",
        ])
        .args(["--retries", "1", "--timeout", "20", "--requirement", PACKAGES]))?;
    std::fs::write(ready, "").map_err(|error| error.to_string())?;
    Ok(python)
}

#[test]
fn virustotals_own_client_is_content() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            println!("skipped: vt-py can't be installed: {why}");
            return;
        }
    };
    let scene = Scene::new(|builder| {
        #[expect(clippy::disallowed_methods, reason = "the client waits in real time")]
        let now = jiff::Timestamp::now;
        builder.scan_for(std::time::Duration::from_secs(1)).clock(now)
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vt_py.py");
    let output = Command::new(python)
        .arg(script)
        .args([&scene.running.origin(), DEMO_KEY])
        .env_remove("PYTHONPATH")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}", text.concat());
    assert!(text[0].ends_with("all as expected\n"), "{}", text[0]);
}
