//! `VirusTotal.fulldetails`: the package at a glance.

use integration::Action;
use serde_json::{Value, json};

use crate::fact::{self, NOTES};
use crate::{Options, display, script};

pub(super) fn summary(options: &Options) -> Value {
    let actions: Vec<&str> = Action::ALL
        .iter()
        .map(|action| action.definition().name)
        .collect();
    let widgets: Vec<&str> = display::all().map(|(definition, _)| definition.name).collect();
    json!({
        "Actions": actions,
        "Connectors": [],
        "CustomFamilies": [],
        "Description": fact::DESCRIPTION,
        "DisplayName": fact::IDENTIFIER,
        "DocumentationLink": fact::DOCUMENTATION,
        "ExampleUseCases": [],
        "Identifier": fact::IDENTIFIER,
        "IntegrationProperties": super::definition::properties(options),
        // Always false in this file, whatever the definition says.
        "IsCustom": false,
        "Jobs": [],
        "Managers": [script::LAUNCHER],
        "MappingRules": [],
        "MinimumSystemVersion": fact::MINIMUM_SYSTEM_VERSION,
        "PackageName": fact::IDENTIFIER,
        "ReleaseNotes": release_notes(),
        "Version": fact::VERSION_NUMBER,
        "Widgets": widgets,
    })
}

/// One item a version.
fn release_notes() -> Vec<Value> {
    let versions = NOTES.chunk_by(|one, other| one.version.to_bits() == other.version.to_bits());
    let item = |notes: &[fact::Note]| {
        let texts: Vec<&str> = notes.iter().map(|note| note.text).collect();
        let newest = notes.iter().map(fact::Note::published_at).max();
        json!({
            "Items": texts,
            "PublishTimeUnixTime": newest.unwrap_or_default() * 1000,
            "Version": notes.first().map(|note| note.version),
        })
    };
    versions.map(item).collect()
}
