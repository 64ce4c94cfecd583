//! What the files themselves promise, without a browser.

use integration::Action;
use package::widget;

use crate::page::ACTIONS;

const PLACEHOLDER: &str = "[{stepInstanceName}.JsonResult]";

fn pages() -> Vec<(Action, String)> {
    ACTIONS
        .into_iter()
        .map(|action| (action, widget::html(action).unwrap()))
        .collect()
}

#[test]
fn every_action_with_a_json_result_has_a_page_of_its_name() {
    assert_eq!(widget::html(Action::Ping), None);
    let with_page = Action::ALL
        .into_iter()
        .filter(|action| widget::html(*action).is_some())
        .count();
    assert_eq!(with_page, ACTIONS.len());
    for (action, page) in pages() {
        let name = action.definition().name;
        assert!(
            page.contains(&format!("<title>VirusTotal: {name}</title>")),
            "{name}"
        );
        assert!(page.contains(&format!("title: \"{name}\"")), "{name}");
        for token in ["@title@", "@style@", "@script@", "@action@"] {
            assert!(!page.contains(token), "{name}: {token}");
        }
    }
}

#[test]
fn the_placeholder_stands_once_and_last_in_the_element_without_an_end() {
    for (action, page) in pages() {
        assert_eq!(page.matches("stepInstanceName").count(), 1, "{action:?}");
        assert_eq!(page.matches("JsonResult").count(), 1, "{action:?}");
        assert!(
            page.ends_with(&format!("\n<plaintext hidden>{PLACEHOLDER}")),
            "{action:?}"
        );
        assert_eq!(page.matches("<plaintext").count(), 1, "{action:?}");
        assert_eq!(page.matches("<script").count(), 1, "{action:?}");
        assert_eq!(page.matches("</script").count(), 1, "{action:?}");
        assert_eq!(page.matches("<!--").count(), 1, "{action:?}");
    }
}

#[test]
fn the_policy_comes_first_and_lets_nothing_out() {
    for (action, page) in pages() {
        let head = page.split_once("<head>").unwrap().1.trim_start();
        let policy = head.split_once('>').unwrap().0;
        assert!(
            policy.starts_with("<meta http-equiv=\"Content-Security-Policy\""),
            "{action:?}"
        );
        for rule in [
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "img-src data:",
        ] {
            assert!(policy.contains(rule), "{action:?}: {rule}");
        }
    }
}

#[test]
fn addresses_are_the_web_site_s_prefix_and_the_name_of_svg_only() {
    for (action, page) in pages() {
        let rest = page
            .replace("\"https://www.virustotal.com/gui/\"", "")
            .replace("\"http://www.w3.org/2000/svg\"", "")
            .replace("\"https:\"", "");
        for word in ["http:", "https:", "//cdn", "url(", "@import", "src="] {
            assert!(!rest.contains(word), "{action:?}: {word}");
        }
    }
}

#[test]
fn nothing_turns_text_into_markup_or_code() {
    for (action, page) in pages() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "createContextualFragment",
            "setHTML",
            "eval",
            "Function(",
            "setTimeout",
            "localStorage",
            "cookie",
            "fetch(",
            "XMLHttpRequest",
            "import(",
            "onerror=",
            "onclick=",
        ] {
            assert!(!page.contains(word), "{action:?}: {word}");
        }
    }
}

#[test]
fn the_script_stays_readable() {
    let lines = include_str!("../../widgets/widget.js").lines().count();
    assert!(lines < 400, "{lines} lines");
}
