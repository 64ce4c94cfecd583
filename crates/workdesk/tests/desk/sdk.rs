//! What the key of a run opens: its own case.

use reqwest::{Client, Method};
use secops::Entity;
use secops::EntityType::Address;
use serde_json::{Map, Value, json};
use workdesk::{NewAlert, NewCase, Role, Scope, Store};

use crate::scene::external;
use crate::served::{Served, visitor};

/// A call of the SDK about a case, its alert, and an attachment of it: how it is made, and what it says.
struct Call {
    name: &'static str,
    /// What stands behind the name in the legacy address.
    rest: String,
    body: Option<Value>,
}

fn read(name: &'static str, rest: String) -> Call {
    let body = None;
    Call { name, rest, body }
}

fn write(name: &'static str, body: Value) -> Call {
    Call {
        name,
        rest: String::new(),
        body: Some(body),
    }
}

/// Every call that is about a case.
fn calls(case: i64, alert: &str, attachment: i64) -> Vec<Call> {
    let property = |kind: i64, identifier: &str| json!({"ContextType": kind, "Identifier": identifier, "PropertyKey": "k", "PropertyValue": "theirs"});
    let entity = json!({
        "identifier": "8.8.8.8", "entity_type": "ADDRESS", "case_identifier": case.to_string(), "alert_identifier": alert,
        "is_suspicious": true, "is_internal": false, "is_enriched": true, "additional_properties": {"x": "theirs"}
    });
    let number = case.to_string();
    let mut calls = vec![
        read("CaseMetadata", format!("/{case}")),
        read("CaseFullDetails", format!("/{case}/False")),
        read("AlertsFullDetails", format!("/{case}/False")),
        read("Attachments", format!("/{case}")),
        read("AttachmentData", format!("/{attachment}")),
        write(
            "AlertFullDetails",
            json!({"case_id": number, "alert_id_str": alert}),
        ),
        write("UpdateEntities", json!([entity])),
        write(
            "CreateCaseInsight",
            json!({"case_id": number, "title": "theirs", "content": "theirs"}),
        ),
        write(
            "CreateEntity",
            json!({"case_id": number, "alert_identifier": alert, "entity_identifier": "9.9.9.9", "entity_type": "ADDRESS"}),
        ),
        write(
            "AddAttachment",
            json!({"case_identifier": number, "name": "theirs", "base64_blob": "eA=="}),
        ),
        write("AddTag", json!({"case_id": number, "tag": "theirs"})),
        write("ChangeCaseStage", json!({"case_id": number, "stage": "theirs"})),
        write("ChangePriority", json!({"case_id": number, "priority": 100})),
        write("AssignUser", json!({"case_id": number, "user_id": "theirs"})),
        write("Comment", json!({"case_id": number, "comment": "theirs"})),
        write("Close", json!({"case_id": number, "comment": "theirs"})),
    ];
    for name in [
        "SetContextProperty",
        "GetContextProperty",
        "TrySetContextProperty",
    ] {
        calls.push(write(name, property(1, &number)));
        calls.push(write(name, property(2, alert)));
    }
    calls
}

/// What is about no case.
const OF_NO_CASE: [&str; 4] = [
    "ProxySettings",
    "Configuration",
    "SystemVersion",
    "IntegrationVersion",
];

struct Asking {
    client: Client,
    origin: String,
    key: String,
}

impl Asking {
    async fn status(&self, call: &Call) -> u16 {
        self.asked(call).await.status().as_u16()
    }

    async fn asked(&self, call: &Call) -> reqwest::Response {
        let path = match call.name {
            "Comment" => "/api/external/v1/cases/comments".to_owned(),
            name => format!("/api/external/v1/sdk/{name}{}", call.rest),
        };
        let method = if call.body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let request = self.client.request(method, format!("{}{path}", self.origin));
        let request = request.header("appkey", &self.key);
        let request = match &call.body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        };
        request.send().await.unwrap()
    }
}

