//! Uploads, from this machine and from a server, against what is nearest to a bare copy: `curl`, and `sftp` before it.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use test_sshd::Sshd;

use super::Size;
use crate::figures::{megabytes, milliseconds};
use crate::process::{Measured, Simulator, command, measure};

const MEBIBYTE: u64 = 1024 * 1024;
/// Largest body that `file/scan` itself takes, with room for the multipart frame.
const SMALL_BYTES: u64 = 32 * MEBIBYTE - 4096;
/// The best run counts: what else the machine does only ever slows one down.
const REPEATS: usize = 3;
/// Ours and the reference's: analyses that do not end meanwhile, so that what was sent is queued.
const SIMULATOR: [&str; 4] = ["--max-upload-bytes", "700000000", "--scan-for", "1h"];
const ALWAYS: &[&str] = &["--always-upload"];
const HASH_FIRST: &[&str] = &[];

pub(super) fn uploads(program: &Path, size: Size) -> Result<(), Box<dyn Error>> {
    if !is_there("curl") {
        println!("\nUploads were not measured: there is no curl.");
        return Ok(());
    }
    let sizes: &[u64] = match size {
        Size::Full => &[8, 64, 600],
        Size::Quick => &[1, 8],
    };
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for &mebibytes in sizes {
        files.push(RandomFile::new(program, folder.path(), mebibytes)?);
    }
    local(program, &files)?;
    if test_sshd::available() && is_there("sftp") {
        return remote(program, &files, folder.path());
    }
    println!("\nUploads from a server were not measured: there is no sshd, or no sftp.");
    Ok(())
}

fn local(program: &Path, files: &[RandomFile]) -> Result<(), Box<dyn Error>> {
    heading("local file", "curl");
    for file in files {
        for (name, policy) in [("always", ALWAYS), ("hash first", HASH_FIRST)] {
            let (mut ours, mut reference) = (Best::default(), Best::default());
            for _ in 0..REPEATS {
                ours.offer(vtsecops(program, policy, &file.path)?);
                reference.offer(curl(program, file)?);
            }
            row(file, name, &ours, &reference)?;
        }
    }
    Ok(())
}

fn remote(program: &Path, files: &[RandomFile], folder: &Path) -> Result<(), Box<dyn Error>> {
    let server = Sshd::start()?;
    let address = server.address();
    let known_hosts = folder.join("known_hosts");
    let line = format!(
        "[{}]:{} {}\n",
        address.ip(),
        address.port(),
        server.public_host_key()?
    );
    std::fs::write(&known_hosts, line)?;
    let target = format!("{}@{address}", server.user());
    let (identity, known_hosts) = (text(&server.identity())?, text(&known_hosts)?);
    let login = [
        "--server",
        &target,
        "--identity",
        &identity,
        "--known-hosts",
        &known_hosts,
    ];
    heading("file of a server", "sftp, then curl");
    for file in files {
        for (name, policy) in [("always", ALWAYS), ("hash first", HASH_FIRST)] {
            let (mut ours, mut reference) = (Best::default(), Best::default());
            for _ in 0..REPEATS {
                ours.offer(vtsecops(program, &[&login, policy].concat(), &file.path)?);
                reference.offer(sftp_and_curl(program, &server, file, folder)?);
            }
            row(file, name, &ours, &reference)?;
        }
    }
    Ok(())
}

/// What is kept of a run.
struct Run {
    wall: Duration,
    cpu: Duration,
    peak_bytes: u64,
}

impl From<&Measured> for Run {
    fn from(run: &Measured) -> Self {
        Self {
            wall: run.wall,
            cpu: run.cpu,
            peak_bytes: run.peak_bytes,
        }
    }
}

impl Run {
    /// One after the other.
    fn then(self, next: &Self) -> Self {
        Self {
            wall: self.wall + next.wall,
            cpu: self.cpu + next.cpu,
            peak_bytes: self.peak_bytes.max(next.peak_bytes),
        }
    }
}

