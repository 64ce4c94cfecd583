//! The workdesk: large cases, many cases, many browsers, many stored entities.
//!
//! References: the shell's `scan hash` of the same list for a scan, `/healthz` of the same server for a page.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::synthetic_file;

use super::Size;
use crate::desk::Desk;
use crate::figures::{megabytes, milliseconds, percentile};
use crate::process::{Simulator, command, measure};

/// Requests for each kind of page.
const REQUESTS: usize = 300;

pub(super) fn workdesk(program: &Path, size: Size) -> Result<(), Box<dyn Error>> {
    large_cases(
        program,
        if size == Size::Full {
            &[1_000, 2_500, 5_000, 10_000]
        } else {
            &[50, 100]
        },
    )?;
    many_cases(program, if size == Size::Full { 200 } else { 10 })?;
    many_browsers(program, if size == Size::Full { 100 } else { 5 })?;
    many_entities(program, if size == Size::Full { 100_000 } else { 1_000 })
}

fn case_of(first: u64, entities: u64) -> Value {
    let entity = |n: u64| json!({"identifier": synthetic_file(first + n).sha256, "entity_type": "FILEHASH"});
    let entities: Vec<Value> = (0..entities).map(entity).collect();
    json!({"title": format!("{} entities from {first}", entities.len()), "alerts": [{"entities": entities}]})
}

/// The number of what was made.
fn id(made: &Value) -> i64 {
    made.get("id").and_then(Value::as_i64).unwrap_or_default()
}

fn large_cases(program: &Path, sizes: &[u64]) -> Result<(), Box<dyn Error>> {
    println!(
        "\n| one case, zero latency | import | scan | the shell's scan | times as long | page: first byte | whole | peak memory | database | an entity |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
    for &entities in sizes {
        let simulator = Simulator::start(program, &[])?;
        let desk = Desk::start(program, &simulator)?;
        let new = case_of(0, entities);
        let begun = Instant::now();
        let case = desk.post("/api/v1/cases", &new)?;
        let import = begun.elapsed();
        let begun = Instant::now();
        let run = json!({"action": "Scan Hash", "parameters": {"Threshold": "3"}});
        let run = desk.post(&format!("/api/v1/cases/{}/runs", id(&case)), &run)?;
        desk.wait(&run)?;
        let scan = begun.elapsed();
        let pages = (0..20).map(|_| desk.page(&format!("/cases/{}", id(&case))));
        let mut pages = pages.collect::<Result<Vec<_>, _>>()?;
        pages.sort();
        let (first, whole) = pages.get(10).copied().unwrap_or_default();
        let shell = shell(program, &simulator, entities)?;
        let disk = desk.disk_bytes()?;
        println!(
            "| {entities} hashes | {:.0} ms | {:.0} ms | {:.0} ms | {:.1} | {:.0} ms | {:.0} ms | {:.0} MB | {:.0} MB | {:.1} KB |",
            milliseconds(import),
            milliseconds(scan),
            milliseconds(shell),
            scan.as_secs_f64() / shell.as_secs_f64(),
            milliseconds(first),
            milliseconds(whole),
            megabytes(desk.peak_bytes()?),
            megabytes(disk),
            disk as f64 / 1024.0 / entities as f64,
        );
    }
    Ok(())
}

/// The same list on the command line, with nothing kept from before.
fn shell(program: &Path, simulator: &Simulator, entities: u64) -> Result<Duration, Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let mut list = tempfile::NamedTempFile::new()?;
    for n in 0..entities {
        writeln!(list, "{}", synthetic_file(n).sha256)?;
    }
    let mut command = command(program, &simulator.address, home.path());
    let command = command
        .args(["scan", "hash", "--tier", "private", "--output", "json", "--file"])
        .arg(list.path());
    Ok(measure(command)?.wall)
}

fn many_cases(program: &Path, cases: u64) -> Result<(), Box<dyn Error>> {
    let simulator = Simulator::start(program, &[])?;
    let desk = Desk::start(program, &simulator)?;
    let begun = Instant::now();
    let mut runs = Vec::new();
    for n in 0..cases {
        let case = desk.post("/api/v1/cases", &case_of(n * 5, 5))?;
        let run = json!({"action": "Scan Hash", "parameters": {"Threshold": "3"}});
        runs.push(desk.post(&format!("/api/v1/cases/{}/runs", id(&case)), &run)?);
    }
    let asked = begun.elapsed();
    for run in &runs {
        desk.wait(run)?;
    }
    let all = begun.elapsed();
    println!(
        "\n| cases of 5 hashes, one after the other | made and asked for | all scanned | a minute | peak memory |\n|---|---|---|---|---|"
    );
    println!(
        "| {cases} | {:.1} s | {:.1} s | {:.0} | {:.0} MB |",
        asked.as_secs_f64(),
        all.as_secs_f64(),
        cases as f64 / all.as_secs_f64() * 60.0,
        megabytes(desk.peak_bytes()?)
    );
    Ok(())
}

