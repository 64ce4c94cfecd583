//! `workdesk`: a process that serves, is killed, and goes on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use simulator::KeyKind;
use tokio::runtime::Runtime;

use crate::scene::{KEY, Scene};

const PASSWORD: &str = "correct horse battery staple";

/// A workdesk in a process of its own; killed when it is dropped.
struct Desk {
    child: Child,
    origin: String,
    setup: Option<String>,
}

impl Desk {
    fn start(scene: &Scene) -> Self {
        let mut command: Command = scene.command(&["workdesk", "--listen", "127.0.0.1:0"]);
        command
            .env("VTSECOPS_TIER", "private")
            .env("VTSECOPS_POLL_EVERY", "1s")
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let first = lines.next().unwrap();
        let origin = first
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap();
        let origin = origin.trim_end_matches(['/', ',']).to_owned();
        let second = lines.next().unwrap();
        let setup = second.split_once(&origin).map(|(_, path)| path.to_owned());
        Self { child, origin, setup }
    }

    /// As a loss of power would: nothing is written any more.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn send(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let request = client().post(format!("{}{path}", self.origin)).form(fields);
        let request = request.header(COOKIE, cookie).header(ORIGIN, &self.origin);
        request.send().await.unwrap()
    }

    async fn page(&self, cookie: &str, path: &str) -> String {
        let request = client()
            .get(format!("{}{path}", self.origin))
            .header(COOKIE, cookie);
        request.send().await.unwrap().text().await.unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> Client {
    // Another test may have done so before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

#[test]
fn a_killed_workdesk_has_lost_nothing_and_submits_nothing_twice() {
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .latency(Duration::from_millis(120))
            .scan_for(Duration::from_secs(3))
    });
    Runtime::new().unwrap().block_on(async {
        let mut desk = Desk::start(&scene);
        let link = desk.setup.clone().unwrap();
        let entered = desk
            .send("", &link, &[("name", "ann"), ("password", PASSWORD)])
            .await;
        let cookie = entered.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let urls = [1, 2, 3].map(|number| format!("http://unknown.example/{number}"));
        let made = [("title", "Three new URLs"), ("text", &urls.join("\n"))];
        assert_eq!(desk.send(&cookie, "/cases", &made).await.status(), 303);
        let run = [("action", "Scan URL"), ("parameter:Threshold", "3")];
        assert_eq!(desk.send(&cookie, "/cases/1/runs", &run).await.status(), 303);
        // Whatever it was just doing.
        for pause in [0, 60, 150, 250, 400, 700] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            desk.kill();
            desk = Desk::start(&scene);
            assert!(desk.setup.is_none(), "ann is still there");
        }
        let mut page = String::new();
        for _ in 0..300 {
            page = desk.page(&cookie, "/cases/1").await;
            if page.contains("Reports were fetched") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(
            page.contains("Reports were fetched") || page.contains("analyzed"),
            "{page}"
        );
        assert!(page.contains("Three new URLs") && page.contains("ann"), "{page}");
        let calls = scene.running.calls().into_iter();
        let mut submitted: Vec<String> = calls
            .filter(|call| call.endpoint == "url/scan" && call.status == 200)
            .flat_map(|call| call.resources)
            .collect();
        submitted.sort();
        let all = submitted.len();
        submitted.dedup();
        assert_eq!((submitted.len(), all), (3, 3), "{submitted:?}");
    });
}

#[test]
fn what_can_not_be_used_is_told_before_anything_is_served() {
    let scene = Scene::new();
    let open = scene.run(&["workdesk", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.code, 2, "{} {}", open.out, open.err);
    assert!(open.err.contains("loopback"), "{}", open.err);
    let desk = Desk::start(&scene);
    let second = scene.run(&["workdesk", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 4, "{} {}", second.out, second.err);
    assert!(second.err.contains("Another workdesk uses"), "{}", second.err);
    desk.kill();
}
