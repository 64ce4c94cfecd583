//! Collections: what is related to an object, and what a search finds. A page a call, in VirusTotal's order.

use serde_json::Value;

use super::object::Subject;
use super::{Request, SEARCH, ask};
use crate::Error;
use crate::transport::{Endpoint, Errand};

/// Objects a page; the most that is known to be taken. Source: API v3, section 1.2.
const PAGE: usize = 40;

/// The first objects of a collection.
pub(crate) struct Pages {
    /// As they came.
    pub(crate) objects: Vec<Value>,
    /// Whether there are more.
    pub(crate) has_more: bool,
}

/// At most so many objects of a relationship. One that leads to a single object has it as its only one.
pub(crate) async fn related(
    errand: &Errand<'_>,
    subject: &Subject,
    relationship: &str,
    most: usize,
) -> Result<Pages, Error> {
    let path = format!("{}/{}", subject.path(), super::escaped(relationship));
    pages(errand, &super::RELATIONSHIPS, &path, &[], most).await
}

/// At most so many objects that a query of VirusTotal Intelligence finds.
pub(crate) async fn search(errand: &Errand<'_>, query: &str, most: usize) -> Result<Pages, Error> {
    let query = [("query", query.to_owned())];
    pages(errand, &SEARCH, "intelligence/search", &query, most).await
}

async fn pages(
    errand: &Errand<'_>,
    endpoint: &'static Endpoint,
    path: &str,
    query: &[(&'static str, String)],
    most: usize,
) -> Result<Pages, Error> {
    let (mut objects, mut cursor): (Vec<Value>, Option<String>) = (Vec::new(), None);
    loop {
        let mut question = Request::of(path);
        let wanted = PAGE.min(most.saturating_sub(objects.len()));
        question.query.extend_from_slice(query);
        question.query.push(("limit", wanted.to_string()));
        question.query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let (page, next) = page(ask(errand, endpoint, question).await?);
        objects.extend(page);
        let is_cut = objects.len() > most;
        objects.truncate(most);
        cursor = next;
        if cursor.is_none() || objects.len() >= most {
            let has_more = is_cut || cursor.is_some();
            return Ok(Pages { objects, has_more });
        }
    }
}

/// The objects of one page, and where the next begins.
pub(crate) fn page(mut answer: Value) -> (Vec<Value>, Option<String>) {
    let page = match answer.get_mut("data").map(Value::take) {
        Some(Value::Array(page)) => page,
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    };
    let next = cursor(&answer, page.is_empty());
    (page, next)
}

/// Where the next page begins. After one without anything to read there is none: a server that goes on with empty pages has no
/// end.
pub(super) fn cursor(answer: &Value, is_empty: bool) -> Option<String> {
    let cursor = answer.pointer("/meta/cursor").and_then(Value::as_str);
    cursor.filter(|_| !is_empty).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{cursor, page};

    #[test]
    fn a_list_that_goes_on_with_nothing_ends() {
        let meta = json!({"cursor": "next"});
        for data in [json!([]), json!(null), json!("x")] {
            assert_eq!(page(json!({"data": data, "meta": meta})), (Vec::new(), None));
        }
        let one = page(json!({"data": [1], "meta": meta}));
        assert_eq!(one, (vec![Value::from(1)], Some("next".to_owned())));
        // Comments that can't be read are none, however many came.
        assert_eq!(cursor(&json!({"data": [{}], "meta": meta}), true), None);
    }
}
