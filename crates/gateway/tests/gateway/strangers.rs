//! What somebody without a token can hold, and for how long.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::multipart::{Form, Part};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scene::{EICAR, Scene, all_rights};

const SOON: Duration = Duration::from_secs(10);

async fn connect(scene: &Scene, sent: &str) -> TcpStream {
    let address = scene.origin.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    stream
}

/// Everything until the gateway ends the connection, which it must.
async fn read_to_end(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut all)).await;
    // A connection that is reset has ended, too.
    assert!(read.is_ok(), "the gateway holds the connection");
    String::from_utf8_lossy(&all).into_owned()
}

/// A multipart request to that path that stops after `text`.
async fn begin_upload(scene: &Scene, path: &str, text: &str) -> TcpStream {
    let head = "host: a\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 1000000\r\n";
    connect(scene, &format!("POST {path} HTTP/1.1\r\n{head}\r\n{text}")).await
}

fn form(token: &str, is_before: bool) -> Form {
    let part = Part::bytes(&b"content"[..]).file_name("a.bin");
    match is_before {
        true => Form::new().text("apikey", token.to_owned()).part("file", part),
        false => Form::new().part("file", part).text("apikey", token.to_owned()),
    }
}

fn spooled(scene: &Scene) -> usize {
    std::fs::read_dir(scene.folder.path().join("gateway-spool"))
        .unwrap()
        .count()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_and_a_connection_that_is_idle_are_not_held() {
    let scene = Scene::with(
        |builder| builder,
        |serving| serving.bounds.head = Duration::from_millis(300),
    )
    .await;
    for sent in [
        "",
        "GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ",
        "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let answer = read_to_end(connect(&scene, sent).await).await;
        assert_eq!(answer.contains("ok\n"), sent.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_so_many_bytes_and_headers_and_no_more() {
    let scene = Scene::new().await;
    let long = scene
        .get("/api/v3/files/x")
        .header("x-long", "y".repeat(20_000))
        .header("x-apikey", &scene.token);
    assert_ne!(scene.send(long).await.status, 431);
    let too_long = format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {}", "y".repeat(200_000));
    let too_many = format!("GET / HTTP/1.1\r\n{}\r\n", "x-a: b\r\n".repeat(2_000));
    for head in [too_long, too_many] {
        let address = scene.origin.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The gateway may have closed before all is sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = [0; 12];
        let read = tokio::time::timeout(SOON, stream.read_exact(&mut answer))
            .await
            .unwrap();
        if read.is_ok() {
            assert_eq!(&answer, b"HTTP/1.1 431");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_connections_and_no_more() {
    let scene = Scene::with(|builder| builder, |serving| serving.bounds.connections_of_one = 3).await;
    let begun = "GET /healthz HTTP/1.1\r\n";
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect(&scene, begun).await);
    }
    assert_eq!(read_to_end(connect(&scene, begun).await).await, "");
    // Those that were there go on.
    let mut first = held.remove(0);
    first
        .write_all(b"host: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(read_to_end(first).await.contains("ok\n"));
    drop(held);
    let get = async || reqwest::get(format!("{}/healthz", scene.origin)).await;
    for _ in 0..500 {
        if get().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no connection came free");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_no_token_takes_no_place_from_those_who_do() {
    let scene = Scene::new().await;
    let field = "--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nslow";
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(begin_upload(&scene, "/vtapi/v2/file/scan", field).await);
    }
    for is_before in [true, false] {
        let request = scene.post("/vtapi/v2/file/scan");
        let seen = scene.send(request.multipart(form(&scene.token, is_before))).await;
        assert_eq!(seen.status, 200, "{}", seen.text());
    }
    // Files of strangers are few at a time, and keep no file of a known caller waiting.
    let file = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nslow";
    for _ in 0..4 {
        held.push(begin_upload(&scene, "/vtapi/v2/file/scan", file).await);
    }
    until("they take the places there are", || spooled(&scene) == 4).await;
    for (is_before, status) in [(true, 200), (false, 503)] {
        let request = scene.post("/vtapi/v2/file/scan");
        let seen = scene.send(request.multipart(form(&scene.token, is_before))).await;
        assert_eq!(seen.status, status, "{}", seen.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_can_not_take_every_place_for_uploads() {
    let scene = Scene::new().await;
    let other = scene.add_token("other", all_rights());
    let file = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nslow";
    let path = format!("/vtapi/v2/file/scan?apikey={}", scene.token);
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(begin_upload(&scene, &path, file).await);
    }
    until("they take the places there are", || spooled(&scene) == 16).await;
    for (token, status) in [(&scene.token, 503), (&other, 200)] {
        let request = scene.post("/vtapi/v2/file/scan");
        let seen = scene.send(request.multipart(form(token, true))).await;
        assert_eq!(seen.status, status, "{}", seen.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_the_first_part_is_bounded_and_refused_in_words() {
    let scene = Scene::new().await;
    let request = scene.post("/api/v3/files").header("x-apikey", &scene.token);
    let request = request
        .header("content-type", "multipart/form-data; boundary=x")
        .body("y".repeat(3_000_000));
    let seen = scene.send(request).await;
    assert_eq!((seen.status, &*seen.code()), (400, "BadRequestError"));
    assert!(seen.text().contains("65536 bytes"), "{}", seen.text());
    let told = scene.audit().pop().unwrap().bytes_in;
    assert!((65_536..1_000_000).contains(&told), "{told} bytes were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_not_tried_faster_than_so_many_a_minute_and_good_ones_count_all_the_same() {
    let scene = Scene::with(|builder| builder, |serving| serving.bounds.refused_a_minute = 3).await;
    let ticket = scene.v3("files/upload_url").await.json();
    let ticket = ticket["data"].as_str().unwrap().to_owned();
    let v3 = async |token: &str| {
        let request = scene.get(&format!("/api/v3/files/{EICAR}"));
        scene.send(request.header("x-apikey", token)).await
    };
    for _ in 0..3 {
        assert_eq!(v3("wrong").await.status, 401);
    }
    let seen = v3("wrong").await;
    assert_eq!((seen.status, &*seen.code()), (429, "TooManyRequestsError"));
    let form = [("apikey", "wrong"), ("resource", EICAR)];
    let seen_v2 = scene.send(scene.post("/vtapi/v2/file/report").form(&form)).await;
    assert_eq!(seen_v2.status, 429);
    for seen in [seen, seen_v2] {
        let pause: u64 = seen.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&pause), "{pause}");
    }
    // Nobody can lock out the tools behind the same address.
    assert_eq!(v3(&scene.token).await.status, 200);
    let seen = scene.v2("file/report", &[("resource", EICAR)]).await;
    assert_eq!(seen.status, 200);
    let request = scene.request(reqwest::Method::POST, &ticket);
    let part = Part::bytes(&b"x"[..]).file_name("a.bin");
    let seen = scene
        .send(request.multipart(Form::new().part("file", part)))
        .await;
    assert_eq!(seen.status, 200, "{}", seen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_strangers_are_told_in_time_whether_others_come_or_not() {
    let scene = Scene::with(
        |builder| builder,
        |serving| serving.bounds.quiet = Duration::from_millis(300),
    )
    .await;
    for _ in 0..3 {
        let request = scene.get("/api/v3/files/x").header("x-apikey", "wrong");
        assert_eq!(scene.send(request).await.status, 401);
    }
    let told = || -> u64 { scene.audit().iter().filter_map(|entry| entry.requests).sum() };
    until("all three are told", || told() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_trickles_ends_in_two_minutes_unless_its_token_is_known() {
    let scene = Scene::new().await;
    let field = "--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n";
    let file = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let token = format!(
        "--x\r\ncontent-disposition: form-data; name=\"apikey\"\r\n\r\n{}\r\n{file}",
        scene.token
    );
    for (text, is_known) in [(field, false), (file, false), (&*token, true)] {
        let mut stream = begin_upload(&scene, "/vtapi/v2/file/scan", text).await;
        let (begun, mut answer) = (tokio::time::Instant::now(), [0; 12]);
        let seconds = loop {
            // Each piece comes in time.
            let pause = Duration::from_secs(20);
            let read = tokio::time::timeout(pause, stream.read_exact(&mut answer)).await;
            if read.is_ok() || begun.elapsed() > Duration::from_secs(140) {
                break begun.elapsed().as_secs();
            }
            stream.write_all(b"z").await.unwrap();
        };
        assert_eq!(&answer == b"HTTP/1.1 504", !is_known, "{text}");
        assert!(is_known || (119..=121).contains(&seconds), "{seconds} s");
    }
}
