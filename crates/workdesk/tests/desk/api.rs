//! The HTTP API: what programs can do with a token, and what they are told.

use reqwest::Method;
use serde_json::{Value, json};
use workdesk::{Role, Scope};

use crate::scene::EICAR;
use crate::served::{Program, Served};

async fn ended(program: &Program, run: &Value) -> Value {
    for _ in 0..400 {
        let (_, run) = program.get(&format!("/api/v1/runs/{}", run["id"])).await;
        if !run["ended_at"].is_null() {
            return run;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the run does not end: {run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_makes_a_case_runs_an_action_and_reads_what_came_of_it() {
    let served = Served::new().await;
    let program = served.program("bot", Role::Analyst, &[Scope::Act]).await;
    let new = json!({"title": "From a program", "priority": "high",
        "alerts": [{"identifier": "A-1", "entities": [{"identifier": EICAR, "entity_type": "FILEHASH"}]}]});
    let (status, case) = program.post("/api/v1/cases", &new).await;
    assert_eq!(
        (status, &case["entities"], &case["created_by"]),
        (201, &json!(1), &json!("bot"))
    );
    let (status, run) = program
        .post(
            "/api/v1/cases/1/runs",
            &json!({"action": "Scan Hash", "parameters": {"Threshold": 3}, "seconds": 60}),
        )
        .await;
    assert_eq!((status, &run["state"]), (201, &json!("queued")), "{run}");
    let run = ended(&program, &run).await;
    assert_eq!(
        (&run["state"], &run["script_result"]),
        (&json!("done"), &json!(true)),
        "{run}"
    );
    let (_, page) = program.get("/api/v1/cases/1/entities").await;
    let entity = &page["entities"][0];
    assert_eq!(entity["is_suspicious"], true);
    let (_, details) = program.get(&format!("/api/v1/entities/{}", entity["id"])).await;
    assert_eq!(details["enrichments"][0]["changes"]["is_suspicious"]["to"], true);
    let (_, insights) = program.get("/api/v1/cases/1/insights").await;
    assert_eq!(insights.as_array().unwrap().len(), 1);
    let change = json!({"priority": "critical", "tag": "ransom", "assignee": "ann", "is_open": false});
    let request = program
        .request(Method::PATCH, "/api/v1/cases/1")
        .header("content-type", "application/json");
    let (status, case) = program.said(request.body(change.to_string())).await;
    assert_eq!(status, 200);
    assert_eq!(
        (
            &case["priority"],
            &case["tags"],
            &case["assignee"],
            &case["is_open"]
        ),
        (
            &json!("critical"),
            &json!(["ransom"]),
            &json!("ann"),
            &json!(false)
        )
    );
    let (_, wall) = program.get("/api/v1/cases/1/wall?limit=2").await;
    assert_eq!(
        (&wall[0]["kind"], &wall[1]["kind"]),
        (&json!("closed"), &json!("changed"))
    );
    for (format, start) in [
        ("json", "{"),
        ("csv", "entity,"),
        ("markdown", "# \\#1"),
        ("pdf", "%PDF"),
        ("stix", "{"),
        ("misp", "{"),
    ] {
        let path = format!("/api/v1/cases/1/export?format={format}");
        let answer = program.request(Method::GET, &path).send().await.unwrap();
        assert!(
            answer.headers()["content-disposition"]
                .to_str()
                .unwrap()
                .contains("case-1.")
        );
        let bytes = answer.bytes().await.unwrap();
        assert!(String::from_utf8_lossy(&bytes).starts_with(start), "{format}");
    }
    assert_eq!(program.get("/api/v1/cases/1/export?format=doc").await.0, 422);
    let (_, found) = program.get("/api/v1/cases?is_open=false&text=from").await;
    assert_eq!(found["cases"][0]["id"], 1);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_mails_become_cases() {
    let served = Served::new().await;
    let program = served.program("bot", Role::Analyst, &[Scope::Act]).await;
    let text = program.request(Method::POST, "/api/v1/cases/from-text?priority=low");
    let (status, case) = program
        .said(text.body("Seen\nhxxps://bad[.]example/x and 10.0.0.1"))
        .await;
    assert_eq!(
        (status, &case["title"], &case["entities"]),
        (201, &json!("Seen"), &json!(2)),
        "{case}"
    );
    assert_eq!(case["priority"], "low");
    let mail = "From: a@bad.example\nSubject: Pay\n\nsee http://bad.example/pay";
    let (status, case) = program
        .said(
            program
                .request(Method::POST, "/api/v1/cases/from-mail")
                .body(mail),
        )
        .await;
    assert_eq!(
        (status, &case["title"], &case["entities"]),
        (201, &json!("Pay"), &json!(2)),
        "{case}"
    );
    let (status, problem) = program
        .said(
            program
                .request(Method::POST, "/api/v1/cases/from-mail")
                .body("hello"),
        )
        .await;
    assert_eq!((status, &problem["status"]), (422, &json!(422)));
    assert!(
        problem["detail"].as_str().unwrap().contains("no mail"),
        "{problem}"
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_for_its_scopes_and_its_owners_role_only() {
    let served = Served::new().await;
    let reader = served.program("eye", Role::Viewer, &[Scope::Read]).await;
    assert_eq!(reader.get("/api/v1/cases").await.0, 200);
    let (status, problem) = reader.post("/api/v1/cases", &json!({"title": "x"})).await;
    assert_eq!(status, 403, "{problem}");
    let sdk = served.program("sdk", Role::Admin, &[Scope::Sdk]).await;
    assert_eq!(sdk.get("/api/v1/cases").await.0, 403);
    let stranger = Program {
        token: "vtd_0".to_owned(),
        ..served.program("gone", Role::Viewer, &[Scope::Read]).await
    };
    assert_eq!(stranger.get("/api/v1/cases").await.0, 401);
    let answer = stranger
        .request(Method::GET, "/api/v1/cases")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    // A cookie opens nothing here, so a page of another site can't either.
    let browser = served.logged_in("ann", Role::Admin).await;
    assert_eq!(browser.get("/api/v1/cases").await.status(), 401);
    // Whoever may no longer, can't with an old token.
    let people = served.scene.store.people().await.unwrap();
    let eye = people.iter().find(|person| person.name == "eye").unwrap();
    served.scene.store.remove_person(eye.id, "ann").await.unwrap();
    assert_eq!(reader.get("/api/v1/cases").await.0, 401);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_done_is_a_problem_in_words() {
    let served = Served::new().await;
    let program = served.program("bot", Role::Analyst, &[Scope::Act]).await;
    assert_eq!(
        program.post("/api/v1/cases", &json!({"title": "A case"})).await.0,
        201
    );
    let problems = [
        ("/api/v1/cases", json!({"title": " "}), 422, "no title"),
        ("/api/v1/cases", json!({"titel": "x"}), 422, "titel"),
        ("/api/v1/cases", json!([]), 422, "invalid"),
        (
            "/api/v1/cases/9/runs",
            json!({"action": "Scan IP"}),
            404,
            "no case 9",
        ),
        (
            "/api/v1/cases/1/runs",
            json!({"action": "Scan It"}),
            404,
            "no action Scan It",
        ),
        (
            "/api/v1/cases/1/runs",
            json!({"action": "Scan IP", "targets": [7]}),
            404,
            "no entity of this case 7",
        ),
        ("/api/v1/cases/x/runs", json!({"action": "Scan IP"}), 400, "x"),
        ("/api/v1/cases/1/comments", json!({"text": ""}), 422, "empty"),
        ("/api/v1/nothing", json!({}), 404, "no such address"),
    ];
    for (path, body, status, words) in problems {
        let (told, problem) = program.post(path, &body).await;
        assert_eq!(told, status, "{path} {body} {problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(words),
            "{path} {problem}"
        );
    }
    assert_eq!(program.get("/api/v1/cases?limit=x").await.0, 400);
    assert_eq!(program.get("/api/v1/cases?after=x").await.0, 422);
    let (status, document) = program.get("/api/v1/openapi.json").await;
    assert_eq!((status, document["openapi"].is_string()), (200, true));
    served.end().await;
}
