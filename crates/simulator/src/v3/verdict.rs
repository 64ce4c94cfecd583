//! What engines say: results and their counts.

use serde_json::{Map, Value, json};

use crate::objects::{Dice, engines};

/// Categories that files are counted by; the others have the first five.
const CATEGORIES: [&str; 8] = [
    "malicious",
    "suspicious",
    "undetected",
    "harmless",
    "timeout",
    "confirmed-timeout",
    "failure",
    "type-unsupported",
];

/// Results of API v2's `scans`. Its `detected` is "malicious"; the words of a URL's result tell the rest.
pub(super) fn results(scans: &Map<String, Value>, for_files: bool) -> Map<String, Value> {
    let result = |(name, scan): (&String, &Value)| {
        let said = scan.get("result").cloned().unwrap_or_default();
        let words = said.as_str().unwrap_or_default();
        let word = words.strip_suffix(" site").unwrap_or(words);
        let category = match word {
            _ if scan.get("detected").and_then(Value::as_bool) == Some(true) => "malicious",
            "clean" if !for_files => "harmless",
            "suspicious" if !for_files => "suspicious",
            _ => "undetected",
        };
        let result = if for_files { said.clone() } else { json!(word) };
        let mut fields = one(name, category, result);
        if for_files {
            dated(
                &mut fields,
                scan.get("version").cloned(),
                scan.get("update").cloned(),
            );
        }
        (name.clone(), Value::Object(fields))
    };
    scans.iter().map(result).collect()
}

fn one(name: &str, category: &str, result: Value) -> Map<String, Value> {
    let text = |text: &str| Value::from(text);
    [
        ("category", text(category)),
        ("engine_name", text(name)),
        ("method", text("blacklist")),
        ("result", result),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Adds an engine's version and the date of its signatures; both may be null.
fn dated(fields: &mut Map<String, Value>, version: Option<Value>, update: Option<Value>) {
    fields.insert("engine_version".to_owned(), version.unwrap_or_default());
    fields.insert("engine_update".to_owned(), update.unwrap_or_default());
}

/// Adds what API v2 has no place for: engines that gave no verdict, and shades of "not detected" on files.
pub(super) fn enrich(results: &mut Map<String, Value>, for_files: bool, dice: &mut Dice) {
    for (categories, chance) in [("suspicious", 10), ("harmless", 10)] {
        let wanted = for_files && dice.chance(chance);
        let plain = |result: &&mut Value| wanted && result.get("category") == Some(&json!("undetected"));
        if let Some(category) = results
            .values_mut()
            .find(plain)
            .and_then(|result| result.get_mut("category"))
        {
            *category = json!(categories);
        }
    }
    for name in engines::all(for_files) {
        if results.contains_key(*name) || dice.chance(10) {
            continue;
        }
        let categories: &[&str] = match for_files {
            true => &[
                "type-unsupported",
                "type-unsupported",
                "timeout",
                "failure",
                "confirmed-timeout",
            ],
            false => &["timeout"],
        };
        let category = dice.pick(categories).unwrap_or("timeout");
        let mut fields = one(name, category, Value::Null);
        if for_files {
            let version = format!("{}.{}", dice.roll(20), dice.roll(100));
            dated(&mut fields, Some(version.into()), None);
        }
        results.insert((*name).to_owned(), Value::Object(fields));
    }
}

/// The results counted by category.
pub(super) fn stats(results: &Map<String, Value>, for_files: bool) -> Value {
    let count = |category: &&str| {
        let matching = results
            .values()
            .filter(|result| result.get("category").and_then(Value::as_str) == Some(category))
            .count();
        ((*category).to_owned(), json!(matching))
    };
    let kinds = if for_files { 8 } else { 5 };
    Value::Object(CATEGORIES.iter().take(kinds).map(count).collect())
}

/// Counts where no results are known.
pub(super) fn stats_of(positives: u64, total: u64, for_files: bool) -> Value {
    let mut stats = stats(&Map::new(), for_files);
    if let Some(counts) = stats.as_object_mut() {
        counts.insert("malicious".to_owned(), json!(positives));
        counts.insert("undetected".to_owned(), json!(total.saturating_sub(positives)));
    }
    stats
}
