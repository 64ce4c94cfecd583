//! `domain/report`.

use serde_json::{Value, json};

use super::{Question, shuffled};
use crate::objects::domain;

pub(super) fn report(question: &Question<'_>, name: &str) -> Value {
    let (seed, lower) = (question.world.settings.seed, name.to_lowercase());
    if let Some(sample) = question.world.memory().samples.get(&lower) {
        return Value::clone(sample);
    }
    if !is_domain(&lower) {
        return json!({"response_code": -1, "verbose_msg": "Invalid domain"});
    }
    match domain::report(&lower, seed) {
        None => json!({"response_code": 0, "verbose_msg": "Domain not found in dataset"}),
        Some(mut fields) => {
            fields.insert("response_code".to_owned(), json!(1));
            fields.insert("verbose_msg".to_owned(), json!("Domain found in dataset"));
            shuffled(fields, seed, &lower)
        }
    }
}

pub(crate) fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.contains('.') && name.split('.').all(label)
}
