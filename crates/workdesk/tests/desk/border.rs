//! What somebody can hold of the workdesk who has no business with it, and by which names it is called.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use workdesk::{Bounds, External, Names, Role, Scope, Serving};

use crate::served::{Program, Served};

const SOON: Duration = Duration::from_secs(10);
const A_MOMENT: Duration = Duration::from_millis(300);

async fn served(change: impl FnOnce(&mut Bounds)) -> Served {
    let mut bounds = Bounds::default();
    change(&mut bounds);
    let serving = Serving {
        bounds,
        ..Serving::default()
    };
    Served::how(External::default(), serving).await
}

/// A connection that has sent so much, and no more.
async fn begun(served: &Served, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    stream
}

/// The status of what is answered; 0 where the connection ends without an answer.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut start = [0; 12];
    let read = timeout(SOON, stream.read_exact(&mut start)).await;
    match read.unwrap_or_else(|_| panic!("the workdesk neither answers nor ends the connection")) {
        Ok(_) => String::from_utf8_lossy(&start[9..]).parse().unwrap(),
        Err(_) => 0,
    }
}

async fn is_well(served: &Served) -> bool {
    let mut stream = begun(
        served,
        "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    status(&mut stream).await == 200
}

/// Heads of requests with a body of so many bytes, to each place that takes large ones.
fn large(bytes: usize, key: &str, token: &str, origin: &str) -> Vec<String> {
    let head = |path: &str, more: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: {origin}\r\norigin: http://{origin}\r\ncontent-length: {bytes}\r\n{more}\r\n"
        )
    };
    let [key, json, token] = [
        format!("appkey: {key}\r\n"),
        "content-type: application/json\r\n".to_owned(),
        format!("authorization: Bearer {token}\r\n"),
    ];
    let place = "/v1alpha/projects/p/locations/l/instances/i/legacySdk:legacyUpdateEntities";
    vec![
        head("/api/external/v1/sdk/UpdateEntities", &format!("{key}{json}")),
        head("/api/external/v1/cases/comments", &format!("{key}{json}")),
        head(place, &format!("{key}{json}")),
        head("/api/v1/cases", &format!("{token}{json}")),
        head("/api/v1/cases/from-text", &token),
        head("/api/v1/cases/from-mail", &token),
        head(
            "/cases/import",
            "content-type: multipart/form-data; boundary=x\r\n",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_of_somebody_unknown_is_refused_before_it_is_sent() {
    let served = Served::new().await;
    let origin = served.address.to_string();
    for head in large(30_000_000, "wrong", "wrong", &origin) {
        let mut stream = begun(&served, &format!("{head}[")).await;
        assert_eq!(status(&mut stream).await, 401, "{head}");
    }
    // The same for somebody known who may not.
    let viewer = served.program("viewer", Role::Viewer, &[Scope::Read]).await;
    for head in &large(30_000_000, &viewer.token, &viewer.token, &origin)[..6] {
        let mut stream = begun(&served, &format!("{head}[")).await;
        assert!([401, 403].contains(&status(&mut stream).await), "{head}");
    }
    let known = served
        .program("ann", Role::Admin, &[Scope::Act, Scope::Sdk])
        .await;
    for head in &large(300_000_000, &known.token, &known.token, &origin)[..6] {
        let mut stream = begun(&served, &format!("{head}[")).await;
        assert_eq!(status(&mut stream).await, 413, "{head}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_refused_while_they_send_comes_to_read_why() {
    let served = Served::new().await;
    let body = vec![b'x'; 20_000_000];
    let answer = served
        .browser()
        .client
        .post(format!("http://{}/api/v1/cases/from-text", served.address))
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_and_a_connection_that_is_idle_are_not_held() {
    let served = served(|bounds| bounds.connections.head = A_MOMENT).await;
    for (sent, statuses) in [
        ("", [0]),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ", [0]),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", [200]),
    ] {
        let mut stream = begun(&served, sent).await;
        // Hyper may say 408 before it ends the connection.
        let status = status(&mut stream).await;
        assert!(statuses.contains(&status) || status == 408, "{sent}: {status}");
        let mut rest = Vec::new();
        let ended = timeout(SOON, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{sent}: the connection is held");
    }
    assert!(is_well(&served).await);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_or_trickles_is_answered_in_time_whoever_sends_it() {
    let stops = |bounds: &mut Bounds| bounds.body.silence = A_MOMENT;
    let trickles = |bounds: &mut Bounds| bounds.body.at_least = A_MOMENT;
    for (change, pause) in [(stops as fn(&mut Bounds), SOON), (trickles, A_MOMENT / 6)] {
        let served = served(change).await;
        let known = served
            .program("ann", Role::Admin, &[Scope::Act, Scope::Sdk])
            .await;
        let origin = served.address.to_string();
        let mut heads = large(20_000_000, &known.token, &known.token, &origin);
        heads.pop();
        heads.push(format!(
            "POST /login HTTP/1.1\r\nhost: {origin}\r\norigin: http://{origin}\r\ncontent-type: \
             application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\n"
        ));
        for head in heads {
            let mut stream = begun(&served, &head).await;
            let (mut read, mut write) = stream.split();
            let mut start = [0; 12];
            let trickle = async {
                while write.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
                std::future::pending::<()>().await;
            };
            let answered = tokio::select! {
                read = timeout(SOON, read.read_exact(&mut start)) => read,
                () = trickle => unreachable!(),
            };
            assert!(answered.is_ok_and(|read| read.is_ok()), "{head}");
            assert_eq!(&start, b"HTTP/1.1 408", "{head}");
        }
        assert!(is_well(&served).await);
        served.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_held_one_after_the_other_where_there_is_no_room_for_all() {
    let served = served(|bounds| bounds.mebibytes = 3).await;
    let known = served.program("ann", Role::Analyst, &[Scope::Act]).await;
    let text = "8.8.8.8 ".repeat(300_000);
    let head = format!(
        "POST /api/v1/cases/from-text?title=slow HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        known.token,
        text.len()
    );
    let mut slow = begun(&served, &head).await;
    slow.write_all(&text.as_bytes()[1..]).await.unwrap();
    // It has its room: the other one waits, and small ones do not.
    tokio::time::sleep(A_MOMENT).await;
    let request = known.request(Method::POST, "/api/v1/cases/from-text?title=quick");
    let quick = tokio::spawn(request.body(text).send());
    tokio::time::sleep(A_MOMENT).await;
    assert!(!quick.is_finished());
    let small = json!({"title": "small"});
    assert_eq!(known.post("/api/v1/cases", &small).await.0, 201);
    assert!(!quick.is_finished());
    slow.write_all(b" ").await.unwrap();
    assert_eq!(status(&mut slow).await, 201);
    let quick = timeout(SOON, quick).await.unwrap().unwrap().unwrap();
    assert_eq!(quick.status(), 201);
    served.end().await;
}

async fn events(program: &Program) -> reqwest::Response {
    let request = program.request(Method::GET, "/api/v1/cases/1/events");
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_changes_is_not_cut_off_and_has_so_many_places_and_no_more() {
    let served = served(|bounds| {
        bounds.connections.head = A_MOMENT;
        bounds.listeners_of_one = 2;
        bounds.listeners = 3;
    })
    .await;
    let ann = served
        .program("ann", Role::Analyst, &[Scope::Act, Scope::Read])
        .await;
    let bob = served.program("bob", Role::Analyst, &[Scope::Read]).await;
    assert_eq!(
        ann.post("/api/v1/cases", &json!({"title": "A case"})).await.0,
        201
    );
    let (mut first, second) = (events(&ann).await, events(&ann).await);
    assert_eq!(
        (first.status(), second.status()),
        (reqwest::StatusCode::OK, reqwest::StatusCode::OK)
    );
    let third = events(&ann).await;
    assert_eq!(third.status(), 503);
    assert!(third.text().await.unwrap().contains("close some"));
    let others = events(&bob).await;
    assert_eq!(others.status(), 200, "others have places of their own");
    assert_eq!(events(&bob).await.status(), 503, "but not more than there are");
    // Longer than a connection may be idle.
    tokio::time::sleep(A_MOMENT * 4).await;
    let said = json!({"text": "a word"});
    assert_eq!(ann.post("/api/v1/cases/1/comments", &said).await.0, 204);
    let event = timeout(SOON, first.chunk()).await.unwrap().unwrap().unwrap();
    assert!(event.starts_with(b"data: changed"), "{event:?}");
    drop(second);
    for _ in 0..100 {
        if events(&ann).await.status() == 200 {
            drop((first, others));
            served.end().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no place came free");
}

/// From an address of this machine's own choice.
async fn from(address: &str, served: &Served) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(served.address).await.unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn one_address_can_not_take_every_connection_and_idle_ones_come_free() {
    let served = served(|bounds| {
        bounds.connections.connections = 40;
        bounds.connections.connections_of_one = 30;
        bounds.connections.head = Duration::from_secs(2);
    })
    .await;
    let get = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..30 {
        held.push(from("127.0.0.1", &served).await);
    }
    let mut one_too_many = from("127.0.0.1", &served).await;
    // It may have been closed before.
    let _ = one_too_many.write_all(get).await;
    assert_eq!(status(&mut one_too_many).await, 0);
    let mut other = from("127.0.0.2", &served).await;
    other.write_all(get).await.unwrap();
    assert_eq!(status(&mut other).await, 200);
    for stream in &mut held {
        let mut rest = Vec::new();
        let ended = timeout(SOON, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "an idle connection is held");
    }
    assert!(is_well(&served).await);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_connections_keep_nobody_out() {
    const MANY: usize = 1000;
    // Both ends of them are in this process.
    if entrance::room_for(2 * MANY + 200) < 2 * MANY + 200 {
        println!("skipped: this process may not have so many files open");
        return;
    }
    let served = Served::new().await;
    let mut held = Vec::new();
    for number in 0..MANY {
        let sent = if number % 2 == 0 {
            ""
        } else {
            "GET / HTTP/1.1\r\nx: "
        };
        held.push(begun(&served, sent).await);
    }
    let analyst = served.logged_in("ann", Role::Analyst).await;
    assert_eq!(timeout(SOON, analyst.get("/")).await.unwrap().status(), 200);
    drop(held);
    assert_eq!(timeout(SOON, analyst.get("/quota")).await.unwrap().status(), 200);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_does_not_reach_it_by_a_name_of_its_own() {
    let serving = Serving {
        names: Some(Names {
            port: 8790,
            own: vec!["desk.example".to_owned()],
        }),
        open_metrics: true,
        ..Serving::default()
    };
    let served = Served::how(External::default(), serving).await;
    for path in ["/login", "/api/v1/openapi.json", "/metrics", "/assets/desk.css"] {
        for (host, expected) in [
            ("evil.example:8790", 421),
            ("localhost:8790", 200),
            ("127.0.0.1:8790", 200),
            ("desk.example:8790", 200),
            ("by.a.proxy.example", 200),
        ] {
            let get = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            let mut stream = begun(&served, &get).await;
            let mut answer = String::new();
            timeout(SOON, stream.read_to_string(&mut answer))
                .await
                .unwrap()
                .unwrap();
            let found = answer.get(9..12).unwrap().parse::<u16>().unwrap();
            // Nobody can log in yet.
            let found = if path == "/login" && found == 404 {
                200
            } else {
                found
            };
            assert_eq!(found, expected, "{path} at {host}");
            assert_eq!(answer.contains("--public-url"), expected == 421, "{answer}");
        }
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_others_is_shown_as_a_page() {
    let served = Served::new().await;
    let program = served
        .program("ann", Role::Admin, &[Scope::Read, Scope::Act, Scope::Sdk])
        .await;
    let browser = served.logged_in("bob", Role::Viewer).await;
    let title = "</title><script>alert(1)</script>\r\nx: y";
    assert_eq!(
        program.post("/api/v1/cases", &json!({"title": title})).await.0,
        201
    );
    let sdk = async |path: &str, body: Option<&serde_json::Value>| {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let url = format!("{}/api/external/v1/sdk/{path}", program.origin);
        let request = program
            .client
            .request(method, url)
            .header("appkey", &program.token);
        let request = request.header("content-type", "application/json");
        let body = body.map(ToString::to_string).unwrap_or_default();
        request.body(body).send().await.unwrap()
    };
    let attachment = json!({
        "case_identifier": "1", "name": "a.html\r\nx: y", "type": "text/html", "base64_blob": "PHNjcmlwdD4=", "size": 8
    });
    let mut answers = vec![
        sdk("AddAttachment", Some(&attachment)).await,
        sdk("Attachments/1", None).await,
        sdk("AttachmentData/1", None).await,
        sdk("CaseFullDetails/1/False", None).await,
        sdk("GetCurrentSiemplifyVersion", None).await,
    ];
    for answer in &answers {
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(
            answer.headers()["content-disposition"],
            "attachment; filename=\"answer.json\""
        );
    }
    for (format, kind, name) in [
        ("json", "application/json", "case-1.json"),
        ("csv", "text/csv; charset=utf-8", "case-1.csv"),
        ("markdown", "text/markdown; charset=utf-8", "case-1.md"),
        ("pdf", "application/pdf", "case-1.pdf"),
        ("stix", "application/stix+json;version=2.1", "case-1.stix.json"),
        ("misp", "application/json", "case-1.misp.json"),
    ] {
        let answer = browser.get(&format!("/cases/1/export/{format}")).await;
        assert_eq!(answer.headers()["content-type"], kind, "{format}");
        let saved = format!("attachment; filename=\"{name}\"");
        assert_eq!(
            answer.headers()["content-disposition"],
            saved.as_str(),
            "{format}"
        );
        answers.push(answer);
    }
    for answer in answers {
        assert_eq!(answer.status(), 200, "{}", answer.url());
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{}", answer.url());
        assert_eq!(headers["cache-control"], "no-store", "{}", answer.url());
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{}", answer.url());
    }
    served.end().await;
}
