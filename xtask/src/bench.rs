//! The benchmark of the command line.
//!
//! The reference for look-ups is a client that asks for one hash a call, one call after the other, as the original
//! integration does; it is run here, on the same list, against the same simulator.

mod costs;
mod fleet;
mod ledger;
mod platform;
mod uploads;
mod v3;
mod workdesk;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use simulator::synthetic_file;

use crate::figures::{megabytes, milliseconds};
use crate::process::{self, Measured, Simulator, command, measure};

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// For `BENCHMARKS.md`; some minutes.
    Full,
    /// To see that it works; seconds.
    Quick,
}

/// Answer time of the simulated VirusTotal in the look-up benchmark.
const LATENCY: Duration = Duration::from_millis(50);
/// Calls under way at once, which a round of answers serves.
const IN_FLIGHT: usize = 16;

pub(crate) fn run(size: Size) -> Result<(), Box<dyn Error>> {
    let program = process::binary()?;
    let (files, repeats) = match size {
        Size::Full => (1000, 30),
        Size::Quick => (60, 5),
    };
    println!("binary: {:.1} MB", megabytes(std::fs::metadata(&program)?.len()));
    start_up(&program, repeats)?;
    memory(&program, files)?;
    look_ups(&program, files)?;
    kept(&program, if size == Size::Full { 10_000 } else { 100 })?;
    v3::look_ups(&program, size)?;
    platform::platform(&program, size)?;
    uploads::uploads(&program, size)?;
    workdesk::workdesk(&program, size)?;
    fleet::fleet(&program, size)
}

/// The actions on the platform only.
pub(crate) fn run_platform(size: Size) -> Result<(), Box<dyn Error>> {
    platform::platform(&process::binary()?, size)
}

/// API v3 beside VirusTotal's own client only.
pub(crate) fn run_v3(size: Size) -> Result<(), Box<dyn Error>> {
    v3::look_ups(&process::binary()?, size)
}

/// The workdesk only.
pub(crate) fn run_workdesk(size: Size) -> Result<(), Box<dyn Error>> {
    workdesk::workdesk(&process::binary()?, size)
}

/// Uploads only.
pub(crate) fn run_uploads(size: Size) -> Result<(), Box<dyn Error>> {
    uploads::uploads(&process::binary()?, size)
}

fn start_up(program: &Path, repeats: usize) -> Result<(), Box<dyn Error>> {
    let simulator = Simulator::start(program, &[])?;
    let home = tempfile::tempdir()?;
    println!("\n| whole process, median of {repeats} | wall | CPU | peak memory |\n|---|---|---|---|");
    let one = synthetic_file(1).sha256;
    let rows: [(&str, &[&str]); 5] = [
        ("`vtsecops --version`", &["--version"]),
        ("`vtsecops --help`", &["--help"]),
        ("`vtsecops ping`, zero latency", &["ping"]),
        (
            "`vtsecops scan hash` of one hash, zero latency",
            &["scan", "hash", &one, "--output", "json", "--max-age", "0"],
        ),
        (
            "the same, from the cache",
            &["scan", "hash", &one, "--output", "json"],
        ),
    ];
    for (name, arguments) in rows {
        let mut runs = Vec::new();
        for _ in 0..repeats {
            runs.push(measure(
                command(program, &simulator.address, home.path()).args(arguments),
            )?);
        }
        let Some(middle) = median(runs) else { continue };
        let (wall, cpu) = (milliseconds(middle.wall), milliseconds(middle.cpu));
        println!(
            "| {name} | {wall:.1} ms | {cpu:.1} ms | {:.1} MB |",
            megabytes(middle.peak_bytes)
        );
    }
    Ok(())
}

fn memory(program: &Path, entities: u64) -> Result<(), Box<dyn Error>> {
    let simulator = Simulator::start(program, &[])?;
    let list = list(entities, false)?;
    println!(
        "\n| {entities} distinct hashes, zero latency | wall | CPU | peak memory | bytes out |\n|---|---|---|---|---|"
    );
    for output in ["table", "ndjson", "csv", "json", "markdown"] {
        let home = tempfile::tempdir()?;
        let mut command = command(program, &simulator.address, home.path());
        let run = measure(
            command
                .args(["scan", "hash", "--tier", "private", "--output", output, "--file"])
                .arg(list.path()),
        )?;
        let (wall, cpu) = (milliseconds(run.wall), milliseconds(run.cpu));
        println!(
            "| `--output {output}` | {wall:.0} ms | {cpu:.0} ms | {:.1} MB | {} |",
            megabytes(run.peak_bytes),
            run.stdout.len()
        );
    }
    Ok(())
}

fn look_ups(program: &Path, files: u64) -> Result<(), Box<dyn Error>> {
    let latency = format!("{}ms", LATENCY.as_millis());
    let simulator = Simulator::start(program, &["--latency", &latency])?;
    let list = list(files, true)?;
    let distinct = usize::try_from(files)?;
    println!(
        "\n| {files} files, every third by two hashes, {latency} | calls | at most | wall | at most | CPU |\n|---|---|---|---|---|---|"
    );
    let mut walls = Vec::new();
    for (tier, batch) in [("private", 25), ("public", 4)] {
        let home = tempfile::tempdir()?;
        let mut command = command(program, &simulator.address, home.path());
        let run = measure(
            command
                .args(["scan", "hash", "--tier", tier, "--output", "table", "--file"])
                .arg(list.path()),
        )?;
        let calls = calls_made(&run.stdout).ok_or("no calls")?;
        let most_calls = distinct.div_ceil(batch);
        let rounds = u32::try_from(usize::try_from(calls)?.div_ceil(IN_FLIGHT))?;
        let most_wall = (LATENCY * rounds).mul_f64(1.3) + Duration::from_millis(200);
        let (wall, cpu) = (milliseconds(run.wall), milliseconds(run.cpu));
        println!(
            "| {tier} key | {calls} | {most_calls} | {wall:.0} ms | {:.0} ms | {cpu:.0} ms |",
            milliseconds(most_wall)
        );
        walls.push((tier, run.wall));
    }
    let (calls, wall) = one_by_one(&simulator.address, list.hashes())?;
    println!(
        "| reference: one hash a call, one after the other | {calls} | – | {:.0} ms | – | – |\n",
        milliseconds(wall)
    );
    for (tier, ours) in walls {
        println!(
            "A {tier} key is {:.0} times as fast as the reference.",
            wall.as_secs_f64() / ours.as_secs_f64()
        );
    }
    Ok(())
}

