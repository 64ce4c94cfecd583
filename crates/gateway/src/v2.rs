//! API v2: parameters from query and form alike, the token among them.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Method;
use serde_json::json;
use virustotal::{Accept, Fetched, FileHash, ObjectId, Passing, PassingBody, Tier, UrlId, Version};

use crate::address::{V2, template};
use crate::answer::{Answer, Told, json as own};
use crate::body::{self, Fields, LARGEST_FORM};
use crate::callers::Caller;
use crate::refusal::Refusal;
use crate::reports::{self, Kind};
use crate::server::Shared;
use crate::ticket::Purpose;
use crate::uploads::{self, LARGEST_DIRECT, is_key};

/// Where the paths of API v2 begin.
const ROOMS: [&str; 5] = ["file", "url", "domain", "ip-address", "comments"];

pub(crate) async fn answer(
    shared: &Shared,
    segments: Vec<String>,
    request: Request,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let is_known = path.first().is_some_and(|room| ROOMS.contains(room));
    if is_known {
        told.endpoint = template(Version::V2, &segments);
    }
    let method = request.method().clone();
    if method != Method::GET && method != Method::POST {
        return Err(Refusal::Method);
    }
    let query = body::fields(request.uri().query().unwrap_or_default().as_bytes());
    let is_upload = body::is_multipart(request.headers());
    if is_upload && path == ["file", "scan"] {
        return upload(shared, &query, request, told).await;
    }
    let accept = match body::wants_new(request.headers()) {
        true => Accept::Nothing,
        false => Accept::Fresh,
    };
    let mut parameters = query;
    let has_token = parameters.iter().any(|(name, _)| is_key(name));
    if has_token {
        // Before a stranger's body is read.
        caller(shared, &parameters, told)?;
    }
    match is_upload {
        true => {
            let refused = |_: &Fields, _: &mut Told| {
                Err(Refusal::BadRequest(
                    "A file is taken at file/scan only".to_owned(),
                ))
            };
            let received = uploads::receive(shared, request, LARGEST_DIRECT, told, refused);
            parameters.extend(received.await?.fields);
        }
        false => {
            let form = body::whole(request.into_body(), LARGEST_FORM).await?;
            told.bytes_in = form.len() as u64;
            parameters.extend(body::fields(&form));
        }
    }
    let caller = caller(shared, &parameters, told)?;
    parameters.retain(|(name, _)| !is_key(name));
    if !is_known {
        return Err(Refusal::NotFound(
            "There is no such path in VirusTotal's API v2".to_owned(),
        ));
    }
    if let Some(kind) = Kind::of(&path) {
        return report(shared, &caller, kind, &parameters, accept, told).await;
    }
    if path == ["file", "scan", "upload_url"] {
        return upload_url(shared, &caller);
    }
    let is_submission = SUBMISSIONS.contains(&path.as_slice());
    if is_submission && method != Method::POST {
        return Err(Refusal::Method);
    }
    let is_submission = is_submission || method == Method::POST;
    if is_submission && is_ambiguous(&parameters) {
        let words = "A parameter is there twice; send each once".to_owned();
        return Err(Refusal::InvalidArgument(words));
    }
    let objects = submitted(&path, &parameters);
    told.object = object(&parameters);
    if is_submission {
        shared.policy.check(&caller)?;
        if let Some(refused) = internal(&path, &parameters) {
            return Ok(refused);
        }
    }
    let passing = Passing {
        version: Version::V2,
        method,
        path: segments,
        query: if is_submission {
            Vec::new()
        } else {
            parameters.clone()
        },
        body: match is_submission {
            true => PassingBody::Form(parameters),
            false => PassingBody::Empty,
        },
    };
    let spending = caller.spend()?;
    let deadline = shared.deadline_for(0);
    let answered = match passing.wants_content() {
        true => spending
            .client()
            .fetch(&passing, &deadline)
            .await
            .map(Answer::from),
        false => spending
            .client()
            .pass(&passing, accept, &deadline)
            .await
            .map(Answer::Reply),
    };
    if is_submission {
        spending.client().forget(&objects).await;
    }
    told.calls += spending.calls();
    answered.map_err(|error| Refusal::of(&error))
}

/// What is written at VirusTotal, whatever the method says.
const SUBMISSIONS: [&[&str]; 4] = [
    &["file", "scan"],
    &["file", "rescan"],
    &["url", "scan"],
    &["comments", "put"],
];

/// Whether two who read it could take it for two things.
fn is_ambiguous(parameters: &Fields) -> bool {
    let mut names: Vec<&String> = parameters.iter().map(|(name, _)| name).collect();
    names.sort();
    names
        .windows(2)
        .any(|pair| matches!(pair, [one, other] if one == other))
}

impl From<Fetched> for Answer {
    fn from(fetched: Fetched) -> Self {
        match fetched {
            Fetched::Content(incoming, kind) => Self::Content(Box::new(incoming), kind),
            Fetched::Reply(reply) => Self::Reply(reply),
        }
    }
}

