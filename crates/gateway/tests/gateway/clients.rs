//! Real clients, unchanged but for the address.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::scene::{EICAR, Scene};

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(output),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// A Python with what that file lists, kept for the next run.
fn python(name: &str, packages: &Path) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    if ready.exists() {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    let quiet = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
    ];
    run(Command::new(&python)
        .args(quiet)
        .args(["--retries", "1", "--timeout", "20", "--requirement"])
        .arg(packages))?;
    std::fs::write(ready, "").map_err(|error| error.to_string())?;
    Ok(python)
}

/// Runs a script that ends with "all as expected".
fn content(python: &Path, script: &Path, arguments: &[&str]) {
    let output = Command::new(python)
        .arg(script)
        .args(arguments)
        .env_remove("PYTHONPATH")
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}", text.concat());
    assert!(text[0].ends_with("all as expected\n"), "{}", text[0]);
}

/// A token that went on in the key's place would be.
fn assert_none_is_refused(scene: &Scene) {
    let calls = scene.running.calls();
    assert!(calls.len() > 5);
    assert!(
        calls.iter().all(|call| ![401, 403].contains(&call.status)),
        "{calls:?}"
    );
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn virustotals_own_client_is_content_with_a_gateway() {
    let packages = here("../simulator/tests/vt_py.txt");
    let python = match python("vt_py_0.22.0", &packages) {
        Ok(python) => python,
        Err(why) => return println!("skipped: vt-py can't be installed: {why}"),
    };
    let scene = Scene::new().await;
    // The very script that the simulator is tried with.
    let script = here("../simulator/tests/vt_py.py");
    tokio::task::block_in_place(|| content(&python, &script, &[&scene.origin, &scene.token]));
    assert_none_is_refused(&scene);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_api_v2_is_content_with_a_gateway() {
    let python = match python("virustotal_api_1.1.11", &here("tests/virustotal_api.txt")) {
        Ok(python) => python,
        Err(why) => return println!("skipped: virustotal-api can't be installed: {why}"),
    };
    let scene = Scene::new().await;
    let base = format!("{}/vtapi/v2/", scene.origin);
    let script = here("tests/virustotal_api.py");
    tokio::task::block_in_place(|| content(&python, &script, &[&base, &scene.token, EICAR]));
    assert_none_is_refused(&scene);
}
