//! The platform itself, asked as an action asks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::{Value, json};
use test_platform::{
    Alert, Call, Case, Entity, Fault, FaultKind, Form, ForwardProxy, Platform, ProxySettings,
};

const ADDRESS: &str = "ADDRESS";

fn case() -> Case {
    let entity = Entity::new("8.8.8.8", ADDRESS).field("of_a_later_version", 7);
    Case::new(17).alert(Alert::new("ALERT-1").entity(entity))
}

fn platform() -> Platform {
    Platform::builder()
        .case(case())
        .configuration("instance-1", [("Api Key", "k"), ("Verify SSL", "True")])
        .start()
        .unwrap()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}

fn get(platform: &Platform, path: &str) -> (u16, String) {
    let request = agent().get(format!("{}{path}", platform.origin()));
    let request = request
        .header("AppKey", platform.key())
        .header("Accept", "application/json");
    let mut answer = request.header("Content-Type", "application/json").call().unwrap();
    (
        answer.status().as_u16(),
        answer.body_mut().read_to_string().unwrap(),
    )
}

fn post(platform: &Platform, path: &str, body: &Value) -> (u16, String) {
    let request = agent().post(format!("{}{path}", platform.origin()));
    let request = request
        .header("AppKey", platform.key())
        .header("Accept", "application/json");
    let mut answer = request
        .header("Content-Type", "application/json")
        .send(body.to_string())
        .unwrap();
    (
        answer.status().as_u16(),
        answer.body_mut().read_to_string().unwrap(),
    )
}

