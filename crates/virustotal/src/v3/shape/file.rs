//! A file's report. Source: the mapping, section 3.

mod allinfo;

use serde_json::Value;

use super::draft::{self, Draft};
use super::engines::{self, OF_OBJECT};
use super::{Counting, Kind, Shaped, attribute, dates};

/// VirusTotal's remark on a finished scan of a file. Source: the mapping, section 2.
pub(super) const REMARK: &str = "Scan finished, information embedded";

/// A file's report, with what API v2 gives for `allinfo` as far as the object has it.
///
/// `object` is the value of `data`; `resource` is what was asked for, and stands in the report as given.
///
/// # Errors
/// What is wrong with the object: it is none, one of another type, or has no attributes.
pub(crate) fn file(object: &Value, resource: &str, counting: Counting) -> Result<Shaped, String> {
    let attributes = attribute::of(object, "file")?;
    let Some(epoch) = dates::epoch(attributes, "last_analysis_date") else {
        return Ok(Shaped::Queued);
    };
    let mut draft = Draft::found(REMARK);
    draft.put("resource", Some(resource));
    // The object's id is its SHA-256, in lower case.
    let sha256 = attribute::sha256(attributes, "sha256").or_else(|| attribute::sha256(object, "id"));
    put_scan(&mut draft, sha256.as_deref(), epoch, epoch);
    for hash in ["sha1", "md5"] {
        draft.put(hash, attribute::text(attributes, hash));
    }
    engines::put_scans(&mut draft, attributes, OF_OBJECT, Kind::File, counting);
    allinfo::put(&mut draft, object, attributes);
    Ok(Shaped::Report(draft.into_report(draft::FILE)))
}

/// Puts what names a scan. `began` is the time in its id, which is mostly that of its end.
pub(super) fn put_scan(draft: &mut Draft, sha256: Option<&str>, began: i64, date: i64) {
    let permalink = |id: &str| format!("https://www.virustotal.com/gui/file/{id}/detection/f-{id}-{began}");
    draft.put("sha256", sha256);
    draft.put("permalink", sha256.map(permalink));
    draft.put("scan_id", sha256.map(|id| format!("{id}-{began}")));
    draft.put("scan_date", dates::in_words(date));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::file;
    use crate::v3::shape::{Counting, Shaped};

    fn shaped(object: &Value) -> Value {
        match file(object, "AsAsked", Counting::default()) {
            Ok(Shaped::Report(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_without_a_finished_analysis_is_queued() {
        for date in [json!(null), json!("yesterday"), json!(-5)] {
            let object = json!({"type": "file", "attributes": {"last_analysis_date": date, "size": 3}});
            assert_eq!(file(&object, "x", Counting::default()), Ok(Shaped::Queued));
        }
    }

    #[test]
    fn absent_stays_absent() {
        let object =
            json!({"type": "file", "attributes": {"last_analysis_date": 5, "md5": null, "size": "big"}});
        assert_eq!(
            shaped(&object),
            json!({
                "resource": "AsAsked",
                "response_code": 1,
                "scan_date": "1970-01-01 00:00:05",
                "verbose_msg": "Scan finished, information embedded",
            })
        );
    }

    #[test]
    fn the_id_stands_in_for_a_missing_sha256() {
        let id = "A".repeat(64);
        let report = shaped(&json!({"id": id, "attributes": {"last_analysis_date": 5}}));
        assert_eq!(report["sha256"], id.to_lowercase());
        assert_eq!(report["scan_id"], format!("{}-5", id.to_lowercase()));
    }

    #[test]
    fn numbers_are_kept_to_the_digit() {
        let text = r#"{"attributes": {"last_analysis_date": 5, "size": 123456789012345678901234567890, "reputation": -4}}"#;
        let report = shaped(&serde_json::from_str(text).unwrap());
        assert_eq!(report["size"].to_string(), "123456789012345678901234567890");
        assert_eq!(report["community_reputation"], json!(-4));
    }

    #[test]
    fn trid_becomes_lines_and_parents_become_ids() {
        let object = json!({
            "attributes": {
                "last_analysis_date": 5,
                "trid": [{"file_type": "Win32 EXE", "probability": 52.9}, {"file_type": "Generic"}, 5],
                "pe_info": {"imphash": "f34d"},
                "exiftool": {"FileType": "EXE", "Nothing": null},
                "signature_info": {"signers": "A; B"},
            },
            "relationships": {
                "compressed_parents": {"data": [{"type": "file", "id": "aa"}]},
                "email_parents": {"data": []},
                "pe_resource_parents": {"data": null},
                "itw_urls": {"data": [{"type": "url", "id": "bb", "context_attributes": {"url": "http://a.example/"}}]},
            },
        });
        let report = shaped(&object);
        assert_eq!(
            report["additional_info"],
            json!({
                "trid": "Win32 EXE (52.9%)\nGeneric",
                "sigcheck": {"signers": "A; B"},
                "exiftool": {"FileType": "EXE"},
                "pe-imphash": "f34d",
                "compressed_parents": ["aa"],
                "email_parents": [],
            })
        );
        assert_eq!(report["ITW_urls"], json!(["http://a.example/"]));
    }

    #[test]
    fn no_trid_at_all_is_unknown() {
        let report = shaped(&json!({"attributes": {"last_analysis_date": 5, "trid": []}}));
        assert_eq!(report["additional_info"], json!({"trid": "Unknown!"}));
    }
}
