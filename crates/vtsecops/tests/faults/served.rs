//! Servers: started, spoken to, and asked to end.

use std::fs::File;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::shared_desk::{Desk, PASSWORD, token};
use crate::shared_gateway::Gateway;
use crate::stage::{RUNTIME, Stage};
use crate::told::Told;

/// How long a server may take to end when it is asked to.
const ENDING: Duration = Duration::from_secs(15);

/// A server's log, and what it said in the end.
pub(crate) struct Log(pub(crate) &'static str);

impl Log {
    pub(crate) fn read(&self, stage: &Stage) -> String {
        std::fs::read_to_string(stage.path(self.0)).unwrap_or_default()
    }
}

pub(crate) const DESK_LOG: Log = Log("workdesk.log");
pub(crate) const GATEWAY_LOG: Log = Log("gateway.log");

/// Asks a server to end as service managers do; gives its exit code.
pub(crate) fn end(child: &mut Child) -> Option<i32> {
    let pid = child.id().to_string();
    // It may have ended by itself.
    let _ = Command::new("kill").args(["-TERM", &pid]).status();
    let begun = Instant::now();
    while begun.elapsed() < ENDING {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    None
}

/// A workdesk with the stage's settings.
pub(crate) fn desk(stage: &Stage, more: &[&str]) -> Desk {
    let mut command = stage.command(&[&["workdesk", "--listen", "127.0.0.1:0"], more].concat());
    command.stderr(appending(stage, &DESK_LOG));
    Desk::of(command)
}

/// A gateway with the stage's settings.
pub(crate) fn gateway(stage: &Stage, more: &[&str]) -> Gateway {
    let mut command = stage.command(&[&["gateway", "--listen", "127.0.0.1:0"], more].concat());
    command.stderr(appending(stage, &GATEWAY_LOG));
    Gateway::of(command)
}

pub(crate) fn appending(stage: &Stage, log: &Log) -> File {
    let path = stage.path(log.0);
    File::options().create(true).append(true).open(path).unwrap()
}

/// Somebody who works with a workdesk through its API.
pub(crate) struct Analyst<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) token: String,
}

impl<'a> Analyst<'a> {
    /// The first person of a new workdesk, or ann of one that was there.
    pub(crate) async fn of(desk: &'a Desk) -> Self {
        let cookie = match &desk.setup {
            Some(_) => desk.set_up().await,
            None => desk.log_in().await,
        };
        Self {
            desk,
            token: token(desk, &cookie, "act").await,
        }
    }

    /// Status and answer; nothing where there was none.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.desk.client.post(format!("{}{path}", self.desk.origin));
        let request = request
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body.to_string());
        answered(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.desk.client.get(format!("{}{path}", self.desk.origin));
        answered(request.bearer_auth(&self.token)).await
    }

    /// A case of one entity, and a run on it; gives the run's number.
    pub(crate) async fn ask(&self, action: &str, entity_type: &str, entity: &str) -> i64 {
        let entities = json!([{"identifier": entity, "entity_type": entity_type}]);
        let case = json!({"title": "A case", "alerts": [{"entities": entities}]});
        let (status, case) = self.post("/api/v1/cases", &case).await;
        assert_eq!(status, 201, "{case}");
        let run = json!({"action": action, "parameters": {"Threshold": "3"}});
        let path = format!("/api/v1/cases/{}/runs", case["id"]);
        let (status, run) = self.post(&path, &run).await;
        assert_eq!(status, 201, "{run}");
        run["id"].as_i64().unwrap()
    }

    /// The run when it is over, or as it is when the time is.
    pub(crate) async fn end_of(&self, run: i64, longest: Duration) -> Value {
        let begun = Instant::now();
        loop {
            let (_, shown) = self.get(&format!("/api/v1/runs/{run}")).await;
            if !shown["ended_at"].is_null() || begun.elapsed() > longest {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn answered(request: reqwest::RequestBuilder) -> (u16, Value) {
    match request.timeout(Duration::from_secs(30)).send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap_or_default();
            (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
        }
        Err(error) => (0, Value::String(error.to_string())),
    }
}

/// What a workdesk has left once it was asked to end.
pub(crate) fn ended_desk(stage: &mut Stage, mut desk: Desk, message: String) -> Told {
    let code = end(&mut desk.child);
    stage.secrets.push(PASSWORD.to_owned());
    Told {
        code,
        message,
        err: DESK_LOG.read(stage),
        ..Told::default()
    }
}

/// A run of three hashes' first in a workdesk, from its start to its end.
pub(crate) fn desk_run(stage: &mut Stage) -> Told {
    let begun = Instant::now();
    let desk = desk(stage, &[]);
    let hash = stage.names["a"].clone();
    let (run, token) = RUNTIME.block_on(async {
        let analyst = Analyst::of(&desk).await;
        let run = analyst.ask("Scan Hash", "FILEHASH", &hash).await;
        (analyst.end_of(run, Duration::from_secs(40)).await, analyst.token)
    });
    stage.secrets.push(token);
    let message = format!(
        "{}: {}",
        run["state"].as_str().unwrap_or("?"),
        run["message"].as_str().unwrap_or("?")
    );
    Told {
        took: begun.elapsed(),
        ..ended_desk(stage, desk, message)
    }
}

/// The report of the first hash, asked of a gateway with a token of its own.
pub(crate) fn gateway_ask(stage: &mut Stage) -> Told {
    gateway_ask_with(stage, &[])
}

/// The same, of a gateway with these options.
pub(crate) fn gateway_ask_with(stage: &mut Stage, more: &[&str]) -> Told {
    let begun = Instant::now();
    let name = format!("tool-{}", stage.secrets.len());
    let added = stage.shell(&["gateway", "token", "add", &name]);
    let token = added.out.trim().to_owned();
    assert_eq!(token.len(), 64, "{} {}", added.out, added.err);
    stage.secrets.push(token.clone());
    let mut gateway = gateway(stage, more);
    let path = format!("/api/v3/files/{}", stage.names["a"]);
    let (status, text) = RUNTIME.block_on(gateway.get(&token, &path));
    let text: String = text.chars().take(400).collect();
    let code = end(&mut gateway.child);
    Told {
        code,
        message: format!("{status} {text}"),
        err: GATEWAY_LOG.read(stage),
        took: begun.elapsed(),
        ..Told::default()
    }
}
