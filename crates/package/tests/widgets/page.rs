//! How a result gets into a page, and what the page says when it gets none.

use integration::Action;
use package::widget;
use serde_json::{Value, json};

use crate::browser::Browser;

/// The actions that have a widget.
pub(crate) const ACTIONS: [Action; 7] = [
    Action::ScanHash,
    Action::ScanUrl,
    Action::ScanIp,
    Action::GetDomainReport,
    Action::UploadAndScanFile,
    Action::GetRelationships,
    Action::Search,
];

/// The widget's text after the platform put this text into it: with the placeholder's brackets kept or replaced.
pub(crate) fn filled(action: Action, text: &str, keeps_brackets: bool) -> String {
    let page = widget::html(action).unwrap();
    if keeps_brackets {
        page.replace("{stepInstanceName}.JsonResult", text)
    } else {
        page.replace("[{stepInstanceName}.JsonResult]", text)
    }
}

/// A result of these entities in the form of this action.
pub(crate) fn result(action: Action, entities: &[(&str, Value)]) -> Value {
    if action == Action::UploadAndScanFile {
        return entities
            .iter()
            .map(|(name, report)| ((*name).to_owned(), report.clone()))
            .collect();
    }
    entities
        .iter()
        .map(|(name, report)| json!({"EntityResult": report, "Entity": name}))
        .collect()
}

/// A sample report by name.
pub(crate) fn sample(name: &str) -> Value {
    let text = match name {
        "lists" => {
            let example = include_str!("../../content/examples/GetRelationships_JsonResult_example.json");
            let example: Value = serde_json::from_str(example).unwrap();
            return example[0]["EntityResult"].clone();
        }
        "domain_report" => include_str!("samples/v2_domain_report.json"),
        "domain_report_sparse" => include_str!("samples/v2_domain_report_sparse.json"),
        "domain_report_unknown" => include_str!("samples/v2_domain_report_unknown.json"),
        "file_report_benign_allinfo" => include_str!("samples/v2_file_report_benign_allinfo.json"),
        "file_report_eicar" => include_str!("samples/v2_file_report_eicar.json"),
        "file_report_queued" => include_str!("samples/v2_file_report_queued.json"),
        "file_report_unknown" => include_str!("samples/v2_file_report_unknown.json"),
        "file_report_uploaded" => include_str!("samples/v2_file_report_uploaded.json"),
        "ip_report" => include_str!("samples/v2_ip_report.json"),
        "ip_report_unknown" => include_str!("samples/v2_ip_report_unknown.json"),
        "url_report_clean" => include_str!("samples/v2_url_report_clean.json"),
        "url_report_malicious" => include_str!("samples/v2_url_report_malicious.json"),
        _ => panic!("no sample {name}"),
    };
    serde_json::from_str(text).unwrap()
}

/// An action's telling sample.
pub(crate) fn typical(action: Action) -> Value {
    sample(match action {
        Action::GetDomainReport => "domain_report",
        Action::ScanIp => "ip_report",
        Action::ScanUrl => "url_report_malicious",
        Action::GetRelationships | Action::Search => "lists",
        _ => "file_report_eicar",
    })
}

pub(crate) async fn no_reports_and_unreadable_results_are_said(browser: &Browser) {
    const UNREADABLE: &str = "The JSON result could not be read, so there is nothing to show here.";
    const NONE: &str = "There are no reports.";
    for action in ACTIONS {
        for text in ["[]", "{}", "", "null"] {
            for keeps_brackets in [true, false] {
                browser.open(&filled(action, text, keeps_brackets)).await;
                assert_eq!(
                    browser.texts("main").await,
                    [NONE],
                    "{action:?} {text:?} {keeps_brackets}"
                );
            }
        }
        for text in [
            "<b>no</b>",
            "[{\"Entity\": \"a",
            "{stepInstanceName}.JsonResult",
            "12",
            "\"text\"",
            "[1, 2]",
            "}{",
        ] {
            browser.open(&filled(action, text, false)).await;
            assert_eq!(browser.texts("main").await, [UNREADABLE], "{action:?} {text:?}");
            assert_eq!(browser.count("b").await, 0);
        }
    }
}

pub(crate) async fn text_behind_the_result_is_borne(browser: &Browser) {
    for tail in [
        "</body></html>",
        "\n</plaintext></body></html>\n",
        " <script>a[0] = {};</script>",
        "\u{feff}",
    ] {
        for action in ACTIONS {
            let result = result(action, &[("entity", typical(action))]).to_string();
            for keeps_brackets in [true, false] {
                browser
                    .open(&(filled(action, &result, keeps_brackets) + tail))
                    .await;
                assert_eq!(browser.count(".card").await, 1, "{action:?} {tail:?}");
                assert_eq!(browser.count("script").await, 1);
            }
        }
    }
}

/// As a page shows another page's text: in a frame that may run scripts and nothing else.
pub(crate) async fn a_sandboxed_frame_shows_it(browser: &Browser) {
    browser
        .open("<!DOCTYPE html><title>platform</title><iframe sandbox=allow-scripts height=400></iframe>")
        .await;
    let action = Action::ScanHash;
    let html = filled(
        action,
        &result(action, &[("entity", typical(action))]).to_string(),
        true,
    );
    let load = "const done = arguments[1]; const frame = document.querySelector('iframe'); \
                frame.addEventListener('load', () => done(true)); frame.srcdoc = arguments[0];";
    browser
        .client
        .execute_async(load, vec![json!(html)])
        .await
        .unwrap();
    browser.client.enter_frame(0).await.unwrap();
    assert_eq!(browser.texts(".card .verdict").await[0], "Detected");
    browser.client.enter_parent_frame().await.unwrap();
}
