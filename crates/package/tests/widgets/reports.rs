//! What a report shows.

use integration::Action;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::page::{ACTIONS, filled, result, sample, typical};

struct Case(Action, &'static str, &'static str, &'static str);

const CASES: [Case; 14] = [
    Case(
        Action::ScanHash,
        "file_report_eicar",
        "Detected",
        "10 of 12 engines flag it",
    ),
    Case(
        Action::ScanHash,
        "file_report_benign_allinfo",
        "No detections",
        "0 of 12 engines flag it",
    ),
    Case(
        Action::ScanHash,
        "file_report_unknown",
        "Not known to VirusTotal",
        "",
    ),
    Case(Action::ScanHash, "file_report_queued", "Still queued", ""),
    Case(
        Action::ScanUrl,
        "url_report_malicious",
        "Detected",
        "5 of 12 engines flag it",
    ),
    Case(
        Action::ScanUrl,
        "url_report_clean",
        "No detections",
        "0 of 12 engines flag it",
    ),
    Case(
        Action::ScanIp,
        "ip_report",
        "Detected",
        "30 of 71 engines flag a communicating sample",
    ),
    Case(Action::ScanIp, "ip_report_unknown", "Not known to VirusTotal", ""),
    Case(
        Action::GetDomainReport,
        "domain_report",
        "Detected",
        "30 of 70 engines flag a communicating sample",
    ),
    Case(Action::GetDomainReport, "domain_report_sparse", "No verdict", ""),
    Case(
        Action::GetDomainReport,
        "domain_report_unknown",
        "Not known to VirusTotal",
        "",
    ),
    Case(
        Action::UploadAndScanFile,
        "file_report_uploaded",
        "No detections",
        "0 of 12 engines flag it",
    ),
    Case(
        Action::UploadAndScanFile,
        "file_report_eicar",
        "Detected",
        "10 of 12 engines flag it",
    ),
    Case(
        Action::UploadAndScanFile,
        "file_report_queued",
        "Still queued",
        "",
    ),
];

pub(crate) async fn every_sample_shows_its_verdict_in_every_form(browser: &Browser) {
    for Case(action, name, label, sentence) in CASES {
        let text = result(action, &[("C:\\temp\\the <entity>", sample(name))]).to_string();
        for keeps_brackets in [true, false] {
            for text in [text.clone(), text.replace('<', "\\u003c")] {
                browser.open(&filled(action, &text, keeps_brackets)).await;
                assert_eq!(
                    browser.texts(".card h2").await,
                    ["C:\\temp\\the <entity>"],
                    "{name}"
                );
                assert_eq!(
                    browser.texts(".card .line").await,
                    [format!("{label}{sentence}")],
                    "{name}"
                );
                let drawn = browser
                    .js("return document.querySelector('.donut').getAttribute('aria-label')")
                    .await;
                assert_eq!(
                    drawn,
                    if sentence.is_empty() { label } else { sentence },
                    "{name}"
                );
                assert_eq!(browser.count("h1").await, 1);
            }
        }
    }
}

pub(crate) async fn engines_are_all_there_detections_first(browser: &Browser) {
    for Case(action, name, ..) in CASES {
        let report = sample(name);
        let Some(scans) = report["scans"].as_object() else {
            continue;
        };
        browser
            .show(action, &result(action, &[("entity", report.clone())]))
            .await;
        let mut shown = browser.texts("[aria-label=Engines] tbody th").await;
        let marks = browser.texts("[aria-label=Engines] tbody td:nth-child(2)").await;
        let detected = scans.values().filter(|scan| scan["detected"] == true).count();
        let wanted =
            std::iter::repeat_n("⚠ Yes", detected).chain(std::iter::repeat_n("✓ No", scans.len() - detected));
        assert_eq!(marks, wanted.collect::<Vec<_>>(), "{name}");
        let mut engines: Vec<_> = scans.keys().cloned().collect();
        engines.sort();
        shown.sort();
        assert_eq!(shown, engines, "{name}");
        if let Some(date) = report["scan_date"].as_str() {
            let line = browser.texts(".card summary .quiet").await.concat();
            assert!(
                line.starts_with(&format!("Scanned {date} UTC (")),
                "{name}: {line}"
            );
        }
    }
    browser
        .show(
            Action::ScanHash,
            &result(Action::ScanHash, &[("e", sample("file_report_eicar"))]),
        )
        .await;
    let heads = browser.texts("[aria-label=Engines] thead th").await;
    assert_eq!(
        heads,
        ["Engine", "Is malicious", "Result", "Version", "Last analysis"]
    );
    assert!(
        browser
            .texts("td:last-child")
            .await
            .contains(&"2018-09-18".to_owned())
    );
}

pub(crate) async fn an_address_shows_its_resolutions_and_what_was_detected(browser: &Browser) {
    browser
        .show(
            Action::ScanIp,
            &result(Action::ScanIp, &[("198.51.100.7", sample("ip_report"))]),
        )
        .await;
    assert_eq!(
        browser.texts("h3").await,
        ["Resolutions", "Detected URLs", "Detected samples"]
    );
    assert_eq!(
        browser.texts("table[aria-label=Resolutions] tbody th").await,
        ["host-7.example.com", "malicious.example"]
    );
    let samples = browser
        .texts("table[aria-label='Detected samples'] tbody td:nth-child(3)")
        .await;
    assert_eq!(samples, ["30 of 71", "24 of 59", "6 of 57"]);
    let facts = browser.texts(".facts").await.concat();
    for fact in [
        "CountryUS",
        "198.51.100.0/24",
        "Example, Inc., AS64500",
        "1 URL, 1 communicating sample, ",
    ] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
    let link = browser.js("return document.querySelector('.body a').href").await;
    assert_eq!(link, "https://www.virustotal.com/gui/ip-address/198.51.100.7");
}

pub(crate) async fn a_domain_shows_its_categories_and_whois(browser: &Browser) {
    let action = Action::GetDomainReport;
    browser
        .show(
            action,
            &result(action, &[("jane@example.co.in", sample("domain_report"))]),
        )
        .await;
    let facts = browser.texts(".facts").await.concat();
    for fact in [
        "BitDefender category",
        "searchengines, search engines and portals",
        "Verdict: safe",
        "www.example.co.in",
    ] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
    assert!(
        browser
            .texts(".long")
            .await
            .concat()
            .contains("Name Server: NS1.EXAMPLE.COM\n")
    );
    let link = browser.js("return document.querySelector('.body a').href").await;
    assert_eq!(link, "https://www.virustotal.com/gui/domain/example.co.in");
}

/// Every field of every sample, each in turn replaced by each of these: all as entities of one page.
pub(crate) async fn fields_may_be_absent_null_or_of_another_type(browser: &Browser) {
    let deep = (0..200).fold(json!("end"), |inside, _| json!([{ "a": inside }]));
    let odd = [
        json!(null),
        json!(""),
        json!("text"),
        json!(-1.5),
        json!(1e300),
        json!(true),
        json!([]),
        json!([null, 1, "two", [3], {"four": null}]),
        json!({}),
        json!({"a": null, "b": [1], "detected": {}}),
        deep,
    ];
    for action in ACTIONS {
        let mut reports = odd.to_vec();
        let typical = typical(action);
        for (field, value) in typical.as_object().unwrap() {
            for odd in &odd {
                let mut report = typical.clone();
                report[field] = odd.clone();
                reports.push(report);
                // The same one level below.
                let mut report = typical.clone();
                match value {
                    Value::Array(items) => report[field] = items.iter().map(|_| odd.clone()).collect(),
                    Value::Object(items) => {
                        report[field] = items.keys().map(|name| (name.clone(), odd.clone())).collect();
                    }
                    _ => continue,
                }
                reports.push(report);
            }
            let mut report = typical.clone();
            report.as_object_mut().unwrap().remove(field);
            reports.push(report);
        }
        let names: Vec<_> = (0..reports.len())
            .map(|number| format!("entity {number}"))
            .collect();
        let entities: Vec<_> = names.iter().map(String::as_str).zip(reports).collect();
        browser.show(action, &result(action, &entities)).await;
        browser.js("while (!document.querySelector('main > .more').hidden) document.querySelector('main > .more').click();").await;
        browser
            .js("for (const card of document.querySelectorAll('.card')) card.open = true;")
            .await;
        // Cards fill when the browser tells that they opened, which is a moment later.
        let filled = "const done = arguments[0]; const look = () => document.querySelector('.card > .body:empty') \
                      ? setTimeout(look, 10) : done(true); look();";
        browser.client.execute_async(filled, Vec::new()).await.unwrap();
        assert_eq!(browser.count(".card").await, entities.len(), "{action:?}");
        let text = browser.texts("main").await.concat();
        for slip in [
            "could not be shown",
            "undefined",
            "NaN",
            "null",
            "[object",
            "Infinity",
        ] {
            assert!(!text.contains(slip), "{action:?}: {slip}");
        }
    }
}

pub(crate) async fn only_pages_of_virustotal_are_linked(browser: &Browser) {
    let addresses = [
        ("https://www.virustotal.com/gui/url/1", true),
        ("https://virustotal.com/x", true),
        ("https://VirusTotal.com:443/x", true),
        ("http://www.virustotal.com/x", false),
        ("https://www.virustotal.com:8443/x", false),
        ("https://www.virustotal.com.evil.example/x", false),
        ("https://www.virustotal.com@evil.example/x", false),
        ("https://user:word@www.virustotal.com/x", false),
        ("https://evil.example/www.virustotal.com", false),
        ("https://www.virustotal.com\\@evil.example/", true),
        ("//www.virustotal.com/x", false),
        ("javascript:alert(1)//https://www.virustotal.com/", false),
        ("data:text/html,https://www.virustotal.com/", false),
        ("", false),
    ];
    for (address, linked) in addresses {
        let report = json!({"positives": 1, "total": 2, "permalink": address});
        browser
            .show(Action::ScanUrl, &result(Action::ScanUrl, &[("entity", report)]))
            .await;
        let links = browser
            .js("return Array.from(document.links, (a) => [new URL(a.href).protocol + new URL(a.href).host, a.target, a.rel])")
            .await;
        let links = links.as_array().unwrap();
        assert_eq!(links.len(), usize::from(linked), "{address}");
        for link in links {
            assert!(
                link[0] == "https:www.virustotal.com" || link[0] == "https:virustotal.com",
                "{address}: {link}"
            );
            assert_eq!(
                (&link[1], &link[2]),
                (&json!("_blank"), &json!("noopener noreferrer"))
            );
        }
    }
}
