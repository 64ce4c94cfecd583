//! An action from its first run to its end.

use std::io;
use std::time::Duration;

use crate::launch::Launch;
use crate::process::Run;

/// How often and how long an action in progress is started again.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    /// Pause before each follow-up.
    pub interval: Duration,
    /// Runs at most, the first included.
    pub most_runs: usize,
}

impl Default for Drive {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(20),
            most_runs: 100,
        }
    }
}

const IN_PROGRESS: u64 = 1;

/// Runs it as often as it says that it is in progress; gives every run in order.
///
/// # Errors
/// The system's.
pub fn drive(launch: &Launch, how: Drive) -> io::Result<Vec<Run>> {
    let mut runs = vec![launch.run()?];
    while runs.len() < how.most_runs {
        let Some(last) = runs.last().filter(|run| run.state() == Some(IN_PROGRESS)) else {
            break;
        };
        let value = last.value();
        let state = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        std::thread::sleep(how.interval);
        runs.push(launch.follow_up(&state)?);
    }
    Ok(runs)
}
