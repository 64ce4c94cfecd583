//! An address's report. Source: the mapping, section 6.

use serde_json::Value;

use super::draft::{self, Draft};
use super::related::Related;
use super::{Counting, Shaped, attribute};

/// VirusTotal's remark on an address that it knows. Source: the mapping, section 2.
const REMARK: &str = "IP address in dataset";

/// An address's report; never [`Shaped::Queued`].
///
/// `object` is the value of `data`; for relationships see [`super::domain()`]. The address's own `last_analysis_stats`
/// are another measure than API v2's and stay out; [`super::Beyond`] has them. An IPv6 address has the same shape,
/// which is our extension: API v2 has none for it.
///
/// # Errors
/// What is wrong with the object: it is none, one of another type, or has no attributes.
pub(crate) fn ip(object: &Value, related: &Related, counting: Counting) -> Result<Shaped, String> {
    let attributes = attribute::of(object, "ip_address")?;
    let mut draft = Draft::found(REMARK);
    draft.put("asn", attribute::number(attributes, "asn"));
    for name in ["as_owner", "country", "continent", "network"] {
        draft.put(name, attribute::text(attributes, name));
    }
    let address = attribute::text(object, "id");
    let host = |id: &str| {
        let host = id.strip_prefix(address?)?;
        (!host.is_empty()).then(|| host.to_owned())
    };
    draft.put("resolutions", related.resolutions("host_name", "hostname", host));
    related.put_findings(&mut draft, counting);
    Ok(Shaped::Report(draft.into_report(draft::IP)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ip;
    use crate::v3::shape::{Counting, Related, Shaped};

    fn shaped(object: &Value, related: &Related) -> Value {
        match ip(object, related, Counting::default()) {
            Ok(Shaped::Report(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_never_seen_has_few_fields() {
        let object =
            json!({"type": "ip_address", "attributes": {"asn": "64500", "country": null, "network": 5}});
        assert_eq!(
            shaped(&object, &Related::none()),
            json!({"response_code": 1, "verbose_msg": "IP address in dataset"})
        );
    }

    #[test]
    fn names_of_a_lean_answer_come_from_the_ids() {
        let object = json!({"id": "2001:db8::1", "attributes": {}, "relationships": {
            "resolutions": {"data": [
                {"type": "resolution", "id": "2001:db8::15host.example"},
                {"type": "resolution", "id": "2001:db8::1"},
                {"type": "resolution", "id": "192.0.2.1host.example"},
            ]},
            "communicating_files": {"data": [{"type": "file", "id": "ab"}]},
        }});
        let report = shaped(&object, &Related::from_descriptors(&object));
        assert_eq!(report["resolutions"], json!([{"hostname": "5host.example"}]));
        assert_eq!(report.get("detected_communicating_samples"), None);
    }

    #[test]
    fn the_addresss_own_verdict_stays_out() {
        let object = json!({"attributes": {"last_analysis_stats": {"malicious": 9}}});
        assert_eq!(shaped(&object, &Related::none()).get("positives"), None);
    }
}
