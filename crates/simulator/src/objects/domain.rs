//! Domains.

use serde_json::{Map, Value, json};

use super::{Dice, Wish, date_text, hex, usual_moment, wish};
use sha2::{Digest, Sha256};

/// What is known of a domain: its report's fields, or nothing.
pub(crate) fn report(domain: &str, seed: u64) -> Option<Map<String, Value>> {
    let mut dice = Dice::new(seed, domain);
    let known = dice.chance(85) || domain.ends_with(".example");
    let most = match wish(domain) {
        Some(Wish::Unknown) => return None,
        Some(Wish::Positives(positives)) => positives,
        None if !known => return None,
        None => 3,
    };
    let mut fields = Map::new();
    let category = dice.pick(&["business", "searchengines", "news", "uncategorized", "malware"]);
    fields.insert("categories".to_owned(), json!([category]));
    let mut has_vendor = false;
    for vendor in [
        "BitDefender",
        "Forcepoint ThreatSeeker",
        "Sophos",
        "alphaMountain.ai",
        "Xcitium Verdict Cloud",
    ] {
        if dice.chance(50) {
            has_vendor = true;
            fields.insert(format!("{vendor} category"), json!(category));
        }
    }
    // A category is somebody's.
    if !has_vendor {
        fields.insert("BitDefender category".to_owned(), json!(category));
    }
    if dice.chance(70) {
        fields.insert(
            "whois".to_owned(),
            json!(format!(
                "Domain Name: {}\nDNSSEC: unsigned",
                domain.to_uppercase()
            )),
        );
        let at = usual_moment(&mut dice).as_second();
        let stamp = if dice.chance(50) {
            json!(at)
        } else {
            json!(format!("{at}.25").parse::<f64>().unwrap_or(0.0))
        };
        fields.insert("whois_timestamp".to_owned(), stamp);
    }
    fields.insert(
        "subdomains".to_owned(),
        json!(
            (0..super::many(domain).unwrap_or(dice.roll(4)))
                .map(|n| format!("s{n}.{domain}"))
                .collect::<Vec<_>>()
        ),
    );
    let count = super::many(domain).unwrap_or(dice.roll(5));
    let resolutions = (0..count).map(|_| json!({"last_resolved": resolved(&mut dice), "ip_address": super::ip::synthetic_ip(dice.roll(1 << 20)).to_string()}));
    fields.insert("resolutions".to_owned(), Value::Array(resolutions.collect()));
    fields.extend(findings(&mut dice, domain, most));
    let mut dice = Dice::new(seed, &format!("more of {domain}"));
    if let Some(parent) = parent(domain) {
        let siblings: Vec<String> = (0..dice.roll(4))
            .map(|n| format!("sibling-{n}.{parent}"))
            .collect();
        fields.insert("domain_siblings".to_owned(), json!(siblings));
    }
    if dice.chance(20) {
        fields.insert("Alexa rank".to_owned(), json!(1 + dice.roll(1_000_000)));
    }
    Some(fields)
}

/// The domain above, where that is no top-level domain.
pub(crate) fn parent(domain: &str) -> Option<&str> {
    domain
        .split_once('.')
        .map(|(_, parent)| parent)
        .filter(|parent| parent.contains('.'))
}

pub(super) fn resolved(dice: &mut Dice) -> Value {
    if dice.chance(10) {
        Value::Null
    } else {
        json!(date_text(usual_moment(dice)))
    }
}

/// The lists of detected and undetected URLs and samples, some of them missing.
pub(super) fn findings(dice: &mut Dice, host: &str, most: u32) -> Map<String, Value> {
    let mut fields = Map::new();
    if dice.chance(80) {
        let urls = (0..dice.roll(4)).map(|n| {
            json!({"url": format!("http://{host}/{n}"), "positives": positives(dice, most), "total": 70, "scan_date": date_text(usual_moment(dice))})
        });
        fields.insert("detected_urls".to_owned(), Value::Array(urls.collect()));
    }
    if dice.chance(80) {
        let urls = (0..dice.roll(3)).map(|n| {
            let url = format!("http://{host}/u{n}");
            json!([
                url,
                hex(&Sha256::digest(&url)),
                0,
                70,
                date_text(usual_moment(dice))
            ])
        });
        fields.insert("undetected_urls".to_owned(), Value::Array(urls.collect()));
    }
    for kind in ["downloaded", "communicating", "referrer"] {
        for detected in [true, false] {
            if dice.chance(30) {
                continue;
            }
            let samples = (0..dice.roll(4)).map(|n| {
                let positives = if detected { positives(dice, most) } else { 0 };
                let mut sample = json!({"positives": positives, "sha256": hex(&Sha256::digest(format!("{host}{kind}{detected}{n}"))), "total": 70});
                if let Some(fields) = sample.as_object_mut().filter(|_| kind != "referrer" || dice.chance(50)) {
                    fields.insert("date".to_owned(), json!(date_text(usual_moment(dice))));
                }
                sample
            });
            let samples = Value::Array(samples.collect());
            let name = if detected { "detected" } else { "undetected" };
            fields.insert(format!("{name}_{kind}_samples"), samples);
        }
    }
    fields
}

fn positives(dice: &mut Dice, most: u32) -> u64 {
    1 + dice.roll(u64::from(most.max(1)))
}
