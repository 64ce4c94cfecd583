//! A workdesk in a process of its own.
#![allow(dead_code, reason = "each binary of tests needs a part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A workdesk that serves; killed when it is dropped.
pub(crate) struct Desk {
    pub(crate) child: Child,
    pub(crate) client: Client,
    pub(crate) origin: String,
    pub(crate) setup: Option<String>,
}

impl Desk {
    /// Starts it, and waits until it says where it is.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let first = lines.next().unwrap();
        let origin = first
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .unwrap();
        let origin = origin.trim_end_matches(['/', ',']).to_owned();
        let second = lines.next().unwrap();
        let setup = second.split_once(&origin).map(|(_, path)| path.to_owned());
        Self {
            child,
            client: client().build().unwrap(),
            origin,
            setup,
        }
    }

    /// As a loss of power would: nothing is written any more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Follows the set-up link; gives ann's cookie.
    pub(crate) async fn set_up(&self) -> String {
        let link = self.setup.clone().unwrap();
        let entered = self
            .send("", &link, &[("name", "ann"), ("password", PASSWORD)])
            .await;
        let cookie = entered.headers()[SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// As ann, who is there already; gives her cookie.
    pub(crate) async fn log_in(&self) -> String {
        let entered = self
            .send("", "/login", &[("name", "ann"), ("password", PASSWORD)])
            .await;
        let cookie = entered.headers()[SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn send(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let request = self.client.post(format!("{}{path}", self.origin)).form(fields);
        let request = request.header(COOKIE, cookie).header(ORIGIN, &self.origin);
        request.send().await.unwrap()
    }

    pub(crate) async fn page(&self, cookie: &str, path: &str) -> String {
        let request = self
            .client
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

pub(crate) fn client() -> ClientBuilder {
    // Another test may have done so before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_proxy()
}

/// A token of somebody who has logged in.
pub(crate) async fn token(desk: &Desk, cookie: &str, scope: &str) -> String {
    let page = desk
        .send(
            cookie,
            "/tokens",
            &[("name", "test"), ("scope", scope), ("days", "7")],
        )
        .await;
    let page = page.text().await.unwrap();
    let (_, rest) = page.split_once("vtd_").unwrap();
    format!("vtd_{}", &rest[..64])
}
