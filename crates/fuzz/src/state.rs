//! What an asynchronous action is resumed from: ours, and the original integration's.

use integration::{Action, State};
use secops::{Context, Entity, EntityType, Parameters};

use crate::{check_words, parts};

const ACTIONS: [(Action, EntityType); 3] = [
    (Action::ScanHash, EntityType::FileHash),
    (Action::ScanUrl, EntityType::Url),
    (Action::UploadAndScanFile, EntityType::FileName),
];

/// The state, and the entities of the case, a line each.
pub(crate) fn state(data: &[u8]) {
    let [text, targets] = parts(data);
    let text = String::from_utf8_lossy(text);
    let targets = String::from_utf8_lossy(targets);
    for (action, entity_type) in ACTIONS {
        let targets = targets.lines().take(50);
        let context = Context {
            targets: targets
                .map(|name| Entity::new(name, entity_type.clone()))
                .collect(),
            parameters: Parameters::new().with("Threshold", "3"),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        match State::from_text(&text, action, &context) {
            Ok(state) => check(&state, action, &context, text.len()),
            Err(error) => check_words(&error.to_string(), 400),
        }
    }
}

fn check(state: &State, action: Action, context: &Context, came: usize) {
    assert_eq!(state.action(), action);
    assert_eq!(state.waiting().next().is_some(), state.is_waiting());
    for first in [false, true] {
        assert!(state.message(first).len() <= 300 + 2 * came + 200 * context.targets.len());
    }
    let value = state.to_value();
    let again = State::from_value(&value, action).expect("what is written is read");
    assert_eq!(format!("{again:?}"), format!("{state:?}"), "it means the same");
    assert_eq!(again.to_value(), value);
    let text = serde_json::to_string(&value.to_string()).unwrap();
    let inside = State::from_text(&text, action, context).expect("a text in a text is read, too");
    assert_eq!(format!("{inside:?}"), format!("{state:?}"));
}
