//! A URL's report. Source: the mapping, section 4.

use serde_json::Value;

use super::draft::{self, Draft};
use super::engines::{self, OF_OBJECT};
use super::{Counting, Kind, Shaped, attribute, dates};

/// VirusTotal's remark on a finished scan of a URL. Source: the mapping, section 2.
pub(super) const REMARK: &str = "Scan finished, scan information embedded in this object";

/// A URL's report.
///
/// `object` is the value of `data`; `resource` is what was asked for, and stands in the report as given.
///
/// # Errors
/// What is wrong with the object: it is none, one of another type, or has no attributes.
pub(crate) fn url(object: &Value, resource: &str, counting: Counting) -> Result<Shaped, String> {
    let attributes = attribute::of(object, "url")?;
    let Some(epoch) = dates::epoch(attributes, "last_analysis_date") else {
        return Ok(Shaped::Queued);
    };
    let mut draft = Draft::found(REMARK);
    draft.put("resource", Some(resource));
    draft.put("url", attribute::text(attributes, "url"));
    put_scan(
        &mut draft,
        attribute::sha256(object, "id").as_deref(),
        epoch,
        epoch,
    );
    engines::put_scans(&mut draft, attributes, OF_OBJECT, Kind::Url, counting);
    Ok(Shaped::Report(draft.into_report(draft::URL)))
}

/// Puts what names a scan. `began` is the time in its id, which is mostly that of its end.
pub(super) fn put_scan(draft: &mut Draft, id: Option<&str>, began: i64, date: i64) {
    let permalink = |id: &str| format!("https://www.virustotal.com/gui/url/{id}/detection/u-{id}-{began}");
    draft.put("permalink", id.map(permalink));
    draft.put("scan_id", id.map(|id| format!("{id}-{began}")));
    draft.put("scan_date", dates::in_words(date));
    // The served file's hash is known, the id of its scan isn't.
    draft.put("filescan_id", Some(Value::Null));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::url;
    use crate::v3::shape::{Counting, Shaped};

    #[test]
    fn a_url_without_a_finished_analysis_is_queued() {
        let object = json!({"type": "url", "id": "x", "attributes": {"url": "http://a.example/"}});
        assert_eq!(url(&object, "x", Counting::default()), Ok(Shaped::Queued));
    }

    #[test]
    fn absent_stays_absent() {
        let object =
            json!({"id": "aHR0cDovL2EuZXhhbXBsZS8", "attributes": {"last_analysis_date": 5, "url": 7}});
        let expected = json!({
            "resource": "a.example",
            "response_code": 1,
            "scan_date": "1970-01-01 00:00:05",
            "verbose_msg": "Scan finished, scan information embedded in this object",
            "filescan_id": null,
        });
        let shaped = url(&object, "a.example", Counting::default());
        assert_eq!(shaped, Ok(Shaped::Report(expected)));
    }
}
