//! A gateway in a process of its own.
#![allow(dead_code, reason = "each binary of tests needs a part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Client;

/// A gateway that serves; killed when it is dropped.
pub(crate) struct Gateway {
    pub(crate) child: Child,
    pub(crate) origin: String,
}

impl Gateway {
    /// Starts it, and waits until it says where it is.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut first)
            .unwrap();
        let address = first.split_whitespace().find(|word| word.starts_with("http://"));
        let origin = address.unwrap().trim_end_matches("/vtapi/v2/").to_owned();
        Self { child, origin }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> (u16, String) {
        // Another test may have done so before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client
            .get(format!("{}{path}", self.origin))
            .header("x-apikey", token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