fn json((status, body): (u16, String)) -> Value {
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

const SDK: &str = "/api/external/v1/sdk";
const ONE: &str = "/v1alpha/projects/project/locations/location/instances/instance/legacySdk:legacy";

fn written(entity: &Value) -> Value {
    let mut entity = entity.clone();
    entity["is_enriched"] = json!(true);
    let properties = entity["additional_properties"].as_object_mut().unwrap();
    properties.insert("VT_Country".to_owned(), json!("US"));
    for (name, value) in [
        ("IsInternalAsset", "False"),
        ("IsEnriched", "True"),
        ("IsSuspicious", "False"),
        ("IsVulnerable", "False"),
    ] {
        properties.insert(name.to_owned(), json!(value));
    }
    entity
}

fn insight() -> Value {
    json!({"case_id": "17", "alert_identifier": "ALERT-1", "triggered_by": "VirusTotal", "title": "Entity insight",
        "content": "c", "entity_identifier": "8.8.8.8", "severity": 1, "type": 1, "entity_type": ADDRESS,
        "additional_data": null, "additional_data_type": null, "additional_data_title": null,
        "original_requesting_user": null})
}

#[test]
fn both_forms_serve_every_read() {
    let platform = platform();
    let pairs = [
        ("GetProxySettings?format=snake", "GetProxySettings?format=snake"),
        (
            "CaseMetadata/17?format=snake",
            "CaseMetadata?caseId=17&format=snake",
        ),
        (
            "configuration/instance-1?format=snake",
            "IntegrationConfiguration?identifier=instance-1&format=snake",
        ),
        (
            "AlertsFullDetails/17/False?format=snake",
            "AlertsFullDetails?caseId=17&populateOriginalFile=False&format=snake",
        ),
        (
            "CaseFullDetails/17/False?format=snake",
            "CaseFullDetails?caseId=17&populateOriginalFile=False&format=snake",
        ),
        (
            "GetCurrentSiemplifyVersion?format=snake",
            "GetCurrentSiemplifyVersion?format=snake",
        ),
        (
            "GetIntegrationVersion/VirusTotal?format=snake",
            "GetIntegrationVersion?integrationIdentifier=VirusTotal&format=snake",
        ),
    ];
    for (legacy, one) in pairs {
        let legacy = json(get(&platform, &format!("{SDK}/{legacy}")));
        assert!(!legacy.is_null());
        assert_eq!(legacy, json(get(&platform, &format!("{ONE}{one}"))));
    }
    let body = json!({"case_id": "17", "alert_id_str": "ALERT-1", "populate_original_file": false});
    let alert = json(post(
        &platform,
        &format!("{SDK}/AlertFullDetails?format=snake"),
        &body,
    ));
    assert_eq!(alert["domain_entities"][0]["identifier"], "8.8.8.8");
    let other = json!({"case_id": 17, "alert_id_str": "OTHER", "populate_original_file": false});
    assert!(
        json(post(
            &platform,
            &format!("{ONE}AlertFullDetails?format=snake"),
            &other
        ))
        .is_null()
    );
    assert_eq!(platform.violations(), [""; 0]);
    assert_eq!(platform.requests().last().unwrap().form, Some(Form::OnePlatform));
}

#[test]
fn a_wrong_key_gets_401_and_nothing_else() {
    let platform = platform();
    let address = format!("{}{SDK}/CaseMetadata/17?format=snake", platform.origin());
    for key in ["", "other"] {
        let answer = agent().get(&address).header("AppKey", key).call().unwrap();
        assert_eq!(answer.status(), 401);
    }
}

#[test]
fn entities_are_merged_by_alert_identifier_and_type() {
    let platform = platform();
    let entity = platform.entity("8.8.8.8", ADDRESS).unwrap();
    let answer = post(
        &platform,
        &format!("{SDK}/UpdateEntities?format=snake"),
        &json!([written(&entity)]),
    );
    assert_eq!(answer, (200, String::new()));
    assert_eq!(platform.violations(), [""; 0]);
    let now = platform.entity("8.8.8.8", ADDRESS).unwrap();
    assert_eq!(now["additional_properties"]["VT_Country"], "US");
    assert_eq!(now["of_a_later_version"], 7);
    assert_eq!(platform.written().len(), 1);
    assert_eq!(platform.calls(), [Call::UpdateEntities]);
}

type Slip = fn(&mut Value);

#[test]
fn every_slip_in_an_entity_is_noticed() {
    let platform = platform();
    let good = written(&platform.entity("8.8.8.8", ADDRESS).unwrap());
    let slips: [(&str, Slip); 9] = [
        ("of_a_later_version is missing", |entity| {
            drop(entity.as_object_mut().unwrap().remove("of_a_later_version"));
        }),
        ("is_pivot was false", |entity| entity["is_pivot"] = json!(true)),
        ("extra is new", |entity| entity["extra"] = json!(1)),
        ("IsEnriched is", |entity| {
            entity["additional_properties"]["IsEnriched"] = json!(true);
        }),
        ("IsSuspicious is", |entity| entity["is_suspicious"] = json!(true)),
        ("property Alert_Count was 3", |entity| {
            entity["additional_properties"]["Alert_Count"] = json!("3");
        }),
        ("property Nothing is missing", |entity| {
            drop(
                entity["additional_properties"]
                    .as_object_mut()
                    .unwrap()
                    .remove("Nothing"),
            );
        }),
        ("additional_properties is no object", |entity| {
            entity["additional_properties"] = json!(null);
        }),
        ("no entity of the case", |entity| {
            entity["entity_type"] = json!("address");
        }),
    ];
    for (said, slip) in slips {
        platform.clear();
        platform.put_case(&case());
        let mut entity = good.clone();
        slip(&mut entity);
        post(
            &platform,
            &format!("{SDK}/UpdateEntities?format=snake"),
            &json!([entity]),
        );
        let violations = platform.violations();
        assert!(
            violations.iter().any(|violation| violation.contains(said)),
            "{said}: {violations:?}"
        );
    }
    for (said, body) in [
        ("no list", good.clone()),
        ("empty", json!([])),
        ("twice", json!([good, good])),
    ] {
        platform.clear();
        platform.put_case(&case());
        post(&platform, &format!("{SDK}/UpdateEntities?format=snake"), &body);
        assert!(
            platform.violations()[0].contains(said),
            "{said}: {:?}",
            platform.violations()
        );
    }
}

#[test]
fn every_slip_in_an_insight_is_noticed() {
    let platform = platform();
    let path = format!("{ONE}CreateCaseInsight?format=snake");
    post(&platform, &path, &insight());
    assert_eq!(platform.violations(), [""; 0]);
    assert_eq!(platform.insights(), [insight()]);
    for (name, value, said) in [
        ("severity", json!("1"), "severity is"),
        ("type", json!(2), "type is"),
        ("title", json!(""), "title is"),
        ("content", json!(null), "content is"),
        ("extra", json!(1), "extra is unknown"),
        ("alert_identifier", json!("x"), "no alert of the case"),
        ("entity_identifier", json!(""), "the case has not"),
    ] {
        platform.clear();
        let mut slipped = insight();
        slipped[name] = value;
        post(&platform, &path, &slipped);
        assert!(
            platform.violations()[0].contains(said),
            "{said}: {:?}",
            platform.violations()
        );
    }
}

#[test]
fn every_slip_in_the_frame_is_noticed() {
    let platform = platform();
    let said = |text: &str| {
        let violations = platform.violations();
        assert!(
            violations.iter().any(|violation| violation.contains(text)),
            "{text}: {violations:?}"
        );
        platform.clear();
    };
    get(&platform, &format!("{SDK}/CaseMetadata/17"));
    said("format=snake");
    get(&platform, &format!("{ONE}CaseMetadata?format=snake&caseId=17"));
    said("format=snake");
    get(
        &platform,
        &format!("{SDK}/AlertsFullDetails/17/false?format=snake"),
    );
    said("other words");
    get(&platform, &format!("{SDK}/UpdateEntities?format=snake"));
    said("the method is GET");
    assert_eq!(get(&platform, &format!("{SDK}/Unheard?format=snake")).0, 404);
    said("no such call");
    get(
        &platform,
        "/v1alpha/projects/other/locations/location/instances/instance/legacySdk:legacyGetProxySettings?format=snake",
    );
    said("the address is in");
    agent()
        .get(format!(
            "{}{SDK}/GetProxySettings?format=snake",
            platform.origin()
        ))
        .call()
        .unwrap();
    said("header content-type");
    platform.expect_header("correlation_id", "c-1");
    platform.expect_form(Form::OnePlatform);
    get(&platform, &format!("{SDK}/GetProxySettings?format=snake"));
    let violations = platform.violations();
    assert_eq!(violations.len(), 2, "{violations:?}");
}

#[test]
fn context_properties_are_kept_and_have_no_format() {
    let platform = platform();
    let name = json!({"ContextType": 1, "Identifier": "17", "PropertyKey": "k"});
    assert_eq!(
        post(&platform, &format!("{SDK}/GetContextProperty"), &name).0,
        204
    );
    let mut full = name.clone();
    full["PropertyValue"] = json!("v");
    assert_eq!(
        post(&platform, &format!("{SDK}/SetContextProperty"), &full).0,
        200
    );
    assert_eq!(
        json(post(&platform, &format!("{SDK}/GetContextProperty"), &name)),
        "v"
    );
    full["PropertyValue"] = json!("w");
    assert_eq!(
        json(post(&platform, &format!("{SDK}/TrySetContextProperty"), &full)),
        false
    );
    assert_eq!(
        json(post(&platform, &format!("{ONE}GetContextProperty"), &name)),
        "v"
    );
    assert_eq!(platform.violations(), [""; 0]);
    post(
        &platform,
        &format!("{SDK}/GetContextProperty?format=snake"),
        &name,
    );
    assert!(platform.violations()[0].contains("format"));
}

#[test]
fn trouble_comes_as_asked() {
    let platform = platform();
    let path = format!("{SDK}/CaseMetadata/17?format=snake");
    platform.add_fault(Fault::new(FaultKind::Status(503)).on(Call::CaseMetadata).times(1));
    assert_eq!(get(&platform, &path).0, 503);
    assert_eq!(get(&platform, &path).0, 200);
    platform.add_fault(Fault::new(FaultKind::Body("<html>".to_owned())).times(1));
    assert_eq!(get(&platform, &path), (200, "<html>".to_owned()));
    for kind in [FaultKind::Reset, FaultKind::Truncated] {
        platform.add_fault(Fault::new(kind.clone()).times(1));
        let request = agent()
            .get(format!("{}{path}", platform.origin()))
            .header("AppKey", platform.key());
        let answer = request
            .call()
            .map(|mut answer| answer.body_mut().read_to_string());
        assert!(!matches!(answer, Ok(Ok(_))), "{kind:?}: {answer:?}");
    }
    platform.add_fault(Fault::new(FaultKind::Delay(Duration::from_millis(1))).times(1));
    assert_eq!(get(&platform, &path).0, 200);
}

#[test]
fn a_held_call_is_answered_when_it_is_released() {
    let platform = platform();
    platform.add_fault(Fault::new(FaultKind::Hold).on(Call::CaseMetadata));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| get(&platform, &format!("{SDK}/CaseMetadata/17?format=snake")));
        assert!(platform.wait_for(Call::CaseMetadata, 1, Duration::from_secs(10)));
        assert_eq!(platform.requests()[0].status, 0);
        platform.release();
        assert_eq!(asking.join().unwrap().0, 200);
    });
    assert!(!platform.wait_for(Call::CaseMetadata, 2, Duration::from_millis(1)));
}

