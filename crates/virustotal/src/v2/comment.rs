//! Comments: 25 a call, newest first.

use serde_json::Value;

use super::{COMMENTS_GET, excerpt};
use crate::client::Comment;
use crate::transport::{Errand, Payload};
use crate::{Error, json};

/// A full page; there may be another.
const PAGE: usize = 25;

pub(crate) async fn comments(
    errand: &Errand<'_>,
    resource: &str,
    most: usize,
) -> Result<Vec<Comment>, Error> {
    let mut comments: Vec<Comment> = Vec::new();
    while comments.len() < most {
        let mut parameters = vec![("resource", resource.to_owned())];
        parameters.extend(comments.last().map(|oldest| ("before", oldest.date.clone())));
        let payload = Payload::Parameters(parameters);
        let page = errand
            .ask(&COMMENTS_GET, &payload, None, |answered| read(&answered.body))
            .await?;
        let last_page = page.len() != PAGE;
        comments.extend(page);
        if last_page {
            break;
        }
    }
    comments.truncate(most);
    Ok(comments)
}

/// No comments: an empty list, or no list; an unknown resource has none either.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Comment>, String> {
    let value: Value =
        json::read_bytes(body).map_err(|error| format!("not JSON ({error}); {}", excerpt(body)))?;
    if value.get("response_code").is_none() {
        return Err("it has no response_code".to_owned());
    }
    let list = value
        .get("comments")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    Ok(list.iter().filter_map(comment).collect())
}

fn comment(value: &Value) -> Option<Comment> {
    Some(Comment {
        date: value.get("date").and_then(crate::report::as_text)?,
        text: value.get("comment").and_then(crate::report::as_text)?,
    })
}
