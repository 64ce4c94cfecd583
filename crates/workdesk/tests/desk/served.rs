//! A workdesk that serves, and who uses it: somebody with a browser, a program with a token.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use simulator::Running;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use workdesk::{Desk, External, Person, Role, Scope, Serving};

use crate::scene::{Scene, simulator};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A workdesk that serves.
pub(crate) struct Served {
    pub(crate) scene: Scene,
    pub(crate) address: SocketAddr,
    pub(crate) setup: Option<String>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) server: JoinHandle<()>,
    _running: Running,
}

/// Somebody with a browser.
pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) origin: String,
    pub(crate) cookie: String,
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::with(External::default()).await
    }

    pub(crate) async fn with(external: External) -> Self {
        Self::how(external, Serving::default()).await
    }

    pub(crate) async fn how(external: External, serving: Serving) -> Self {
        let running = simulator(|builder| builder).await;
        let scene = Scene::new().await;
        let engine = scene.engine_with(&running, external).await;
        let desk = Desk::new(scene.store.clone(), engine, serving).await.unwrap();
        let setup = desk.setup_path();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            desk.serve(listener, stopped).await;
        });
        Self {
            scene,
            address,
            setup,
            stop,
            server,
            _running: running,
        }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser {
            client: visitor(),
            origin: format!("http://{}", self.address),
            cookie: String::new(),
        }
    }

    /// Somebody of that role who has logged in.
    pub(crate) async fn logged_in(&self, name: &str, role: Role) -> Browser {
        let added = self
            .scene
            .store
            .add_person(name, role, PASSWORD.into(), "test")
            .await;
        added.unwrap();
        self.again(name).await
    }

    /// Somebody who is there already, in a browser of its own.
    pub(crate) async fn again(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let entered = browser
            .send("/login", &[("name", name), ("password", PASSWORD)])
            .await;
        assert_eq!(entered.status(), 303);
        browser.keep(&entered);
        browser
    }

    /// A program with a token of somebody of that role.
    pub(crate) async fn program(&self, name: &str, role: Role, scopes: &[Scope]) -> Program {
        let store = &self.scene.store;
        let person = store
            .add_person(name, role, PASSWORD.into(), "test")
            .await
            .unwrap();
        self.program_of(&person, scopes).await
    }

    /// A program with a token of somebody who is there already.
    pub(crate) async fn program_of(&self, person: &Person, scopes: &[Scope]) -> Program {
        let an_hour = Duration::from_secs(3600);
        let store = &self.scene.store;
        let (_, token) = store.add_token(person, "test", scopes, an_hour).await.unwrap();
        let browser = self.browser();
        Program {
            client: browser.client,
            origin: browser.origin,
            token,
        }
    }

    pub(crate) async fn end(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(20), self.server)
            .await
            .unwrap()
            .unwrap();
    }
}

/// Somebody's HTTP client that follows nothing by itself.
pub(crate) fn visitor() -> Client {
    // Another test may have done so before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

impl Browser {
    pub(crate) async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.origin));
        request.header(COOKIE, &self.cookie).send().await.unwrap()
    }

    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send_from(&self.origin, path, fields).await
    }

    pub(crate) async fn send_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.client.post(format!("{}{path}", self.origin)).form(fields);
        let request = request.header(COOKIE, &self.cookie).header(ORIGIN, origin);
        request.send().await.unwrap()
    }

    pub(crate) fn keep(&mut self, answer: &Response) {
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
            "{cookie}"
        );
        self.cookie = cookie.split(';').next().unwrap().to_owned();
    }
}

/// A program that uses the HTTP API.
pub(crate) struct Program {
    pub(crate) client: Client,
    pub(crate) origin: String,
    pub(crate) token: String,
}

impl Program {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.origin));
        request.bearer_auth(&self.token)
    }

    /// Status and JSON; null where there is none.
    pub(crate) async fn said(&self, request: RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.said(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.request(Method::POST, path);
        let request = request.header("content-type", "application/json");
        self.said(request.body(body.to_string())).await
    }
}