/// Whose token stands among the parameters.
fn caller(shared: &Shared, parameters: &[(String, String)], told: &mut Told) -> Result<Arc<Caller>, Refusal> {
    let secret = parameters.iter().find(|(name, _)| is_key(name));
    let (_, secret) = secret.ok_or(Refusal::KeyMissing)?;
    shared.caller_of(secret, told)
}

/// `file/scan`. The token may stand in the address, before the file, or behind it.
async fn upload(
    shared: &Shared,
    query: &Fields,
    request: Request,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    if query.iter().any(|(name, _)| is_key(name)) {
        let caller = caller(shared, query, told)?;
        shared.policy.check(&caller)?;
    }
    let received = uploads::receive(shared, request, LARGEST_DIRECT, told, |fields, told| {
        if told.caller.is_none() && fields.iter().any(|(name, _)| is_key(name)) {
            let caller = caller(shared, fields, told)?;
            shared.policy.check(&caller)?;
        }
        Ok(())
    });
    let received = received.await?;
    let caller = match &told.caller {
        Some(caller) => Arc::clone(caller),
        None => caller(shared, &received.fields, told)?,
    };
    uploads::send_on(shared, &caller, Version::V2, received, told).await
}

async fn report(
    shared: &Shared,
    caller: &Arc<Caller>,
    kind: Kind,
    parameters: &Fields,
    accept: Accept,
    told: &mut Told,
) -> Result<Answer, Refusal> {
    let submits = parameters
        .iter()
        .any(|(name, value)| name == "scan" && value != "0");
    let deadline = shared.deadline_for(0);
    if submits {
        let reply = reports::answer(shared, caller, kind, parameters, accept, &deadline, told).await?;
        return Ok(Answer::Reply(reply));
    }
    let mut sorted: Vec<&(String, String)> = parameters.iter().collect();
    sorted.sort();
    let (who, priority) = (caller.bounded_as(), caller.priority());
    let question = format!("v2 {who} {priority} {kind:?} {accept:?} {sorted:?}");
    let mut own = Told::default();
    let asked = reports::answer(shared, caller, kind, parameters, accept, &deadline, &mut own);
    let reply = shared.flights.join(question, &deadline, Box::pin(asked)).await;
    told.calls += own.calls;
    told.object = own.object.or_else(|| object(parameters));
    let reply = reply?;
    told.kept = reply.is_kept;
    Ok(Answer::Reply(reply))
}

/// An address of the gateway's, for one file. VirusTotal is asked for one of its own when the file is there and needs it.
fn upload_url(shared: &Shared, caller: &Arc<Caller>) -> Result<Answer, Refusal> {
    shared.policy.check(caller)?;
    if shared.tier == Tier::Public {
        return Err(Refusal::Forbidden(
            "Files above 32 MB need a private (premium) API key, which the gateway has not".to_owned(),
        ));
    }
    let secret = shared
        .tickets
        .issue(&caller.token.id, Purpose::Upload(Version::V2))?;
    let address = format!("{}{V2}_ah/upload/{secret}", shared.origin());
    Ok(own(&json!({"upload_url": address})))
}

/// What a request is about, for the audit trail. A search is about nothing in particular, and what was sought stays untold.
fn object(parameters: &Fields) -> Option<String> {
    let names = ["resource", "url", "domain", "ip", "hash"];
    let found = names
        .iter()
        .find_map(|name| parameters.iter().find(|(other, _)| other == name));
    found.map(|(_, value)| value.clone())
}

/// Objects that are being analysed anew.
fn submitted(path: &[&str], parameters: &Fields) -> Vec<ObjectId> {
    let text = object(parameters).unwrap_or_default();
    match path {
        ["file", "rescan"] => {
            let hashes = text.split(',').filter_map(|text| FileHash::parse(text).ok());
            hashes.map(ObjectId::File).collect()
        }
        ["url", "scan"] => {
            let urls = text.split('\n').filter_map(|text| UrlId::parse(text).ok());
            urls.map(ObjectId::Url).collect()
        }
        _ => Vec::new(),
    }
}

/// A URL of the own network is not submitted, and none that comes with it: they are one call.
fn internal(path: &[&str], parameters: &Fields) -> Option<Answer> {
    let name = match path {
        ["url", "scan"] => "url",
        ["comments", "put"] => "resource",
        _ => return None,
    };
    let (_, text) = parameters.iter().find(|(other, _)| other == name)?;
    // What is commented on may be a file.
    let urls = text.split('\n').filter(|text| FileHash::parse(text).is_err());
    let mut refused = urls.filter_map(|url| UrlId::parse(url).err());
    let error = refused.find(virustotal::ObjectError::is_internal)?;
    Some(own(
        &json!({"response_code": -1, "resource": text, "verbose_msg": format!("Nothing was submitted: {error}")}),
    ))
}
