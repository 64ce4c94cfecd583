//! `RN.json`

use serde_json::{Value, json};

use crate::fact::{NOTES, Note};

/// By version; they stand in that order already.
pub(super) fn declarations() -> Value {
    NOTES.iter().map(declaration).collect()
}

fn declaration(note: &Note) -> Value {
    json!({
        "ChangeDescription": note.text,
        "Deprecated": false,
        "IntroducedInIntegrationVersion": note.version,
        "ItemName": note.item,
        "ItemType": note.item_type,
        "New": false,
        "PublishTime": note.published_at(),
        "Regressive": note.regressive,
        "Removed": false,
        "TicketNumber": null,
    })
}
