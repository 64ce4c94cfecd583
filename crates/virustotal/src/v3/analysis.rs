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
    if let Some(hash) = object_of(id) {
        let subject = Subject {
            kind,
            text: hash.to_owned(),
        };
        return object::report(errand, &subject).await;
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
    finished(errand, kind, &answer, &analysis, item).await
}

/// The object of a finished analysis. Where it does not show the new results yet, the analysis' own are taken.
async fn finished(
    errand: &Errand<'_>,
    kind: Kind,
    answer: &Value,
    analysis: &Analysis,
    item: String,
) -> Result<Answer, Error> {
    let subject = Subject { kind, text: item };
    let mut found = match ask(errand, subject.endpoint(), Request::of(subject.path())).await {
        Ok(found) => found,
        Err(Error::Missing) => return Ok(Answer::Missing),
        Err(error) => return Err(error),
    };
    let object = found.get_mut("data").map(Value::take).unwrap_or_default();
    let shown = object
        .pointer("/attributes/last_analysis_date")
        .and_then(Value::as_i64);
    // Both are VirusTotal's own time; an object is written down a moment after its analysis began.
    let is_older = match (shown, analysis.date) {
        (Some(shown), Some(date)) => shown < date,
        (shown, _) => shown.is_none(),
    };
    if !is_older {
        return shaped(errand, &subject, object, &shape::Related::none());
    }
    let counting = counting(errand);
    // What else the object tells is shown all the same.
    let report = match kind {
        Kind::Url => shape::url(&object, &subject.text, counting),
        _ => shape::file(&object, &subject.text, counting),
    };
    let report = match report.map_err(unreadable)? {
        Shaped::Report(report) => report,
        Shaped::Queued => json!({"resource": subject.text}),
    };
    let data = answer.get("data").unwrap_or(&Value::Null);
    object::answer(&shape::with_analysis(report, data, counting), object)
}

/// The hash in an id of API v2, which API v3 does not know: `<sha256>-<time>`, or the hash alone.
fn object_of(id: &str) -> Option<&str> {
    let (hash, rest) = id.split_at_checked(64)?;
    let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_time = rest.is_empty()
        || rest
            .strip_prefix('-')
            .is_some_and(|time| time.bytes().all(|b| b.is_ascii_digit()));
    (is_hash && is_time).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::object_of;

    #[test]
    fn ids_of_api_v2_name_their_object() {
        let hash = "a".repeat(64);
        assert_eq!(object_of(&format!("{hash}-1549381312")), Some(hash.as_str()));
        assert_eq!(object_of(&hash), Some(hash.as_str()));
        for other in [
            format!("u-{hash}-1"),
            format!("{hash}-x"),
            "ZmlsZQ==".to_owned(),
            String::new(),
        ] {
            assert_eq!(object_of(&other), None, "{other}");
        }
    }
}
