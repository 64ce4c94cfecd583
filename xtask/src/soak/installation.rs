//! What is watched: a workdesk, what works beside it, a gateway, and their own VirusTotal, which has its bad moments.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use simulator::{Fault, Running};
use test_postgres::{Server, TestDatabase};
use tokio::runtime::Runtime;

use crate::desk::Desk;
use crate::process::{self, Process};

/// What goes wrong at VirusTotal, as `vtsecops simulator --fault` takes it: one call in fourteen. None of it makes an answer that says of a
/// submission that it was taken when it was not.
const FAULTS: [&str; 9] = [
    "503%60+11",
    "reset%83+23",
    "truncated%97+31",
    "slow%71+17",
    "502%173+53",
    "retry-after=1%151+43",
    "not-json%131@file/report+7",
    // Each closes the key for a minute.
    "quota%1201+400",
    "hang%907+211",
];
const LATENCY: Duration = Duration::from_millis(60);
const SCANS_TAKE: Duration = Duration::from_secs(3);
/// Small, so that it is full before the warm-up is over.
const CACHE_MEGABYTES: &str = "2";

/// A case that was made, and what is known of it.
pub(super) struct Open {
    pub(super) case: i64,
    pub(super) has_playbook: bool,
}

/// The last case that was finished, to look at.
#[derive(Clone, Copy)]
pub(super) struct Recent {
    pub(super) case: i64,
    pub(super) entity: i64,
    pub(super) run: i64,
    pub(super) at: Instant,
}

/// The program with its settings and a file for its log.
type Prepared = Result<Command, Box<dyn Error>>;

pub(super) struct Gateway {
    pub(super) process: Process,
    pub(super) origin: String,
    pub(super) token: String,
}

pub(super) struct Installation {
    /// Its name in the records.
    pub(super) store: &'static str,
    pub(super) desk: Desk,
    pub(super) worker: Option<Process>,
    pub(super) gateway: Gateway,
    pub(super) database: Option<TestDatabase>,
    pub(super) simulator: Running,
    program: PathBuf,
    pub(super) open: Mutex<VecDeque<Open>>,
    pub(super) recent: Mutex<Option<Recent>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    submitted: Mutex<HashSet<String>>,
}

impl Installation {
    /// On SQLite, or on a new database of `server`.
    pub(super) fn start(
        program: &Path,
        server: Option<&Server>,
        runtime: &Runtime,
    ) -> Result<Self, Box<dyn Error>> {
        let simulator = runtime.block_on(virustotal()?.start())?;
        let database = server.map(|server| runtime.block_on(server.database()));
        let home = tempfile::Builder::new().prefix("vtsecops-soak-").tempdir()?;
        let folder = home.path().to_owned();
        let address = database.as_ref().map(TestDatabase::address);
        let key = folder.join("workdesk.key");
        std::fs::write(&key, "7a".repeat(32))?;
        let key = key.to_str().ok_or("no name")?;
        let mut shared = Vec::new();
        if let Some(address) = &address {
            shared.extend(["--database", address.as_str()]);
        }
        let command = |name: &str| -> Prepared {
            let mut command = command(program, &simulator.base_url(), &folder);
            command.stderr(File::create(folder.join(format!("{name}.log")))?);
            Ok(command)
        };
        let mut more = [&shared[..], &["--key-file", key]].concat();
        more.extend(address.is_some().then_some("--no-jobs"));
        let desk = Desk::start_as(&mut command("workdesk")?, &more, home)?;
        let worker = match &address {
            None => None,
            Some(_) => {
                let mut command = command("worker")?;
                command.arg("worker").args(&shared).args(["--key-file", key]);
                Some(Process(quiet(&mut command).spawn()?))
            }
        };
        let gateway = Gateway::start(&command, &shared)?;
        Ok(Self {
            store: if address.is_some() { "PostgreSQL" } else { "SQLite" },
            desk,
            worker,
            gateway,
            database,
            simulator,
            program: program.to_owned(),
            open: Mutex::default(),
            recent: Mutex::default(),
            counts: Mutex::default(),
            submitted: Mutex::default(),
        })
    }

