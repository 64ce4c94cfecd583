//! Reports whose texts want to be more than text.

use std::net::TcpListener;

use integration::Action;
use serde_json::{Map, Value, json};

use crate::browser::Browser;
use crate::page::{ACTIONS, filled, result, typical};

/// Texts that would do something if they were read as anything but text. `PORT` is where a listener waits.
const TEXTS: [&str; 16] = [
    "<img src=x onerror=window.__pwned=1><img src=http://127.0.0.1:PORT/>",
    "</script><script>window.__pwned=1</script>",
    "--><script>window.__pwned=1</script><!--",
    "</plaintext><svg onload=window.__pwned=1>",
    "</textarea></title></style><iframe src=javascript:top.__pwned=1>",
    "<link rel=stylesheet href=http://127.0.0.1:PORT/><base href=//127.0.0.1:PORT/>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:PORT/'>",
    "]]><b onclick=window.__pwned=1>x</b><![CDATA[",
    "'\"`;window.__pwned=1;//${window.__pwned=1}\\",
    "\\u003cimg src=x onerror=window.__pwned=1\\u003e&lt;b&gt;",
    "javascript:window.__pwned=1",
    "line\u{2028}window.__pwned=1\u{2029}",
    "\u{202e}gpj.exe\u{2066}\u{200f}\u{200b}\u{ad}\u{e0041}",
    "\0nul\u{1}\u{1b}[31m\u{7f}\u{85}\r\n\t",
    "=cmd|'/C calc'!A0",
    "[{stepInstanceName}.JsonResult]]}",
];

/// The value with each text, and each name that a stranger may choose, replaced.
fn replaced(value: &Value, text: &str) -> Value {
    match value {
        Value::String(_) => json!(text),
        Value::Array(items) => items.iter().map(|item| replaced(item, text)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, item)| (name.clone(), replaced(item, text)))
            .collect(),
        other => other.clone(),
    }
}

fn report(action: Action, text: &str) -> Value {
    let mut report = replaced(&typical(action), text);
    let fields = report.as_object_mut().unwrap();
    if let Some(scans) = fields.get_mut("scans").and_then(Value::as_object_mut) {
        let renamed: Map<_, _> = scans
            .values()
            .enumerate()
            .map(|(at, scan)| (format!("{text} {at}"), scan.clone()))
            .collect();
        *scans = renamed;
    }
    fields.insert(format!("{text} category"), json!({text: text}));
    fields.insert(text.to_owned(), json!(text));
    report
}

/// A text as long as that one is when written out, which is no hash, date or host name.
fn harmless(text: &str) -> String {
    let length = |character| match character {
        '\u{e0041}' => 9,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}' => 6,
        _ => 1,
    };
    "z".repeat(text.chars().map(length).sum())
}

/// How many elements of each kind the document has, with their attributes' names; and what else would betray a text that
/// was more than text.
const ELEMENTS: &str = "const tally = {}; for (const element of document.querySelectorAll('*')) { \
    const name = [element.tagName, ...element.getAttributeNames()].join(' '); tally[name] = (tally[name] ?? 0) + 1; } \
    return {tally, pwned: String(window.__pwned), loads: performance.getEntriesByType('resource').length};";

pub(crate) async fn no_text_becomes_markup_or_runs(browser: &Browser) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for action in ACTIONS {
        for (number, text) in TEXTS.into_iter().enumerate() {
            let text = text.replace("PORT", &port);
            let [hostile, harmless] = [&text, &harmless(&text)].map(|text| {
                let second = format!("{text}2");
                result(
                    action,
                    &[(text, report(action, text)), (&second, report(action, text))],
                )
                .to_string()
            });
            browser.open(&filled(action, &harmless, false)).await;
            let wanted = browser.js(ELEMENTS).await;
            assert_eq!(wanted["tally"]["SCRIPT"], 1);
            assert_eq!(
                (&wanted["pwned"], &wanted["loads"]),
                (&json!("undefined"), &json!(0))
            );
            let keeps_brackets = number % 2 == 0;
            let escaped = hostile.replace('<', "\\u003c");
            for (json, keeps_brackets) in [(&hostile, keeps_brackets), (&escaped, !keeps_brackets)] {
                browser.open(&filled(action, json, keeps_brackets)).await;
                // A dialog would make this fail too.
                assert_eq!(browser.js(ELEMENTS).await, wanted, "{action:?} {text:?}");
            }
            assert!(listener.accept().is_err(), "{action:?} {text:?} called home");
        }
    }
}

