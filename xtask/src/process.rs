//! Runs a program and measures it from outside.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// One run of a program.
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
    pub(crate) stdout: String,
}

/// The release binary, built if need be.
pub(crate) fn binary() -> Result<PathBuf, Box<dyn Error>> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--package", "vtsecops"])
        .status()?;
    if !status.success() {
        return Err("the binary could not be built".into());
    }
    // This program stands beside it.
    let folder = std::env::current_exe()?
        .parent()
        .map(Path::to_owned)
        .ok_or("no folder")?;
    Ok(folder.join("vtsecops"))
}

/// `program` with nothing of the caller's settings: only the demo key, the simulator's address, and a home where it keeps
/// what it keeps. The simulator has no quota, so none is kept to.
pub(crate) fn command(program: &Path, address: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", home)
        .env("VTSECOPS_QUOTA_PER_MINUTE", "none")
        .env("VTSECOPS_QUOTA_PER_DAY", "none")
        .env("VTSECOPS_QUOTA_PER_MONTH", "none")
        .env("VTSECOPS_API_KEY", simulator::DEMO_KEY)
        .env("VTSECOPS_VIRUSTOTAL_URL", address);
    command
}

/// Runs to the end. The output goes through a file, so that nobody waits for anybody.
pub(crate) fn measure(command: &mut Command) -> Result<Measured, Box<dyn Error>> {
    let output = std::env::temp_dir().join(format!("vtsecops-bench-{}.out", std::process::id()));
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&output)?)
        .stderr(Stdio::null())
        .spawn()?;
    let used = child.wait4()?.rusage;
    let wall = begun.elapsed();
    let stdout = std::fs::read_to_string(&output)?;
    std::fs::remove_file(&output)?;
    Ok(Measured {
        wall,
        cpu: used.utime + used.stime,
        peak_bytes: used.maxrss,
        stdout,
    })
}

/// A process that ends when this is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A simulator in a process of its own, so that its work and memory are not counted; stopped when dropped.
pub(crate) struct Simulator {
    _process: Process,
    pub(crate) address: String,
}

impl Simulator {
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        use std::io::{BufRead, BufReader};
        let mut child = Command::new(program)
            .args(["simulator", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take();
        let process = Process(child);
        let mut address = None;
        for line in BufReader::new(stdout.ok_or("no output")?).lines() {
            let line = line?;
            let word = line
                .split_whitespace()
                .find(|word| word.starts_with("http") && word.contains("/vtapi/v2"));
            if let Some(word) = word {
                address = Some(word.to_owned());
                break;
            }
        }
        Ok(Self {
            _process: process,
            address: address.ok_or("the simulator did not start")?,
        })
    }
}
