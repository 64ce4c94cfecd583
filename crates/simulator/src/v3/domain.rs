//! Domains.

use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::object::fields_of;
use super::{Question, derive, verdict};
use crate::objects::{Dice, Wish, domain, engines, hex, usual_moment, wish};

pub(super) use crate::v2::domain::is_domain;

/// API v2's fields of a domain in lower case, and whether they are made up.
pub(super) fn fields(question: &Question<'_>, name: &str) -> Result<(Map<String, Value>, bool), Refusal> {
    if !is_domain(name) {
        return Err(Refusal::InvalidArgument(format!(
            "'{name}' is not a valid domain pattern"
        )));
    }
    let sample = question.world.memory().samples.get(name).cloned();
    match sample {
        Some(sample) => Ok((fields_of(Value::clone(&sample)), false)),
        None => domain::report(name, question.seed())
            .map(|fields| (fields, true))
            .ok_or_else(|| Refusal::NotFound(format!("Domain \"{name}\" not found"))),
    }
}

pub(super) fn view(question: &Question<'_>, name: &str) -> Result<Value, Refusal> {
    let name = name.to_lowercase();
    let (report, made_up) = fields(question, &name)?;
    let memory = question.world.memory();
    let sample = memory.v3_samples.object(&format!("domains/{name}"));
    let votes = memory.cast_votes(&format!("domains/{name}"));
    drop(memory);
    let mut attributes = match sample.and_then(|sample| sample.pointer("/data/attributes").cloned()) {
        Some(attributes) => fields_of(attributes),
        None if made_up => synthetic(question.seed(), &name, &report),
        None => derive::domain(&report),
    };
    super::vote::add(&mut attributes, votes);
    Ok(question.links().object("domain", "domains", &name, attributes))
}

/// What engines say of a host itself, which API v2 does not tell.
pub(super) fn own_verdict(attributes: &mut Map<String, Value>, name: &str, positives: u32, dice: &mut Dice) {
    let at = usual_moment(dice);
    let mut results = verdict::results(&engines::of_url(positives, at, dice), false);
    verdict::enrich(&mut results, false, dice);
    let malicious = u64::from(positives.min(9));
    attributes.extend(fields_of(json!({
        "last_analysis_date": at.as_second(), "last_modification_date": at.as_second() + 60,
        "last_analysis_stats": verdict::stats(&results, false), "last_analysis_results": results,
        "reputation": 3 - 4 * i64::from(positives.min(9)), "total_votes": {"harmless": 1, "malicious": malicious},
        "jarm": hex(&dice.roll(u64::MAX).to_be_bytes()).repeat(4).get(..62),
        "last_https_certificate_date": at.as_second() - 86_400,
        "last_https_certificate": {
            "version": "V3", "size": 1200, "thumbprint": hex(&dice.roll(u64::MAX).to_be_bytes()).repeat(3).get(..40),
            "thumbprint_sha256": hex(&dice.roll(u64::MAX).to_be_bytes()).repeat(4), "serial_number": format!("{:x}", dice.roll(u64::MAX)),
            "issuer": {"C": "US", "O": "Example CA", "CN": "Example CA R3"}, "subject": {"CN": name},
            "validity": {"not_before": "2025-01-01 00:00:00", "not_after": "2026-01-01 00:00:00"},
            "extensions": {"subject_alternative_name": [name]}, "public_key": {"algorithm": "EC"}
        }
    })));
}

fn synthetic(seed: u64, name: &str, report: &Map<String, Value>) -> Map<String, Value> {
    let mut attributes = derive::domain(report);
    let mut dice = Dice::new(seed, &format!("v3 of {name}"));
    let positives = match wish(name) {
        Some(Wish::Positives(positives)) => positives,
        _ => u32::try_from(dice.roll(4)).unwrap_or(0),
    };
    own_verdict(&mut attributes, name, positives, &mut dice);
    let created = usual_moment(&mut dice).as_second() - 300_000_000;
    let ranked = usual_moment(&mut dice).as_second();
    let mut ranks = attributes
        .remove("popularity_ranks")
        .map(fields_of)
        .unwrap_or_default();
    for rank in ranks.values_mut().filter_map(Value::as_object_mut) {
        rank.insert("timestamp".to_owned(), json!(ranked));
    }
    ranks.insert(
        "Cisco Umbrella".to_owned(),
        json!({"rank": 1 + dice.roll(1_000_000), "timestamp": ranked}),
    );
    let addresses = report.get("resolutions").and_then(Value::as_array);
    let records: Vec<Value> = addresses
        .into_iter()
        .flatten()
        .take(2)
        .map(|resolution| json!({"type": "A", "value": resolution.get("ip_address"), "ttl": 300}))
        .chain([json!({"type": "NS", "value": "ns1.example.com", "ttl": 3600})])
        .collect();
    let tags: &[&str] = if positives > 0 { &["nxdomain"] } else { &[] };
    attributes.extend(fields_of(json!({
        "creation_date": created, "last_update_date": created + 200_000_000, "registrar": "Example Registrar",
        "tld": name.rsplit('.').next(), "last_dns_records": records, "last_dns_records_date": ranked,
        "first_seen_date": created + 1000, "popularity_ranks": ranks, "tags": tags
    })));
    attributes
}
