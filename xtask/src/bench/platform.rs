//! Scan Hash as the platform runs it, beside a reference that does what the original integration does.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use simulator::{DEMO_KEY, KeyKind, synthetic_file};
use test_platform::{Alert, Case, Context, Drive, Entity, Launch, Platform, TargetFormat, drive};

use super::{LATENCY, Size};
use crate::figures::milliseconds;

/// What one side took.
struct Took {
    processes: usize,
    wall: Duration,
    platform_calls: usize,
    virustotal_calls: usize,
}

pub(super) fn platform(program: &Path, size: Size) -> Result<(), Box<dyn Error>> {
    let (most, repeats) = match size {
        Size::Full => (100, 9),
        Size::Quick => (5, 3),
    };
    let reference = tempfile::NamedTempFile::new()?;
    std::fs::write(reference.path(), include_str!("reference.py"))?;
    let path = reference.path().to_string_lossy();
    println!(
        "\n| Scan Hash on the platform, whole run | | processes | wall | platform calls | VirusTotal calls | times as fast |\n\
         |---|---|---|---|---|---|---|"
    );
    for (entities, latency, repeats) in [(1, Duration::ZERO, repeats), (most, LATENCY, 1)] {
        let ours = median(repeats, || {
            took(program, &["action", "Scan Hash"], entities, latency)
        })?;
        let theirs = median(repeats, || {
            took(Path::new("python3"), &[&path], entities, latency)
        })?;
        let ratio = theirs.wall.as_secs_f64() / ours.wall.as_secs_f64();
        let plural = if entities == 1 { "hash" } else { "hashes" };
        let what = format!("{entities} {plural}, {} ms", latency.as_millis());
        for (name, took, ratio) in [
            ("vtsecops", &ours, format!("{ratio:.1}")),
            ("reference", &theirs, "–".to_owned()),
        ] {
            println!(
                "| {what} | {name} | {} | {:.1} ms | {} | {} | {ratio} |",
                took.processes,
                milliseconds(took.wall),
                took.platform_calls,
                took.virustotal_calls
            );
        }
    }
    Ok(())
}

/// One action from its first process to its last, on a fresh platform with nothing kept.
fn took(program: &Path, leading: &[&str], entities: u64, latency: Duration) -> Result<Took, Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let virustotal = simulator::Simulator::builder()
        .key(DEMO_KEY, KeyKind::Private)
        .latency(latency);
    let virustotal = runtime.block_on(virustotal.start())?;
    let hashes: Vec<String> = (0..entities)
        .map(|n| synthetic_file(n).sha256.to_uppercase())
        .collect();
    let alert = Alert::new("ALERT-1").entities(hashes.iter().map(|hash| Entity::stored(hash, "FILEHASH")));
    let platform = Platform::builder()
        .case(Case::new(17).alert(alert))
        .configuration("instance-1", [("Api Key", DEMO_KEY), ("Verify SSL", "True")])
        .start()?;
    let targets = hashes.iter().map(|hash| (hash.as_str(), "FILEHASH"));
    let context = Context::new()
        .targets(TargetFormat::New, targets)
        .parameter("Threshold", "3");
    let launch = Launch::new(program, leading, platform.host())?
        .context(context)
        .variable("VTSECOPS_VIRUSTOTAL_URL", virustotal.base_url())
        .variable("VTSECOPS_TIER", "private");
    let launch = match std::env::var_os("PATH") {
        Some(path) => launch.variable("PATH", path),
        None => launch,
    };
    // The platform would wait for its polling interval; here nobody does.
    let no_pause = Drive {
        interval: Duration::ZERO,
        ..Drive::default()
    };
    let begun = Instant::now();
    let runs = drive(&launch, no_pause)?;
    let wall = begun.elapsed();
    let last = runs.last().ok_or("no run")?;
    let reports = last.json_result();
    if reports.as_array().map(Vec::len) != Some(hashes.len()) {
        return Err(format!("{} gave no result: {}", program.display(), last.stderr).into());
    }
    Ok(Took {
        processes: runs.len(),
        wall,
        platform_calls: platform.requests().len(),
        virustotal_calls: virustotal.calls().len(),
    })
}

fn median(repeats: usize, run: impl Fn() -> Result<Took, Box<dyn Error>>) -> Result<Took, Box<dyn Error>> {
    let mut all = (0..repeats).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|took| took.wall);
    all.into_iter()
        .nth(repeats / 2)
        .ok_or_else(|| "nothing was run".into())
}
