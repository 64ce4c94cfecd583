//! Analyses under way: looked at by their ids until they are complete, then the object tells the rest.

use serde_json::{Value, json};

use super::object::{self, Subject, counting, shaped, unreadable};
use super::shape::{self, Analysis, AnalysisStatus, Shaped};
use super::{ANALYSES, Request, ask, escaped};
use crate::cache::Kind;
use crate::transport::Errand;
use crate::{Answer, Error};

/// The report of an analysis, by what its submission gave as id: API v3's, API v2's of an earlier run, or a hash.
pub(crate) async fn poll(errand: &Errand<'_>, kind: Kind, id: &str) -> Result<Answer, Error> {
    if let Some((hash, began)) = object_of(id) {
        let subject = Subject {
            kind,
            text: hash.to_owned(),
        };
        let answer = object::report_as(errand, &subject, id).await?;
        return Ok(match (&answer, began) {
            (Answer::Found(report), Some(began)) if is_older(&report.object(), began) => Answer::Queued {
                scan_id: Some(id.to_owned()),
            },
            _ => answer,
        });
    }
    let question = Request::of(format!("analyses/{}", escaped(id)));
    let answer = match ask(errand, &ANALYSES, question).await {
        Ok(answer) => answer,
        Err(Error::Missing) => return Ok(Answer::Missing),
        Err(error) => return Err(error),
    };
    let analysis = Analysis::read(&answer);
    let is_complete = analysis.status == AnalysisStatus::Completed;
    let item = analysis.item.clone().map(|(_, id)| id);
    let Some(item) = item.filter(|_| is_complete) else {
        return match is_complete {
            true => Err(unreadable("the analysis does not tell of what it is".to_owned())),
            false => Ok(Answer::Queued {
                scan_id: Some(id.to_owned()),
            }),
        };
    };
    let subject = Subject { kind, text: item };
    finished(errand, &subject, id, &answer, &analysis).await
}

/// The object of a finished analysis. Where it does not show the new results yet, the analysis' own are taken.
async fn finished(
    errand: &Errand<'_>,
    subject: &Subject,
    id: &str,
    answer: &Value,
    analysis: &Analysis,
) -> Result<Answer, Error> {
    let mut found = match ask(errand, subject.endpoint(), Request::of(subject.path())).await {
        Ok(found) => found,
        Err(Error::Missing) => return Ok(Answer::Missing),
        Err(error) => return Err(error),
    };
    let object = found.get_mut("data").map(Value::take);
    // Both are VirusTotal's own time; an object is written down a moment after its analysis began.
    let is_new = !is_older(&object, analysis.date.unwrap_or(i64::MIN));
    let object = object.unwrap_or_default();
    if is_new {
        return shaped(errand, subject.kind, id, object, &shape::Related::none());
    }
    let counting = counting(errand);
    // What else the object tells is shown all the same.
    let report = match subject.kind {
        Kind::Url => shape::url(&object, id, counting),
        _ => shape::file(&object, id, counting),
    };
    let report = match report.map_err(unreadable)? {
        Shaped::Report(report) => report,
        Shaped::Queued => json!({"resource": id}),
    };
    let data = answer.get("data").unwrap_or(&Value::Null);
    object::answer(&shape::with_analysis(report, data, counting), object)
}

/// Whether an object does not show an analysis of that time, or a newer one.
fn is_older(object: &Option<Value>, than: i64) -> bool {
    let shown = object
        .as_ref()
        .and_then(|object| object.pointer("/attributes/last_analysis_date"))
        .and_then(Value::as_i64);
    shown.is_none_or(|shown| shown < than)
}

/// The hash in an id of API v2, which API v3 does not know, and when its analysis began: `<sha256>-<time>`, or the hash
/// alone.
pub(crate) fn object_of(id: &str) -> Option<(&str, Option<i64>)> {
    let (hash, rest) = id.split_at_checked(64)?;
    let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let began = match rest.strip_prefix('-') {
        Some(time) => Some(time.parse().ok().filter(|time| *time >= 0)?),
        None if rest.is_empty() => None,
        None => return None,
    };
    is_hash.then_some((hash, began))
}

#[cfg(test)]
mod tests {
    use super::object_of;

    #[test]
    fn ids_of_api_v2_name_their_object_and_its_time() {
        let hash = "a".repeat(64);
        assert_eq!(
            object_of(&format!("{hash}-1549381312")),
            Some((hash.as_str(), Some(1_549_381_312)))
        );
        assert_eq!(object_of(&hash), Some((hash.as_str(), None)));
        for other in [
            format!("u-{hash}-1"),
            format!("{hash}-x"),
            format!("{hash}--1"),
            format!("{hash}-"),
            "ZmlsZQ==".to_owned(),
            String::new(),
        ] {
            assert_eq!(object_of(&other), None, "{other}");
        }
    }
}
