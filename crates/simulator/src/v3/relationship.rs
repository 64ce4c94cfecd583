//! Relationships: full objects, descriptors, or descriptors beside the object.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::object::descriptor;
use super::page::{self, collection, page};
use super::route::Kind;
use super::{BASE, Question, analysis, comment, domain, file, ip, url, vote};
use crate::answer::Answer;
use crate::objects::domain::parent;
use crate::objects::relation::{self, Target};
use crate::objects::url::Url;

mod listed;

/// Descriptors of one relationship beside the object.
const EMBEDDED: usize = 20;

/// What is at the other end.
enum Related {
    Many(Vec<Value>),
    One(Option<Value>),
}

/// Whether a relationship exists, and whether a premium key is needed.
fn is_premium(kind: Kind, name: &str) -> Option<bool> {
    Some(match (kind, name) {
        (_, "comments" | "votes") => false,
        (Kind::Domain | Kind::Ip, "downloaded_files" | "urls") => true,
        (
            Kind::Domain | Kind::Ip,
            "resolutions"
            | "communicating_files"
            | "referrer_files"
            | "historical_whois"
            | "historical_ssl_certificates",
        ) => false,
        (Kind::Domain, "subdomains" | "siblings" | "parent" | "immediate_parent") => false,
        (Kind::Url, "last_serving_ip_address" | "network_location") => false,
        (
            Kind::Url,
            "downloaded_files"
            | "communicating_files"
            | "referrer_files"
            | "analyses"
            | "submissions"
            | "redirecting_urls",
        ) => true,
        (Kind::File, "analyses" | "submissions" | "itw_urls" | "compressed_parents" | "email_parents") => {
            true
        }
        (
            Kind::File,
            "contacted_domains"
            | "contacted_ips"
            | "contacted_urls"
            | "dropped_files"
            | "bundled_files"
            | "pe_resource_parents",
        ) => false,
        _ => return None,
    })
}

pub(super) fn get(
    question: &Question<'_>,
    kind: Kind,
    id: &str,
    name: &str,
    descriptors: bool,
) -> Result<Answer, Refusal> {
    let premium = is_premium(kind, name).ok_or_else(Refusal::no_resource)?;
    if premium {
        question.premium()?;
    }
    let id = own_id(question, kind, id)?;
    let short = |item: Value| if descriptors { descriptor(&item) } else { item };
    match related(question, kind, &id, name)? {
        Related::Many(items) => {
            let items: Vec<Value> = items.into_iter().map(short).collect();
            page(question, &items, page::MOST).map(Answer::Json)
        }
        Related::One(item) => Ok(Answer::Json(json!({"data": item.map(short)}))),
    }
}

/// Descriptors of several relationships, each with its own way on.
pub(super) fn embedded(question: &Question<'_>, kind: Kind, id: &str, names: &str) -> Result<Value, Refusal> {
    let mut all = Map::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let premium = is_premium(kind, name)
            .ok_or_else(|| Refusal::BadRequest(format!("\"{name}\" is not a relationship of this object")))?;
        if premium {
            question.premium()?;
        }
        let address = format!("{}{BASE}{}/{id}", question.origin, kind.collection());
        let (own, full) = (
            format!("{address}/relationships/{name}"),
            format!("{address}/{name}"),
        );
        let mut value = match related(question, kind, id, name)? {
            Related::Many(items) => {
                let items: Vec<Value> = items.iter().map(descriptor).collect();
                collection(&own, &[], &items, 0, EMBEDDED)
            }
            Related::One(item) => json!({"data": item.as_ref().map(descriptor), "links": {"self": own}}),
        };
        if let Some(links) = value.get_mut("links").and_then(Value::as_object_mut) {
            links.insert("related".to_owned(), json!(full));
        }
        all.insert(name.to_owned(), value);
    }
    Ok(Value::Object(all))
}

