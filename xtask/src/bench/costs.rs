//! What an entity costs where PostgreSQL is shared: processor time of each part, transactions, bytes. Nothing is waited for, so that the sum is what a core can
//! carry. The figures are those of `docs/capacity.md`.

use std::error::Error;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::synthetic_file;
use sqlx::{PgConnection, Row};
use test_postgres::Server;
use tokio::runtime::Runtime;

use super::Size;
use super::fleet::{LONGEST, worker};
use crate::desk::Desk;
use crate::process::Simulator;

/// The system counts processor time in these.
const TICK: Duration = Duration::from_millis(10);

/// Entities of one kind in each case, and what is done with them.
struct Work {
    what: &'static str,
    action: &'static str,
    entity_type: &'static str,
    a_case: u64,
    identifier: fn(u64) -> String,
    /// The first entity's number: the same ones again are in the cache.
    from: u64,
}

const WORK: [Work; 4] = [
    Work {
        what: "hashes, 24 a call",
        action: "Scan Hash",
        entity_type: "FILEHASH",
        a_case: 24,
        identifier: hash,
        from: 0,
    },
    Work {
        what: "the same, kept in the cache",
        action: "Scan Hash",
        entity_type: "FILEHASH",
        a_case: 24,
        identifier: hash,
        from: 0,
    },
    Work {
        what: "IP addresses, a call each",
        action: "Scan IP",
        entity_type: "ADDRESS",
        a_case: 24,
        identifier: address,
        from: 0,
    },
    Work {
        what: "the same, kept in the cache",
        action: "Scan IP",
        entity_type: "ADDRESS",
        a_case: 24,
        identifier: address,
        from: 0,
    },
];

fn hash(number: u64) -> String {
    synthetic_file(number).sha256
}

fn address(number: u64) -> String {
    format!("9.9.{}.{}", number / 250 % 250, number % 250 + 1)
}

/// How much has been used so far.
#[derive(Clone, Copy, Default)]
struct Used {
    worker: Duration,
    desk: Duration,
    database: Duration,
    commits: i64,
    log_bytes: i64,
    bytes: i64,
}

impl Used {
    fn since(self, before: Self) -> Self {
        Self {
            worker: self.worker.saturating_sub(before.worker),
            desk: self.desk.saturating_sub(before.desk),
            database: self.database.saturating_sub(before.database),
            commits: self.commits - before.commits,
            log_bytes: self.log_bytes - before.log_bytes,
            bytes: self.bytes - before.bytes,
        }
    }
}

/// Prints the table.
pub(super) fn costs(
    program: &Path,
    server: &Server,
    runtime: &Runtime,
    size: Size,
) -> Result<(), Box<dyn Error>> {
    let cases = match size {
        Size::Full => 100,
        Size::Quick => 5,
    };
    let simulator = Simulator::start(program, &[])?;
    let database = runtime.block_on(server.database());
    let address = database.address();
    let key = tempfile::NamedTempFile::new()?;
    std::fs::write(key.path(), "7a".repeat(32))?;
    let key = key.path().to_str().ok_or("no name")?;
    let shared = ["--database", &address, "--key-file", key];
    let desk = Desk::start_with(program, &simulator, &[&shared[..], &["--no-jobs"]].concat())?;
    let home = tempfile::tempdir()?;
    let mut worker = worker(program, &simulator, home.path(), &shared)?;
    let mut connection = runtime.block_on(database.connect());
    println!();
    println!(
        "| {cases} cases of 24 entities, 0 ms a call | entities a second | worker | workdesk | PostgreSQL | transactions | log | disk |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let probe = |child: &Child, desk: &Desk, connection: &mut PgConnection| -> Result<Used, Box<dyn Error>> {
        // The statistics come a moment later.
        std::thread::sleep(Duration::from_millis(1_500));
        let sql = "SELECT xact_commit, (pg_current_wal_lsn() - '0/0')::bigint, pg_database_size(datname), pg_backend_pid() \
                   FROM pg_stat_database WHERE datname = current_database()";
        let row = runtime.block_on(sqlx::query(sql).fetch_one(connection))?;
        Ok(Used {
            worker: of_process(child.id())?.own,
            desk: of_process(desk.process.id())?.own,
            database: of_server(u32::try_from(row.try_get::<i32, _>(3)?)?)?,
            commits: row.try_get(0)?,
            log_bytes: row.try_get(1)?,
            bytes: row.try_get(2)?,
        })
    };
    for work in &WORK {
        let entities = cases * work.a_case;
        let before = probe(&worker.0, &desk, &mut connection)?;
        let begun = Instant::now();
        let mut made = Vec::new();
        for case in 0..cases {
            let entity = |place| json!({"identifier": (work.identifier)(work.from + case * work.a_case + place), "entity_type": work.entity_type});
            let entities: Vec<_> = (0..work.a_case).map(entity).collect();
            let new = json!({"title": format!("Case {case}"), "alerts": [{"entities": entities}]});
            let case = desk.post("/api/v1/cases", &new)?;
            made.push(case.get("id").and_then(Value::as_i64).ok_or("no case")?);
        }
        let took = begun.elapsed();
        let imported = probe(&worker.0, &desk, &mut connection)?;
        row("import", imported.since(before), entities, took);
        for case in made {
            let run = json!({"action": work.action, "parameters": {"Threshold": "3"}});
            desk.post(&format!("/api/v1/cases/{case}/runs"), &run)?;
        }
        let begun = Instant::now();
        let sql = "SELECT count(*) FROM vtsecops_desk.run WHERE ended_at IS NULL";
        while runtime.block_on(sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut connection))? > 0 {
            if begun.elapsed() > LONGEST || worker.0.try_wait()?.is_some() {
                return Err("the runs do not end".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let took = begun.elapsed();
        row(
            work.what,
            probe(&worker.0, &desk, &mut connection)?.since(imported),
            entities,
            took,
        );
    }
    println!();
    println!("Processor time, transactions and bytes are for each entity.");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn row(what: &str, used: Used, entities: u64, took: Duration) {
    let each = |time: Duration| time.as_secs_f64() * 1e3 / entities as f64;
    let bytes = |bytes: i64| bytes as f64 / 1e3 / entities as f64;
    println!(
        "| {what} | {:.0} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} | {:.1} KB | {:.1} KB |",
        entities as f64 / took.as_secs_f64(),
        each(used.worker),
        each(used.desk),
        each(used.database),
        used.commits as f64 / entities as f64,
        bytes(used.log_bytes),
        bytes(used.bytes),
    );
}

/// Processor time of a process.
struct Times {
    parent: u32,
    /// Its threads'.
    own: Duration,
    /// That of its children which have ended.
    ended: Duration,
}

fn of_process(id: u32) -> Result<Times, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name in the second place may have spaces.
    let (_, rest) = stat.rsplit_once(") ").ok_or("no process")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| -> Result<u32, Box<dyn Error>> {
        Ok(fields.get(place).ok_or("no such field")?.parse()?)
    };
    Ok(Times {
        parent: number(1)?,
        own: TICK * (number(11)? + number(12)?),
        ended: TICK * (number(13)? + number(14)?),
    })
}

/// Of the whole server that one of its processes belongs to.
fn of_server(one: u32) -> Result<Duration, Box<dyn Error>> {
    let first = of_process(one)?.parent;
    let itself = of_process(first)?;
    let mut sum = itself.own + itself.ended;
    for entry in std::fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended meanwhile.
        let Ok(times) = of_process(id) else { continue };
        if times.parent == first {
            sum += times.own;
        }
    }
    Ok(sum)
}
