//! Collections, a page at a time.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::Question;
use super::error::Refusal;

const USUAL_LIMIT: usize = 10;
/// Largest page that public clients use; more is refused here, so that nobody comes to rely on it.
pub(super) const MOST: usize = 40;

/// The page of a collection that the request asks for.
pub(super) fn page(question: &Question<'_>, items: &[Value], most: usize) -> Result<Value, Refusal> {
    let request = question.request;
    let limit = match request.parameter("limit") {
        "" => USUAL_LIMIT,
        text => text
            .parse()
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| Refusal::InvalidArgument(format!("limit must be between 1 and {most}")))?,
    };
    let start = match request.parameter("cursor") {
        "" => 0,
        text => place(text).ok_or_else(|| Refusal::InvalidArgument("Invalid cursor".to_owned()))?,
    };
    let mut kept: Vec<(&str, &str)> = request
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !matches!(*name, "limit" | "cursor"))
        .collect();
    kept.sort_unstable();
    let address = format!("{}{}", question.origin, request.path);
    Ok(collection(&address, &kept, items, start, limit))
}

/// Some items of a collection, and how to go on.
pub(super) fn collection(
    address: &str,
    kept: &[(&str, &str)],
    items: &[Value],
    start: usize,
    limit: usize,
) -> Value {
    let end = start.saturating_add(limit).min(items.len());
    let link = |cursor: Option<&str>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        query.append_pair("limit", &limit.to_string());
        format!("{address}?{}", query.finish())
    };
    let mut page = json!({
        "data": items.get(start..end).unwrap_or_default(), "meta": {"count": items.len()},
        "links": {"self": link(None)}
    });
    if end < items.len() {
        let cursor = cursor(end);
        if let Some(links) = page.get_mut("links").and_then(Value::as_object_mut) {
            links.insert("next".to_owned(), json!(link(Some(&cursor))));
        }
        if let Some(meta) = page.get_mut("meta").and_then(Value::as_object_mut) {
            meta.insert("cursor".to_owned(), json!(cursor));
        }
    }
    page
}

/// The reference's cursors are such; to a client they are opaque, and most need percent signs in an address.
fn cursor(place: usize) -> String {
    BASE64_STANDARD.encode(format!("I{place}\n."))
}

fn place(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(BASE64_STANDARD.decode(cursor).ok()?).ok()?;
    text.strip_prefix('I')?.strip_suffix("\n.")?.parse().ok()
}
