//! Votes: one per user and object. They count in the object's `total_votes`, and in API v2's.

use serde_json::{Map, Value, json};

use super::Question;
use super::comment::{attribute, note_id, notes_key};
use super::error::Refusal;
use super::page::{self, page};
use super::relationship::own_id;
use super::route::Kind;
use crate::answer::Answer;
use crate::notes::{Vote, user_name};

pub(super) fn get(question: &Question<'_>, kind: Kind, id: &str) -> Result<Answer, Refusal> {
    let id = own_id(question, kind, id)?;
    page(question, &all_of(question, kind, &id), page::MOST).map(Answer::Json)
}

pub(super) fn all_of(question: &Question<'_>, kind: Kind, id: &str) -> Vec<Value> {
    let memory = question.world.memory();
    let list = memory.votes.get(&notes_key(kind, id));
    list.into_iter()
        .flatten()
        .map(|vote| shown(question, kind, id, vote))
        .collect()
}

pub(super) fn post(question: &Question<'_>, kind: Kind, id: &str) -> Result<Answer, Refusal> {
    let id = own_id(question, kind, id)?;
    let is_malicious = match attribute(question, "vote", "verdict")?.as_str() {
        "malicious" => true,
        "harmless" => false,
        other => {
            let text = format!("\"{other}\" is not a verdict: malicious or harmless");
            return Err(Refusal::InvalidArgument(text));
        }
    };
    let vote = Vote {
        at: question.world.now(),
        is_malicious,
        user: user_name(question.key),
    };
    question
        .world
        .memory()
        .add_vote(&notes_key(kind, &id), vote.clone())
        .ok_or_else(|| Refusal::AlreadyExists("The user has voted on this object".to_owned()))?;
    Ok(Answer::Json(json!({"data": shown(question, kind, &id, &vote)})))
}

fn shown(question: &Question<'_>, kind: Kind, id: &str, vote: &Vote) -> Value {
    let (verdict, value) = if vote.is_malicious {
        ("malicious", -1)
    } else {
        ("harmless", 1)
    };
    let name = note_id(kind, id, &vote.user, vote.at);
    json!({
        "type": "vote", "id": name, "links": {"self": question.links().to("votes", &name)},
        "attributes": {"date": vote.at.as_second(), "verdict": verdict, "value": value}
    })
}

/// Adds votes made here to an object's own.
pub(super) fn add(attributes: &mut Map<String, Value>, (harmless, malicious): (u64, u64)) {
    if harmless + malicious == 0 {
        return;
    }
    let own = |name: &str| {
        let votes = attributes.get("total_votes");
        votes.and_then(|votes| votes.get(name)?.as_u64()).unwrap_or(0)
    };
    let votes = json!({"harmless": own("harmless") + harmless, "malicious": own("malicious") + malicious});
    attributes.insert("total_votes".to_owned(), votes);
}