#[test]
fn escapes_that_no_writer_gives_are_sent_and_read_back() {
    let case = Case::new(17).alert(Alert::new("ALERT-1").entity(Entity::new("a<S>", "FILENAME")));
    let platform = Platform::builder()
        .case(case)
        .spell("<S>", r"\ud800")
        .start()
        .unwrap();
    let (_, text) = get(
        &platform,
        &format!("{SDK}/AlertsFullDetails/17/False?format=snake"),
    );
    assert!(text.contains(r#""identifier":"a\ud800""#));
    let entity = written(&platform.entity("a<S>", "FILENAME").unwrap());
    let body = json!([entity]).to_string().replace("<S>", r"\uD800");
    let request = agent().post(format!("{}{SDK}/UpdateEntities?format=snake", platform.origin()));
    let request = request
        .header("AppKey", platform.key())
        .header("Accept", "application/json");
    request
        .header("Content-Type", "application/json")
        .send(body)
        .unwrap();
    assert_eq!(platform.violations(), [""; 0]);
}

#[test]
fn proxy_settings_are_told_with_all_four_keys() {
    let proxy = ProxySettings {
        address: "http://proxy.example:3128".to_owned(),
        ignore: vec!["localhost".to_owned()],
        ..ProxySettings::default()
    };
    let platform = Platform::builder().proxy(proxy).start().unwrap();
    assert_eq!(
        json(get(&platform, &format!("{SDK}/GetProxySettings?format=snake"))),
        json!({"proxy_server_address": "http://proxy.example:3128", "username": "", "password": "",
            "ignore_addresses": ["localhost"]})
    );
}

#[test]
fn attachments_tags_comments_and_new_entities_are_kept() {
    let platform = platform();
    let entity = json!({"case_id": "17", "alert_identifier": "ALERT-1", "entity_identifier": "E", "entity_type": "USER",
        "is_internal": false, "is_suspicious": false, "is_enriched": false, "is_vulnerable": false, "properties": {},
        "environment": "Default Environment"});
    for (path, body) in [
        ("/api/external/v1/sdk/CreateEntity", entity),
        ("/api/external/v1/sdk/AddAttachment", json!({"name": "a"})),
        ("/api/external/v1/sdk/AddTag", json!({"tag": "t"})),
        ("/api/external/v1/cases/comments", json!({"comment": "c"})),
    ] {
        assert_eq!(
            post(&platform, &format!("{path}?format=snake"), &body).0,
            200,
            "{path}"
        );
    }
    let kept: Vec<Call> = platform.others().into_iter().map(|(call, _)| call).collect();
    assert_eq!(
        kept,
        [
            Call::CreateEntity,
            Call::AddAttachment,
            Call::AddTag,
            Call::Comment
        ]
    );
    assert!(platform.entity("E", "USER").is_some());
    assert_eq!(platform.violations(), [""; 0]);
}

#[test]
fn a_proxy_passes_requests_on_and_remembers_them() {
    let platform = platform();
    let proxy = ForwardProxy::start().unwrap();
    let address = proxy.origin().replace("http://", "http://user:secret@");
    let through = ureq::Proxy::new(&address).unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(Some(through)).build().into();
    let url = format!("{}{SDK}/GetProxySettings?format=snake", platform.origin());
    assert_eq!(
        agent
            .get(url)
            .header("AppKey", platform.key())
            .call()
            .unwrap()
            .status(),
        200
    );
    assert!(proxy.request_lines()[0].contains(&platform.address().to_string()));
    assert!(proxy.credentials()[0].is_some());

    let mut plain = std::net::TcpStream::connect(proxy.origin().trim_start_matches("http://")).unwrap();
    let head = format!("GET {}/elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", platform.origin());
    plain.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}
