//! A domain's report. Source: the mapping, section 5.

use std::net::IpAddr;

use serde_json::Value;

use super::draft::{self, Draft};
use super::related::Related;
use super::{Counting, Shaped, attribute};
use crate::report::as_text;

/// VirusTotal's remark on a domain that it knows. Source: the mapping, section 2.
const REMARK: &str = "Domain found in dataset";

/// A domain's report; never [`Shaped::Queued`].
///
/// `object` is the value of `data`. A relationship that isn't in `related` leaves its lists out, an empty one gives
/// empty lists. What v3 doesn't know (`domain info` of vendors, Webutation, WOT, pcaps) is never there.
///
/// # Errors
/// What is wrong with the object: it is none, one of another type, or has no attributes.
pub(crate) fn domain(object: &Value, related: &Related, counting: Counting) -> Result<Shaped, String> {
    let attributes = attribute::of(object, "domain")?;
    let mut draft = Draft::found(REMARK);
    put_categories(&mut draft, attributes);
    draft.put("Alexa rank", alexa_rank(attributes));
    draft.put("whois", attribute::text(attributes, "whois"));
    draft.put("whois_timestamp", attribute::number(attributes, "whois_date"));
    draft.put("subdomains", related.ids("subdomains"));
    draft.put("domain_siblings", related.ids("siblings"));
    let name = attribute::text(object, "id");
    let address = |id: &str| address_in(id, name?);
    draft.put(
        "resolutions",
        related.resolutions("ip_address", "ip_address", address),
    );
    related.put_findings(&mut draft, counting);
    Ok(Shaped::Report(draft.into_report(draft::DOMAIN)))
}

/// Each vendor's own category, and the distinct ones of all.
fn put_categories(draft: &mut Draft, attributes: &Value) {
    let Some(categories) = attribute::fields(attributes, "categories") else {
        return;
    };
    let mut distinct: Vec<String> = Vec::new();
    for (vendor, category) in categories {
        let Some(category) = as_text(category) else {
            continue;
        };
        if !vendor.trim().is_empty() {
            draft.put(&format!("{vendor} category"), Some(category.as_str()));
        }
        if !distinct.contains(&category) {
            distinct.push(category);
        }
    }
    draft.put("categories", Some(distinct));
}

fn alexa_rank(attributes: &Value) -> Option<Value> {
    attribute::number(attributes.get("popularity_ranks")?.get("Alexa")?, "rank")
}

/// The address in a resolution's id, which is the address immediately followed by the host name.
/// Source: API v3, section 5.3.
fn address_in(id: &str, name: &str) -> Option<String> {
    let start = id.len().checked_sub(name.len())?;
    let (address, host) = id.split_at_checked(start)?;
    let is_address = host.eq_ignore_ascii_case(name) && address.parse::<IpAddr>().is_ok();
    is_address.then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{address_in, domain};
    use crate::v3::shape::{Counting, Related, Shaped};

    fn shaped(object: &Value, related: &Related) -> Value {
        match domain(object, related, Counting::default()) {
            Ok(Shaped::Report(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_domain_with_nothing_known_is_found_all_the_same() {
        let report = shaped(&json!({"type": "domain", "attributes": {}}), &Related::none());
        assert_eq!(
            report,
            json!({"response_code": 1, "verbose_msg": "Domain found in dataset"})
        );
    }

    #[test]
    fn vendors_keep_their_names_and_categories_come_once() {
        let object = json!({"attributes": {"categories": {
            "Xcitium Verdict Cloud": "news", "alphaMountain.ai": "news", "Sophos": "", "New": null, "": "x",
        }}});
        let report = shaped(&object, &Related::none());
        assert_eq!(report["categories"], json!(["news", "x"]));
        assert_eq!(report["alphaMountain.ai category"], "news");
        assert_eq!(report["Xcitium Verdict Cloud category"], "news");
        assert_eq!(report.as_object().unwrap().len(), 5);
    }

    #[test]
    fn a_resolutions_id_names_the_address() {
        assert_eq!(
            address_in("192.0.2.1a.example", "a.example").as_deref(),
            Some("192.0.2.1")
        );
        assert_eq!(
            address_in("2001:db8::1A.example", "a.example").as_deref(),
            Some("2001:db8::1")
        );
        for wrong in [
            "192.0.2.1b.example",
            "a.example",
            "x.a.example",
            "192.0.2.1",
            "äa.example",
        ] {
            assert_eq!(address_in(wrong, "a.example"), None, "{wrong}");
        }
    }

    #[test]
    fn an_empty_relationship_gives_empty_lists() {
        let related = Related::none()
            .with("subdomains", Vec::new())
            .with("communicating_files", Vec::new())
            .with("urls", Vec::new());
        let report = shaped(&json!({"attributes": {}}), &related);
        for key in [
            "subdomains",
            "detected_communicating_samples",
            "undetected_communicating_samples",
            "detected_urls",
            "undetected_urls",
        ] {
            assert_eq!(report[key], json!([]), "{key}");
        }
        assert_eq!(report.get("resolutions"), None);
        assert_eq!(report.get("detected_referrer_samples"), None);
    }
}
