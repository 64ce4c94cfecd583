//! Look-ups with API v3, beside VirusTotal's own Python client with as many calls at once.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{IN_FLIGHT, LATENCY, Size, list};
use crate::figures::{megabytes, milliseconds};
use crate::process::{Measured, Simulator, command, measure};

const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/simulator/tests/vt_py.txt");

pub(super) fn look_ups(program: &Path, size: Size) -> Result<(), Box<dyn Error>> {
    let files = match size {
        Size::Full => 1000,
        Size::Quick => 60,
    };
    let latency = format!("{}ms", LATENCY.as_millis());
    let python = match python() {
        Ok(python) => python,
        Err(error) => {
            println!("\nAPI v3 is not measured: vt-py can't be installed ({error})");
            return Ok(());
        }
    };
    let simulator = Simulator::start(program, &["--latency", &latency])?;
    let list = list(files, false)?;
    let home = tempfile::tempdir()?;
    let ours = measure(
        command(program, &simulator.address, home.path())
            .args([
                "scan", "hash", "--api", "v3", "--tier", "private", "--output", "table", "--file",
            ])
            .arg(list.path()),
    )?;
    let calls = calls_made(&ours.stdout).ok_or("no calls")?;
    let script = tempfile::NamedTempFile::new()?;
    std::fs::write(script.path(), include_str!("vt_py.py"))?;
    let origin = simulator.address.trim_end_matches("/vtapi/v2/");
    let reference = |hashes: &[&Path]| {
        let mut command = Command::new(&python);
        command
            .env_remove("PYTHONPATH")
            .arg(script.path())
            .args([origin, simulator::DEMO_KEY, &IN_FLIGHT.to_string()])
            .args(hashes);
        measure(&mut command)
    };
    let start = reference(&[])?;
    let theirs = reference(&[list.path()])?;
    if !theirs.stdout.starts_with(&format!("{files} reports")) {
        return Err("vt-py did not get every report".into());
    }
    println!(
        "\n| {files} hashes with API v3, {latency}, {IN_FLIGHT} calls at once | calls | wall | CPU | peak memory |\n|---|---|---|---|---|"
    );
    let row = |name: &str, calls: &str, run: &Measured| {
        let (wall, cpu) = (milliseconds(run.wall), milliseconds(run.cpu));
        println!(
            "| {name} | {calls} | {wall:.0} ms | {cpu:.0} ms | {:.1} MB |",
            megabytes(run.peak_bytes)
        );
    };
    row("vtsecops", &calls.to_string(), &ours);
    row("vt-py 0.22.0", &files.to_string(), &theirs);
    row("vt-py's start alone", "0", &start);
    let work = theirs.cpu.saturating_sub(start.cpu);
    println!(
        "\nvt-py takes {:.1} times the CPU, {:.1} times without its start.",
        theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64(),
        work.as_secs_f64() / ours.cpu.as_secs_f64()
    );
    Ok(())
}

/// The number in `(v3/files 1000)`, which ends the table.
fn calls_made(output: &str) -> Option<u64> {
    let (_, rest) = output.rsplit_once("(v3/files ")?;
    rest.split_once(')')?.0.parse().ok()
}

/// A Python with the client in it, kept for the next run.
fn python() -> Result<PathBuf, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let folder = program.parent().ok_or("no folder")?.join("vt_py_0.22.0");
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    if !ready.exists() {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder))?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--disable-pip-version-check",
        ];
        run(Command::new(&python)
            .args(install)
            .args(["--requirement", PACKAGES]))?;
        std::fs::write(ready, "")?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}
