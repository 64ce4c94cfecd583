//! A search among uploads, samples and the first made-up objects. Premium keys only.

use serde_json::{Value, json};

use super::Question;
use super::error::Refusal;
use super::page::page;
use super::route::Kind;
use crate::answer::Answer;
use crate::objects::file::synthetic_file;
use crate::objects::ip::synthetic_ip;
use crate::objects::url::{Url, synthetic_domain, synthetic_url};
use crate::standing::is_hash;

/// Made-up objects of each kind that are searched.
const SEARCHED: u64 = 100;
/// Largest page.
const MOST: usize = 300;

/// One word of a query.
enum Term {
    /// From, to.
    Positives(u64, u64),
    Tag(String),
    Name(String),
    Hash(String),
    Text(String),
}

/// `10+` at least, `10-` at most, `10` just so.
fn range(text: &str) -> Option<(u64, u64)> {
    if let Some(least) = text.strip_suffix('+') {
        return Some((least.parse().ok()?, u64::MAX));
    }
    if let Some(most) = text.strip_suffix('-') {
        return Some((0, most.parse().ok()?));
    }
    text.parse().ok().map(|exactly| (exactly, exactly))
}

fn parsed(query: &str) -> Result<(Kind, Vec<Term>), Refusal> {
    let (mut kind, mut terms) = (Kind::File, Vec::new());
    for word in query.split_whitespace() {
        let bad = || Refusal::InvalidArgument(format!("\"{word}\" can't be searched for"));
        let word = word.trim_matches('"');
        let term = match word.split_once(':') {
            Some(("entity", name)) => {
                kind = match name {
                    "file" => Kind::File,
                    "url" => Kind::Url,
                    "domain" => Kind::Domain,
                    "ip" => Kind::Ip,
                    _ => return Err(bad()),
                };
                continue;
            }
            Some(("positives" | "p", text)) => range(text)
                .map(|(least, most)| Term::Positives(least, most))
                .ok_or_else(bad)?,
            Some(("tag", tag)) => Term::Tag(tag.to_lowercase()),
            Some(("name", name)) => Term::Name(name.to_lowercase()),
            Some((modifier, _)) if modifier.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                return Err(bad());
            }
            _ if is_hash(&word.to_lowercase()) => Term::Hash(word.to_lowercase()),
            _ => Term::Text(word.to_lowercase()),
        };
        terms.push(term);
    }
    Ok((kind, terms))
}

impl Term {
    fn matches(&self, object: &Value) -> bool {
        let attribute = |name: &str| {
            object
                .get("attributes")
                .and_then(|attributes| attributes.get(name))
        };
        let texts = |name: &str| {
            let value = attribute(name);
            let list = value.and_then(Value::as_array).into_iter().flatten();
            list.chain(value)
                .filter_map(Value::as_str)
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
        };
        match self {
            Self::Positives(least, most) => attribute("last_analysis_stats")
                .and_then(|stats| stats.get("malicious")?.as_u64())
                .is_some_and(|positives| (*least..=*most).contains(&positives)),
            Self::Tag(tag) => texts("tags").contains(tag),
            Self::Name(part) => texts("names").iter().any(|name| name.contains(part)),
            Self::Hash(hash) => ["md5", "sha1", "sha256"]
                .iter()
                .any(|name| texts(name).contains(hash)),
            Self::Text(part) => ["names", "meaningful_name", "url", "title"]
                .iter()
                .flat_map(|name| texts(name))
                .chain(object.get("id").and_then(Value::as_str).map(str::to_owned))
                .any(|name| name.contains(part)),
        }
    }
}

pub(super) fn get(question: &Question<'_>) -> Result<Answer, Refusal> {
    question.premium()?;
    let query = question.request.parameter("query");
    if query.trim().is_empty() {
        return Err(Refusal::BadRequest("query is missing".to_owned()));
    }
    let (kind, terms) = parsed(query)?;
    let found: Vec<Value> = candidates(question, kind, &terms)
        .iter()
        .filter_map(|id| question.view(kind, id).ok())
        .filter(|object| terms.iter().all(|term| term.matches(object)))
        .collect();
    let mut answer = page(question, &found, MOST)?;
    if let Some(meta) = answer.get_mut("meta").and_then(Value::as_object_mut) {
        meta.remove("count");
        meta.insert("total_hits".to_owned(), json!(found.len()));
        meta.insert("days_back".to_owned(), json!(90));
    }
    Ok(Answer::Json(answer))
}

/// Ids of what is searched, each once.
fn candidates(question: &Question<'_>, kind: Kind, terms: &[Term]) -> Vec<String> {
    let mut ids: Vec<String> = match kind {
        Kind::File => {
            let memory = question.world.memory();
            let uploads = memory.uploads.iter().rev().map(|upload| upload.sha256.clone());
            let asked = terms.iter().filter_map(|term| match term {
                Term::Hash(hash) => Some(hash.clone()),
                _ => None,
            });
            let sampled = memory.sampled_hashes.values().map(|hashes| hashes.sha256.clone());
            let mut sampled: Vec<String> = sampled.collect();
            sampled.sort_unstable();
            sampled.dedup();
            let mut ids: Vec<String> = asked.chain(uploads).chain(sampled).collect();
            drop(memory);
            // A hash of any kind stands for the file's SHA-256.
            for id in &mut ids {
                if let Ok((file, _)) = super::file::find(question, id) {
                    id.clone_from(&file.hashes.sha256);
                }
            }
            ids.extend((0..SEARCHED).map(|n| synthetic_file(n).sha256));
            ids
        }
        Kind::Url => {
            let urls = (0..SEARCHED).filter_map(|n| Url::parse(&synthetic_url(n), question.seed()));
            let mut memory = question.world.memory();
            urls.map(|url| {
                memory.remember_url(&url);
                url.sha256
            })
            .collect()
        }
        Kind::Domain => (0..SEARCHED).map(synthetic_domain).collect(),
        Kind::Ip => (0..SEARCHED).map(|n| synthetic_ip(n).to_string()).collect(),
    };
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    ids
}
