//! API v3: the token in a header, objects by their path.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use virustotal::object::{internal_address, internal_host};
use virustotal::{Accept, FileHash, ObjectId, Passing, PassingBody, Reply, UrlId, Version};

use crate::account;
use crate::address::{V3, template};
use crate::answer::{Answer, Told, json as own};
use crate::body::{self, Fields, LARGEST_BODY};
use crate::callers::Caller;
use crate::links;
use crate::refusal::Refusal;
use crate::server::{Hall, Shared};
use crate::ticket::Purpose;
use crate::uploads::{self, LARGEST_DIRECT, is_key};

/// The header that holds the token.
pub(crate) const KEY_HEADER: &str = "x-apikey";

pub(crate) async fn answer(
    shared: &Shared,
    segments: Vec<String>,
    request: Request,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    told.endpoint = template(Version::V3, &segments);
    let secret = request.headers().get(KEY_HEADER).ok_or(Refusal::KeyMissing)?;
    let secret = secret.to_str().unwrap_or_default().to_owned();
    let caller = shared.caller_of(&secret, told)?;
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    told.object = path.get(1).map(|_| path.get(1..).unwrap_or_default().join("/"));
    if let ["users" | "groups" | "service_accounts", ..] = *path {
        // Somebody may have put the token there.
        told.object = Some(caller.token.name.clone());
        return account::show(&caller, &secret, &path);
    }
    let method = request.method().clone();
    match (&method, path.as_slice()) {
        (&Method::GET, ["files", "upload_url"]) => return upload_url(shared, &caller),
        (_, _) if path.contains(&"upload_url") => {
            let words = "The gateway has upload addresses for /files only".to_owned();
            return Err(Refusal::Forbidden(words));
        }
        (&Method::GET, [before @ .., "download_url"]) => return download_url(shared, &caller, before),
        (&Method::GET, _) => return ask(shared, &caller, segments, request, told).await,
        (&Method::POST | &Method::PATCH | &Method::PUT | &Method::DELETE, _) => {}
        _ => return Err(Refusal::Method),
    }
    shared.policy.check(&caller)?;
    if let Some(refusal) = internal(&path) {
        return Err(refusal);
    }
    submit(shared, &caller, segments, request, told).await
}

/// Questions. Objects and lists out of the cache where they are kept.
async fn ask(
    shared: &Shared,
    caller: &Arc<Caller>,
    segments: Vec<String>,
    request: Request,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(refusal) = internal(&path) {
        return Err(refusal);
    }
    let wants_new = body::wants_new(request.headers());
    let passing = Passing {
        version: Version::V3,
        method: Method::GET,
        path: segments,
        query: query(&request),
        body: PassingBody::Empty,
    };
    if passing.wants_content() {
        return fetch(shared, caller, &passing, told).await;
    }
    if !wants_new && let Some(reply) = caller.client().kept_reply(&passing).await {
        told.kept = true;
        return Ok(Answer::Reply(lead_here(shared, reply)));
    }
    let accept = if wants_new { Accept::Nothing } else { Accept::Fresh };
    // A token's own bound is no answer for others who ask the same, nor is a place further behind in the line.
    let spending = caller.spend()?;
    let deadline = shared.deadline_for(0);
    let asked = async {
        let reply = spending.client().pass(&passing, accept, &deadline).await;
        reply.map_err(|error| Refusal::of(&error))
    };
    let question = format!(
        "v3 {} {accept:?} {:?} {:?}",
        caller.priority(),
        passing.path,
        passing.query
    );
    let reply = shared.flights.join(question, &deadline, Box::pin(asked)).await;
    told.calls += spending.calls();
    let reply = reply?;
    told.kept = reply.is_kept;
    Ok(Answer::Reply(lead_here(shared, reply)))
}

