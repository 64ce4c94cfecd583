//! Comments, newest first. They are API v2's too.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Question;
use super::error::Refusal;
use super::page::{self, page};
use super::relationship::own_id;
use super::route::Kind;
use crate::answer::Answer;
use crate::notes::Comment;
use crate::objects::hex;

pub(super) fn get(question: &Question<'_>, kind: Kind, id: &str) -> Result<Answer, Refusal> {
    let id = own_id(question, kind, id)?;
    page(question, &all_of(question, kind, &id), page::MOST).map(Answer::Json)
}

/// Under which name an object's notes are kept; for files and URLs API v2 uses it too.
pub(super) fn notes_key(kind: Kind, id: &str) -> String {
    format!("{}/{id}", kind.collection())
}

pub(super) fn all_of(question: &Question<'_>, kind: Kind, id: &str) -> Vec<Value> {
    let memory = question.world.memory();
    let list = memory.comments.get(&notes_key(kind, id));
    list.into_iter()
        .flatten()
        .map(|comment| shown(question, kind, id, comment))
        .collect()
}

pub(super) fn post(question: &Question<'_>, kind: Kind, id: &str) -> Result<Answer, Refusal> {
    let id = own_id(question, kind, id)?;
    let text = attribute(question, "comment", "text")?;
    let key = notes_key(kind, &id);
    let comment = question
        .world
        .memory()
        .add_comment(&key, &text, question.world.now())
        .ok_or_else(|| Refusal::AlreadyExists("Duplicated comment".to_owned()))?;
    Ok(Answer::Json(
        json!({"data": shown(question, kind, &id, &comment)}),
    ))
}

/// A text in a JSON body `{"data": {"type": …, "attributes": {…}}}`.
pub(super) fn attribute(question: &Question<'_>, kind: &str, name: &str) -> Result<String, Refusal> {
    let bad = |text: &str| Refusal::BadRequest(text.to_owned());
    let body: Value =
        serde_json::from_slice(&question.request.body).map_err(|_| bad("The request's body is no JSON"))?;
    if body.pointer("/data/type").and_then(Value::as_str) != Some(kind) {
        return Err(bad(&format!("data.type must be \"{kind}\"")));
    }
    body.pointer(&format!("/data/attributes/{name}"))
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| bad(&format!("data.attributes.{name} is missing")))
}

/// The name of a note: the object's, and something that tells it from the others.
pub(super) fn note_id(kind: Kind, id: &str, text: &str, at: Timestamp) -> String {
    let random = hex(&Sha256::digest(format!("{text}{at}")));
    format!("{}-{id}-{}", kind.initial(), random.get(..8).unwrap_or_default())
}

fn shown(question: &Question<'_>, kind: Kind, id: &str, comment: &Comment) -> Value {
    if let Some(sample) = &comment.sample {
        return sample.clone();
    }
    let text = &comment.text;
    let tags: Vec<String> = text
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('#'))
        .map(|tag| {
            tag.chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
                .collect::<String>()
                .to_lowercase()
        })
        .filter(|tag| !tag.is_empty())
        .collect();
    let name = note_id(kind, id, text, comment.at);
    json!({
        "type": "comment", "id": name, "links": {"self": question.links().to("comments", &name)},
        "attributes": {
            "date": comment.at.as_second(), "text": text, "html": text, "tags": tags,
            "votes": {"positive": 0, "negative": 0, "abuse": 0}
        }
    })
}