/// Nothing invisible or reordering is left anywhere, neither in texts nor in attributes.
const MISLEADING: &str = r"
const texts = [];
for (const element of document.querySelectorAll('main, main *')) {
  for (const name of element.getAttributeNames()) texts.push(element.getAttribute(name));
  for (const node of element.childNodes) if (node.nodeType === 3) texts.push(node.data);
}
return texts.filter((text) => /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text.replace(/[\n\t]/g, '')));
";

pub(crate) async fn misleading_characters_are_written_out(browser: &Browser) {
    for action in ACTIONS {
        for text in &TEXTS[11..14] {
            let name = format!("{text} invoice");
            browser
                .show(
                    action,
                    &result(
                        action,
                        &[(&name, report(action, text)), ("other", report(action, text))],
                    ),
                )
                .await;
            assert_eq!(browser.js(MISLEADING).await, json!([]), "{action:?} {text:?}");
        }
        browser
            .show(action, &result(action, &[("\u{202e}gpj.exe\0\u{7f}", json!({}))]))
            .await;
        assert_eq!(browser.texts("h2").await, ["\\u202egpj.exe␀␡"]);
        assert_eq!(
            browser
                .js("return getComputedStyle(document.querySelector('h2 bdi')).unicodeBidi")
                .await,
            "isolate"
        );
    }
    // Half a character can only come as an escape.
    browser
        .open(&filled(
            Action::ScanUrl,
            r#"[{"Entity": "a\ud800b", "EntityResult": {}}]"#,
            false,
        ))
        .await;
    assert_eq!(browser.texts("h2").await, ["a\\ud800b"]);
}

pub(crate) async fn huge_texts_are_shortened_and_open_on_demand(browser: &Browser) {
    let huge = "<b>".repeat(35_000);
    let scans =
        json!({&huge: {"detected": true, "result": huge, "version": "1"}, "small": {"detected": false}});
    let report = json!({"positives": 1, "total": 2, "scans": scans, "verbose_msg": huge});
    for action in [Action::ScanHash, Action::ScanUrl, Action::UploadAndScanFile] {
        browser
            .show(action, &result(action, &[(&huge, report.clone())]))
            .await;
        let length = browser
            .js("return document.querySelector('main').textContent.length")
            .await;
        assert!(length.as_u64().unwrap() < 3_000, "{length}");
        let titles = browser
            .js("return Array.from(document.querySelectorAll('[title]'), (e) => e.title.length)")
            .await;
        assert!(
            titles
                .as_array()
                .unwrap()
                .iter()
                .all(|length| length.as_u64().unwrap() <= 2_001),
            "{titles}"
        );
        browser.click("tbody .expand").await;
        assert!(browser.texts("tbody th").await[0].starts_with(&huge));
        browser.click("tbody .expand").await;
        assert!(browser.texts("tbody th").await[0].len() < 300);
        assert_eq!(browser.count("b").await, 0);
    }
}

pub(crate) async fn names_of_the_language_are_only_names(browser: &Browser) {
    let names = [
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "EntityResult",
        "length",
        "0",
    ];
    let scans: Map<_, _> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"detected": true, "result": name})))
        .collect();
    let report = json!({"scans": scans, "response_code": "constructor", "__proto__": {"positives": 77, "country": "X"}});
    for action in ACTIONS {
        let entities: Vec<_> = names.iter().map(|name| (*name, report.clone())).collect();
        browser.show(action, &result(action, &entities)).await;
        assert_eq!(browser.count(".card").await, names.len(), "{action:?}");
        let mut shown = browser.texts(".card h2").await;
        let mut wanted = names.map(str::to_owned).to_vec();
        shown.sort();
        wanted.sort();
        assert_eq!(shown, wanted, "{action:?}");
        let text = browser.texts("main").await.concat();
        assert!(
            !text.contains("77") && !text.contains("native code"),
            "{action:?}"
        );
    }
}
