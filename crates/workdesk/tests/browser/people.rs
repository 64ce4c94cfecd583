//! Who sees what.

use serde_json::json;
use workdesk::Role;

use crate::scene::EICAR;
use crate::{log_in, open, origin, start};
use secops::EntityType::FileHash;

#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_what_it_may_do_and_nothing_is_left_after_the_log_out() {
    let Some((served, browser)) = start().await else {
        return;
    };
    served.scene.case(&[(EICAR, FileHash)]).await;
    browser.goto(&format!("{}/cases/1", origin(&served))).await;
    log_in(&served, &browser, "vic", Role::Viewer).await;
    let forms =
        "return [...document.querySelectorAll('form')].map((form) => form.getAttribute('action')).sort()";
    open(&served, &browser, "/cases/1").await;
    assert_eq!(browser.js(forms).await, json!(["/logout"]));
    let pages = browser.texts("nav a").await;
    assert!(
        !pages.contains(&"People".to_owned()) && pages.contains(&"Quota".to_owned()),
        "{pages:?}"
    );
    open(&served, &browser, "/people").await;
    browser.until_text(".problem", "role admin").await;
    open(&served, &browser, "/cases/1").await;
    browser.click_text("button", "Log out").await;
    browser.until_text("h1", "Log in").await;
    browser.client.back().await.unwrap();
    browser.until_text("h1", "Log in").await;
    assert!(!browser.texts("body").await.concat().contains(EICAR));

    browser.fill("input[name=name]", "vic").await;
    browser.fill("input[name=password]", "something else").await;
    browser.click_text("button", "Log in").await;
    browser
        .until_text(".problem", "The name or the password is wrong.")
        .await;
    let kept =
        browser.js("return [document.querySelector('[name=name]').value, document.activeElement.name]");
    assert_eq!(kept.await, json!(["vic", "password"]));
    log_in(&served, &browser, "ann", Role::Analyst).await;
    open(&served, &browser, "/cases/1").await;
    assert!(browser.js(forms).await.as_array().unwrap().len() > 5);
    assert_eq!(browser.count("nav a[href='/audit']").await, 0);
    for path in ["/audit", "/people", "/instances", "/playbooks/new"] {
        open(&served, &browser, path).await;
        browser
            .until_text(".problem", "for the role admin; yours is analyst")
            .await;
    }
    browser.close().await;
    served.end().await;
}
