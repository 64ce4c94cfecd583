//! API v2: every endpoint, from key to answer. Source: the reference of the API.

mod comment;
pub(crate) mod domain;
pub(crate) mod file;
mod ip;
pub(crate) mod url;

use hyper::StatusCode;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::objects::Dice;
use crate::quota::KeyKind;
use crate::request::{Request, UPLOAD_PATH};
use crate::world::World;

/// Names of the parameter for extra fields; both occur.
pub(crate) const ALL_INFO: &[&str] = &["allinfo", "all_info"];

/// One call with a known key.
struct Question<'a> {
    world: &'a World,
    request: &'a Request,
    kind: KeyKind,
    resources: Vec<String>,
}

pub(crate) fn answer(world: &World, request: &Request, origin: &str) -> Answer {
    if let Some(status) = request.refused {
        return Answer::Empty(status);
    }
    if let Some(token) = request.endpoint.strip_prefix(UPLOAD_PATH) {
        return file::upload_to(world, request, token.trim_end_matches('/'));
    }
    if !is_endpoint(&request.method, &request.endpoint) {
        return Answer::Empty(StatusCode::NOT_FOUND);
    }
    let Some(kind) = world.memory().kind_of(request.parameter("apikey")) else {
        return Answer::Empty(StatusCode::FORBIDDEN);
    };
    let resources = request.resources();
    let allowed = {
        let now = world.now();
        let mut memory = world.memory();
        let usage = memory.usage.get_mut(request.parameter("apikey"));
        usage.is_some_and(|usage| {
            usage.note(&request.endpoint, now);
            usage.take(&world.settings.quota, resources.len(), now)
        })
    };
    if !allowed {
        return Answer::Empty(StatusCode::NO_CONTENT);
    }
    let question = Question {
        world,
        request,
        kind,
        resources,
    };
    let private_only = matches!(
        request.endpoint.as_str(),
        "file/rescan" | "comments/get" | "file/scan/upload_url"
    );
    if private_only && kind == KeyKind::Public {
        return Answer::Empty(StatusCode::FORBIDDEN);
    }
    question.answer(origin)
}

fn is_endpoint(method: &str, endpoint: &str) -> bool {
    match endpoint {
        "file/report" | "url/report" => matches!(method, "GET" | "POST"),
        "file/scan" | "file/rescan" | "url/scan" | "comments/put" => method == "POST",
        "file/scan/upload_url" | "domain/report" | "ip-address/report" | "comments/get" => method == "GET",
        _ => false,
    }
}

impl Question<'_> {
    fn answer(&self, origin: &str) -> Answer {
        let endpoint = self.request.endpoint.as_str();
        if self.resources.is_empty() && !endpoint.starts_with("file/scan") {
            return Answer::Empty(StatusCode::BAD_REQUEST);
        }
        match endpoint {
            "file/report" => self.batch(|resource| file::report(self, resource)),
            "file/rescan" => self.batch(|resource| file::rescan(self, resource)),
            "file/scan" => file::upload(self),
            "file/scan/upload_url" => file::upload_url(self, origin),
            "url/report" => self.batch(|resource| url::report(self, resource)),
            // Source: the reference warns of 403 for a wrong content type.
            "url/scan" if !self.is_form() => Answer::Empty(StatusCode::FORBIDDEN),
            "url/scan" => self.batch(|resource| url::scan(self, resource)),
            "domain/report" => self.one(|resource| domain::report(self, resource)),
            "ip-address/report" => self.one(|resource| ip::report(self, resource)),
            "comments/get" => self.one(|resource| comment::get(self, resource)),
            _ => self.one(|resource| comment::put(self, resource)),
        }
    }

    /// One object for one resource, a list for more; silently cut at the key's limit.
    fn batch(&self, each: impl Fn(&str) -> Value) -> Answer {
        match self.resources.as_slice() {
            [only] => Answer::Json(each(only)),
            several => {
                // Source: a live test of url/scan.
                let limit = if self.request.endpoint == "url/scan" {
                    25
                } else {
                    self.kind.batch_size()
                };
                let limit = if self.world.settings.batch_honoured {
                    limit
                } else {
                    1
                };
                Answer::Json(Value::Array(
                    several
                        .iter()
                        .take(limit)
                        .map(|resource| each(resource))
                        .collect(),
                ))
            }
        }
    }

    fn one(&self, each: impl Fn(&str) -> Value) -> Answer {
        match self.resources.first() {
            Some(resource) => Answer::Json(each(resource)),
            None => Answer::Empty(StatusCode::BAD_REQUEST),
        }
    }

    fn is_form(&self) -> bool {
        let kind = self
            .request
            .content_type
            .as_deref()
            .unwrap_or("application/x-www-form-urlencoded");
        kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with("multipart/form-data")
    }

    fn all_info(&self) -> bool {
        self.kind == KeyKind::Private && self.request.flag(ALL_INFO)
    }
}

/// The same fields in an order of the object's own, as live servers send them.
fn shuffled(fields: Map<String, Value>, seed: u64, name: &str) -> Value {
    let mut dice = Dice::new(seed, &format!("order of {name}"));
    let mut ranked: Vec<(u64, (String, Value))> = fields
        .into_iter()
        .map(|field| (dice.roll(1 << 32), field))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    Value::Object(ranked.into_iter().map(|(_, field)| field).collect())
}

/// The sample with some fields set anew, where they stand.
fn with_fields(sample: &Value, fields: &[(&str, &str)]) -> Value {
    let mut value = sample.clone();
    for (name, text) in fields {
        if let Some(field) = value.get_mut(name) {
            *field = Value::from(*text);
        }
    }
    value
}

/// Web address of an analysis, in the old style or the new one.
fn permalink(object: &str, sha256: &str, second: i64) -> String {
    match Dice::new(0, &format!("link of {sha256}")).chance(50) {
        true => format!("https://www.virustotal.com/{object}/{sha256}/analysis/{second}/"),
        false => {
            let initial = object.get(..1).unwrap_or_default();
            format!("https://www.virustotal.com/gui/{object}/{sha256}/detection/{initial}-{sha256}-{second}")
        }
    }
}
