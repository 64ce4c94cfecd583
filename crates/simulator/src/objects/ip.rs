//! IP addresses.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value, json};

use super::{Dice, domain, usual_positives};

/// Addresses that begin so are always known.
const SYNTHETIC: u8 = 45;

/// The nth address that is always known; they repeat after 2^24.
#[must_use]
pub fn synthetic_ip(n: u64) -> Ipv4Addr {
    let [.., b, c, d] = n.to_be_bytes();
    Ipv4Addr::new(SYNTHETIC, b, c, d)
}

/// What is known of an address: its report's fields, or nothing.
pub(crate) fn report(address: IpAddr, seed: u64) -> Option<Map<String, Value>> {
    let mut dice = Dice::new(seed, &address.to_string());
    let known = dice.chance(85);
    let (known, private, network) = match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            (
                known || a == SYNTHETIC,
                address.is_private() || address.is_loopback(),
                format!("{a}.{b}.{c}.0/24"),
            )
        }
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            (
                known,
                address.is_unique_local() || address.is_loopback(),
                format!("{a:x}:{b:x}::/32"),
            )
        }
    };
    if !known || private {
        return None;
    }
    let most = usual_positives(&mut dice);
    let mut fields = Map::new();
    if dice.chance(90) {
        fields.insert("asn".to_owned(), json!(64_496 + dice.roll(16)));
        fields.insert("as_owner".to_owned(), json!("Example, Inc."));
    }
    if let Some(country) = dice
        .pick(&["US", "DE", "JP", "BR", "IN", ""])
        .filter(|country| !country.is_empty())
    {
        fields.insert("country".to_owned(), json!(country));
        let continent = match country {
            "US" => "NA",
            "DE" => "EU",
            "BR" => "SA",
            _ => "AS",
        };
        fields.insert("continent".to_owned(), json!(continent));
        fields.insert("network".to_owned(), json!(network));
    }
    let resolutions = (0..dice.roll(5)).map(|n| json!({"last_resolved": domain::resolved(&mut dice), "hostname": format!("host-{n}.example.com")}));
    fields.insert("resolutions".to_owned(), Value::Array(resolutions.collect()));
    if most > 0 {
        fields.extend(domain::findings(&mut dice, &address.to_string(), most));
    }
    Some(fields)
}
