//! The pages in a real Chromium. Without one these tests say so and are skipped.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test stops at the first thing that is not as promised, and not every shared helper is used here"
)]

mod axe;
mod hostile;
mod looks;
mod people;
#[path = "../desk/place.rs"]
mod place;
#[path = "../desk/scene.rs"]
mod scene;
#[path = "../desk/served.rs"]
mod served;
mod work;

use serde_json::Value;
use test_browser::Browser;
use workdesk::Role;

use crate::served::{PASSWORD, Served};

/// A workdesk, and a browser that makes a note of whatever the content security policy stops.
async fn start() -> Option<(Served, Browser)> {
    let Some(browser) = Browser::start().await else {
        println!("skipped: there is no chromium and chromedriver");
        return None;
    };
    let note = "window.stopped = []; document.addEventListener('securitypolicyviolation', \
                (event) => window.stopped.push(event.violatedDirective + ' ' + event.blockedURI));";
    browser.devtools(
        "Page.addScriptToEvaluateOnNewDocument",
        &serde_json::json!({"source": note}),
    );
    Some((Served::new().await, browser))
}

fn origin(served: &Served) -> String {
    format!("http://{}", served.address)
}

/// Somebody of that role logs in, as people do.
async fn log_in(served: &Served, browser: &Browser, name: &str, role: Role) {
    let added = served.scene.store.add_person(name, role, PASSWORD.into(), "test");
    added.await.unwrap();
    browser.goto(&format!("{}/login", origin(served))).await;
    browser.type_into("input[name=name]", name).await;
    browser.type_into("input[name=password]", PASSWORD).await;
    browser.click("main button").await;
    browser.until_text("h1", "Cases").await;
}

/// Opens a page, and sees that it needed nothing that is forbidden.
async fn open(served: &Served, browser: &Browser, path: &str) {
    browser.goto(&format!("{}{path}", origin(served))).await;
    assert_eq!(
        browser.js("return window.stopped").await,
        Value::Array(Vec::new()),
        "{path}"
    );
}
