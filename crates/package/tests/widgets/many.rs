//! Results of several entities.

use integration::Action;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::page::{ACTIONS, result, sample, typical};

pub(crate) async fn the_worst_of_several_comes_first(browser: &Browser) {
    let report = |positives: u32, total: u32| json!({"positives": positives, "total": total, "scan_date": "2024-01-02 03:04:05"});
    let entities = [
        ("clean", report(0, 70)),
        ("unknown", sample("file_report_unknown")),
        ("worst", report(40, 70)),
        ("few", report(2, 70)),
        ("worse", report(40, 60)),
    ];
    for action in [Action::ScanHash, Action::ScanUrl, Action::UploadAndScanFile] {
        browser.show(action, &result(action, &entities)).await;
        let wanted = ["worse", "worst", "few", "clean", "unknown"];
        assert_eq!(browser.texts(".overview tbody th").await, wanted, "{action:?}");
        assert_eq!(browser.texts(".card h2").await, wanted, "{action:?}");
        let labels = browser.texts(".overview tbody .verdict").await;
        assert_eq!(
            labels,
            [
                "Detected",
                "Detected",
                "Few detections",
                "No detections",
                "Not known to VirusTotal"
            ]
        );
        assert_eq!(
            browser.texts(".head .quiet").await,
            ["5 reports, 3 with detections"]
        );
        assert_eq!(browser.count(".card[open]").await, 3);
    }
}

pub(crate) async fn a_thousand_entities_stay_light(browser: &Browser) {
    for action in ACTIONS {
        let names: Vec<_> = (0..1000).map(|number| format!("entity-{number}")).collect();
        let typical = typical(action);
        let entities: Vec<(&str, Value)> = names
            .iter()
            .map(|name| (name.as_str(), typical.clone()))
            .collect();
        browser.show(action, &result(action, &entities)).await;
        assert_eq!(
            browser.texts(".head .quiet").await,
            ["1000 reports, 1000 with detections"]
        );
        assert_eq!(browser.count(".overview tbody tr").await, 10);
        assert_eq!(browser.count(".card").await, 50);
        // Only the open ones have tables.
        assert_eq!(browser.count(".card[open]").await, 3);
        assert_eq!(browser.count(".card:not([open]) table").await, 0);
        assert_eq!(browser.count(".card > .body:not(:empty)").await, 3);
        let elements = browser.js("return document.querySelectorAll('*').length").await;
        assert!(elements.as_u64().unwrap() < 3_000, "{elements}");

        // The overview reaches each of them: its card is made, opened and takes the focus.
        browser.type_into(".overview input", "entity-777").await;
        browser.click(".overview tbody button").await;
        assert_eq!(
            browser
                .js("return document.activeElement.querySelector('h2').textContent")
                .await,
            "entity-777"
        );
        assert_eq!(browser.count(".card[open]").await, 4);
        assert!(browser.count(".card[open]:last-child table").await > 0);
        browser.click("main > .more").await;
        assert_eq!(browser.count(".card").await, 828);
    }
}
