//! `cargo xtask soak`: hours of mixed load with faults, on both stores at once; memory, handles, disk and latency must stay flat, and nothing
//! may be lost.
//!
//! A workdesk on SQLite, and one with a worker on a real PostgreSQL; each with a gateway, and a VirusTotal of its own that fails at a steady rate.

mod graph;
mod installation;
mod load;
mod record;
mod retention;
mod sample;
mod verdict;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use test_postgres::Server;
use tokio::runtime::Runtime;

use crate::process;
use installation::{Installation, held};
use record::{Log, Record};
use sample::Sampler;
use verdict::COUNT;

const A_SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// In samples.
const DISK_EVERY: u32 = 3;
/// How long what is under way may take when nothing new comes any more.
const ENDING_TAKES: Duration = Duration::from_secs(240);

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Wanted {
    minutes: f64,
    /// Folder of the records and the graph; `target/soak` where it is not named.
    folder: Option<PathBuf>,
    /// The program that is watched; else it is built.
    program: Option<PathBuf>,
    /// Records of a soak that was made before: only the table and the graph are made of them.
    of: Option<PathBuf>,
}

/// Does what the arguments say.
///
/// # Errors
/// Something is not flat, or was lost; or it could not be begun.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let wanted = read(arguments)?;
    if let Some(file) = &wanted.of {
        return judge(
            file,
            wanted
                .folder
                .as_deref()
                .or(file.parent())
                .unwrap_or(Path::new(".")),
        );
    }
    let folder = wanted.folder.map_or_else(usual_folder, Ok)?;
    std::fs::create_dir_all(&folder)?;
    let program = wanted.program.map_or_else(process::binary, Ok)?;
    let file = folder.join("soak.csv");
    println!("{} minutes; records: {}", wanted.minutes, file.display());
    soak(&program, Duration::from_secs_f64(wanted.minutes * 60.0), &file)?;
    judge(&file, &folder)
}

fn read(arguments: &[&str]) -> Result<Wanted, Box<dyn Error>> {
    let mut wanted = Wanted {
        minutes: 10.0,
        folder: None,
        program: None,
        of: None,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("{argument} needs a value"))?;
        match *argument {
            "--minutes" => wanted.minutes = value.parse()?,
            "--folder" => wanted.folder = Some(value.into()),
            "--program" => wanted.program = Some(value.into()),
            "--of" => wanted.of = Some(value.into()),
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    match wanted.minutes.is_finite() && wanted.minutes > 0.0 {
        true => Ok(wanted),
        false => Err("--minutes must be more than 0".into()),
    }
}

fn usual_folder() -> Result<PathBuf, Box<dyn Error>> {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    };
    Ok(target.join("soak"))
}

/// The table, the graph beside the records, and the verdict.
fn judge(file: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let records: Vec<Record> = record::read(&std::fs::read_to_string(file)?)?;
    let (rows, counts) = (verdict::rows(&records), verdict::counts(&records));
    println!("\n{}\n{}", verdict::table(&rows, &counts), verdict::BOUNDS);
    let picture = folder.join("soak.svg");
    std::fs::write(&picture, graph::graph(&records))?;
    println!("\nThe graph: {}", picture.display());
    let broken = verdict::broken(&rows, &counts);
    match broken.is_empty() {
        true => Ok(()),
        false => Err(broken.join("\n").into()),
    }
}

fn soak(program: &Path, time: Duration, file: &Path) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let server = Server::start().ok_or("without PostgreSQL there is no second store")?;
    let places = [
        Installation::start(program, None, &runtime)?,
        Installation::start(program, Some(&server), &runtime)?,
    ];
    let log = Log::begin(file)?;
    // First nothing new is made, then what is under way comes to its end.
    let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (stop, over, log) = (&stop, &over, &log);
    let watched = std::thread::scope(|scope| {
        for place in &places {
            let runtime = &runtime;
            scope.spawn(move || load::cases(place, stop));
            scope.spawn(move || load::pages(place, log, stop));
            scope.spawn(move || load::listeners(place, stop));
            scope.spawn(move || load::people(place, stop));
            scope.spawn(move || load::tools(place, log, stop));
            scope.spawn(move || retention::retention(place, log, runtime, stop));
            scope.spawn(move || load::finish(place, log, over));
        }
        let watched = watch(&places, log, &runtime, time);
        stop.store(true, Ordering::Relaxed);
        let ending = Instant::now();
        while watched.is_ok()
            && ending.elapsed() < ENDING_TAKES
            && places.iter().any(|place| !held(&place.open).is_empty())
        {
            std::thread::sleep(Duration::from_millis(500));
        }
        over.store(true, Ordering::Relaxed);
        watched
    });
    for place in &places {
        place.look_at_calls();
        let left = held(&place.open).len();
        place.count("runs that did not end", left as u64);
        if let Err(error) = &watched {
            place.tell("processes that ended", &error.to_string());
        }
        for (what, _) in verdict::NEVER {
            place.count(what, 0);
        }
        write_counts(place, log);
        tell_logs(place);
    }
    log.flush()?;
    Ok(())
}

/// Samples for so long.
fn watch(
    places: &[Installation],
    log: &Log,
    runtime: &Runtime,
    time: Duration,
) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let mut samplers: Vec<Sampler<'_>> = places.iter().map(Sampler::new).collect();
    for n in 0_u32.. {
        for (sampler, place) in samplers.iter_mut().zip(places) {
            sampler.processes(log)?;
            if n % DISK_EVERY == 0 {
                sampler.disk(log, runtime)?;
                write_counts(place, log);
            }
            place.look_at_calls();
        }
        log.flush()?;
        let next = A_SAMPLE_EVERY * (n + 1);
        if next > time {
            break;
        }
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn write_counts(place: &Installation, log: &Log) {
    for (name, number) in place.counts() {
        log.write(place.store, name, COUNT, number as f64);
    }
}

/// What the processes had to say: each kind of line once.
fn tell_logs(place: &Installation) {
    for name in ["workdesk", "worker", "gateway"] {
        let text = std::fs::read_to_string(place.desk.home().join(format!("{name}.log")));
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        if let Some(last) = lines.last() {
            println!(
                "{}, log of {name}: {} lines, the last: {last}",
                place.store,
                lines.len()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_unless_told() {
        assert_eq!(read(&[]).unwrap().minutes, 10.0);
        let told = read(&["--minutes", "120", "--folder", "a", "--program", "b"]).unwrap();
        assert_eq!(
            told,
            Wanted {
                minutes: 120.0,
                folder: Some("a".into()),
                program: Some("b".into()),
                of: None
            }
        );
        for wrong in [
            &["--minutes"][..],
            &["--minutes", "0"],
            &["--minutes", "x"],
            &["--what", "1"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