/// Content, piece by piece.
pub(crate) async fn fetch(
    shared: &Shared,
    caller: &Arc<Caller>,
    passing: &Passing,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    let spending = caller.spend()?;
    let fetched = spending.client().fetch(passing, &shared.deadline_for(0)).await;
    told.calls += spending.calls();
    fetched.map(Answer::from).map_err(|error| Refusal::of(&error))
}

/// Whatever makes or changes something: sent once.
async fn submit(
    shared: &Shared,
    caller: &Arc<Caller>,
    segments: Vec<String>,
    request: Request,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (method, query) = (request.method().clone(), query(&request));
    let is_upload = path == ["files"] && method == Method::POST;
    let body = match body::is_multipart(request.headers()) {
        true => {
            let admit = |_: &Fields, _: &mut Told| match is_upload {
                true => Ok(()),
                false => Err(Refusal::Forbidden(
                    "The gateway takes files at /files only".to_owned(),
                )),
            };
            let received = uploads::receive(shared, request, LARGEST_DIRECT, told, admit).await?;
            if is_upload {
                return uploads::send_on(shared, caller, Version::V3, received, told).await;
            }
            // Some clients send the one field of a form like this.
            PassingBody::Form(received.fields)
        }
        false => plain_body(request, told).await?,
    };
    // What can't be read here could name anything: it is checked before it leaves.
    if let ["urls"] = path.as_slice() {
        let is_one = |fields: &Fields| fields.iter().filter(|(name, _)| name == "url").count() == 1;
        let is_readable = matches!(&body, PassingBody::Form(fields) if is_one(fields));
        if !is_readable || query.iter().any(|(name, _)| name == "url") {
            let words = "Send the URL as the one field `url` of a form, and not in the address".to_owned();
            return Err(Refusal::InvalidArgument(words));
        }
    }
    let urls = match (&body, path.as_slice()) {
        (PassingBody::Form(fields), ["urls"]) => {
            let url = fields.iter().find(|(name, _)| name == "url");
            told.object = url.map(|(_, url)| url.clone());
            match url.map(|(_, url)| UrlId::parse(url)) {
                Some(Err(error)) if error.is_internal() => {
                    return Err(Refusal::InvalidArgument(format!(
                        "Nothing was submitted: {error}"
                    )));
                }
                Some(Ok(url)) => vec![ObjectId::Url(url)],
                _ => Vec::new(),
            }
        }
        (_, [collection, id, "analyse"]) => object(collection, id).into_iter().collect(),
        _ => Vec::new(),
    };
    let passing = Passing {
        version: Version::V3,
        method,
        path: segments,
        query,
        body,
    };
    let spending = caller.spend()?;
    let reply = spending
        .client()
        .pass(&passing, Accept::Nothing, &shared.deadline_for(0))
        .await;
    spending.client().forget(&urls).await;
    told.calls += spending.calls();
    let reply = reply.map_err(|error| Refusal::of(&error))?;
    Ok(Answer::Reply(lead_here(shared, reply)))
}

async fn plain_body(request: Request, told: &mut Told) -> Result<PassingBody, Refusal> {
    let kind = body::content_type(request.headers()).map(str::to_owned);
    let bytes = body::whole(request.into_body(), LARGEST_BODY).await?;
    told.bytes_in = bytes.len() as u64;
    Ok(match kind {
        _ if bytes.is_empty() => PassingBody::Empty,
        Some(kind)
            if kind
                .to_ascii_lowercase()
                .starts_with("application/x-www-form-urlencoded") =>
        {
            let mut fields = body::fields(&bytes);
            // A key has no business there.
            fields.retain(|(name, _)| !is_key(name));
            PassingBody::Form(fields)
        }
        kind => PassingBody::Bytes {
            content_type: kind.unwrap_or_else(|| "application/octet-stream".to_owned()),
            bytes,
        },
    })
}

/// The parameters of the address; a key has no business there.
fn query(request: &Request) -> Fields {
    let mut fields = body::fields(request.uri().query().unwrap_or_default().as_bytes());
    fields.retain(|(name, _)| !is_key(name));
    fields
}

