//! Everything, as JSON.

use serde::Serialize;
use serde_json::{Value, json};

use super::Record;
use crate::{Case, Error, Run, StoredEntity, StoredInsight, WallEntry};

#[derive(Serialize)]
struct Document<'a> {
    exported_at: String,
    case: &'a Case,
    entities: Vec<Value>,
    insights: &'a [StoredInsight],
    runs: &'a [Run],
    wall: &'a [WallEntry],
}

pub(super) fn write(record: &Record) -> Result<Vec<u8>, Error> {
    let document = Document {
        exported_at: record.at.to_string(),
        case: &record.case,
        entities: record.entities.iter().map(entity).collect(),
        insights: &record.insights,
        runs: &record.runs,
        wall: &record.wall,
    };
    serde_json::to_vec_pretty(&document).map_err(|error| Error::Damaged(error.to_string()))
}

fn entity(stored: &StoredEntity) -> Value {
    let entity = &stored.entity;
    json!({
        "id": stored.id,
        "alert": stored.alert,
        "identifier": entity.original_identifier(),
        "entity_type": entity.entity_type.name(),
        "is_internal": entity.is_internal,
        "is_suspicious": entity.is_suspicious,
        "is_enriched": entity.is_enriched,
        "properties": entity.additional_properties,
        "created_at": stored.created_at.to_string(),
        "updated_at": stored.updated_at.to_string(),
    })
}
