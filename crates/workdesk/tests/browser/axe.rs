//! axe-core: what keeps people with other senses or tools from using a page.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use test_browser::Browser;

/// The package that brings it.
const PACKAGE: &str = "axe-core-python==0.1.0";

/// Its script; fetched once, and `None` where it can't be.
pub(crate) fn script() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let file = folder.join("axe_core_python/axe.min.js");
    if !file.exists() && !fetched(&folder) {
        println!("skipped: {PACKAGE} can't be fetched");
        return None;
    }
    std::fs::read_to_string(file).ok()
}

fn fetched(folder: &PathBuf) -> bool {
    let done = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--target",
        ])
        .arg(folder)
        .arg(PACKAGE)
        .status();
    done.is_ok_and(|status| status.success())
}

/// What matters on the page that is open.
pub(crate) async fn findings(browser: &Browser, script: &str) -> Vec<String> {
    if browser.js("return typeof axe").await == "undefined" {
        browser.js(script).await;
    }
    let run = "const done = arguments[arguments.length - 1]; axe.run(document, {resultTypes: ['violations']}).then((found) => done(found.violations))";
    let found = browser.client.execute_async(run, Vec::new()).await.unwrap();
    let matters = |own: &&Value| own["impact"] != json!("minor");
    let all = found.as_array().unwrap().iter().filter(matters);
    all.map(|own| format!("{}: {} {}", own["id"], own["help"], own["nodes"][0]["html"]))
        .collect()
}
