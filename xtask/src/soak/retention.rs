//! Retention, whose shortest time is a day: what was closed minutes ago is made two days older, then `vtsecops workdesk tidy` removes it.

use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::runtime::Runtime;

use super::installation::Installation;
use super::load::again;
use super::record::Log;

/// How long a closed case stays, and an entry of the audit log.
const KEPT: Duration = Duration::from_secs(120);
const A_ROUND_EVERY: Duration = Duration::from_secs(30);
const TWO_DAYS_MS: u128 = 2 * 24 * 3_600_000;

/// Removes what is old until it is told to stop.
pub(super) fn retention(place: &Installation, log: &Log, runtime: &Runtime, stop: &AtomicBool) {
    again(place, stop, A_ROUND_EVERY, |_| {
        if let Err(error) = round(place, log, runtime) {
            place.tell("rounds that failed", &error.to_string());
        }
        Ok(())
    });
}

fn round(place: &Installation, log: &Log, runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let kept = KEPT.as_millis();
    let sql = |now: &str, space: &str| {
        format!(
            "UPDATE {space}cases SET updated_at = updated_at - {TWO_DAYS_MS} \
             WHERE is_open = 0 AND updated_at < {now} - {kept} AND updated_at > {now} - {TWO_DAYS_MS} / 2; \
             UPDATE {space}audit SET at = at - {TWO_DAYS_MS} WHERE at < {now} - {kept} AND at > {now} - {TWO_DAYS_MS} / 2;"
        )
    };
    let mut tidy = place.command();
    tidy.args([
        "workdesk",
        "tidy",
        "--keep-closed-cases",
        "1",
        "--keep-audit",
        "1",
    ]);
    match &place.database {
        Some(database) => {
            let now = "(extract(epoch FROM now()) * 1000)::bigint";
            runtime.block_on(database.execute(&sql(now, "vtsecops_desk.")));
            tidy.args(["--database", &database.address()]);
        }
        None => {
            let connection = Connection::open(place.desk.home().join("workdesk/workdesk.db"))?;
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.execute_batch(&sql("(strftime('%s', 'now') * 1000)", ""))?;
        }
    }
    let begun = Instant::now();
    let output = tidy.stderr(std::process::Stdio::piped()).output()?;
    log.write(
        place.store,
        "tidy",
        "tidy_ms",
        begun.elapsed().as_secs_f64() * 1000.0,
    );
    place.count("rounds of retention", 1);
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}
