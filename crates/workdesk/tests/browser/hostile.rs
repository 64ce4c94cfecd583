//! A case whose every text is hostile stays text.

use secops::{Entity, EntityType, Insight, InsightKind, Parameters, Severity};
use serde_json::json;
use workdesk::{Ended, NewAlert, NewCase, NewRun, Playbook, Role, RunState};

use crate::{log_in, open, start};

const HOSTILE: &str = "\"><script>window.owned=1</script><img src=x onerror=window.owned=1> javascript:window.owned=1 \
                       =cmd|' /C calc'!A0 {{7*7}} \u{202e}gpj.exe\u{0}\u{1b}[31m </title></textarea></svg><svg onload=window.owned=1>";
/// How people see what can't be seen.
const SEEN: &str = "\\u{202e}gpj.exe\u{2400}\\u{1b}[31m";

/// What shows that a text was more than text.
const BETRAYED: &str = r"
const found = [];
if (window.owned) found.push('a script has run');
for (const element of document.querySelectorAll('*')) {
  for (const { name, value } of element.attributes) {
    if (name.startsWith('on') || name === 'style') found.push(`${element.tagName} ${name}`);
    if (/^(href|src|action|formaction|xlink:href)$/.test(name) && !/^(\/[^\/]|\/$|#|https:\/\/)/.test(value)) found.push(`${name} ${value}`);
  }
}
for (const element of document.querySelectorAll('script, style, img, iframe, object, embed, base, link, meta[http-equiv]')) {
  if (!/^\/assets\//.test(element.getAttribute('src') ?? element.getAttribute('href') ?? '')) found.push(element.outerHTML);
}
// What is to be edited stands there as it is.
const walker = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
  const isEdited = node.parentElement.tagName === 'TEXTAREA';
  if (!isEdited && /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(node.data.replace(/[\n\t]/g, ''))) found.push(`hidden: ${node.data}`);
}
return found;
";

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_case_stays_text_on_every_page() {
    let Some((served, browser)) = start().await else {
        return;
    };
    log_in(&served, &browser, "ann", Role::Admin).await;
    let store = &served.scene.store;
    let mut entity = Entity::new(HOSTILE, EntityType::Other(HOSTILE.into()));
    for name in ["VT_Risk Score", HOSTILE] {
        entity
            .additional_properties
            .insert(name.to_owned(), format!("{HOSTILE}/1").into());
    }
    let alert = NewAlert {
        identifier: HOSTILE.to_owned(),
        name: HOSTILE.to_owned(),
        product: HOSTILE.to_owned(),
        entities: vec![entity.clone()],
        ..NewAlert::default()
    };
    let new = NewCase {
        title: HOSTILE.to_owned(),
        description: HOSTILE.to_owned(),
        environment: HOSTILE.to_owned(),
        alerts: vec![alert],
        ..NewCase::default()
    };
    store.create_case(new, HOSTILE).await.unwrap();
    store.comment(1, HOSTILE, HOSTILE).await.unwrap();
    let stored = store.entities(1, 0, 1).await.unwrap().remove(0);
    let run = NewRun {
        case: 1,
        action: HOSTILE.to_owned(),
        instance: HOSTILE.to_owned(),
        parameters: Parameters::new().with(HOSTILE, HOSTILE),
        targets: Vec::new(),
        deadline_at: None,
    };
    let mut ended = Ended::without_result(RunState::Done, HOSTILE);
    ended.script_result = Some(json!(HOSTILE));
    let report = json!({"scans": {HOSTILE: {"detected": true, "result": HOSTILE}}});
    let report = serde_json::value::to_raw_value(&report).unwrap();
    ended.reports = vec![(stored.entity.identifier.clone(), report.into())];
    let result = json!({"tables": [{"title": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE]]}],
        "links": [{"title": HOSTILE, "url": "javascript:window.owned=1"}], "json_result": HOSTILE});
    ended.result = serde_json::value::to_raw_value(&result).ok();
    ended.insights = vec![Insight {
        title: HOSTILE.to_owned(),
        content: HOSTILE.to_owned(),
        severity: Severity::Warn,
        kind: InsightKind::General {},
        triggered_by: HOSTILE.to_owned(),
    }];
    ended.entities = vec![stored.entity];
    store.add_ended_run(run, &ended, HOSTILE).await.unwrap();
    let quoted = json!(HOSTILE.replace(['\u{0}', '\u{1b}'], "")).to_string();
    let name: String = HOSTILE.chars().filter(|c| !c.is_control()).take(90).collect();
    let text = format!(
        "name: {}\ndescription: {quoted}\ntrigger: {{on: manual}}\nsteps:\n  - {{id: ask, approval: {quoted}}}\n  - {{id: say, comment: {quoted}}}",
        json!(name)
    );
    let playbook = Playbook::read(&text).unwrap();
    let playbook = store.save_playbook(None, &playbook, &text, "ann").await.unwrap();
    store.turn_playbook(playbook, true, "ann").await.unwrap();
    store.start_playbook(1, playbook, HOSTILE).await.unwrap();
    let name: String = HOSTILE.chars().filter(|c| !c.is_control()).take(60).collect();
    let settings = Parameters::new().with("Api Key", HOSTILE);
    store
        .save_instance(&name, &name, &settings, HOSTILE)
        .await
        .unwrap();
    let playbook_page = format!("/playbooks/{playbook}");
    for path in [
        "/?state=all",
        "/cases/1",
        "/entities/1",
        "/runs/1",
        "/pending",
        "/playbooks",
        &playbook_page,
        "/instances",
        "/people",
        "/tokens",
        "/quota",
        "/audit",
        "/?text=%22%3E%3Cscript%3Ewindow.owned=1%3C/script%3E&state=all",
        "/nothing",
    ] {
        open(&served, &browser, path).await;
        assert_eq!(browser.js(BETRAYED).await, json!([]), "{path}");
    }
    open(&served, &browser, "/cases/1").await;
    let insights = browser.texts("[aria-labelledby=insights]").await.concat();
    assert_eq!(insights.matches(SEEN).count(), 3, "{insights}");
    for path in ["/cases/1", "/entities/1", "/runs/1"] {
        open(&served, &browser, path).await;
        let shown = browser.texts("body").await.concat();
        assert!(
            shown.contains(SEEN) && shown.contains("<script>window.owned=1</script>"),
            "{path}"
        );
    }
    assert!(
        !browser
            .js("return document.title")
            .await
            .as_str()
            .unwrap()
            .contains('\u{202e}')
    );
    // What an event brings is no less text.
    open(&served, &browser, "/cases/1").await;
    store.comment(1, "the last word", HOSTILE).await.unwrap();
    browser.until_text(".wall", "the last word").await;
    assert_eq!(browser.js(BETRAYED).await, json!([]), "after an event");
    browser.close().await;
    served.end().await;
}
