//! Which entities the platform makes up to try an action.

use integration::Action;
use serde_json::json;

/// A JSON text that names entity types. Uploads need none: they act on paths.
pub(crate) fn entities(action: Action) -> String {
    let types = match action {
        Action::UploadAndScanFile => &[],
        _ => action.definition().entity_types,
    };
    let names: Vec<&str> = types.iter().map(secops::EntityType::name).collect();
    json!({ "Entities": names }).to_string()
}
