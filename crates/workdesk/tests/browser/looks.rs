//! Every page, light and dark, wide and narrow: usable by everybody, nothing runs out of the window. The pictures are kept in the
//! target folder (`workdesk-screens`).

use std::path::Path;

use secops::EntityType::{Address, FileHash, Url};
use serde_json::json;
use test_browser::Browser;
use workdesk::{NewCase, Role};

use crate::scene::{EICAR, scan};
use crate::served::Served;
use crate::{axe, log_in, open, start};

const THEMES: [&str; 2] = ["light", "dark"];
const WIDTHS: [u32; 2] = [1400, 390];

/// What the editor has much to say of.
const WRONG: &str = include_str!("../playbooks/wrong_sense.yaml");

/// A case on which something has happened.
async fn fill(served: &Served, browser: &Browser) {
    let store = &served.scene.store;
    let case = served
        .scene
        .case(&[
            (EICAR, FileHash),
            ("10.0.0.5", Address),
            ("198.51.100.7", Address),
            ("http://malicious.example/payload.php", Url),
        ])
        .await;
    for title in [
        "A mail with a strange link",
        "Password spraying against the mail gateway, seen by three sensors within one hour",
    ] {
        let new = NewCase {
            title: title.to_owned(),
            ..NewCase::default()
        };
        store.create_case(new, "anna").await.unwrap();
    }
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

/// Looks at one page after another, and notes what is wrong.
struct Tour {
    served: Served,
    browser: Browser,
    axe: Option<String>,
    wrong: Vec<String>,
}

/// Unfolds everything, and folds it again.
const UNFOLD: &str = "document.querySelectorAll('details:not([open])').forEach((own) => { own.open = own.dataset.unfolded = true; })";
const FOLD: &str = "document.querySelectorAll('[data-unfolded]').forEach((own) => { own.open = false; delete own.dataset.unfolded; })";
const WIDEST: &str = "return [...document.querySelectorAll('body *')].filter((own) => own.getBoundingClientRect().right > innerWidth \
    && !own.closest('.wide')).slice(-3).map((own) => own.outerHTML.slice(0, 120))";

impl Tour {
    async fn open(&mut self, name: &str, path: &str) {
        open(&self.served, &self.browser, path).await;
        self.look(name).await;
    }

    /// The page that is open, in both themes and both widths.
    async fn look(&mut self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("workdesk-screens");
        for (theme, width) in THEMES
            .into_iter()
            .flat_map(|theme| WIDTHS.map(|width| (theme, width)))
        {
            self.browser.prefer(theme);
            self.browser.size(width, 900);
            let picture = folder.join(format!("{name}-{theme}-{width}.png"));
            self.browser.screenshot(&picture);
            self.browser.js(UNFOLD).await;
            let here = format!("{name}, {theme}, {width}");
            let over = "return document.documentElement.scrollWidth - innerWidth";
            let over = self.browser.js(over).await.as_i64().unwrap();
            if over > 0 {
                let widest = self.browser.js(WIDEST).await;
                let words = format!("{here}: {over} wider than the window: {widest}");
                self.wrong.push(words);
            }
            // Each width in one theme: the widths differ in layout, the themes in colours.
            let is_told = (theme == "light") == (width == WIDTHS[0]);
            if let Some(axe) = self.axe.as_ref().filter(|_| is_told) {
                let found = axe::findings(&self.browser, axe).await.into_iter();
                self.wrong.extend(found.map(|found| format!("{here}: {found}")));
            }
            self.browser.js(FOLD).await;
        }
    }
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
    let wrong = Vec::new();
    let mut tour = Tour {
        served,
        browser,
        axe,
        wrong,
    };
    for (name, path) in [
        ("queue", "/"),
        ("queue-empty", "/?text=nothing+like+that"),
        ("case", "/cases/1"),
        ("case-empty", "/cases/2"),
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
    ] {
        tour.open(name, path).await;
    }
    open(&tour.served, &tour.browser, "/playbooks/new").await;
    let write = format!("document.querySelector('textarea').value = {}", json!(WRONG));
    tour.browser.js(&write).await;
    tour.browser.click_text("button", "Check only").await;
    tour.browser.until_text(".problem", "can't be used").await;
    tour.look("playbook-wrong").await;
    open(&tour.served, &tour.browser, "/cases/1").await;
    tour.browser.click_text("button", "Approve").await;
    tour.browser
        .until_text(".wall", "Confirmed as an incident.")
        .await;
    tour.browser
        .until("return document.querySelector('.asks') === null")
        .await;
    tour.look("case-finished").await;
    let Tour {
        served,
        browser,
        wrong,
        ..
    } = tour;
    assert!(wrong.is_empty(), "{wrong:#?}");
    browser.close().await;
    served.end().await;
}
