//! Databases: PostgreSQL that is away or goes away, files that somebody else holds or that are damaged.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use test_postgres::Server;

use super::{THREE, URL, has, submitted_once, whole, wrong_unless};
use crate::fault::Boundary::Database;
use crate::fault::{Act, Fault, Skipped};
use crate::served::{self, Analyst};
use crate::stage::{NOBODY, RUNTIME, Stage};
use crate::told::Told;

const STATE: &str = ".local/state/vtsecops";
const DESK: Act = Act::Shell(&["workdesk", "--listen", "127.0.0.1:0"]);

/// A database that nobody serves, and the key that seals.
fn away(stage: &mut Stage) {
    sealed(stage);
    stage.call("database", format!("postgres://desk@{NOBODY}/desk"));
}

fn sealed(stage: &mut Stage) {
    let key = stage.write("workdesk.key", "7a".repeat(32));
    stage.call("key", key);
}

/// A PostgreSQL of the row's own, which may restart it.
fn postgres(stage: &mut Stage) -> Result<(), Skipped> {
    let server = Server::start().ok_or(Skipped("there is no PostgreSQL"))?;
    let database = RUNTIME.block_on(server.database());
    sealed(stage);
    stage.call("database", database.address());
    stage.hold(server);
    Ok(())
}

fn server(stage: &Stage) -> &Server {
    stage.held.iter().find_map(|held| held.downcast_ref()).unwrap()
}

/// PostgreSQL is restarted while a run waits for its analysis.
fn restarted_in_a_run(stage: &mut Stage) -> Told {
    let begun = Instant::now();
    let [database, key] = ["{database}", "{key}"].map(|name| stage.filled(name));
    let desk = served::desk(stage, &["--database", &database, "--key-file", &key]);
    let url = stage.names["url"].clone();
    let (ended, token) = RUNTIME.block_on(async {
        let analyst = Analyst::of(&desk).await;
        let run = analyst.ask("Scan URL", "DestinationURL", &url).await;
        while stage.submissions().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing is submitted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server(stage).restart(Duration::from_secs(2));
        (analyst.end_of(run, Duration::from_secs(40)).await, analyst.token)
    });
    stage.secrets.push(token);
    let wrong = wrong_unless(ended["state"] == "done", || ended.to_string());
    let message = ended["message"].as_str().unwrap_or_default().to_owned();
    Told {
        took: begun.elapsed(),
        wrong,
        ..served::ended_desk(stage, desk, message)
    }
}

