//! `ip-address/report`.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{Question, shuffled};
use crate::objects::{Dice, ip};

pub(super) fn report(question: &Question<'_>, text: &str) -> Value {
    let seed = question.world.settings.seed;
    if let Some(sample) = question.world.memory().samples.get(text) {
        return Value::clone(sample);
    }
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        return json!({"response_code": -1, "verbose_msg": "Invalid IP address"});
    };
    match ip::report(address.into(), seed) {
        None => json!({"response_code": 0, "verbose_msg": "IP address not found in dataset"}),
        Some(mut fields) => {
            let older = Dice::new(seed, &format!("words of {text}")).chance(30);
            let message = if older {
                "IP address found in dataset"
            } else {
                "IP address in dataset"
            };
            fields.insert("response_code".to_owned(), json!(1));
            fields.insert("verbose_msg".to_owned(), json!(message));
            shuffled(fields, seed, text)
        }
    }
}