/// The same list cold, warm, and with every second file new: what is kept costs no call.
fn kept(program: &Path, most: u64) -> Result<(), Box<dyn Error>> {
    let latency = format!("{}ms", LATENCY.as_millis());
    let simulator = Simulator::start(program, &["--latency", &latency])?;
    println!(
        "\n| files, {latency}, private key | cold: calls | wall | warm: calls | wall | half-warm: calls | wall | looked up in the cache, a second | bytes on disk an entry |\n\
         |---|---|---|---|---|---|---|---|---|"
    );
    let mut sizes = vec![100, 1_000, 10_000];
    sizes.retain(|size| *size <= most);
    for files in sizes {
        let home = tempfile::tempdir()?;
        let scan = |list: &List| -> Result<(u64, Duration), Box<dyn Error>> {
            let mut command = command(program, &simulator.address, home.path());
            let run = measure(
                command
                    .args([
                        "scan",
                        "hash",
                        "--tier",
                        "private",
                        "--timeout",
                        "none",
                        "--output",
                        "table",
                        "--file",
                    ])
                    .arg(list.path()),
            )?;
            Ok((calls_made(&run.stdout).unwrap_or(0), run.wall))
        };
        let (all, half) = (list(files, false)?, half_new(files)?);
        let empty = scan(&list_of("one", &[synthetic_file(0).sha256])?)?;
        let (cold, warm) = (scan(&all)?, scan(&all)?);
        let stats =
            measure(command(program, &simulator.address, home.path()).args(["cache", "stats", "--json"]))?;
        let stats: serde_json::Value = serde_json::from_str(&stats.stdout)?;
        let bytes = stats
            .get("bytes")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
        let half = scan(&half)?;
        // What a process takes that looks up a single entry is not the cache's.
        let look_ups = warm.1.saturating_sub(empty.1.min(warm.1 / 2)).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let a_second = files as f64 / look_ups;
        println!(
            "| {files} | {} | {:.0} ms | {} | {:.0} ms | {} | {:.0} ms | {a_second:.0} | {} |",
            cold.0,
            milliseconds(cold.1),
            warm.0,
            milliseconds(warm.1),
            half.0,
            milliseconds(half.1),
            bytes / files
        );
    }
    Ok(())
}

/// Every second file of the list, and as many new ones.
fn half_new(files: u64) -> Result<List, Box<dyn Error>> {
    let known = (0..files).step_by(2);
    let new = files..files + files / 2;
    let hashes: Vec<String> = known.chain(new).map(|n| synthetic_file(n).sha256).collect();
    list_of(&format!("half-{files}"), &hashes)
}

/// The number in `(file/report 40)`, which ends the table.
fn calls_made(output: &str) -> Option<u64> {
    let (_, rest) = output.rsplit_once("(file/report ")?;
    rest.split_once(')')?.0.parse().ok()
}

/// The reference.
fn one_by_one(address: &str, hashes: &[String]) -> Result<(usize, Duration), Box<dyn Error>> {
    let agent = ureq::agent();
    let begun = Instant::now();
    for hash in hashes {
        let form = [("apikey", simulator::DEMO_KEY), ("resource", hash)];
        let body = agent
            .post(format!("{address}file/report"))
            .send_form(form)?
            .body_mut()
            .read_to_string()?;
        serde_json::from_str::<serde_json::Value>(&body)?;
    }
    Ok((hashes.len(), begun.elapsed()))
}

/// A file of hashes; removed when dropped.
struct List {
    path: std::path::PathBuf,
    hashes: Vec<String>,
}

impl List {
    fn path(&self) -> &Path {
        &self.path
    }

    fn hashes(&self) -> &[String] {
        &self.hashes
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn list(files: u64, twice: bool) -> Result<List, Box<dyn Error>> {
    let mut hashes = Vec::new();
    for n in 0..files {
        let file = synthetic_file(n);
        if twice && n % 3 == 0 {
            hashes.push(if n % 2 == 0 { file.md5 } else { file.sha1 });
        }
        hashes.push(file.sha256);
    }
    list_of(&format!("{files}-{twice}"), &hashes)
}

fn list_of(name: &str, hashes: &[String]) -> Result<List, Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("vtsecops-bench-{}-{name}.txt", std::process::id()));
    std::fs::File::create(&path)?.write_all(hashes.join("\n").as_bytes())?;
    Ok(List {
        path,
        hashes: hashes.to_vec(),
    })
}

fn median(mut runs: Vec<Measured>) -> Option<Measured> {
    runs.sort_by_key(|run| run.wall);
    let middle = runs.len() / 2;
    runs.into_iter().nth(middle)
}

/// Many workers only.
pub(crate) fn run_fleet(size: Size) -> Result<(), Box<dyn Error>> {
    fleet::fleet(&process::binary()?, size)
}