/// Each browser watches the case; then comments are made, and it is measured when each is told.
fn many_browsers(program: &Path, browsers: usize) -> Result<(), Box<dyn Error>> {
    const COMMENTS: usize = 20;
    let simulator = Simulator::start(program, &[])?;
    let desk = Desk::start(program, &simulator)?;
    let case = desk.post("/api/v1/cases", &case_of(0, 5))?;
    let before = desk.peak_bytes()?;
    let address = desk.origin.trim_start_matches("http://").to_owned();
    let told = Arc::new((AtomicUsize::new(0), Mutex::new(Vec::<Instant>::new())));
    for _ in 0..browsers {
        let mut stream = TcpStream::connect(&address)?;
        write!(
            stream,
            "GET /cases/{}/events HTTP/1.1\r\nHost: {address}\r\nCookie: {}\r\nAccept: text/event-stream\r\n\r\n",
            id(&case),
            desk.cookie
        )?;
        let told = Arc::clone(&told);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
                if text.contains("200 OK") {
                    told.0.fetch_add(1, Ordering::Relaxed);
                }
                if text.contains("changed") {
                    told.1
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(Instant::now());
                }
            }
        });
    }
    while told.0.load(Ordering::Relaxed) < browsers {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut waits = Vec::new();
    for n in 0..COMMENTS {
        told.1.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let begun = Instant::now();
        let request = desk
            .agent
            .post(format!("{}/api/v1/cases/{}/comments", desk.origin, id(&case)));
        let request = request.header("Authorization", format!("Bearer {}", desk.token));
        request
            .content_type("application/json")
            .send(&json!({"text": format!("comment {n}")}).to_string())?;
        while told.1.lock().unwrap_or_else(PoisonError::into_inner).len() < browsers {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err("a browser was not told".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let times = told.1.lock().unwrap_or_else(PoisonError::into_inner).clone();
        waits.extend(times.into_iter().map(|time| time.duration_since(begun)));
    }
    println!(
        "\n| browsers on one case | told after: median | 99th percentile | memory for them |\n|---|---|---|---|"
    );
    println!(
        "| {browsers} | {:.0} ms | {:.0} ms | {:.1} MB |",
        milliseconds(percentile(&mut waits, 50)),
        milliseconds(percentile(&mut waits, 99)),
        megabytes(desk.peak_bytes()?.saturating_sub(before))
    );
    println!("\nChanges are gathered for 200 ms before anybody is told.");
    Ok(())
}

fn many_entities(program: &Path, entities: u64) -> Result<(), Box<dyn Error>> {
    let simulator = Simulator::start(program, &[])?;
    let desk = Desk::start(program, &simulator)?;
    // A hundred entities a case, a tenth of the cases scanned.
    let cases = entities / 100;
    for n in 0..cases {
        let case = desk.post("/api/v1/cases", &case_of(n * 100, 100))?;
        if n % 10 == 0 {
            let run = json!({"action": "Scan Hash", "parameters": {"Threshold": "3"}});
            let run = desk.post(&format!("/api/v1/cases/{}/runs", id(&case)), &run)?;
            desk.wait(&run)?;
        }
    }
    println!(
        "\n| pages with {entities} entities in {cases} cases | median | 99th percentile | times `/healthz` |\n|---|---|---|---|"
    );
    let times = |path: &dyn Fn(u64) -> String| -> Result<Vec<Duration>, Box<dyn Error>> {
        let place = |n: usize| (n as u64 * 7919) % cases;
        (0..REQUESTS).map(|n| Ok(desk.page(&path(place(n)))?.1)).collect()
    };
    let mut reference = times(&|_| "/healthz".to_owned())?;
    let reference = percentile(&mut reference, 50);
    let pages: [(&str, &dyn Fn(u64) -> String); 7] = [
        ("queue", &|_| "/".to_owned()),
        ("search by entity", &|n| {
            format!("/?text={}&state=all", &synthetic_file(n * 100 + 7).sha256[..20])
        }),
        ("search by title", &|n| {
            format!("/?text=from+{}&state=all", n * 100)
        }),
        ("case, not scanned", &|n| format!("/cases/{}", n / 10 * 10 + 2)),
        ("case, scanned", &|n| format!("/cases/{}", n / 10 * 10 + 1)),
        ("entity, scanned", &|n| {
            format!("/entities/{}", n / 10 * 1000 + 1 + n % 100)
        }),
        ("pending actions", &|_| "/pending".to_owned()),
    ];
    for (name, path) in pages {
        let mut times = times(path)?;
        let (median, most) = (percentile(&mut times, 50), percentile(&mut times, 99));
        println!(
            "| {name} | {:.1} ms | {:.1} ms | {:.0} |",
            milliseconds(median),
            milliseconds(most),
            median.as_secs_f64() / reference.as_secs_f64()
        );
    }
    println!(
        "\nPeak memory {:.0} MB, database {:.0} MB.",
        megabytes(desk.peak_bytes()?),
        megabytes(desk.disk_bytes()?)
    );
    Ok(())
}
