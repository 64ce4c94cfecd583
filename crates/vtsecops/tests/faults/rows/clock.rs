//! Clocks that jump. A process sees nothing of a jump but that what was written down before it is a day older than it is, or from a day ahead: so that
//! is what is made of the stores.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{THREE_SOON, URL, has, submitted_once, whole, wrong_unless};
use crate::fault::Boundary::Clock;
use crate::fault::{Act, Fault};
use crate::served::{self, Analyst};
use crate::shared_files::files_below;
use crate::stage::{RUNTIME, Stage};
use crate::told::Told;

const A_DAY: i64 = 24 * 3600 * 1000;

/// The clock is set forward by a day: what is stored is that much older.
pub(super) fn a_day_later(stage: &mut Stage) {
    shift_all(stage, -A_DAY);
}

/// The clock is set back by a day: what is stored is from the future.
fn a_day_earlier(stage: &mut Stage) {
    shift_all(stage, A_DAY);
}

fn shift_all(stage: &Stage, milliseconds: i64) {
    let mut stores = Vec::new();
    files_below(stage.home.path(), &mut |path, _| {
        if path.extension().is_some_and(|ending| ending == "db") {
            stores.push(path.to_owned());
        }
    });
    assert!(!stores.is_empty(), "nothing is stored");
    for store in stores {
        shift(&store, milliseconds);
    }
}

/// Moves every moment that a store holds.
fn shift(store: &Path, milliseconds: i64) {
    let connection = Connection::open(store).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    let listed = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let tables = listed(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
    );
    let mut changes = String::from("BEGIN IMMEDIATE;");
    for table in tables {
        for column in listed(&format!("SELECT name FROM pragma_table_info('{table}')")) {
            let is_moment = ["_at", "_until"].iter().any(|ending| column.ends_with(ending))
                || ["at", "since"].contains(&column.as_str());
            if is_moment {
                changes += &format!(
                    "UPDATE \"{table}\" SET {column} = {column} + ({milliseconds}) WHERE {column} IS NOT NULL;"
                );
            }
            if column == "period" {
                let days = milliseconds / A_DAY;
                changes += &format!(
                    "UPDATE \"{table}\" SET period = date(period, '{days} days') WHERE length(period) = 10;"
                );
            }
        }
    }
    changes += "COMMIT";
    connection.execute_batch(&changes).unwrap();
}

/// One run that ends as it should, before the clock jumps.
fn after_a_run(arguments: &'static [&'static str]) -> impl Fn(&mut Stage) {
    move |stage| {
        let told = stage.shell(arguments);
        assert_eq!(told.code, Some(0), "{}", told.said());
    }
}

/// One run that VirusTotal leaves without an answer to its submission.
fn after_a_cut_off_submission(stage: &mut Stage) {
    let fault = simulator::Fault::new(simulator::FaultKind::SlowBody(Duration::from_secs(60)));
    stage.virustotal.add_fault(fault.on("url/scan"));
    let told = stage.shell(&["scan", "url", "{url}", "--timeout", "2s"]);
    assert_eq!(told.code, Some(3), "{}", told.said());
    stage.virustotal.clear_faults();
}

