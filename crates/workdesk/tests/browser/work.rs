//! An analyst's work, from the set-up link on.

use reqwest::Method;
use secops::EntityType;
use secops::EntityType::FileHash;
use serde_json::json;
use test_browser::{Browser, Key};
use workdesk::{Role, Scope};

use crate::scene::EICAR;
use crate::served::PASSWORD;
use crate::{log_in, open, origin, start};

/// So that a page that was loaded again is told from one that has changed.
const MARK: &str = "window.mark = true";

async fn is_the_same_page(browser: &Browser) {
    assert_eq!(
        browser.js("return window.mark === true").await,
        json!(true),
        "the page was loaded again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_set_up_link_to_a_finished_case_that_completes_on_screen() {
    let Some((served, browser)) = start().await else {
        return;
    };
    let link = served.setup.clone().unwrap();
    browser.goto(&format!("{}{link}", origin(&served))).await;
    browser.type_into("input[name=name]", "ann").await;
    browser.type_into("input[name=password]", PASSWORD).await;
    browser.click_text("button", "Make the first admin").await;
    browser.until_text("h1", "Cases").await;
    browser.click_text("summary", "New case").await;
    browser.type_into("input[name=title]", "A reported mail").await;
    let text = format!("see hxxp://unknown[.]example/new and {EICAR}, from 10.0.0.5");
    browser.type_into("textarea[name=text]", &text).await;
    browser.click_text("button", "Make the case").await;
    browser.until_text("h1", "A reported mail").await;
    assert_eq!(browser.count("td.entity").await, 3);
    browser.until_text(".mark", "internal").await;
    browser.click_text("summary", "Scan URL").await;
    browser.click_text("button", "Run Scan URL").await;
    browser.until_text("h2", "Runs").await;
    browser.js(MARK).await;
    browser.until_text(".card .mark", "done").await;
    browser.until_text(".wall", "has ended").await;
    is_the_same_page(&browser).await;
    browser.click_text("summary", "Scan Hash").await;
    browser.click_text("button", "Run Scan Hash").await;
    browser.until_text("td .mark", "suspicious").await;
    browser.until_text("td", "10 of 12").await;
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_action_appears_and_is_approved_by_keyboard() {
    let Some((served, browser)) = start().await else {
        return;
    };
    log_in(&served, &browser, "ann", Role::Analyst).await;
    served.scene.case(&[(EICAR, FileHash)]).await;
    open(&served, &browser, "/cases/1").await;
    browser.click_text("summary", "Start a playbook").await;
    browser.js("document.querySelector('select[name=playbook]').value = \
                [...document.querySelectorAll('select[name=playbook] option')].find((own) => own.text === 'Triage with approval').value").await;
    browser.click_text("button", "Start").await;
    browser
        .until("return document.querySelector('.step.done') !== null")
        .await;
    browser.until_text(".asks", "Is it an incident?").await;
    browser.js(MARK).await;
    for _ in 0..60 {
        browser.press(&Key::Tab.to_string()).await;
        if browser.js("return document.activeElement.textContent").await == json!("Approve") {
            break;
        }
    }
    assert_eq!(
        browser.js("return document.activeElement.textContent").await,
        json!("Approve")
    );
    // The case changes under it, and the focus stays.
    let store = &served.scene.store;
    store.comment(1, "seen it", "ben").await.unwrap();
    browser.until_text(".wall", "seen it").await;
    is_the_same_page(&browser).await;
    assert_eq!(
        browser.js("return document.activeElement.textContent").await,
        json!("Approve")
    );
    browser.press(&Key::Enter.to_string()).await;
    browser.until_text(".facts", "critical").await;
    browser
        .until("return document.querySelector('.asks') === null")
        .await;
    browser.until_text(".wall", "Confirmed as an incident.").await;
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_types_stays_when_the_case_changes_and_puts_nothing_back() {
    let Some((served, browser)) = start().await else {
        return;
    };
    log_in(&served, &browser, "ann", Role::Analyst).await;
    served.scene.case(&[(EICAR, FileHash)]).await;
    open(&served, &browser, "/cases/1").await;
    browser.click_text("summary", "Change the case").await;
    browser.fill("input[name=title]", "A better title").await;
    // Who writes is at work, and their session counts as used.
    browser
        .until("return performance.getEntriesByType('resource').filter((own) => own.name.endsWith('/account')).length === 1")
        .await;
    // Meanwhile somebody else changes the priority.
    let program = served.program("bot", Role::Analyst, &[Scope::Act]).await;
    let request = program
        .request(Method::PATCH, "/api/v1/cases/1")
        .header("content-type", "application/json");
    let (status, _) = program.said(request.body(r#"{"priority": "critical"}"#)).await;
    assert_eq!(status, 200);
    browser.until_text(".facts", "critical").await;
    browser.click_text("button", "Change").await;
    browser.until_text("h1", "A better title").await;
    assert_eq!(browser.texts(".facts .mark").await, ["critical"]);
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched_to_its_end_on_its_own_page() {
    let Some((served, browser)) = start().await else {
        return;
    };
    log_in(&served, &browser, "ann", Role::Analyst).await;
    let case = served
        .scene
        .case(&[("http://unknown.example/new", EntityType::Url)])
        .await;
    let program = served.program("bot", Role::Analyst, &[Scope::Act]).await;
    let run = json!({"action": "Scan URL", "parameters": {"Threshold": "3"}});
    let path = format!("/api/v1/cases/{}/runs", case.id);
    assert_eq!(program.post(&path, &run).await.0, 201);
    open(&served, &browser, "/runs/1").await;
    browser.js(MARK).await;
    browser.until_text("h1 .mark", "done").await;
    browser.until_text("#tables", "Tables").await;
    is_the_same_page(&browser).await;
    browser.close().await;
    served.end().await;
}

/// Where the focus is by its name, and whether one sees that.
const FOCUS: &str = "const element = document.activeElement; const style = getComputedStyle(element); \
    const box = element.getBoundingClientRect(); \
    const isThere = box.width > 0 && box.left >= 0 && box.top >= 0 && box.bottom <= innerHeight; \
    const isMarked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; \
    return [element.ariaLabel ?? (element.textContent.trim() || element.name), isThere && isMarked];";

/// Goes on to the next stop, which is seen.
async fn next(browser: &Browser) -> String {
    browser.press(&Key::Tab.to_string()).await;
    let focus = browser.js(FOCUS).await;
    assert_eq!(focus[1], json!(true), "the focus is not seen on {}", focus[0]);
    focus[0].as_str().unwrap().to_owned()
}

/// Goes on to that stop.
async fn reach(browser: &Browser, wanted: &str) {
    for _ in 0..60 {
        if next(browser).await == wanted {
            return;
        }
    }
    panic!("{wanted} is not reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough() {
    let Some((served, browser)) = start().await else {
        return;
    };
    let store = &served.scene.store;
    store
        .add_person("ann", Role::Analyst, PASSWORD.into(), "test")
        .await
        .unwrap();
    let enter = Key::Enter.to_string();
    open(&served, &browser, "/login").await;
    browser.press("ann").await;
    assert_eq!(next(&browser).await, "password");
    browser.press(&format!("{PASSWORD}{enter}")).await;
    browser.until_text("h1", "Cases").await;

    assert_eq!(next(&browser).await, "To the content");
    browser.press(&enter).await;
    assert_eq!(next(&browser).await, "text", "the first field of the content");
    reach(&browser, "New case").await;
    browser.press(&enter).await;
    assert_eq!(next(&browser).await, "title");
    browser.press(&format!("By keyboard{enter}")).await;
    browser.until_text("h1", "By keyboard").await;

    reach(&browser, "Comment").await;
    browser.press(" ").await;
    assert_eq!(next(&browser).await, "text");
    browser.press("looked at").await;
    assert_eq!(next(&browser).await, "Add to the case wall");
    browser.press(&enter).await;
    browser.until_text(".wall", "looked at").await;
    reach(&browser, "Close the case").await;
    browser.press(" ").await;
    browser.until_text("h1", "closed").await;
    browser.close().await;
    served.end().await;
}
