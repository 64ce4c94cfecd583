//! Related objects that API v2 lists in a report: as much of each as it says there.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::objects::url::Url;
use crate::objects::{Dice, hex};
use crate::v3::Question;
use crate::v3::derive;
use crate::v3::object::fields_of;
use crate::v3::route::Kind;
use crate::v3::verdict::stats_of;

/// A host's relationship, from API v2's fields of it.
pub(super) fn of_host(
    question: &Question<'_>,
    kind: Kind,
    id: &str,
    name: &str,
    fields: &Map<String, Value>,
    made_up: bool,
) -> Vec<Value> {
    let list = |name: &str| {
        fields
            .get(name)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    match name {
        "resolutions" => list(name)
            .iter()
            .filter_map(|item| resolution(question, kind, id, item, made_up))
            .collect(),
        "subdomains" | "siblings" => {
            let name = if name == "siblings" {
                "domain_siblings"
            } else {
                name
            };
            let names = list(name).iter().filter_map(Value::as_str);
            names.map(|name| domain(question, name)).collect()
        }
        "urls" => alternating(list("detected_urls"), list("undetected_urls"))
            .into_iter()
            .filter_map(|item| url(question, item, made_up))
            .collect(),
        "historical_whois" => whois(question, id, fields),
        "historical_ssl_certificates" => Vec::new(),
        _ => {
            let kind = name.strip_suffix("_files").unwrap_or(name);
            let (detected, undetected) = (
                format!("detected_{kind}_samples"),
                format!("undetected_{kind}_samples"),
            );
            alternating(list(&detected), list(&undetected))
                .into_iter()
                .filter_map(|item| file(question, item, made_up))
                .collect()
        }
    }
}

/// One of each in turn: API v3 has one list where API v2 has two.
fn alternating<'a>(one: &'a [Value], other: &'a [Value]) -> Vec<&'a Value> {
    (0..one.len().max(other.len()))
        .flat_map(|place| [one.get(place), other.get(place)])
        .flatten()
        .collect()
}

/// A domain that is only named.
pub(super) fn domain(question: &Question<'_>, name: &str) -> Value {
    let attributes = fields_of(json!({
        "last_analysis_stats": stats_of(0, 80, false), "reputation": 0, "categories": {}, "tags": []
    }));
    question.links().object("domain", "domains", name, attributes)
}

fn file(question: &Question<'_>, sample: &Value, made_up: bool) -> Option<Value> {
    let (sha256, mut attributes) = derive::listed_file(sample)?;
    if made_up {
        attributes.extend(fields_of(json!({
            "type_description": "Win32 EXE", "size": 102_400, "meaningful_name": "sample.exe", "names": ["sample.exe"],
            "reputation": 0, "tags": ["peexe"]
        })));
    }
    Some(question.links().object("file", "files", &sha256, attributes))
}

fn url(question: &Question<'_>, item: &Value, made_up: bool) -> Option<Value> {
    let (text, mut attributes) = derive::listed_url(item)?;
    if made_up {
        attributes.extend(fields_of(json!({
            "last_final_url": text, "times_submitted": 1, "tags": [], "reputation": 0
        })));
    }
    let id = match Url::parse(&text, question.seed()) {
        Some(url) => {
            question.world.memory().remember_url(&url);
            url.sha256
        }
        None => hex(&Sha256::digest(&text)),
    };
    Some(question.links().object("url", "urls", &id, attributes))
}

fn resolution(question: &Question<'_>, kind: Kind, id: &str, item: &Value, made_up: bool) -> Option<Value> {
    let (address, host) = match kind {
        Kind::Ip => (id, item.get("hostname")?.as_str()?),
        _ => (item.get("ip_address")?.as_str()?, id),
    };
    let mut attributes = fields_of(json!({"host_name": host, "ip_address": address}));
    if let Some(date) = derive::seconds(item.get("last_resolved")) {
        attributes.insert("date".to_owned(), json!(date));
    }
    let name = format!("{address}{host}");
    // Statistics may be missing, and are in some.
    if made_up && Dice::new(question.seed(), &name).chance(80) {
        attributes.extend(fields_of(json!({
            "resolver": "VirusTotal", "host_name_last_analysis_stats": stats_of(0, 80, false),
            "ip_address_last_analysis_stats": stats_of(2, 80, false)
        })));
    }
    Some(
        question
            .links()
            .object("resolution", "resolutions", &name, attributes),
    )
}

/// Lines of the whois text, as a map.
fn whois(question: &Question<'_>, id: &str, fields: &Map<String, Value>) -> Vec<Value> {
    let Some(text) = fields.get("whois").and_then(Value::as_str) else {
        return Vec::new();
    };
    let mut map = Map::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
        let joined = match map.get(name).and_then(Value::as_str) {
            Some(known) => format!("{known} | {value}"),
            None => value.to_owned(),
        };
        map.insert(name.to_owned(), json!(joined));
    }
    let seen = fields.get("whois_timestamp").and_then(Value::as_i64);
    let attributes = fields_of(json!({
        "first_seen_date": seen, "last_updated": seen, "registrar_name": "Example Registrar", "whois_map": map
    }));
    let name = hex(&Sha256::digest(format!("{id}{text}")));
    vec![question.links().object("whois", "whois", &name, attributes)]
}

/// What the samples of a file name, as far as they do.
pub(super) fn of_sampled_file(question: &Question<'_>, sha256: &str, name: &str) -> Vec<Value> {
    let report = question.world.memory().all_info.get(sha256).cloned();
    let Some(report) = report else { return Vec::new() };
    let list = match name {
        "itw_urls" => report.get("ITW_urls"),
        _ => report.get("additional_info").and_then(|more| more.get(name)),
    };
    let names = list
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    names
        .filter_map(|text| match name {
            "itw_urls" => {
                let url = Url::parse(text, question.seed())?;
                let attributes = fields_of(json!({"url": url.canonical}));
                Some(question.links().object("url", "urls", &url.sha256, attributes))
            }
            _ => {
                let attributes = fields_of(json!({"sha256": text}));
                Some(question.links().object("file", "files", text, attributes))
            }
        })
        .collect()
}
