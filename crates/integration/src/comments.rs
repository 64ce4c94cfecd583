//! Comments, where they are asked for: one more call per object.

use secops::Rows;
use virustotal::report::{FileReport, UrlReport};
use virustotal::{Error, Report};

use crate::Run;
use crate::lookup::Outcome;
use crate::render::table;
use crate::scan::Kind;

/// One page: what one call gives.
const MOST: usize = 25;

/// The comments of each outcome with a report, and what to tell about those that could not be had.
pub(crate) async fn fetch(
    kind: Kind,
    run: Run<'_>,
    outcomes: &[Outcome],
) -> (Vec<Option<Rows>>, Vec<String>) {
    let (mut tables, mut notices) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        let resource = outcome.report().and_then(|report| resource(kind, report));
        let comments = match resource {
            // One refusal is enough: it is about the key, the quota or the time, not about this object.
            Some(resource) if notices.is_empty() => run.client.comments(&resource, MOST, run.deadline).await,
            _ => Ok(Vec::new()),
        };
        tables.push(match comments {
            Ok(comments) => (!comments.is_empty()).then(|| table::comments(comments)),
            Err(error) => {
                notices.push(notice(&error));
                None
            }
        });
    }
    (tables, notices)
}

fn notice(error: &Error) -> String {
    format!("Comments were not fetched: {error}.")
}

/// What comments are asked by: a file's strongest hash, a URL's canonical form.
fn resource(kind: Kind, report: &Report) -> Option<String> {
    match kind {
        Kind::Hash => FileReport::hashes(report).into_iter().flatten().next(),
        Kind::Url => {
            let report = UrlReport::read(report);
            report.url.or(report.resource)
        }
    }
}
