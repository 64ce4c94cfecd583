//! Answers that are right but not as usual: attributes null or missing, categories and names nobody knows.

use serde_json::{Value, json};

/// The objects of an answer: one, or a list of them.
fn objects(answer: &mut Value) -> Vec<&mut Value> {
    match answer.get_mut("data") {
        Some(Value::Array(list)) => list.iter_mut().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// Every second attribute becomes null or goes, in turn.
pub(crate) fn nulls(answer: &mut Value) {
    for object in objects(answer) {
        let Some(attributes) = object.get_mut("attributes").and_then(Value::as_object_mut) else {
            continue;
        };
        let mut place = 0;
        attributes.retain(|_, value| {
            place += 1;
            if place % 4 == 1 {
                *value = Value::Null;
            }
            place % 4 != 3
        });
    }
}

/// The first engine's category is new, and one more engine has a name that no path syntax survives.
pub(crate) fn new_category(answer: &mut Value) {
    const CATEGORY: &str = "brand-new-category";
    const ENGINE: &str = "A.B [C] (D) \"E\"";
    for object in objects(answer) {
        let Some(attributes) = object.get_mut("attributes") else {
            continue;
        };
        for (results, stats) in [
            ("last_analysis_results", "last_analysis_stats"),
            ("results", "stats"),
        ] {
            let Some(results) = attributes.get_mut(results).and_then(Value::as_object_mut) else {
                continue;
            };
            if let Some(category) = results
                .values_mut()
                .next()
                .and_then(|result| result.get_mut("category"))
            {
                *category = Value::from(CATEGORY);
            }
            results.insert(
                ENGINE.to_owned(),
                json!({"category": CATEGORY, "engine_name": ENGINE, "method": "blacklist", "result": null}),
            );
            if let Some(stats) = attributes.get_mut(stats).and_then(Value::as_object_mut) {
                stats.insert(CATEGORY.to_owned(), json!(2));
            }
        }
    }
}
