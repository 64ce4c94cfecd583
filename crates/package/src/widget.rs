//! The result widgets: a page for each action, in which the platform shows the action's JSON result.
//!
//! A page is one file that loads nothing. The platform puts the result as text, unescaped, where the placeholder
//! stands, and the texts of a report are whatever strangers wrote; so the placeholder comes last, in an element that an
//! HTML parser never leaves, and the script takes the text from there.

use integration::Action;

const PAGE: &str = include_str!("../widgets/page.html");
const STYLE: &str = include_str!("../widgets/style.css");
const SCRIPT: &str = include_str!("../widgets/widget.js");

/// The page of an action's widget; `None` for an action whose JSON result is nothing to look at, or that has none.
#[must_use]
pub fn html(action: Action) -> Option<String> {
    let part = match action {
        Action::Ping | Action::AddComment | Action::AddVote | Action::DownloadFile => return None,
        Action::GetDomainReport => include_str!("../widgets/get_domain_report.js"),
        Action::ScanHash => include_str!("../widgets/scan_hash.js"),
        Action::ScanIp => include_str!("../widgets/scan_ip.js"),
        Action::ScanUrl => include_str!("../widgets/scan_url.js"),
        Action::UploadAndScanFile => include_str!("../widgets/upload_and_scan_file.js"),
        Action::GetRelationships => concat!(
            include_str!("../widgets/lists.js"),
            include_str!("../widgets/get_relationships.js")
        ),
        Action::Search => concat!(
            include_str!("../widgets/lists.js"),
            include_str!("../widgets/search.js")
        ),
    };
    let page = PAGE
        .replace("@title@", action.definition().name)
        .replace("@style@", STYLE)
        .replace("@script@", SCRIPT)
        .replace("@action@", part);
    Some(page.trim_end().to_owned())
}
