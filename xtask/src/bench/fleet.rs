//! Many workers over one PostgreSQL. The reference is one worker on the same work in the same run.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::synthetic_file;
use sqlx::Row;
use test_postgres::{Server, TestDatabase};
use tokio::runtime::Runtime;

use super::{Size, costs, ledger};
use crate::desk::Desk;
use crate::process::{Process, Simulator, command};

/// Runs that one worker takes at once.
const AT_ONCE: u32 = 2;
/// Hashes of a case: one call.
const HASHES: u64 = 24;
/// Longest that a measurement may take.
pub(super) const LONGEST: Duration = Duration::from_secs(600);

/// What the database says of the runs.
struct Measured {
    wall: Duration,
    /// Transactions that were committed meanwhile.
    commits: i64,
}

pub(super) fn fleet(program: &Path, size: Size) -> Result<(), Box<dyn Error>> {
    let (cases, latency, workers): (u64, &str, &[u32]) = match size {
        Size::Full => (64, "1500ms", &[1, 2, 4, 8]),
        Size::Quick => (8, "200ms", &[1, 2]),
    };
    let Some(server) = Server::start() else {
        return Ok(());
    };
    let runtime = Runtime::new()?;
    runtime.block_on(ledger::ledger(&server, size))?;
    costs::costs(program, &server, &runtime, size)?;
    println!();
    println!(
        "| workers, {cases} cases of {HASHES} hashes, {latency} a call | wall | times as fast as one | efficiency | commits a run |"
    );
    println!("|---|---|---|---|---|");
    let mut alone = None;
    for number in workers {
        let simulator = Simulator::start(program, &["--latency", latency])?;
        let database = runtime.block_on(server.database());
        let measured = run(program, &simulator, &database, &runtime, *number, cases)?;
        let alone = *alone.get_or_insert(measured.wall);
        let speed = alone.as_secs_f64() / measured.wall.as_secs_f64();
        println!(
            "| {number} | {:.1} s | {speed:.2} | {:.2} | {} |",
            measured.wall.as_secs_f64(),
            speed / f64::from(*number),
            measured.commits / i64::try_from(cases)?
        );
    }
    println!();
    println!(
        "Each worker takes {AT_ONCE} runs at once. PostgreSQL, the simulator and all workers share this machine."
    );
    Ok(())
}

/// One that takes the work of that database; it is ready.
pub(super) fn worker(
    program: &Path,
    simulator: &Simulator,
    home: &Path,
    shared: &[&str],
) -> Result<Process, std::io::Error> {
    let mut child = command(program, &simulator.address, home)
        .args(["worker", "--at-once", &AT_ONCE.to_string()])
        .args(shared)
        .env("VTSECOPS_TIER", "private")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    // It says when it begins. The start of a process is not what is measured.
    if let Some(said) = &mut child.stdout {
        BufReader::new(said).read_line(&mut String::new())?;
    }
    Ok(Process(child))
}

fn run(
    program: &Path,
    simulator: &Simulator,
    database: &TestDatabase,
    runtime: &Runtime,
    workers: u32,
    cases: u64,
) -> Result<Measured, Box<dyn Error>> {
    let address = database.address();
    let key = tempfile::NamedTempFile::new()?;
    std::fs::write(key.path(), "7a".repeat(32))?;
    let key = key.path().to_str().ok_or("no name")?;
    let shared = ["--database", &address, "--key-file", key];
    let desk = Desk::start_with(program, simulator, &[&shared[..], &["--no-jobs"]].concat())?;
    let mut connection = runtime.block_on(database.connect());
    let mut number = |sql: &'static str| -> Result<i64, Box<dyn Error>> {
        let row = runtime.block_on(sqlx::query(sql).fetch_one(&mut connection))?;
        Ok(row.try_get(0)?)
    };
    let commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    let before = number(commits)?;
    let home = tempfile::tempdir()?;
    let start = |_| worker(program, simulator, home.path(), &shared);
    let fleet: Result<Vec<Process>, std::io::Error> = (0..workers).map(start).collect();
    let fleet = fleet?;
    for case in 0..cases {
        let hash = |place| json!({"identifier": synthetic_file(case * HASHES + place).sha256, "entity_type": "FILEHASH"});
        let entities: Vec<_> = (0..HASHES).map(hash).collect();
        let new = json!({"title": format!("Case {case}"), "alerts": [{"entities": entities}]});
        let made = desk.post("/api/v1/cases", &new)?;
        let run = json!({"action": "Scan Hash", "parameters": {"Threshold": "3"}});
        let id = made.get("id").and_then(Value::as_i64).ok_or("no case")?;
        desk.post(&format!("/api/v1/cases/{id}/runs"), &run)?;
    }
    let begun = Instant::now();
    while number("SELECT count(*) FROM vtsecops_desk.run WHERE ended_at IS NULL")? > 0 {
        if begun.elapsed() > LONGEST {
            return Err("the runs do not end".into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let others = number("SELECT count(*) FROM vtsecops_desk.run WHERE state <> 'done'")?;
    if others > 0 {
        return Err(format!("{others} runs ended otherwise").into());
    }
    let wall = number("SELECT max(ended_at) - min(started_at) FROM vtsecops_desk.run")?;
    drop(fleet);
    // The statistics come a moment later.
    std::thread::sleep(Duration::from_millis(1_500));
    Ok(Measured {
        wall: Duration::from_millis(u64::try_from(wall)?),
        commits: number(commits)? - before,
    })
}
