//! Light and dark.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::page::{ACTIONS, result, sample, typical};

async fn background(browser: &Browser) -> Value {
    browser
        .js("return getComputedStyle(document.body).backgroundColor")
        .await
}

const LIGHT: &str = "rgb(243, 245, 248)";
const DARK: &str = "rgb(20, 23, 28)";

pub(crate) async fn the_system_s_preference_is_followed(browser: &Browser) {
    browser
        .show(ACTIONS[0], &result(ACTIONS[0], &[("e", typical(ACTIONS[0]))]))
        .await;
    for (scheme, colour) in [("dark", DARK), ("light", LIGHT)] {
        browser.prefer(scheme);
        assert_eq!(background(browser).await, colour);
    }
}

pub(crate) async fn a_message_changes_the_theme_and_others_do_not(browser: &Browser) {
    browser.prefer("light");
    let send =
        "const done = arguments[1]; window.postMessage(arguments[0], '*'); setTimeout(() => done(true), 20);";
    let known = [
        json!("dark"),
        json!(" DARK "),
        json!({"theme": "Dark"}),
        json!({"mode": "dark"}),
        json!({"data": {"theme": "dark-theme"}}),
        json!({"theme": "DarkMode"}),
        json!({"theme": 3, "mode": "dark"}),
    ];
    for message in known {
        browser.show(ACTIONS[0], &json!([])).await;
        browser
            .client
            .execute_async(send, vec![message.clone()])
            .await
            .unwrap();
        assert_eq!(background(browser).await, DARK, "{message}");
        browser
            .client
            .execute_async(send, vec![json!({"theme": "light"})])
            .await
            .unwrap();
        assert_eq!(background(browser).await, LIGHT);
    }
    browser.show(ACTIONS[0], &json!([])).await;
    for message in [
        json!("It is dark outside"),
        json!("<dark>"),
        json!(null),
        json!(1),
        json!(["dark"]),
        json!({"theme": {"dark": true}}),
        json!({"theme": "darkness"}),
        json!({"mode": "highlight"}),
        json!({"data": "dark"}),
        json!({"text": "dark"}),
    ] {
        browser
            .client
            .execute_async(send, vec![message.clone()])
            .await
            .unwrap();
        assert_eq!(
            browser
                .js("return document.documentElement.dataset.theme ?? null")
                .await,
            Value::Null,
            "{message}"
        );
    }
}

/// Every text's colour against what is painted below it: at least 4.5 to 1.
const LOW_CONTRAST: &str = r"
const pixel = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const luminance = (colours) => {
  pixel.clearRect(0, 0, 1, 1);
  for (const colour of colours) { pixel.fillStyle = colour; pixel.fillRect(0, 0, 1, 1); }
  const [r, g, b] = Array.from(pixel.getImageData(0, 0, 1, 1).data, (part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const low = [];
for (const element of document.querySelectorAll('main *')) {
  const own = Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.data.trim() !== '');
  if (!own || element.getClientRects().length === 0) continue;
  const below = [];
  for (let at = element; at !== null; at = at.parentElement) below.unshift(getComputedStyle(at).backgroundColor);
  const style = getComputedStyle(element);
  const text = element instanceof SVGElement ? style.fill : style.color;
  const [a, b] = [luminance(below), luminance([...below, text])].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) low.push(`${element.tagName} ${element.textContent}: ${ratio}`);
}
return low;
";

pub(crate) async fn text_stands_out_in_both_themes(browser: &Browser) {
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for action in ACTIONS {
            let few = json!({"positives": 2, "total": 60, "response_code": 1,
                "detected_urls": [{"url": "a", "positives": 2, "total": 60}]});
            let unknown = sample("file_report_unknown");
            let result = result(action, &[("a", typical(action)), ("b", few), ("c", unknown)]);
            browser.show(action, &result).await;
            assert_eq!(browser.js(LOW_CONTRAST).await, json!([]), "{action:?} {scheme}");
        }
    }
    browser.prefer("light");
}
