//! What API v2 adds to a file's report for `allinfo`. Source: the mapping, section 3.

use serde_json::Value;

use crate::v3::shape::draft::Draft;
use crate::v3::shape::related::Related;
use crate::v3::shape::{attribute, dates};

pub(super) fn put(draft: &mut Draft, object: &Value, attributes: &Value) {
    draft.put("first_seen", dates::date(attributes, "first_submission_date"));
    draft.put("last_seen", dates::date(attributes, "last_submission_date"));
    draft.put("type", attribute::text(attributes, "type_description"));
    draft.put("tags", attribute::texts(attributes, "tags"));
    draft.put("submission_names", attribute::texts(attributes, "names"));
    for name in ["ssdeep", "vhash", "authentihash"] {
        draft.put(name, attribute::text(attributes, name));
    }
    for name in ["size", "times_submitted", "unique_sources"] {
        draft.put(name, attribute::number(attributes, name));
    }
    draft.put(
        "community_reputation",
        attribute::number(attributes, "reputation"),
    );
    let votes = attributes.get("total_votes").unwrap_or(&Value::Null);
    draft.put("harmless_votes", attribute::number(votes, "harmless"));
    draft.put("malicious_votes", attribute::number(votes, "malicious"));
    // A call of their own, unless they were asked for with the object.
    let related = Related::from_descriptors(object);
    draft.put("ITW_urls", related.addresses("itw_urls"));
    draft.put("additional_info", additional_info(attributes, &related));
}

fn additional_info(attributes: &Value, related: &Related) -> Option<Value> {
    let mut info = Draft::default();
    info.put("magic", attribute::text(attributes, "magic"));
    info.put("trid", trid(attributes));
    info.put("sigcheck", attribute::without_nulls(attributes, "signature_info"));
    info.put("exiftool", attribute::without_nulls(attributes, "exiftool"));
    let pe_info = attributes.get("pe_info").unwrap_or(&Value::Null);
    info.put("pe-imphash", attribute::text(pe_info, "imphash"));
    for parents in ["compressed_parents", "email_parents", "pe_resource_parents"] {
        info.put(parents, related.ids(parents));
    }
    info.into_fields()
}

/// A line for each guess; API v2 says `Unknown!` for none. The layout is unconfirmed.
fn trid(attributes: &Value) -> Option<String> {
    let guesses = attribute::list(attributes, "trid")?;
    let lines: Vec<String> = guesses.iter().filter_map(guess).collect();
    Some(match lines.is_empty() {
        true => "Unknown!".to_owned(),
        false => lines.join("\n"),
    })
}

fn guess(guess: &Value) -> Option<String> {
    let file_type = attribute::text(guess, "file_type")?;
    Some(match attribute::number(guess, "probability") {
        Some(probability) => format!("{file_type} ({probability}%)"),
        None => file_type.to_owned(),
    })
}
