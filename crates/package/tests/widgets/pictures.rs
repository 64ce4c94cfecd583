//! How it looks.

use std::path::PathBuf;

use integration::Action;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::page::{ACTIONS, result, sample, typical};

/// What an analyst may meet: one or several entities, and one with a long name.
fn results(action: Action) -> Vec<(&'static str, Value)> {
    let few = json!({"response_code": 1, "positives": 2, "total": 68, "scan_date": "2024-05-06 07:08:09",
        "scans": {"Fortinet": {"detected": true, "result": "phishing site"}},
        "detected_urls": [{"url": "http://shop.example/", "positives": 2, "total": 68, "scan_date": "2024-05-06 07:08:09"}]});
    let long = format!("http://example.com/{}end", "a-long-path/".repeat(60));
    let unknown = sample("file_report_unknown");
    let name = match action {
        Action::ScanIp => "198.51.100.7",
        Action::GetDomainReport => "example.co.in",
        Action::ScanUrl => "http://malicious.example/payload.php",
        Action::ScanHash => "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
        _ => "/home/analyst/samples/eicar.com",
    };
    let clean = sample(match action {
        Action::ScanUrl => "url_report_clean",
        Action::ScanIp => "ip_report_unknown",
        Action::GetDomainReport => "domain_report_sparse",
        _ => "file_report_benign_allinfo",
    });
    vec![
        ("one", result(action, &[(name, typical(action))])),
        (
            "several",
            result(
                action,
                &[
                    ("clean", clean),
                    ("unknown", unknown),
                    (&long, few),
                    (name, typical(action)),
                ],
            ),
        ),
    ]
}

pub(crate) async fn nothing_is_wider_than_the_window(browser: &Browser) {
    for action in ACTIONS {
        for (which, result) in results(action) {
            for width in [320, 480, 1400] {
                browser.size(width, 400);
                browser.show(action, &result).await;
                let wide = browser.js("return document.documentElement.scrollWidth").await;
                assert!(
                    wide.as_u64().unwrap() <= u64::from(width),
                    "{action:?} {which}: {wide} at {width}"
                );
            }
        }
    }
    browser.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));
}

/// For people to look at: PNG files in the folder that `VTSECOPS_SCREENSHOTS` names.
pub(crate) async fn every_action_in_both_themes_and_widths(browser: &Browser) {
    let Some(folder) = std::env::var_os("VTSECOPS_SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&folder).unwrap();
    for action in ACTIONS {
        let script = action.definition().script;
        for (which, result) in results(action) {
            for scheme in ["light", "dark"] {
                for width in [320, 1000] {
                    browser.prefer(scheme);
                    browser.size(width, 400);
                    browser.show(action, &result).await;
                    let height = browser.js("return document.documentElement.scrollHeight").await;
                    browser.size(width, u32::try_from(height.as_u64().unwrap()).unwrap());
                    let picture = browser.client.screenshot().await.unwrap();
                    std::fs::write(
                        folder.join(format!("{script}-{which}-{scheme}-{width}.png")),
                        picture,
                    )
                    .unwrap();
                }
            }
        }
    }
    browser.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));
    browser.prefer("light");
}