async fn case(store: &Store, title: &str, alert: &str) -> i64 {
    let rest = Map::from_iter([(
        "alert_group_identifier".to_owned(),
        Value::from(format!("{alert} and others")),
    )]);
    let alert = NewAlert {
        identifier: alert.to_owned(),
        entities: vec![Entity::new("8.8.8.8", Address)],
        rest,
        ..NewAlert::default()
    };
    let new = NewCase {
        title: title.to_owned(),
        alerts: vec![alert],
        ..NewCase::default()
    };
    store.create_case(new, "test").await.unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_run_opens_its_own_case_and_no_other_in_every_call() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("key");
    // It hands its key over, and goes on for as long as it is let.
    let script = format!(
        "cat >/dev/null; printf %s \"$1\" > {0}.new; mv {0}.new {0}; sleep 60",
        place.display()
    );
    let script = serde_json::to_string(&script).unwrap();
    let yaml = format!("- {{name: Theirs, integration: Other, command: [/bin/sh, -c, {script}, sh]}}");
    let served = Served::with(external(&yaml)).await;
    let store = &served.scene.store;
    let (own, other) = (case(store, "own", "A-1").await, case(store, "other", "B-1").await);
    let ann = served
        .program("ann", Role::Admin, &[Scope::Act, Scope::Sdk])
        .await;
    let person = Asking {
        client: visitor(),
        origin: ann.origin.clone(),
        key: ann.token.clone(),
    };
    let attachment = |case: i64| {
        write(
            "AddAttachment",
            json!({"case_identifier": case, "name": "x", "base64_blob": "eA=="}),
        )
    };
    assert_eq!(person.status(&attachment(own)).await, 200);
    assert_eq!(person.status(&attachment(other)).await, 200);
    let asked = ann
        .post(&format!("/api/v1/cases/{own}/runs"), &json!({"action": "Theirs"}))
        .await;
    assert_eq!(asked.0, 201, "{}", asked.1);
    let key = loop {
        match std::fs::read_to_string(&place) {
            Ok(key) => break key,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    let run = Asking { key, ..person };

    // Every call there is has its row here.
    let known = include_str!("../../src/server/sdk/address.rs").lines();
    let known = known.filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        matches!(words.next(), Some("GET" | "POST")).then(|| name.to_owned())
    });
    let tried: Vec<&str> = calls(own, "A-1", 1).iter().map(|call| call.name).collect();
    let mut count = 0;
    for name in known {
        assert!(
            OF_NO_CASE.contains(&&*name) || tried.contains(&&*name),
            "{name} is not tried"
        );
        count += 1;
    }
    assert!(count >= 23, "{count} calls were found");

    let shown = async || {
        let case = store.case(other).await.unwrap();
        let (entities, wall) = (
            store.entities(other, 0, u32::MAX).await.unwrap(),
            store.wall(other, None, 1000).await.unwrap(),
        );
        format!(
            "{case:?} {entities:?} {wall:?} {:?}",
            store.attachments(other).await.unwrap()
        )
    };
    let before = shown().await;
    for call in calls(other, "B-1", 2) {
        let answer = run.asked(&call).await;
        assert_eq!(answer.status(), 403, "{} {:?}", call.name, call.body);
        assert!(
            answer.text().await.unwrap().contains("key is for the case"),
            "{}",
            call.name
        );
    }
    // One of its own beside it changes nothing.
    let mixed = |case: i64| json!({"identifier": "8.8.8.8", "entity_type": "ADDRESS", "case_identifier": case.to_string(), "is_suspicious": true});
    let both = write("UpdateEntities", json!([mixed(own), mixed(other)]));
    assert_eq!(run.status(&both).await, 403);
    assert!(!store.entities(own, 0, 1).await.unwrap()[0].entity.is_suspicious);
    // What belongs to no case would be shared with every other run.
    for kind in [0, 3, 4, 99] {
        for name in [
            "SetContextProperty",
            "GetContextProperty",
            "TrySetContextProperty",
        ] {
            let body = json!({"ContextType": kind, "Identifier": own.to_string(), "PropertyKey": "k", "PropertyValue": 1});
            assert_eq!(run.status(&write(name, body)).await, 403, "{name} {kind}");
        }
    }
    assert_eq!(shown().await, before);

    for call in calls(own, "A-1", 1) {
        let status = run.status(&call).await;
        assert!(
            [200, 204].contains(&status),
            "{} {:?}: {status}",
            call.name,
            call.body
        );
    }
    let group = json!({"ContextType": 2, "Identifier": "A-1 and others", "PropertyKey": "k"});
    assert_eq!(run.status(&write("GetContextProperty", group)).await, 204);
    served.end().await;
}
