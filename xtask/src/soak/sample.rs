//! What a process and a store take, seen from outside.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use sqlx::Row;
use tokio::runtime::Runtime;

use super::installation::Installation;
use super::record::Log;
use super::verdict::{CONNECTIONS, DISK, HANDLES, MEMORY, PROCESSOR, THREADS, TRAIL};

/// What `/proc` says of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    memory_bytes: u64,
    threads: u64,
    handles: usize,
    /// Of the processor, since the start.
    worked: Duration,
}

/// Files of the state folder, by how their path below it begins.
const FILES: [(&str, &str); 4] = [
    ("workdesk", "workdesk/"),
    ("cache", "cache/"),
    ("ledger", "quota.db"),
    ("journals", "runs/"),
];
const TRAIL_FILE: &str = "gateway-audit";

/// Clock ticks of a second in `/proc`: always this on Linux, whatever the kernel's own are.
const TICKS: u64 = 100;

/// Samples one installation; remembers what the processors did.
pub(super) struct Sampler<'a> {
    place: &'a Installation,
    worked: Vec<(f64, Duration)>,
}

impl<'a> Sampler<'a> {
    pub(super) fn new(place: &'a Installation) -> Self {
        Self {
            place,
            worked: Vec::new(),
        }
    }

    /// Writes down what each process takes. One that has ended is an error.
    pub(super) fn processes(&mut self, log: &Log) -> Result<(), Box<dyn Error>> {
        let processes = self.place.processes();
        self.worked.resize(processes.len(), (0.0, Duration::MAX));
        for ((name, id), before) in processes.into_iter().zip(&mut self.worked) {
            let taken = taken(id).map_err(|error| format!("{name}: {error}"))?;
            let store = self.place.store;
            log.write(store, name, MEMORY, number(taken.memory_bytes));
            log.write(store, name, THREADS, number(taken.threads));
            log.write(store, name, HANDLES, number(taken.handles as u64));
            let now = log.seconds();
            if let Some(worked) = taken.worked.checked_sub(before.1) {
                let percent = worked.as_secs_f64() / (now - before.0).max(0.001) * 100.0;
                log.write(store, name, PROCESSOR, percent);
            }
            *before = (now, taken.worked);
        }
        Ok(())
    }

    /// Writes down what is on the disk, and in the database.
    pub(super) fn disk(&self, log: &Log, runtime: &Runtime) -> Result<(), Box<dyn Error>> {
        let (place, home) = (self.place, self.place.desk.home());
        log.write(
            place.store,
            "gateway",
            TRAIL,
            number(bytes_below(home, TRAIL_FILE)),
        );
        let Some(database) = &place.database else {
            for (name, begin) in FILES {
                log.write(place.store, name, DISK, number(bytes_below(home, begin)));
            }
            return Ok(());
        };
        runtime.block_on(async {
            let mut connection = database.connect().await;
            let sizes = "SELECT nspname, sum(pg_total_relation_size(pg_class.oid))::bigint FROM pg_class \
                         JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname LIKE 'vtsecops%' AND relkind = 'r' GROUP BY nspname";
            for row in sqlx::query(sizes).fetch_all(&mut connection).await? {
                let (space, bytes): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
                let name = match space.as_str() {
                    "vtsecops_desk" => "workdesk",
                    "vtsecops_cache" => "cache",
                    "vtsecops_quota" => "ledger",
                    "vtsecops_journal" => "journals",
                    other => other,
                };
                log.write(place.store, name, DISK, bytes as f64);
            }
            let whole = "SELECT pg_database_size(current_database()), \
                         (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())";
            let row = sqlx::query(whole).fetch_one(&mut connection).await?;
            let (bytes, connections): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            log.write(place.store, "whole database", DISK, bytes as f64);
            log.write(place.store, "all processes", CONNECTIONS, connections as f64);
            sqlx::Connection::close(connection).await?;
            Ok(())
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn number(number: u64) -> f64 {
    number as f64
}

fn taken(id: u32) -> Result<Taken, Box<dyn Error>> {
    let folder = Path::new("/proc").join(id.to_string());
    let status = std::fs::read_to_string(folder.join("status"))?;
    let stat = std::fs::read_to_string(folder.join("stat"))?;
    let (memory_bytes, threads) = of_status(&status).ok_or("it has ended")?;
    Ok(Taken {
        memory_bytes,
        threads,
        handles: std::fs::read_dir(folder.join("fd"))?.count(),
        worked: of_stat(&stat).ok_or("its times can't be read")?,
    })
}

/// Resident bytes and threads. A process that has ended and is not waited for has no memory.
fn of_status(status: &str) -> Option<(u64, u64)> {
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some((field("VmRSS:")? * 1024, field("Threads:")?))
}

/// Time in the program and in the system. The name before it may hold anything.
fn of_stat(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS))
}

/// Bytes of the files whose path below the folder begins so. What goes away meanwhile counts as nothing.
fn bytes_below(folder: &Path, begin: &str) -> u64 {
    let mut folders = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                folders.push(path);
            } else if path
                .strip_prefix(folder)
                .is_ok_and(|below| below.to_string_lossy().starts_with(begin))
            {
                bytes += data.len();
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_threads_are_read_and_one_that_has_ended_is_noticed() {
        let status =
            "Name:\tvtsecops\nVmPeak:\t  99999 kB\nVmRSS:\t   12345 kB\nRssAnon:\t 1 kB\nThreads:\t7\n";
        assert_eq!(of_status(status), Some((12_345 * 1024, 7)));
        assert_eq!(
            of_status("Name:\tvtsecops\nState:\tZ (zombie)\nThreads:\t1\n"),
            None
        );
    }

    #[test]
    fn the_times_stand_behind_a_name_with_brackets() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7";
        assert_eq!(of_stat(stat), Some(Duration::from_secs(3)));
        assert_eq!(of_stat("42 (a"), None);
    }

    #[test]
    fn this_process_can_be_sampled() {
        let own = taken(std::process::id()).unwrap();
        assert!(
            own.memory_bytes > 1_000_000 && own.threads >= 1 && own.handles >= 3,
            "{own:?}"
        );
    }

    #[test]
    fn files_are_counted_by_the_beginning_of_their_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("runs/deep")).unwrap();
        for (name, size) in [
            ("quota.db", 10),
            ("quota.db-wal", 5),
            ("runs/deep/a", 7),
            ("other", 100),
        ] {
            std::fs::write(folder.path().join(name), vec![0; size]).unwrap();
        }
        assert_eq!(
            (
                bytes_below(folder.path(), "quota.db"),
                bytes_below(folder.path(), "runs/")
            ),
            (15, 7)
        );
    }
}