/// The quickest run of several, and the most memory of any.
#[derive(Default)]
struct Best(Option<Run>);

impl Best {
    fn offer(&mut self, mut run: Run) {
        if let Some(best) = &mut self.0 {
            let peak_bytes = best.peak_bytes.max(run.peak_bytes);
            best.peak_bytes = peak_bytes;
            run.peak_bytes = peak_bytes;
            if best.wall <= run.wall {
                return;
            }
        }
        self.0 = Some(run);
    }
}

fn heading(what: &str, reference: &str) {
    println!(
        "\n| {what}, best of {REPEATS} | policy | wall | MB/s | CPU | peak memory | {reference}: wall | MB/s | CPU | ours / {reference} |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
}

fn row(file: &RandomFile, policy: &str, ours: &Best, reference: &Best) -> Result<(), Box<dyn Error>> {
    let (Some(ours), Some(reference)) = (&ours.0, &reference.0) else {
        return Err("nothing was measured".into());
    };
    let a_second = |wall: Duration| megabytes(file.bytes) / wall.as_secs_f64();
    println!(
        "| {} MiB | {policy} | {:.0} ms | {:.0} | {:.0} ms | {:.1} MB | {:.0} ms | {:.0} | {:.0} ms | {:.2} |",
        file.bytes / MEBIBYTE,
        milliseconds(ours.wall),
        a_second(ours.wall),
        milliseconds(ours.cpu),
        megabytes(ours.peak_bytes),
        milliseconds(reference.wall),
        a_second(reference.wall),
        milliseconds(reference.cpu),
        reference.wall.as_secs_f64() / ours.wall.as_secs_f64()
    );
    Ok(())
}

/// Each run has a simulator and a home of its own: what was uploaded before would be known.
fn vtsecops(program: &Path, arguments: &[&str], path: &Path) -> Result<Run, Box<dyn Error>> {
    let simulator = Simulator::start(program, &SIMULATOR)?;
    let home = tempfile::tempdir()?;
    let mut command = command(program, &simulator.address, home.path());
    command
        .args(["upload", "--tier", "private", "--restart", "--no-wait"])
        .args(["--output", "json"])
        .args(arguments)
        .arg(path);
    let run = measure(&mut command)?;
    let document: Value = serde_json::from_str(&run.stdout)
        .map_err(|error| format!("vtsecops upload {}: {error}: {}", arguments.join(" "), run.stdout))?;
    match document.pointer("/entities/0/outcome").and_then(Value::as_str) {
        Some("queued") => Ok(Run::from(&run)),
        _ => Err(format!(
            "vtsecops upload {} did not upload: {}",
            arguments.join(" "),
            run.stdout
        )
        .into()),
    }
}

/// The reference for a local file.
fn curl(program: &Path, file: &RandomFile) -> Result<Run, Box<dyn Error>> {
    send(program, &file.path, file.bytes)
}

/// The reference for a file of a server: fetched whole, then sent.
fn sftp_and_curl(
    program: &Path,
    server: &Sshd,
    file: &RandomFile,
    folder: &Path,
) -> Result<Run, Box<dyn Error>> {
    let copy = folder.join("copy");
    let address = server.address();
    let source = format!("{}@{}:{}", server.user(), address.ip(), file.path.display());
    let mut command = Command::new("sftp");
    command
        .args([
            "-q",
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .arg("-i")
        .arg(server.identity())
        .args(["-P", &address.port().to_string()])
        .arg(source)
        .arg(&copy);
    let fetched = measure(&mut command)?;
    if std::fs::metadata(&copy).map(|data| data.len()).ok() != Some(file.bytes) {
        return Err(format!("sftp did not fetch the file: {}", fetched.stdout).into());
    }
    let sent = send(program, &copy, file.bytes)?;
    std::fs::remove_file(&copy)?;
    Ok(Run::from(&fetched).then(&sent))
}

fn send(program: &Path, path: &Path, bytes: u64) -> Result<Run, Box<dyn Error>> {
    let simulator = Simulator::start(program, &SIMULATOR)?;
    let key = format!("apikey={}", simulator::DEMO_KEY);
    let mut asked = None;
    let mut target = format!("{}file/scan", simulator.address);
    if bytes > SMALL_BYTES {
        let run = measure(Command::new("curl").args(["-sS", &format!("{target}/upload_url?{key}")]))?;
        let answer: Value = serde_json::from_str(&run.stdout)?;
        let url = answer.get("upload_url").and_then(Value::as_str);
        url.ok_or("no upload address")?.clone_into(&mut target);
        asked = Some(Run::from(&run));
    }
    let mut command = Command::new("curl");
    command
        .args(["-sS", "-F", &format!("file=@{}", path.display()), "-F", &key])
        .arg(&target);
    let run = measure(&mut command)?;
    let answer: Value = serde_json::from_str(&run.stdout)
        .map_err(|error| format!("curl did not upload: {error}: {}", run.stdout))?;
    if answer.get("response_code").and_then(Value::as_i64) != Some(1) {
        return Err(format!("curl did not upload: {}", run.stdout).into());
    }
    let sent = Run::from(&run);
    Ok(match asked {
        Some(asked) => asked.then(&sent),
        None => sent,
    })
}

/// Random bytes that the simulator does not know; gone with its folder.
struct RandomFile {
    path: PathBuf,
    bytes: u64,
}

impl RandomFile {
    fn new(program: &Path, folder: &Path, mebibytes: u64) -> Result<Self, Box<dyn Error>> {
        let simulator = Simulator::start(program, &SIMULATOR)?;
        let file = Self {
            path: folder.join(format!("random-{mebibytes}.bin")),
            bytes: mebibytes * MEBIBYTE,
        };
        // It knows most hashes; every seventh or so is new to it.
        for seed in 1..200 {
            file.write(seed)?;
            if !file.is_known(program, &simulator)? {
                return Ok(file);
            }
        }
        Err("the simulator knows everything".into())
    }

    /// The first bytes differ from seed to seed; the others are written once.
    fn write(&self, seed: u64) -> Result<(), Box<dyn Error>> {
        use std::io::{Seek, SeekFrom};
        if seed > 1 {
            let mut file = std::fs::OpenOptions::new().write(true).open(&self.path)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&seed.to_le_bytes())?;
            return Ok(());
        }
        let mut file = BufWriter::with_capacity(1 << 20, std::fs::File::create(&self.path)?);
        // Xorshift.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ self.bytes;
        for _ in 0..self.bytes / 8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            file.write_all(&state.to_le_bytes())?;
        }
        file.flush()?;
        Ok(())
    }

    fn is_known(&self, program: &Path, simulator: &Simulator) -> Result<bool, Box<dyn Error>> {
        let home = tempfile::tempdir()?;
        let mut command = command(program, &simulator.address, home.path());
        command
            .args(["upload", "--tier", "private", "--restart", "--no-wait"])
            .args(["--never-upload", "--output", "json"])
            .arg(&self.path);
        let run = measure(&mut command)?;
        let document: Value = serde_json::from_str(&run.stdout)
            .map_err(|error| format!("vtsecops upload --never-upload: {error}: {}", run.stdout))?;
        match document.pointer("/entities/0/outcome").and_then(Value::as_str) {
            Some("found") => Ok(true),
            Some("missing") => Ok(false),
            _ => Err(format!("vtsecops upload --never-upload: {}", run.stdout).into()),
        }
    }
}

fn is_there(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).exists()))
}

fn text(path: &Path) -> Result<String, Box<dyn Error>> {
    Ok(path.to_str().ok_or("a path that is no text")?.to_owned())
}