    /// Each process that is watched, with its name.
    pub(super) fn processes(&self) -> Vec<(&'static str, u32)> {
        let mut processes = vec![
            ("workdesk", self.desk.process.id()),
            ("gateway", self.gateway.process.id()),
        ];
        processes.extend(self.worker.as_ref().map(|worker| ("worker", worker.id())));
        processes
    }

    /// The program with the settings of this installation.
    pub(super) fn command(&self) -> Command {
        let mut command = command(&self.program, &self.simulator.base_url(), self.desk.home());
        quiet(&mut command);
        command
    }

    pub(super) fn count(&self, what: &'static str, number: u64) {
        *held(&self.counts).entry(what).or_default() += number;
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        held(&self.counts).clone()
    }

    /// Tells once in a while what was not as it should be.
    pub(super) fn tell(&self, what: &'static str, words: &str) {
        self.count(what, 1);
        if held(&self.counts).get(what).is_some_and(|number| *number <= 20) {
            println!("{}, {what}: {words}", self.store);
        }
    }

    /// Counts what VirusTotal was asked since the last time, and looks for what was submitted before.
    pub(super) fn look_at_calls(&self) {
        for call in self.simulator.take_calls() {
            self.count("calls to VirusTotal", 1);
            if call.status != 200 {
                self.count("calls to VirusTotal not answered with 200", 1);
            }
            if (call.endpoint.as_str(), call.status) != ("url/scan", 200) {
                continue;
            }
            // A batch stands in one field.
            for url in call.resources.iter().flat_map(|resource| resource.lines()) {
                self.count("URLs submitted", 1);
                if !held(&self.submitted).insert(url.to_owned()) {
                    self.tell("URLs submitted twice", url);
                }
            }
        }
    }
}

impl Gateway {
    fn start(command: &dyn Fn(&str) -> Prepared, shared: &[&str]) -> Result<Self, Box<dyn Error>> {
        let made = command("token")?
            .args(["gateway", "token", "add", "soak"])
            .output()?;
        let token = String::from_utf8(made.stdout)?.trim().to_owned();
        let mut child = command("gateway")?
            .args(["gateway", "--listen", "127.0.0.1:0"])
            .args(shared)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let process = Process(child);
        let line = BufReader::new(stdout.ok_or("no output")?).lines().next();
        let line = line.ok_or("the gateway did not start")??;
        let (_, rest) = line.split_once("http://").ok_or("no address")?;
        let address = rest.split('/').next().ok_or("no address")?;
        Ok(Self {
            process,
            origin: format!("http://{address}"),
            token,
        })
    }
}

fn virustotal() -> Result<simulator::Builder, Box<dyn Error>> {
    let mut builder = simulator::Simulator::builder()
        .latency(LATENCY)
        .scan_for(SCANS_TAKE);
    for fault in FAULTS {
        builder = builder.fault(fault.parse::<Fault>()?);
    }
    Ok(builder)
}

fn command(program: &Path, address: &str, home: &Path) -> Command {
    let mut command = process::command(program, address, home);
    command
        .env("VTSECOPS_TIER", "private")
        .env("VTSECOPS_STATE_FOLDER", home)
        .env("VTSECOPS_CACHE_FOLDER", home.join("cache"))
        .env("VTSECOPS_CACHE_MEGABYTES", CACHE_MEGABYTES)
        // Never used up, but counted.
        .env("VTSECOPS_QUOTA_PER_MINUTE", "5000")
        .env("VTSECOPS_QUOTA_PER_HOUR", "100000")
        .env("VTSECOPS_QUOTA_PER_DAY", "1000000")
        .env("VTSECOPS_QUOTA_PER_MONTH", "10000000")
        .env("VTSECOPS_LOST_AFTER", "1m");
    command
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null())
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_faults_can_be_read() {
        assert!(super::virustotal().is_ok());
    }
}