fn lead_here(shared: &Shared, mut reply: Reply) -> Reply {
    let here = format!("{}{V3}", shared.origin());
    if let Some(body) = links::lead_here(&reply.body, &shared.virustotal_v3, &here) {
        reply.body = body;
    }
    reply
}

/// An address of the gateway's, for one file. VirusTotal is asked for one of its own when the file is there and needs it.
fn upload_url(shared: &Shared, caller: &Arc<Caller>) -> Result<Answer, Refusal> {
    shared.policy.check(caller)?;
    let secret = shared
        .tickets
        .issue(&caller.token.id, Purpose::Upload(Version::V3))?;
    Ok(own(
        &json!({"data": format!("{}{V3}_ah/upload/{secret}", shared.origin())}),
    ))
}

/// An address of the gateway's, for one download.
fn download_url(shared: &Shared, caller: &Arc<Caller>, before: &[&str]) -> Result<Answer, Refusal> {
    let path = before.iter().chain(&["download"]);
    let path = path.map(|segment| (*segment).to_owned()).collect();
    let secret = shared.tickets.issue(&caller.token.id, Purpose::Download(path))?;
    Ok(own(
        &json!({"data": format!("{}{V3}_ah/download/{secret}", shared.origin())}),
    ))
}

fn object(collection: &str, id: &str) -> Option<ObjectId> {
    match collection {
        "files" => FileHash::parse(id).ok().map(ObjectId::File),
        "urls" => UrlId::parse(&url_of(id)?).ok().map(ObjectId::Url),
        _ => None,
    }
}

/// The URL that an id is, where it is no hash.
fn url_of(id: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(id.trim_end_matches('=')).ok()?;
    String::from_utf8(bytes).ok()
}

/// What is of the own network is asked nobody outside about.
fn internal(path: &[&str]) -> Option<Refusal> {
    let reason = match *path {
        ["urls", id, ..] => {
            let error = UrlId::parse(&url_of(id)?).err()?;
            return error
                .is_internal()
                .then(|| Refusal::NotFound(format!("The URL was {error}")));
        }
        ["domains", name, ..] => internal_host(&name.trim_end_matches('.').to_ascii_lowercase()),
        ["ip_addresses", address, ..] => internal_address(address.parse::<IpAddr>().ok()?),
        _ => None,
    };
    let subject = path.get(1).copied().unwrap_or_default();
    Some(Refusal::NotFound(format!(
        "{subject:?} was not sent to VirusTotal: {}",
        reason?
    )))
}

/// Whether the request may see the metrics: it shows a token, as a key or as a bearer.
pub(crate) fn shows_token(hall: &Hall, headers: &HeaderMap) -> bool {
    let key = headers.get(KEY_HEADER).and_then(|value| value.to_str().ok());
    let bearer = headers.get(axum::http::header::AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    key.or(bearer)
        .is_some_and(|secret| hall.callers.find(secret).is_some())
}

#[cfg(test)]
mod tests {
    use super::internal;

    #[test]
    fn nothing_of_the_own_network_leaves_it() {
        for path in [
            ["ip_addresses", "10.1.2.3"],
            ["ip_addresses", "fe80::1"],
            ["domains", "srv01.corp"],
            ["domains", "printer"],
            // http://intranet/x and http://192.168.0.1/
            ["urls", "aHR0cDovL2ludHJhbmV0L3g"],
            ["urls", "aHR0cDovLzE5Mi4xNjguMC4xLw"],
        ] {
            assert!(internal(&path).is_some(), "{path:?}");
        }
        for path in [
            ["ip_addresses", "8.8.8.8"],
            ["domains", "example.com"],
            ["urls", "aHR0cDovL2dvb2dsZS5jb20v"],
            ["files", "10.1.2.3"],
        ] {
            assert!(internal(&path).is_none(), "{path:?}");
        }
    }
}
