//! IP addresses, of both families.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::object::fields_of;
use super::{Question, derive, domain};
use crate::objects::{Dice, ip};

/// The address's usual text.
pub(super) fn usual(text: &str) -> Result<String, Refusal> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => Err(Refusal::InvalidArgument(format!(
            "'{text}' is not a valid IP address"
        ))),
    }
}

/// API v2's fields of an address in its usual text, and whether they are made up.
pub(super) fn fields(question: &Question<'_>, address: &str) -> Result<(Map<String, Value>, bool), Refusal> {
    let sample = question.world.memory().samples.get(address).cloned();
    if let Some(sample) = sample {
        return Ok((fields_of(Value::clone(&sample)), false));
    }
    address
        .parse()
        .ok()
        .and_then(|address| ip::report(address, question.seed()))
        .map(|fields| (fields, true))
        // The reference says that an address never seen may be known all the same; here it is not, as in API v2.
        .ok_or_else(|| Refusal::NotFound(format!("IP address \"{address}\" not found")))
}

pub(super) fn view(question: &Question<'_>, text: &str) -> Result<Value, Refusal> {
    let address = usual(text)?;
    let (report, made_up) = fields(question, &address)?;
    let memory = question.world.memory();
    let sample = memory.v3_samples.object(&format!("ip_addresses/{address}"));
    let votes = memory.cast_votes(&format!("ip_addresses/{address}"));
    drop(memory);
    let mut attributes = match sample.and_then(|sample| sample.pointer("/data/attributes").cloned()) {
        Some(attributes) => fields_of(attributes),
        None if made_up => synthetic(question.seed(), &address, &report),
        None => derive::ip(&report),
    };
    super::vote::add(&mut attributes, votes);
    Ok(question
        .links()
        .object("ip_address", "ip_addresses", &address, attributes))
}

fn synthetic(seed: u64, address: &str, report: &Map<String, Value>) -> Map<String, Value> {
    let mut attributes = derive::ip(report);
    let mut dice = Dice::new(seed, &format!("v3 of {address}"));
    let positives = u32::try_from(dice.roll(5)).unwrap_or(0);
    domain::own_verdict(&mut attributes, address, positives, &mut dice);
    let registry = dice.pick(&["ARIN", "RIPE NCC", "APNIC", "LACNIC", "AFRINIC"]);
    let whois_date = attributes
        .get("last_analysis_date")
        .and_then(Value::as_i64)
        .map(|at| at - 86_400);
    attributes.extend(fields_of(json!({
        "regional_internet_registry": registry, "tags": [], "whois": format!("NetRange: {address}"), "whois_date": whois_date
    })));
    attributes
}