/// Somebody holds a file for as long as the row lasts.
fn held(file: &'static str, first: &'static [&'static str]) -> impl Fn(&mut Stage) {
    move |stage| {
        let told = stage.shell(first);
        assert_eq!(told.code, Some(0), "{}", told.said());
        let connection = Connection::open(stage.path(file)).unwrap();
        connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        stage.hold(connection);
    }
}

fn let_go(stage: &mut Stage) {
    stage.held.clear();
}

/// Something else stands in a file's place.
fn spoilt(file: &'static str) -> impl Fn(&mut Stage) {
    move |stage| {
        stage.write(file, "something else altogether, and no database ".repeat(200));
        stage.call("file", stage.path(file).to_str().unwrap().to_owned());
    }
}

/// A workdesk whose file somebody holds for a while.
fn workdesk_held(stage: &mut Stage) -> Told {
    let begun = Instant::now();
    let desk = served::desk(stage, &[]);
    let file = stage.path(STATE).join("workdesk/workdesk.db");
    let mut wrong = Vec::new();
    let (message, token) = RUNTIME.block_on(async {
        let analyst = Analyst::of(&desk).await;
        let holding = Connection::open(file).unwrap();
        holding.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let case = serde_json::json!({"title": "A case"});
        let refused = analyst.post("/api/v1/cases", &case).await;
        holding.execute_batch("COMMIT").unwrap();
        let (status, made) = analyst.post("/api/v1/cases", &case).await;
        wrong.extend(wrong_unless(status == 201, || format!("let go: {status} {made}")));
        (format!("{} {}", refused.0, refused.1), analyst.token)
    });
    stage.secrets.push(token);
    Told {
        took: begun.elapsed(),
        wrong,
        ..served::ended_desk(stage, desk, message)
    }
}

/// A gateway whose ledger's database is away: no call is made that can't be counted.
fn gateway_without(stage: &mut Stage) -> Told {
    let database = stage.filled("{database}");
    stage.set("VTSECOPS_DATABASE", &database);
    // It would be waited for, too.
    stage.set("VTSECOPS_CACHE", "false");
    served::gateway_ask_with(stage, &["--wait", "1s"])
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(Database, name, act);
    vec![
        row(
            "PostgreSQL is away when a worker starts",
            Act::Shell(&["worker", "--key-file", "{key}", "--database", "{database}"]),
        )
        .when(away)
        .ends(4)
        .says(&["{nobody}", "can't be reached", "Check"])
        .within(40),
        row(
            "PostgreSQL is away when a workdesk starts",
            Act::Shell(&[
                "workdesk",
                "--listen",
                "127.0.0.1:0",
                "--key-file",
                "{key}",
                "--database",
                "{database}",
            ]),
        )
        .when(away)
        .ends(4)
        .says(&["{nobody}", "can't be reached", "Check"])
        .within(40),
        row(
            "PostgreSQL is away when a gateway is asked",
            Act::Scene("gateway", gateway_without),
        )
        .when(away)
        .says(&["503", "the database does not answer", "try again when it does"])
        .within(60)
        .check(|stage, _| {
            let calls = stage.virustotal.calls().len();
            wrong_unless(calls == 0, || format!("{calls} calls that nobody counts"))
        }),
        row(
            "PostgreSQL is away when the quota is looked at",
            Act::Shell(&["quota", "--database", "{database}"]),
        )
        .when(away)
        .ends(4)
        .says(&["{nobody}", "does not answer"])
        .within(60),
        row(
            "PostgreSQL restarts in a run",
            Act::Scene("workdesk", restarted_in_a_run),
        )
        .simulator(|simulator| simulator.scan_for(Duration::from_secs(1)))
        .where_possible(postgres)
        .says(&["Reports were fetched"])
        .within(120)
        .check(submitted_once),
        row("somebody holds the quota ledger", THREE)
            .when(|stage| stage.set("VTSECOPS_CACHE", "false"))
            .when(held(".local/state/vtsecops/quota.db", &["scan", "hash", "{a}"]))
            .says(&[
                "the quota ledger {home}/.local/state/vtsecops/quota.db can't be used",
                "database is locked",
                "This run goes on without it",
            ])
            .within(60)
            .check(whole)
            .then_with(0, let_go)
            .check(whole),
        row("somebody holds the cache", THREE)
            .when(held(".cache/vtsecops/reports.db", &["scan", "hash", "{a}"]))
            .says(&[
                "the report cache {home}/.cache/vtsecops/reports.db can't be used",
                "database is locked",
                "This run goes on without it",
            ])
            .within(60)
            .check(whole)
            .then_with(0, let_go)
            .check(whole),
        row(
            "somebody holds the workdesk's store",
            Act::Scene("workdesk", workdesk_held),
        )
        .says(&[
            "500",
            "database has trouble; nothing was changed",
            "database is locked",
            "Another program holds the file",
        ])
        .within(60),
        row("the quota ledger is damaged", THREE)
            .when(spoilt(".local/state/vtsecops/quota.db"))
            .says(&[
                "the quota ledger is damaged",
                "It is kept as {file}.damaged-",
                "a new one is begun",
            ])
            .check(whole)
            .then(0)
            .check(whole),
        row("the cache is damaged", THREE)
            .when(spoilt(".cache/vtsecops/reports.db"))
            .says(&[
                "the report cache is damaged",
                "It is kept as {file}.damaged-",
                "a new one is begun",
            ])
            .check(whole)
            .then(0)
            .check(whole),
        row("the journal of a run is damaged", URL)
            .when(|stage| {
                let slow = simulator::Fault::new(simulator::FaultKind::SlowBody(Duration::from_secs(60)));
                stage.virustotal.add_fault(slow.on("url/report"));
                let told = stage.shell(&["scan", "url", "{url}", "--timeout", "1s"]);
                assert_eq!(told.code, Some(3), "{}", told.said());
                stage.virustotal.clear_faults();
                let runs = std::fs::read_dir(stage.path(STATE).join("runs")).unwrap();
                let journals = runs.map(|run| run.unwrap().path());
                for journal in journals.filter(|path| path.extension().is_some_and(|ending| ending == "db")) {
                    let log = journal.with_extension("db-wal");
                    std::fs::write(journal, "no database ".repeat(500)).unwrap();
                    std::fs::remove_file(log).unwrap();
                }
            })
            .says(&["the journal is damaged", "a new one is begun"])
            .check(|stage, told| has(stage, told, "url", "found")),
        row("the workdesk's store is damaged", DESK)
            .when(spoilt(".local/state/vtsecops/workdesk/workdesk.db"))
            .ends(4)
            .says(&[
                "{home}/.local/state/vtsecops/workdesk",
                "file is not a database",
                "vtsecops workdesk restore",
            ])
            .check(|stage, _| {
                let kept = std::fs::read_to_string(&stage.names["file"]).unwrap_or_default();
                wrong_unless(kept.starts_with("something else"), || {
                    "the file was changed".to_owned()
                })
            }),
        row("the settings are damaged", THREE)
            .when(spoilt(".config/vtsecops/config.toml"))
            .ends(2)
            .says(&["{file}", "it is no TOML"])
            .then_with(0, |stage| std::fs::remove_file(&stage.names["file"]).unwrap())
            .check(whole),
    ]
}
