//! Sorting, filtering and opening, by mouse and by keyboard.

use integration::Action;
use test_browser::Key;

use crate::browser::Browser;
use crate::page::{result, sample};

const ENGINES: &str = "[aria-label=Engines] tbody th";

async fn open(browser: &Browser) {
    browser
        .show(
            Action::ScanHash,
            &result(Action::ScanHash, &[("e", sample("file_report_eicar"))]),
        )
        .await;
}

async fn sorting(browser: &Browser) -> Vec<String> {
    let script = "return Array.from(document.querySelectorAll('[aria-label=Engines] th[aria-sort]'), \
                  (head) => head.textContent + ' ' + head.getAttribute('aria-sort'))";
    let found = browser.js(script).await;
    found
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

pub(crate) async fn columns_sort_by_click(browser: &Browser) {
    open(browser).await;
    assert_eq!(sorting(browser).await, ["Is malicious descending"]);
    browser.click("th:nth-child(1) button").await;
    assert_eq!(sorting(browser).await, ["Engine ascending"]);
    assert_eq!(
        browser.texts(ENGINES).await[..3],
        ["Babable", "BitDefender", "Bkav"]
    );
    browser.click("th:nth-child(1) button").await;
    assert_eq!(sorting(browser).await, ["Engine descending"]);
    assert_eq!(
        browser.texts(ENGINES).await[..3],
        ["Zoner", "Sophos", "MicroWorld-eScan"]
    );
    // Numbers in texts count as numbers, and rows without a value stay last both ways.
    browser.click("th:nth-child(4) button").await;
    let versions = browser.texts("td:nth-child(4)").await;
    assert_eq!(
        (versions[0].as_str(), versions[11].as_str()),
        ("0.101.1.0", "9107201")
    );
    for _ in 0..2 {
        browser.click("th:nth-child(5) button").await;
        assert_eq!(browser.texts(ENGINES).await[11], "Zoner");
    }
}

pub(crate) async fn columns_sort_by_keyboard(browser: &Browser) {
    open(browser).await;
    browser
        .type_into("th:nth-child(3) button", &Key::Enter.to_string())
        .await;
    assert_eq!(sorting(browser).await, ["Result ascending"]);
    browser.type_into("th:nth-child(3) button", " ").await;
    assert_eq!(sorting(browser).await, ["Result descending"]);
    // The heading is still the one that has the focus, and shows it.
    let outline = browser
        .js("return getComputedStyle(document.activeElement).outlineStyle")
        .await;
    assert_eq!(outline, "solid");
    assert_eq!(
        browser.js("return document.activeElement.textContent").await,
        "Result"
    );
}

pub(crate) async fn rows_are_filtered_by_text_and_by_detection(browser: &Browser) {
    open(browser).await;
    browser.type_into("input[type=search]", "eSeT").await;
    assert_eq!(browser.texts(ENGINES).await, ["ESET-NOD32"]);
    assert_eq!(browser.texts("output").await, ["1 of 12 shown"]);
    browser
        .type_into("input[type=search]", &Key::Backspace.to_string().repeat(4))
        .await;
    assert_eq!(browser.count(ENGINES).await, 12);
    browser.click("input[type=checkbox]").await;
    assert_eq!(browser.count(ENGINES).await, 10);
    browser.type_into("input[type=checkbox]", " ").await;
    assert_eq!(browser.count(ENGINES).await, 12);
    browser.type_into("input[type=search]", "no such engine").await;
    assert_eq!(browser.texts("output").await, ["0 of 12 shown"]);
    // Each field has a label that a click on it reaches too.
    let labelled =
        "return Array.from(document.querySelectorAll('input'), (field) => field.labels[0].textContent)";
    assert_eq!(
        browser.js(labelled).await,
        serde_json::json!(["Filter", "Only detections"])
    );
}

pub(crate) async fn cards_open_by_keyboard(browser: &Browser) {
    open(browser).await;
    assert_eq!(browser.count(".card[open]").await, 1);
    browser
        .type_into(".card > summary", &Key::Enter.to_string())
        .await;
    assert_eq!(browser.count(".card[open]").await, 0);
    browser.type_into(".card > summary", " ").await;
    assert_eq!(browser.count(".card[open]").await, 1);
}
