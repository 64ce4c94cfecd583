//! Analyses: what they looked at, how far they are, and what they found. Source: API v3, section 5.1; the mapping,
//! section 7.

mod id;

use serde_json::Value;

use super::draft::{self, Draft};
use super::engines::{self, OF_ANALYSIS};
use super::{Counting, Kind, attribute, dates, file, url};
pub(crate) use id::scan_id_of_analysis;

/// How far an analysis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum AnalysisStatus {
    /// Not begun.
    Queued,
    /// Under way; some engines may have answered.
    InProgress,
    /// Done.
    Completed,
    /// Unheard of, or not said: as in the answer to a submission.
    #[default]
    Other,
}

/// An analysis, as far as it says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Analysis {
    /// Opaque; empty where it isn't said.
    pub(crate) id: String,
    /// How far it is.
    pub(crate) status: AnalysisStatus,
    /// Seconds since 1970, UTC.
    pub(crate) date: Option<i64>,
    /// What it looks at: a file or a URL, by its SHA-256.
    pub(crate) item: Option<(Kind, String)>,
    /// Of a file.
    pub(crate) md5: Option<String>,
    /// Of a file.
    pub(crate) sha1: Option<String>,
    /// Of a URL: the canonical form.
    pub(crate) url: Option<String>,
}

impl Analysis {
    /// Reads what is there.
    ///
    /// `answer` is the whole answer, whose `meta` names the object, or the value of `data`.
    pub(crate) fn read(answer: &Value) -> Self {
        let nothing = Value::Null;
        let object = object_of(answer);
        let attributes = object.get("attributes").unwrap_or(&nothing);
        let meta = |name: &str| answer.get("meta")?.get(name);
        let file_info = meta("file_info").unwrap_or(&nothing);
        let url_info = meta("url_info").unwrap_or(&nothing);
        let own = |name| attribute::text(file_info, name).map(str::to_owned);
        let id = attribute::text(object, "id").unwrap_or_default();
        Self {
            id: id.to_owned(),
            status: status(attributes),
            date: dates::epoch(attributes, "date"),
            item: file_item(file_info)
                .or_else(|| url_item(url_info))
                .or_else(|| linked_item(object))
                .or_else(|| related_item(object))
                .or_else(|| id::item_in(id)),
            md5: own("md5"),
            sha1: own("sha1"),
            url: attribute::text(url_info, "url").map(str::to_owned),
        }
    }

    /// API v2's id of the analysis; `None` until what it looks at and its time are known.
    #[cfg_attr(
        not(any(test, feature = "fuzzing")),
        expect(dead_code, reason = "for the actions that will ask for it")
    )]
    pub(crate) fn scan_id(&self) -> Option<String> {
        let object = self.item.as_ref().map(|(_, id)| id.as_str());
        scan_id_of_analysis(&self.id, object).or_else(|| Some(format!("{}-{}", object?, self.date?)))
    }
}

/// The value of `data`, or what was given as such.
fn object_of(answer: &Value) -> &Value {
    answer.get("data").unwrap_or(answer)
}

fn status(attributes: &Value) -> AnalysisStatus {
    match attribute::text(attributes, "status") {
        Some("queued") => AnalysisStatus::Queued,
        Some("in-progress") => AnalysisStatus::InProgress,
        Some("completed") => AnalysisStatus::Completed,
        _ => AnalysisStatus::Other,
    }
}

fn file_item(file_info: &Value) -> Option<(Kind, String)> {
    Some((Kind::File, attribute::sha256(file_info, "sha256")?))
}

fn url_item(url_info: &Value) -> Option<(Kind, String)> {
    Some((Kind::Url, attribute::sha256(url_info, "id")?))
}

/// The link to the object, such as `https://…/files/<sha256>` (unconfirmed).
fn linked_item(object: &Value) -> Option<(Kind, String)> {
    let mut parts = attribute::text(object.get("links")?, "item")?.rsplit('/');
    let id = attribute::as_sha256(parts.next()?)?;
    Some((of_kind(parts.next()?)?, id))
}

fn related_item(object: &Value) -> Option<(Kind, String)> {
    let item = object.get("relationships")?.get("item")?.get("data")?;
    Some((
        of_kind(attribute::text(item, "type")?)?,
        attribute::sha256(item, "id")?,
    ))
}

