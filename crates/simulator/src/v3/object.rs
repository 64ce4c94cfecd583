//! The shape of every object, and the one object that a path names.

use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::route::Kind;
use super::{BASE, Question, domain, file, ip, relationship, url};
use crate::answer::Answer;

/// Who answers, which stands in every link.
#[derive(Clone, Copy)]
pub(super) struct Links<'a>(pub(super) &'a str);

impl Links<'_> {
    pub(super) fn to(self, collection: &str, id: &str) -> String {
        format!("{}{BASE}{collection}/{id}", self.0)
    }

    /// An object with its address.
    pub(super) fn object(
        self,
        kind: &str,
        collection: &str,
        id: &str,
        attributes: Map<String, Value>,
    ) -> Value {
        let mut object =
            fields_of(json!({"type": kind, "id": id, "links": {"self": self.to(collection, id)}}));
        object.insert("attributes".to_owned(), Value::Object(attributes));
        Value::Object(object)
    }

    /// What a submission gets: the name of its analysis.
    pub(super) fn analysis(self, id: &str) -> Answer {
        Answer::Json(json!({
            "data": {"type": "analysis", "id": id, "links": {"self": self.to("analyses", id)}}
        }))
    }
}

/// An object's type and id alone.
pub(super) fn descriptor(object: &Value) -> Value {
    let mut short = json!({"type": object.get("type"), "id": object.get("id")});
    if let (Some(context), Some(fields)) = (object.get("context_attributes"), short.as_object_mut()) {
        fields.insert("context_attributes".to_owned(), context.clone());
    }
    short
}

pub(super) fn fields_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

impl Question<'_> {
    pub(super) fn links(&self) -> Links<'_> {
        Links(self.origin)
    }

    /// The object, whole.
    pub(super) fn view(&self, kind: Kind, id: &str) -> Result<Value, Refusal> {
        match kind {
            Kind::File => file::find(self, id).map(|found| file::view(self, &found.0, &found.1)),
            Kind::Url => url::find(self, id).map(|found| url::view(self, &found.0, &found.1)),
            Kind::Domain => domain::view(self, id),
            Kind::Ip => ip::view(self, id),
        }
    }
}

pub(super) fn get(question: &Question<'_>, kind: Kind, id: &str) -> Result<Answer, Refusal> {
    let mut object = question.view(kind, id)?;
    let names = question.request.parameter("relationships");
    if !names.is_empty() {
        let own = object.get("id").and_then(Value::as_str).unwrap_or(id).to_owned();
        let related = relationship::embedded(question, kind, &own, names)?;
        if let Some(fields) = object.as_object_mut() {
            fields.insert("relationships".to_owned(), related);
        }
    }
    Ok(Answer::Json(json!({"data": object})))
}