/// A run that waits for an analysis when the clock jumps under the workdesk, which goes on.
fn desk_under_way(stage: &mut Stage, jump: i64, stops: bool) -> Told {
    let begun = Instant::now();
    let mut desk = served::desk(stage, &[]);
    let url = stage.names["url"].clone();
    let mut secrets = Vec::new();
    let run = RUNTIME.block_on(async {
        let analyst = Analyst::of(&desk).await;
        secrets.push(analyst.token.clone());
        let run = analyst.ask("Scan URL", "DestinationURL", &url).await;
        while analyst.get(&format!("/api/v1/runs/{run}")).await.1["state"] != "waiting" {
            assert!(begun.elapsed() < Duration::from_secs(20), "it never waits");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        run
    });
    if stops {
        desk.kill();
        shift_all(stage, jump);
        desk = served::desk(stage, &[]);
    } else {
        shift_all(stage, jump);
    }
    let ended = RUNTIME.block_on(async {
        // Who was logged in a day ahead is, whoever was a day ago may not be.
        let analyst = Analyst {
            desk: &desk,
            token: secrets[0].clone(),
        };
        analyst.end_of(run, Duration::from_secs(20)).await
    });
    stage.secrets.extend(secrets);
    let mut wrong = wrong_unless(ended["state"] == "done", || format!("the run: {ended}"));
    wrong.extend(wrong_unless(stage.submissions().len() == 1, || {
        format!("submitted: {:?}", stage.submissions())
    }));
    let message = ended["message"].as_str().unwrap_or_default().to_owned();
    Told {
        took: begun.elapsed(),
        wrong,
        ..served::ended_desk(stage, desk, message)
    }
}

fn desk_stops_and_clock_goes_back(stage: &mut Stage) -> Told {
    desk_under_way(stage, A_DAY, true)
}

fn desk_stops_and_clock_goes_forward(stage: &mut Stage) -> Told {
    desk_under_way(stage, -A_DAY, true)
}

fn clock_goes_forward_under_desk(stage: &mut Stage) -> Told {
    desk_under_way(stage, -A_DAY, false)
}

/// One call a minute.
fn one_a_minute(stage: &mut Stage) {
    stage.set("VTSECOPS_QUOTA_PER_MINUTE", "1");
    stage.set("VTSECOPS_CACHE", "false");
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(Clock, name, act);
    vec![
        row("forward by a day: the quota ledger", THREE_SOON)
            .when(one_a_minute)
            .when(after_a_run(&["scan", "hash", "{a}"]))
            .when(a_day_later)
            .check(whole),
        row("back by a day: the quota ledger", THREE_SOON)
            .when(one_a_minute)
            .when(after_a_run(&["scan", "hash", "{a}"]))
            .when(a_day_earlier)
            // As if the call had just been made: a minute, and not a day.
            .ends(4)
            .says(&["API request limitation", "vtsecops resume"])
            .check(|_, told| {
                let remark = told.document["entities"][0]["remark"]
                    .as_str()
                    .unwrap_or_default();
                wrong_unless(remark.ends_with("try again in 60 s"), || remark.to_owned())
            }),
        row("back by a day: a key that was closed for a minute", THREE_SOON)
            .when(|stage| {
                stage.set("VTSECOPS_CACHE", "false");
                stage
                    .virustotal
                    .add_fault(simulator::Fault::new(simulator::FaultKind::Quota).times(1));
                let told = stage.shell(&["scan", "hash", "{a}", "--timeout", "2s"]);
                assert_eq!(told.code, Some(4), "{}", told.said());
            })
            .when(a_day_earlier)
            .check(whole),
        row("forward by a day: the cache", THREE_SOON)
            .when(after_a_run(&["scan", "hash", "{a}", "{b}", "{c}"]))
            .when(a_day_later)
            .check(whole)
            .check(|_, told| {
                let kept = &told.document["kept_answers"];
                wrong_unless(*kept == 0, || {
                    format!("{kept} answers were taken that are too old")
                })
            }),
        row(
            "forward by a day: the cache, where any age will do",
            Act::Shell(&["scan", "hash", "{a}", "{b}", "{c}", "--max-age", "none"]),
        )
        .when(after_a_run(&["scan", "hash", "{a}", "{b}", "{c}"]))
        .when(a_day_later)
        .check(whole)
        .check(|_, told| {
            let kept = &told.document["kept_answers"];
            wrong_unless(*kept == 3, || format!("{kept} answers were kept, not 3"))
        }),
        row("back by a day: the cache", THREE_SOON)
            .when(after_a_run(&["scan", "hash", "{a}", "{b}", "{c}"]))
            .when(a_day_earlier)
            .check(whole),
        row("back by a day: what a killed run was about to ask", THREE_SOON)
            .when(|stage| {
                stage
                    .virustotal
                    .add_fault(simulator::Fault::new(simulator::FaultKind::Hang));
                let mut command = stage.command(&["scan", "hash", "{a}", "{b}", "{c}"]);
                let mut child = command
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                let begun = Instant::now();
                while stage.virustotal.calls().is_empty() {
                    assert!(begun.elapsed() < Duration::from_secs(20), "nothing is asked");
                    std::thread::sleep(Duration::from_millis(20));
                }
                child.kill().unwrap();
                child.wait().unwrap();
                stage.virustotal.clear_faults();
            })
            .when(a_day_earlier)
            .check(whole),
        row("forward by a day: a submission without its answer", URL)
            .when(after_a_cut_off_submission)
            .when(a_day_later)
            .says(&["Going on with the run of"])
            .check(|stage, told| has(stage, told, "url", "found"))
            .check(submitted_once),
        row("back by a day: a submission without its answer", URL)
            .when(after_a_cut_off_submission)
            .when(a_day_earlier)
            .says(&["Going on with the run of"])
            .check(|stage, told| has(stage, told, "url", "found"))
            .check(submitted_once),
        row(
            "forward by a day: a run that waits, the workdesk between two starts",
            Act::Scene("workdesk", desk_stops_and_clock_goes_forward),
        )
        .simulator(|simulator| simulator.scan_for(Duration::from_secs(3)))
        .within(60),
        row(
            "back by a day: a run that waits, the workdesk between two starts",
            Act::Scene("workdesk", desk_stops_and_clock_goes_back),
        )
        .simulator(|simulator| simulator.scan_for(Duration::from_secs(3)))
        .within(60),
        row(
            "forward by a day: a run that waits, the workdesk at work",
            Act::Scene("workdesk", clock_goes_forward_under_desk),
        )
        .simulator(|simulator| simulator.scan_for(Duration::from_secs(3)))
        .within(60),
    ]
}
