//! API v3: every endpoint, from key to answer, over the objects that API v2 shows too. Source: the reference of the API.

mod analysis;
mod comment;
mod derive;
pub(crate) mod disturb;
mod domain;
mod download;
pub(crate) mod error;
mod file;
mod ip;
mod object;
mod page;
mod quota;
mod relationship;
mod route;
mod sample;
mod search;
mod url;
mod verdict;
mod vote;
mod zip;

use hyper::StatusCode;

pub(crate) use self::route::Route;
pub(crate) use self::sample::Samples;
pub(crate) use self::zip::Zip;

use self::error::Refusal;
use self::route::UPLOAD_PATH;
use crate::answer::Answer;
use crate::quota::KeyKind;
use crate::request::Request;
use crate::world::World;

/// Where the API begins.
pub(crate) const BASE: &str = "/api/v3/";
/// Where the key stands.
pub(crate) const KEY_HEADER: &str = "x-apikey";

/// One call with a known key.
struct Question<'a> {
    world: &'a World,
    request: &'a Request,
    origin: &'a str,
    key: &'a str,
    kind: KeyKind,
}

pub(crate) fn answer(world: &World, request: &Request, origin: &str) -> Answer {
    try_answer(world, request, origin).unwrap_or_else(Answer::from)
}

fn try_answer(world: &World, request: &Request, origin: &str) -> Result<Answer, Refusal> {
    if let Some(status) = request.refused {
        return Err(match status {
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
            _ => Refusal::BadRequest("The request's body can't be read".to_owned()),
        });
    }
    if let Some(route) = request.route.as_ref().filter(|route| route.is_open()) {
        return match route {
            Route::UploadTo(token) => file::upload_to(world, request, origin, token),
            Route::Storage(token) => download::storage(world, token),
            _ => Err(Refusal::no_resource()),
        };
    }
    let key = request
        .key
        .as_deref()
        .filter(|key| !key.is_empty())
        .ok_or(Refusal::KeyMissing)?;
    let kind = world.memory().kind_of(key).ok_or(Refusal::WrongKey)?;
    let route = request.route.as_ref().ok_or_else(Refusal::no_resource)?;
    take(world, request, key, route)?;
    let question = Question {
        world,
        request,
        origin,
        key,
        kind,
    };
    question.answer(route)
}

/// Takes the call from the quota that both APIs share. Asking how much is left costs nothing (the reference leaves
/// it open), so that it can be asked when nothing is left.
fn take(world: &World, request: &Request, key: &str, route: &Route) -> Result<(), Refusal> {
    let now = world.now();
    let mut memory = world.memory();
    let Some(usage) = memory.usage.get_mut(key) else {
        return Err(Refusal::WrongKey);
    };
    usage.note(&request.endpoint, now);
    if !matches!(route, Route::Quotas(_)) && !usage.take(&world.settings.quota, 1, now) {
        return Err(Refusal::QuotaExceeded);
    }
    Ok(())
}

impl Question<'_> {
    fn answer(&self, route: &Route) -> Result<Answer, Refusal> {
        match route {
            Route::Object(kind, id) => object::get(self, *kind, id),
            Route::SubmitFile => file::submit(self),
            Route::SubmitUrl => url::submit(self),
            Route::UploadUrl => Ok(self.upload_url()),
            Route::Analyse(kind, id) => analysis::again(self, *kind, id),
            Route::Analysis(id) => analysis::get(self, id),
            Route::Comments(kind, id) => comment::get(self, *kind, id),
            Route::PostComment(kind, id) => comment::post(self, *kind, id),
            Route::Votes(kind, id) => vote::get(self, *kind, id),
            Route::PostVote(kind, id) => vote::post(self, *kind, id),
            Route::Related {
                kind,
                id,
                name,
                descriptors,
            } => relationship::get(self, *kind, id, name, *descriptors),
            Route::Quotas(id) => quota::overall(self, id),
            Route::ApiUsage(id) => quota::usage(self, id),
            Route::Search => search::get(self),
            Route::Download(id) => download::get(self, id),
            Route::DownloadUrl(id) => download::address(self, id),
            Route::MakeZip => zip::make(self),
            Route::Zip(id) => zip::get(self, id),
            Route::DownloadZip(id) => zip::download(self, id),
            Route::ZipUrl(id) => zip::address(self, id),
            Route::UploadTo(_) | Route::Storage(_) => Err(Refusal::no_resource()),
        }
    }

    fn seed(&self) -> u64 {
        self.world.settings.seed
    }

    /// Refuses what a public key's licence does not hold.
    fn premium(&self) -> Result<(), Refusal> {
        match self.kind {
            KeyKind::Private => Ok(()),
            KeyKind::Public => Err(Refusal::Forbidden),
        }
    }

    fn upload_url(&self) -> Answer {
        let url = self.world.new_upload_address(self.origin, UPLOAD_PATH);
        Answer::Json(serde_json::json!({"data": url}))
    }
}