fn of_kind(name: &str) -> Option<Kind> {
    match name {
        "file" | "files" => Some(Kind::File),
        "url" | "urls" => Some(Kind::Url),
        _ => None,
    }
}

/// A report with what a completed analysis found in place of what an older one did.
///
/// For an object that doesn't show the analysis yet. `report` is in API v2's shape: the object's, or an empty object
/// where it has none. `analysis` is the whole answer, or the value of `data`. The report comes back as it was when
/// the analysis isn't complete, lists no engine, looked at another object, or is older than the report.
pub(crate) fn with_analysis(report: Value, analysis: &Value, counting: Counting) -> Value {
    renewed(&report, analysis, counting).unwrap_or(report)
}

fn renewed(report: &Value, answer: &Value, counting: Counting) -> Option<Value> {
    let analysis = Analysis::read(answer);
    let attributes = object_of(answer).get("attributes")?;
    if analysis.status != AnalysisStatus::Completed || !engines::has_results(attributes, "results") {
        return None;
    }
    let named = object_in(report);
    let (kind, id) = analysis.item.clone().or_else(|| named.clone())?;
    if named.is_some_and(|named| named != (kind, id.clone())) {
        return None;
    }
    let began = id::time_in(&analysis.id).or(analysis.date)?;
    let date = analysis.date.unwrap_or(began);
    // Both are in the form whose order is that of time.
    if attribute::text(report, "scan_date")
        .is_some_and(|shown| Some(shown.to_owned()) > dates::in_words(date))
    {
        return None;
    }
    let mut draft = Draft::from_report(report);
    match kind {
        Kind::File => {
            draft.mark_found(file::REMARK);
            file::put_scan(&mut draft, Some(&id), began, date);
            draft.put_missing("md5", analysis.md5);
            draft.put_missing("sha1", analysis.sha1);
        }
        Kind::Url => {
            draft.mark_found(url::REMARK);
            url::put_scan(&mut draft, Some(&id), began, date);
            draft.put_missing("url", analysis.url);
        }
    }
    engines::put_scans(&mut draft, attributes, OF_ANALYSIS, kind, counting);
    Some(draft.into_report(match kind {
        Kind::File => draft::FILE,
        Kind::Url => draft::URL,
    }))
}