/// The object's own id, where it is known.
pub(super) fn own_id(question: &Question<'_>, kind: Kind, id: &str) -> Result<String, Refusal> {
    Ok(match kind {
        Kind::File => file::find(question, id)?.0.hashes.sha256.clone(),
        Kind::Url => url::find(question, id)?.0.sha256,
        Kind::Domain => {
            let name = id.to_lowercase();
            domain::fields(question, &name)?;
            name
        }
        Kind::Ip => {
            let address = ip::usual(id)?;
            ip::fields(question, &address)?;
            address
        }
    })
}

fn related(question: &Question<'_>, kind: Kind, id: &str, name: &str) -> Result<Related, Refusal> {
    match name {
        "comments" => return Ok(Related::Many(comment::all_of(question, kind, id))),
        "votes" => return Ok(Related::Many(vote::all_of(question, kind, id))),
        "analyses" | "submissions" => return analyses(question, kind, id, name),
        _ => {}
    }
    let path = format!("{}/{id}/{name}", kind.collection());
    if let Some(items) = question.world.memory().v3_samples.list(&path) {
        return Ok(Related::Many(items.clone()));
    }
    match kind {
        Kind::Domain => {
            let (fields, made_up) = domain::fields(question, id)?;
            Ok(match name {
                "immediate_parent" => Related::One(parent(id).map(|name| listed::domain(question, name))),
                "parent" => Related::One(top(id).map(|name| listed::domain(question, name))),
                _ => Related::Many(listed::of_host(question, kind, id, name, &fields, made_up)),
            })
        }
        Kind::Ip => {
            let (fields, made_up) = ip::fields(question, id)?;
            Ok(Related::Many(listed::of_host(
                question, kind, id, name, &fields, made_up,
            )))
        }
        Kind::Url => Ok(of_url(question, id, name)),
        Kind::File => Ok(Related::Many(targets(question, id, name))),
    }
}

/// The registered domain above one.
fn top(domain: &str) -> Option<&str> {
    std::iter::successors(parent(domain), |name| parent(name)).last()
}

fn analyses(question: &Question<'_>, kind: Kind, id: &str, name: &str) -> Result<Related, Refusal> {
    let mut items = analysis::all_of(question, kind, id)?;
    if name == "submissions" {
        for item in &mut items {
            let date = item.pointer("/attributes/date").cloned();
            *item = json!({
                "type": "submission", "id": item.get("id"), "attributes": {"date": date, "interface": "api", "country": "US"}
            });
        }
    }
    Ok(Related::Many(items))
}

/// Other made-up objects, each as it is shown by itself. A sampled file has only those its samples name.
fn targets(question: &Question<'_>, id: &str, name: &str) -> Vec<Value> {
    let sampled = question.world.memory().sampled_hashes.contains_key(id);
    if sampled {
        return listed::of_sampled_file(question, id, name);
    }
    let views = relation::of(id, name, question.seed());
    views.iter().filter_map(|target| view(question, target)).collect()
}

fn view(question: &Question<'_>, target: &Target) -> Option<Value> {
    match target {
        Target::File(hash) => question.view(Kind::File, hash).ok(),
        Target::Domain(name) => question.view(Kind::Domain, name).ok(),
        Target::Ip(address) => question.view(Kind::Ip, address).ok(),
        Target::Url(text) => {
            let url = Url::parse(text, question.seed())?;
            question.world.memory().remember_url(&url);
            question.view(Kind::Url, &url.sha256).ok()
        }
    }
}

fn of_url(question: &Question<'_>, id: &str, name: &str) -> Related {
    let host = question.world.memory().url_of(id).unwrap_or_default();
    let host = host.split('/').nth(2).unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    match name {
        "network_location" => Related::One(match host.parse::<IpAddr>() {
            Ok(_) => question.view(Kind::Ip, host).ok(),
            Err(_) => Some(listed::domain(question, host)),
        }),
        "last_serving_ip_address" => {
            let serving = relation::serving_address(id, question.seed());
            Related::One(view(question, &serving))
        }
        _ => Related::Many(targets(question, id, name)),
    }
}
