//! `release_notes.yaml`

use serde::Serialize;

use crate::fact::{NOTES, Note};

#[derive(Serialize)]
pub(super) struct Declaration {
    description: &'static str,
    integration_version: f64,
    item_name: &'static str,
    item_type: &'static str,
    publish_time: String,
    regressive: bool,
}

/// Newest last: the hub compares the last one's version with the package's.
pub(super) fn declarations() -> Vec<Declaration> {
    NOTES.iter().map(declaration).collect()
}

fn declaration(note: &Note) -> Declaration {
    Declaration {
        description: note.text,
        integration_version: note.version,
        item_name: note.item,
        item_type: note.item_type,
        publish_time: note.date.to_string(),
        regressive: note.regressive,
    }
}
