//! An analyst's work, from the set-up link on.

use secops::EntityType::FileHash;
use serde_json::json;
use test_browser::{Browser, Key};
use workdesk::Role;

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
async fn the_keyboard_is_enough() {
    let Some((served, browser)) = start().await else {
        return;
    };
    log_in(&served, &browser, "ann", Role::Analyst).await;
    open(&served, &browser, "/").await;
    browser.press(&Key::Tab.to_string()).await;
    assert_eq!(
        browser.js("return document.activeElement.textContent").await,
        json!("To the content")
    );
    let seen = browser.js("const box = document.activeElement.getBoundingClientRect(); return box.left >= 0 && box.top >= 0").await;
    assert_eq!(seen, json!(true), "the link is seen when it has the focus");
    browser.press(&Key::Enter.to_string()).await;
    assert!(browser.address().await.ends_with("#main"));
    for _ in 0..40 {
        browser.press(&Key::Tab.to_string()).await;
        if browser.js("return document.activeElement.textContent").await == json!("New case") {
            break;
        }
    }
    let outline = browser
        .js("return getComputedStyle(document.activeElement).outlineStyle")
        .await;
    assert_eq!(outline, json!("solid"), "the focus is seen");
    browser.press(&Key::Enter.to_string()).await;
    browser.press(&Key::Tab.to_string()).await;
    browser.press(&format!("By keyboard{}", Key::Enter)).await;
    browser.until_text("h1", "By keyboard").await;
    browser.close().await;
    served.end().await;
}
