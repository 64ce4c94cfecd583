//! Processes that run out of file handles.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{ON_PLATFORM, THREE, whole, wrong_unless};
use crate::around::Around;
use crate::fault::Boundary::Handles;
use crate::fault::{Act, Fault};
use crate::served::{self, Analyst, GATEWAY_LOG};
use crate::stage::{RUNTIME, Stage};
use crate::told::Told;

fn only(handles: u32) -> impl Fn(&mut Stage) {
    move |stage| stage.around = Around::Handles(handles)
}

/// More connections than a server has handles for; they say nothing, and are closed when they go.
fn crowd(origin: &str) -> Vec<TcpStream> {
    let address = origin.trim_start_matches("http://");
    // What the server does not take waits in the system's line.
    let connected = (0..100).map(|_| TcpStream::connect(address));
    connected.map_while(Result::ok).collect()
}

/// A workdesk with more visitors than handles, which goes on when they have gone.
fn workdesk_in_a_crowd(stage: &mut Stage) -> Told {
    let begun = Instant::now();
    let desk = served::desk(stage, &[]);
    let hash = stage.names["a"].clone();
    let mut wrong = Vec::new();
    let (message, token) = RUNTIME.block_on(async {
        let analyst = Analyst::of(&desk).await;
        let visitors = crowd(&desk.origin);
        tokio::time::sleep(Duration::from_secs(2)).await;
        wrong.extend(wrong_unless(visitors.len() > 40, || {
            format!("{} visitors", visitors.len())
        }));
        drop(visitors);
        let run = analyst.ask("Scan Hash", "FILEHASH", &hash).await;
        let ended = analyst.end_of(run, Duration::from_secs(20)).await;
        wrong.extend(wrong_unless(ended["state"] == "done", || ended.to_string()));
        (
            ended["message"].as_str().unwrap_or_default().to_owned(),
            analyst.token,
        )
    });
    stage.secrets.push(token);
    Told {
        took: begun.elapsed(),
        wrong,
        ..served::ended_desk(stage, desk, message)
    }
}

/// The same for a gateway.
fn gateway_in_a_crowd(stage: &mut Stage) -> Told {
    let begun = Instant::now();
    let around = std::mem::replace(&mut stage.around, Around::Nothing);
    let token = stage
        .shell(&["gateway", "token", "add", "tool"])
        .out
        .trim()
        .to_owned();
    stage.around = around;
    stage.secrets.push(token.clone());
    let mut gateway = served::gateway(stage, &[]);
    let path = format!("/api/v3/files/{}", stage.names["a"]);
    let (status, text) = RUNTIME.block_on(async {
        let visitors = crowd(&gateway.origin);
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(visitors);
        gateway.get(&token, &path).await
    });
    let text: String = text.chars().take(300).collect();
    Told {
        code: served::end(&mut gateway.child),
        message: format!("{status} {text}"),
        err: GATEWAY_LOG.read(stage),
        took: begun.elapsed(),
        ..Told::default()
    }
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(Handles, name, act);
    vec![
        row("five", THREE)
            .when(only(5))
            .ends(4)
            .says(&[
                "the program can't start",
                "too few files can be open at once",
                "ulimit -n",
            ])
            .then(0)
            .check(whole),
        row("nine", THREE)
            .when(only(9))
            .ends(4)
            .says(&[
                "the program can't start",
                "too few files can be open at once",
                "ulimit -n",
            ])
            .then(0)
            .check(whole),
        row("twenty", THREE)
            .when(only(20))
            .check(whole)
            .then(0)
            .check(whole),
        row("twelve", ON_PLATFORM)
            .when(only(12))
            .ends(1)
            .says(&[
                "the action can't start its work",
                "too few files can be open at once",
                "ulimit -n",
            ])
            .then(0),
        row(
            "sixteen, for the workdesk",
            Act::Shell(&["workdesk", "--listen", "127.0.0.1:0"]),
        )
        .when(only(16))
        .ends(4)
        .says(&[
            "the workdesk can't start",
            "too few files can be open at once",
            "ulimit -n",
        ]),
        row(
            "nine, for the gateway",
            Act::Shell(&["gateway", "--listen", "127.0.0.1:0"]),
        )
        .when(only(9))
        .ends(4)
        .says(&[
            "the gateway can't start",
            "too few files can be open at once",
            "ulimit -n",
        ]),
        row(
            "sixty, and a hundred connections, for the workdesk",
            Act::Scene("workdesk", workdesk_in_a_crowd),
        )
        .when(only(60))
        .says(&["Reports were fetched"])
        .within(60),
        row(
            "sixty, and a hundred connections, for the gateway",
            Act::Scene("gateway", gateway_in_a_crowd),
        )
        .when(only(60))
        .says(&["200"])
        .within(60),
    ]
}
