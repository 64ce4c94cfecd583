//! Every page, light and dark, wide and narrow: usable by everybody, nothing runs out of the window. The pictures are kept in the
//! target folder (`workdesk-screens`).

use std::path::Path;

use secops::EntityType::{Address, FileHash, Url};
use serde_json::json;
use test_browser::Browser;
use workdesk::Role;

use crate::scene::{EICAR, scan};
use crate::served::Served;
use crate::{axe, log_in, open, origin, start};

const THEMES: [&str; 2] = ["light", "dark"];
const WIDTHS: [u32; 2] = [1400, 390];

/// A case on which something has happened.
async fn fill(served: &Served, browser: &Browser) {
    let store = &served.scene.store;
    let case = served
        .scene
        .case(&[
            (EICAR, FileHash),
            ("198.51.100.7", Address),
            ("http://malicious.example/payload.php", Url),
        ])
        .await;
    let playbooks = store.playbooks().await.unwrap();
    let triage = playbooks
        .iter()
        .find(|own| own.name == "Triage with approval")
        .unwrap();
    store.start_playbook(case.id, triage.id, "ann").await.unwrap();
    let run = scan(&case, "Scan URL");
    let form = json!({"action": run.action, "parameters": {"Threshold": "3"}});
    let program = served
        .program("bot", Role::Analyst, &[workdesk::Scope::Act])
        .await;
    assert_eq!(program.post("/api/v1/cases/1/runs", &form).await.0, 201);
    open(served, browser, "/cases/1").await;
    browser.until_text(".asks", "incident").await;
    browser
        .until("return document.querySelectorAll('.cards .mark.good').length >= 2")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_for_everybody_in_every_window() {
    let Some((served, browser)) = start().await else {
        return;
    };
    let axe = axe::script();
    if let Some(axe) = &axe {
        browser.goto("data:text/html,<html><body><img src=x>").await;
        assert!(
            !axe::findings(&browser, axe).await.is_empty(),
            "it finds nothing anywhere"
        );
    }
    log_in(&served, &browser, "ann", Role::Admin).await;
    fill(&served, &browser).await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("workdesk-screens");
    let pages = [
        ("queue", "/"),
        ("case", "/cases/1"),
        ("entity", "/entities/1"),
        ("run", "/runs/1"),
        ("pending", "/pending"),
        ("playbooks", "/playbooks"),
        ("playbook", "/playbooks/3"),
        ("new-playbook", "/playbooks/new"),
        ("instances", "/instances"),
        ("people", "/people"),
        ("tokens", "/tokens"),
        ("quota", "/quota"),
        ("account", "/account"),
        ("audit", "/audit"),
        ("problem", "/nothing"),
        ("login", "/login"),
    ];
    let mut wrong = Vec::new();
    for theme in THEMES {
        browser.prefer(theme);
        for width in WIDTHS {
            browser.size(width, 900);
            for (name, path) in pages {
                open(&served, &browser, path).await;
                let where_ = format!("{name}, {theme}, {width}");
                // Everything is to be looked at.
                browser
                    .js("document.querySelectorAll('details').forEach((own) => { own.open = true; })")
                    .await;
                let over = browser
                    .js("return document.documentElement.scrollWidth - innerWidth")
                    .await;
                if over.as_i64().unwrap() > 0 {
                    let widest = "return [...document.querySelectorAll('main *')].filter((own) => own.getBoundingClientRect().right > innerWidth \
                                  && !own.closest('.wide')).slice(0, 3).map((own) => own.outerHTML.slice(0, 120))";
                    let widest = browser.js(widest).await;
                    wrong.push(format!("{where_}: {over} wider than the window: {widest}"));
                }
                // Each width in one theme: the widths differ in layout, the themes in colours.
                let is_told = (theme == "light") == (width == WIDTHS[0]);
                if let Some(axe) = axe.as_ref().filter(|_| is_told) {
                    let found = axe::findings(&browser, axe).await;
                    wrong.extend(found.into_iter().map(|found| format!("{where_}: {found}")));
                }
                open(&served, &browser, path).await;
                browser.screenshot(&folder.join(format!("{name}-{theme}-{width}.png")));
            }
        }
    }
    println!(
        "{} pictures are in {} (of {})",
        pages.len() * 4,
        folder.display(),
        origin(&served)
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    browser.close().await;
    served.end().await;
}
