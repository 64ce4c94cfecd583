//! Another host that answers instead, and is held against this one.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request as HttpRequest, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::TcpStream;

use crate::call::{Call, Target};
use crate::world::{Memory, Request, World};

/// Where the other host is, and the key that it wants.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Of its plain HTTP server.
    pub address: SocketAddr,
    /// For the header `AppKey`.
    pub key: String,
}

/// A status and a body.
pub(crate) type Said = (StatusCode, String);

impl Relay {
    /// Sends the request on as it came, but for the key; a wrong one stays wrong.
    pub(crate) async fn pass_on(&self, world: &World, index: usize) -> Said {
        let request = world.memory().requests.get(index).cloned();
        let Some(request) = request else {
            return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
        };
        let said = self.send(world, &request).await;
        said.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error.to_string()))
    }

    async fn send(&self, world: &World, request: &Request) -> io::Result<Said> {
        let stream = TcpStream::connect(self.address).await?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(io::Error::other)?;
        let connection = tokio::spawn(connection);
        let query = written(&request.query);
        let path = &request.path;
        let address = if query.is_empty() {
            path.clone()
        } else {
            format!("{path}?{query}")
        };
        let mut outgoing = HttpRequest::builder()
            .method(request.method.as_str())
            .uri(address)
            .header("Host", self.address.to_string());
        for (name, value) in &request.headers {
            let is_key = name.eq_ignore_ascii_case("AppKey");
            let value = if is_key && *value == world.key {
                &self.key
            } else {
                value
            };
            if !["host", "content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
                outgoing = outgoing.header(name, value);
            }
        }
        let body = Full::new(Bytes::from(request.body.clone()));
        let outgoing = outgoing.body(body).map_err(io::Error::other)?;
        let answer = sender.send_request(outgoing).await.map_err(io::Error::other)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(io::Error::other)?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        drop(sender);
        connection.abort();
        Ok((status, text))
    }
}

fn written(query: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish()
}

/// What the other host says, after it was held against what we would have said.
pub(crate) fn compare(world: &World, target: &Target, ours: &Said, theirs: Said) -> Said {
    let mut memory = world.memory();
    let call = target.call;
    if ours.0 != theirs.0 {
        let wrong = format!(
            "{call}: the host answers {} {}, not {}",
            theirs.0, theirs.1, ours.0
        );
        memory.violations.push(wrong);
        return theirs;
    }
    if !ours.0.is_success() {
        return theirs;
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (own, their) = (read(&ours.1), read(&theirs.1));
    let differing = differences(call, &own, &their);
    memory
        .violations
        .extend(differing.into_iter().map(|wrong| format!("{call}: {wrong}")));
    remember(&mut memory, call, their);
    theirs
}

fn differences(call: Call, own: &Value, their: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    match call {
        Call::Configuration if own != their => {
            wrong.push("the host's configuration is another one".to_owned());
        }
        Call::CaseMetadata | Call::CaseFullDetails | Call::AlertFullDetails | Call::AlertsFullDetails => {
            same_keys("", own, their, &mut wrong);
        }
        _ => {}
    }
    wrong
}

/// Objects have the same keys, down to the entities; lists are as long; what they hold is of the same kind.
fn same_keys(place: &str, own: &Value, their: &Value, wrong: &mut Vec<String>) {
    match (own, their) {
        (Value::Object(own), Value::Object(their)) => {
            let missing = |from: &Map<String, Value>, of: &Map<String, Value>| {
                of.keys()
                    .filter(|key| !from.contains_key(*key))
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let (less, more) = (missing(their, own), missing(own, their));
            let is_free = place.ends_with("additional_properties");
            if !is_free && (!less.is_empty() || !more.is_empty()) {
                wrong.push(format!("{place}: the host leaves out {less:?} and adds {more:?}"));
            }
            for (name, own) in own {
                if let Some(their) = their.get(name) {
                    same_keys(&format!("{place}/{name}"), own, their, wrong);
                }
            }
        }
        (Value::Array(own), Value::Array(their)) => {
            if own.len() != their.len() {
                wrong.push(format!(
                    "{place}: the host has {}, not {}",
                    their.len(),
                    own.len()
                ));
            }
            for (own, their) in own.iter().zip(their) {
                same_keys(place, own, their, wrong);
            }
        }
        _ => {
            let kind = |value: &Value| std::mem::discriminant(value);
            let is_open = own.is_null() || their.is_null();
            if !is_open && kind(own) != kind(their) {
                wrong.push(format!("{place} is {their}, not such as {own}"));
            }
        }
    }
}

/// From now on what comes back is held against what the host has sent.
fn remember(memory: &mut Memory, call: Call, their: Value) {
    match (call, their) {
        (Call::AlertsFullDetails, Value::Array(alerts)) => memory.alerts = alerts,
        (Call::AlertFullDetails, alert @ Value::Object(_)) => {
            let identifier = alert.get("identifier").cloned();
            let own = memory.alerts.iter_mut();
            if let Some(own) = own
                .into_iter()
                .find(|own| own.get("identifier") == identifier.as_ref())
            {
                *own = alert;
            }
        }
        _ => {}
    }
}