/// What a report is about.
fn object_in(report: &Value) -> Option<(Kind, String)> {
    if report.get("filescan_id").is_some() || report.get("url").is_some() {
        let (id, _) = attribute::text(report, "scan_id")?.split_once('-')?;
        return Some((Kind::Url, attribute::as_sha256(id)?));
    }
    Some((Kind::File, attribute::sha256(report, "sha256")?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Analysis, AnalysisStatus, Kind, with_analysis};
    use crate::v3::shape::golden::sample;
    use crate::v3::shape::{Counting, Shaped, file, url};

    const BENIGN: &str = "e19b64788136e1791b9ccf6d21d48ce1f5da4897a8cf2114a34f25cbb0e74ebe";
    const MALICIOUS: &str = "49813d1795c3a7e90534570f77219c948586a87e3566d403a76a7c9182c6586d";

    #[test]
    fn every_status_is_read_with_its_hyphen() {
        let read = |name| Analysis::read(&sample(name)).status;
        assert_eq!(read("v3_analysis_file_queued"), AnalysisStatus::Queued);
        assert_eq!(read("v3_analysis_file_in_progress"), AnalysisStatus::InProgress);
        assert_eq!(read("v3_analysis_file_completed"), AnalysisStatus::Completed);
        assert_eq!(read("v3_post_files"), AnalysisStatus::Other);
        let unheard = json!({"data": {"attributes": {"status": "in_progress"}}});
        assert_eq!(Analysis::read(&unheard).status, AnalysisStatus::Other);
    }

    #[test]
    fn what_it_looks_at_is_found_wherever_it_is_said() {
        let answer = sample("v3_analysis_file_queued");
        let file = Some((Kind::File, BENIGN.to_owned()));
        let analysis = Analysis::read(&answer);
        assert_eq!(analysis.item, file);
        assert_eq!(analysis.md5.as_deref(), Some("e04378820e3ef89a2c064ef7a315581c"));
        assert_eq!(analysis.date, Some(1_549_382_150));
        assert_eq!(Analysis::read(&answer["data"]).item, file);
        let related = json!({"id": "x", "relationships": {"item": {"data": {"type": "file", "id": BENIGN}}}});
        assert_eq!(Analysis::read(&related).item, file);
        let url = Some((Kind::Url, MALICIOUS.to_owned()));
        assert_eq!(Analysis::read(&sample("v3_analysis_url_queued")).item, url);
        assert_eq!(Analysis::read(&sample("v3_post_urls")).item, url);
        assert_eq!(Analysis::read(&sample("v3_post_files")).item, None);
    }

    #[test]
    fn the_scan_id_comes_from_the_id_else_from_the_date() {
        let mut answer = sample("v3_analysis_file_queued");
        let expected = Some(format!("{BENIGN}-1549382150"));
        assert_eq!(Analysis::read(&answer).scan_id(), expected);
        answer["data"]["id"] = json!("a-new-form");
        assert_eq!(Analysis::read(&answer).scan_id(), expected);
        answer["data"]["attributes"]["date"] = json!(null);
        assert_eq!(Analysis::read(&answer).scan_id(), None);
        assert_eq!(Analysis::read(&sample("v3_post_files")).scan_id(), None);
        let url = Analysis::read(&sample("v3_post_urls")).scan_id();
        assert_eq!(url, Some(format!("{MALICIOUS}-1549344534")));
    }

    fn report(shaped: Result<Shaped, String>) -> Value {
        match shaped {
            Ok(Shaped::Report(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_older_files_report_takes_the_analysis_results() {
        let mut object = sample("v3_file_benign")["data"].clone();
        object["attributes"]["last_analysis_date"] = json!(1_500_000_000);
        object["attributes"]["last_analysis_results"] = json!({"Old": {"category": "malicious"}});
        let old = report(file(&object, "asked", Counting::default()));
        let answer = sample("v3_analysis_file_completed");
        let new = with_analysis(old.clone(), &answer, Counting::default());
        assert_eq!((&new["positives"], &new["total"]), (&json!(0), &json!(12)));
        assert_eq!(new["scans"].as_object().unwrap().len(), 12);
        assert_eq!(new["scan_id"], format!("{BENIGN}-1549382150"));
        assert_eq!(new["scan_date"], "2019-02-05 15:55:50");
        assert_eq!((&new["resource"], &new["size"]), (&json!("asked"), &json!(38)));
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&new), keys(&old));
    }

    #[test]
    fn an_older_urls_report_takes_the_analysis_results() {
        let object = sample("v3_url_malicious")["data"].clone();
        let old = report(url(&object, "asked", Counting::default()));
        let answer = sample("v3_analysis_url_completed");
        let new = with_analysis(old.clone(), &answer, Counting::default());
        assert_eq!(new["scan_id"], format!("{MALICIOUS}-1549344534"));
        assert_eq!(new["scan_date"], "2019-02-05 05:28:54");
        assert_eq!(new["scans"], old["scans"]);
        assert_eq!(new["url"], old["url"]);
    }

    #[test]
    fn an_object_without_a_report_gets_one_from_its_analysis() {
        let answer = sample("v3_analysis_file_completed");
        let new = with_analysis(json!({"resource": "asked"}), &answer, Counting::default());
        assert_eq!(new["response_code"], 1);
        assert_eq!(new["sha256"], BENIGN);
        assert_eq!(new["total"], 12);
        assert_eq!(new["resource"], "asked");
    }

    #[test]
    fn a_report_stays_as_it_was_when_the_analysis_has_nothing_to_add() {
        let object = sample("v3_file_eicar")["data"].clone();
        let eicar = report(file(&object, "asked", Counting::default()));
        // Another file's.
        let other = sample("v3_analysis_file_completed");
        assert_eq!(with_analysis(eicar.clone(), &other, Counting::default()), eicar);
        // Under way.
        let empty = json!({});
        for name in [
            "v3_analysis_file_in_progress",
            "v3_analysis_file_queued",
            "v3_post_files",
        ] {
            assert_eq!(
                with_analysis(empty.clone(), &sample(name), Counting::default()),
                empty,
                "{name}"
            );
        }
        // Older than the report.
        let object = sample("v3_file_benign")["data"].clone();
        let benign = report(file(&object, "asked", Counting::default()));
        assert_eq!(with_analysis(benign.clone(), &other, Counting::default()), benign);
    }
}
