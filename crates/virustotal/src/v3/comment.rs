//! Comments: a page a call, newest first.

use super::listing::cursor as next_page;
use super::object::Subject;
use super::{COMMENTS, Request, ask, shape};
use crate::Error;
use crate::client::Comment;
use crate::transport::Errand;

/// Comments a page; the most that is known to be taken. Source: API v3, section 1.2.
const PAGE: usize = 40;

pub(crate) async fn comments(
    errand: &Errand<'_>,
    subject: &Subject,
    most: usize,
) -> Result<Vec<Comment>, Error> {
    let mut comments: Vec<Comment> = Vec::new();
    let mut cursor: Option<String> = None;
    while comments.len() < most {
        let mut question = Request::of(format!("{}/comments", subject.path()));
        question.query.push(("limit", most.min(PAGE).to_string()));
        question
            .query
            .extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let page = match ask(errand, &COMMENTS, question).await {
            Ok(page) => page,
            // What is not there has no comments.
            Err(Error::Missing) => break,
            Err(error) => return Err(error),
        };
        let read = shape::comments(&page);
        cursor = next_page(&page, read.is_empty());
        comments.extend(read.into_iter().map(|(date, text)| Comment { date, text }));
        if cursor.is_none() {
            break;
        }
    }
    comments.truncate(most);
    Ok(comments)
}
