//! Requests of others, passed on.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use simulator::{Fault, FaultKind, Running};
use virustotal::quota::Ledger;
use virustotal::{
    Accept, Cache, Client, Deadline, Error, Freshness, Notify, Passing, PassingBody, Reply, Version,
};

use crate::common::{Hand, KEY, settings, simulator};

const EICAR: [&str; 2] = [
    "44d88612fea8a8f36de82e1278abb02f",
    "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
];

async fn scene() -> (Running, Client) {
    let running = simulator().start().await.unwrap();
    let (clock, mut settings) = (Hand::at("2026-11-28T10:00:00Z").clock(), settings(&running));
    let notify = Notify::default();
    settings.ledger = Some(Arc::new(Ledger::open(None, clock.clone(), notify.clone())));
    let cache = Cache::open(None, Freshness::default(), 1 << 24, clock, notify);
    settings.cache = Some(Arc::new(cache));
    (running, Client::new(settings).unwrap())
}

fn passing(method: Method, path: &[&str]) -> Passing {
    Passing {
        version: Version::V3,
        method,
        path: path.iter().map(|segment| (*segment).to_owned()).collect(),
        query: Vec::new(),
        body: PassingBody::Empty,
    }
}

async fn get(client: &Client, path: &[&str]) -> Reply {
    let deadline = Deadline::after(Duration::from_secs(10));
    let passing = passing(Method::GET, path);
    client.pass(&passing, Accept::Fresh, &deadline).await.unwrap()
}

#[tokio::test]
async fn an_object_is_asked_for_once_under_all_its_names_and_comes_back_to_the_byte() {
    let (running, client) = scene().await;
    let first = get(&client, &["files", EICAR[0]]).await;
    let again = get(&client, &["files", EICAR[0]]).await;
    let by_other_name = get(&client, &["files", EICAR[1]]).await;
    assert_eq!((first.status, first.is_kept, again.is_kept), (200, false, true));
    assert_eq!([&again.body, &by_other_name.body], [&first.body; 2]);
    let value: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!(value["data"]["id"], EICAR[1]);
    // An object with more than itself is another answer.
    let mut wider = passing(Method::GET, &["files", EICAR[0]]);
    wider.query = vec![("relationships".to_owned(), "contacted_ips".to_owned())];
    assert!(client.kept_reply(&wider).await.is_none());
    assert_eq!(running.count("v3/files"), 1);
    let missing = get(&client, &["domains", "unknown.example"]).await;
    let again = get(&client, &["domains", "unknown.example"]).await;
    assert_eq!((missing.status, again.status, again.is_kept), (404, 404, true));
    assert_eq!(running.count("v3/domains"), 1);
}

#[tokio::test]
async fn what_makes_something_is_sent_once_and_what_only_asks_is_tried_again() {
    let (running, client) = scene().await;
    let deadline = Deadline::after(Duration::from_secs(10));
    running.add_fault(Fault::new(FaultKind::Status(503)).on("v3/urls").times(1));
    let mut submission = passing(Method::POST, &["urls"]);
    submission.body = PassingBody::Form(vec![("url".to_owned(), "http://a.example/".to_owned())]);
    let sent = client.pass(&submission, Accept::Fresh, &deadline).await;
    assert!(matches!(sent, Err(Error::Transient { .. })), "{sent:?}");
    assert_eq!(running.calls().len(), 1);
    running.add_fault(Fault::new(FaultKind::Status(503)).on("v3/files").times(1));
    assert_eq!(get(&client, &["files", EICAR[0]]).await.status, 200);
    assert_eq!(running.count("v3/files"), 2);
}

#[tokio::test]
async fn a_refusal_of_the_request_is_a_reply_and_one_of_the_key_an_error() {
    let (running, client) = scene().await;
    let reply = get(&client, &["nothing", "here"]).await;
    assert_eq!(reply.status, 404);
    assert!(!String::from_utf8_lossy(&reply.body).contains(KEY));
    // Whatever is in a segment, it stays one.
    let deep = get(&client, &["analyses", "../../files/x?y=/z#"]).await;
    assert_eq!(deep.status, 404);
    let mut settings = settings(&running);
    settings.key = virustotal::ApiKey::parse("wrong").unwrap();
    let client = Client::new(settings).unwrap();
    let deadline = Deadline::after(Duration::from_secs(10));
    let passing = passing(Method::GET, &["files", EICAR[0]]);
    let refused = client.pass(&passing, Accept::Fresh, &deadline).await;
    assert_eq!(refused.unwrap_err(), Error::Key);
}
