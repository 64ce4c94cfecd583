//! Comments. Source: the mapping, section 7.

use serde_json::Value;

use super::{attribute, dates};

/// The comments of a page, newest first: date as `YYYYMMDDHHMMSS`, and text as its author wrote it.
///
/// `collection` is the whole answer, or its `data`. A comment without a date or a text is left out. The order is ours,
/// for API v2's paging relies on it and v3's is unconfirmed.
pub(crate) fn comments(collection: &Value) -> Vec<(String, String)> {
    let list = attribute::list(collection, "data").or(collection.as_array().map(Vec::as_slice));
    let mut comments: Vec<(i64, &str)> = list.unwrap_or_default().iter().filter_map(comment).collect();
    comments.sort_by_key(|(date, _)| std::cmp::Reverse(*date));
    let in_old_shape = comments
        .into_iter()
        .filter_map(|(date, text)| Some((dates::compact(date)?, text.to_owned())));
    in_old_shape.collect()
}

fn comment(comment: &Value) -> Option<(i64, &str)> {
    let attributes = comment.get("attributes")?;
    let date = dates::epoch(attributes, "date")?;
    Some((date, attribute::text(attributes, "text")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::comments;

    #[test]
    fn comments_come_newest_first_and_unusable_ones_not_at_all() {
        let comment = |date, text| json!({"type": "comment", "attributes": {"date": date, "text": text}});
        let page = json!({"data": [
            comment(json!(60), json!("older")), comment(json!(120), json!("newer")), comment(json!(null), json!("undated")),
            comment(json!(1), json!("")), {"type": "comment", "id": "x"}, 5,
        ]});
        let expected = [
            ("19700101000200".to_owned(), "newer".to_owned()),
            ("19700101000100".to_owned(), "older".to_owned()),
        ];
        assert_eq!(comments(&page), expected);
        assert_eq!(comments(&page["data"]), expected);
        assert_eq!(comments(&json!({"data": null})), []);
    }
}
