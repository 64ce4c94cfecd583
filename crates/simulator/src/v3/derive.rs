//! API v2's reports as attributes of API v3. What v2 does not say stays out.
//!
//! Made-up objects begin so too, hence both views agree; samples of v2 alone have nothing more.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::verdict;

type Fields = Map<String, Value>;

/// Seconds since 1970 of `YYYY-MM-DD HH:MM:SS`.
pub(super) fn seconds(date: Option<&Value>) -> Option<i64> {
    let date = DateTime::strptime("%Y-%m-%d %H:%M:%S", date?.as_str()?).ok()?;
    Some(TimeZone::UTC.to_timestamp(date).ok()?.as_second())
}

fn number(fields: &Value, name: &str) -> u64 {
    fields.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// Sets an attribute where there is a value.
fn set(attributes: &mut Fields, name: &str, value: Option<Value>) {
    if let Some(value) = value.filter(|value| !value.is_null()) {
        attributes.insert(name.to_owned(), value);
    }
}

/// Results and counts of a report's `scans`.
fn verdicts(attributes: &mut Fields, report: &Fields, for_files: bool) {
    let empty = Map::new();
    let scans = report.get("scans").and_then(Value::as_object).unwrap_or(&empty);
    let results = verdict::results(scans, for_files);
    let count = |name: &str| report.get(name).and_then(Value::as_u64);
    // The seed's samples name fewer engines than they count.
    let stats = match (count("positives"), count("total")) {
        (Some(positives), Some(total)) if total != results.len() as u64 => {
            verdict::stats_of(positives, total, for_files)
        }
        _ => verdict::stats(&results, for_files),
    };
    attributes.insert("last_analysis_stats".to_owned(), stats);
    attributes.insert("last_analysis_results".to_owned(), Value::Object(results));
}

pub(super) fn file(report: &Fields) -> Fields {
    let mut attributes = Map::new();
    for (own, name) in [
        ("md5", "md5"),
        ("sha1", "sha1"),
        ("sha256", "sha256"),
        ("size", "size"),
        ("type_description", "type"),
        ("ssdeep", "ssdeep"),
        ("vhash", "vhash"),
        ("authentihash", "authentihash"),
        ("tags", "tags"),
        ("names", "submission_names"),
        ("times_submitted", "times_submitted"),
        ("unique_sources", "unique_sources"),
        ("reputation", "community_reputation"),
    ] {
        set(&mut attributes, own, report.get(name).cloned());
    }
    for (own, name) in [
        ("first_submission_date", "first_seen"),
        ("last_submission_date", "last_seen"),
        ("last_analysis_date", "scan_date"),
    ] {
        set(&mut attributes, own, seconds(report.get(name)).map(Value::from));
    }
    if let Some(harmless) = report.get("harmless_votes") {
        let votes = json!({"harmless": harmless, "malicious": report.get("malicious_votes")});
        attributes.insert("total_votes".to_owned(), votes);
    }
    if let Some(more) = report.get("additional_info") {
        set(&mut attributes, "magic", more.get("magic").cloned());
        set(&mut attributes, "exiftool", more.get("exiftool").cloned());
        let imphash = more.get("pe-imphash").filter(|imphash| !imphash.is_null());
        set(
            &mut attributes,
            "pe_info",
            imphash.map(|imphash| json!({"imphash": imphash})),
        );
    }
    verdicts(&mut attributes, report, true);
    attributes
}

pub(super) fn url(report: &Fields) -> Fields {
    let mut attributes = Map::new();
    set(&mut attributes, "url", report.get("url").cloned());
    let date = seconds(report.get("scan_date")).map(Value::from);
    set(&mut attributes, "last_analysis_date", date);
    verdicts(&mut attributes, report, false);
    attributes
}

pub(super) fn domain(report: &Fields) -> Fields {
    let mut attributes = Map::new();
    let categories: Fields = report
        .iter()
        .filter_map(|(name, value)| Some((name.strip_suffix(" category")?.to_owned(), value.clone())))
        .collect();
    attributes.insert("categories".to_owned(), Value::Object(categories));
    whois(&mut attributes, report);
    let rank = report.get("Alexa rank");
    set(
        &mut attributes,
        "popularity_ranks",
        rank.map(|rank| json!({"Alexa": {"rank": rank}})),
    );
    attributes
}

pub(super) fn ip(report: &Fields) -> Fields {
    let mut attributes = Map::new();
    for name in ["asn", "as_owner", "country", "continent", "network"] {
        set(&mut attributes, name, report.get(name).cloned());
    }
    whois(&mut attributes, report);
    attributes
}

fn whois(attributes: &mut Fields, report: &Fields) {
    set(attributes, "whois", report.get("whois").cloned());
    let date = report.get("whois_timestamp").and_then(Value::as_f64);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float's fraction has no place here"
    )]
    let date = date.map(|date| Value::from(date as i64));
    set(attributes, "whois_date", date);
}

/// A file in a list of API v2: `(id, attributes)`.
pub(super) fn listed_file(sample: &Value) -> Option<(String, Fields)> {
    let sha256 = sample.get("sha256")?.as_str()?.to_owned();
    let mut attributes = Map::new();
    attributes.insert("sha256".to_owned(), json!(sha256));
    let date = seconds(sample.get("date")).map(Value::from);
    set(&mut attributes, "last_analysis_date", date);
    let stats = verdict::stats_of(number(sample, "positives"), number(sample, "total"), true);
    attributes.insert("last_analysis_stats".to_owned(), stats);
    Some((sha256, attributes))
}

/// A URL in a list of API v2, an object or an array: its text and attributes.
pub(super) fn listed_url(item: &Value) -> Option<(String, Fields)> {
    let (url, positives, total, date) = match item {
        Value::Array(_) => (item.get(0)?, 0, item.get(3)?.as_u64()?, item.get(4)),
        _ => (
            item.get("url")?,
            number(item, "positives"),
            number(item, "total"),
            item.get("scan_date"),
        ),
    };
    let mut attributes = Map::new();
    attributes.insert("url".to_owned(), url.clone());
    set(
        &mut attributes,
        "last_analysis_date",
        seconds(date).map(Value::from),
    );
    attributes.insert(
        "last_analysis_stats".to_owned(),
        verdict::stats_of(positives, total, false),
    );
    Some((url.as_str()?.to_owned(), attributes))
}
