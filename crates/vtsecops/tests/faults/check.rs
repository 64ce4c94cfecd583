//! What holds for every row.

use crate::fault::Fault;
use crate::shared_files::files_below;
use crate::stage::Stage;
use crate::told::Told;

/// What people must never read: a defect's trace, or a value as the language writes it.
const TRACES: [&str; 16] = [
    "panicked at",
    "RUST_BACKTRACE",
    "stack backtrace",
    "Error {",
    "Os {",
    "Custom {",
    "Error(",
    "kind: ",
    "Some(",
    "Err(",
    "reqwest::",
    "hyper::",
    "hyper_util::",
    "sqlx::",
    "rusqlite::",
    "a defect",
];
/// Lines of a message: the rest is in the log.
const LONGEST_LINE: usize = 600;
const MOST_LINES: usize = 60;

/// What is not as it must be after the fault.
pub(crate) fn fault(row: &Fault, stage: &Stage, told: &Told) -> Vec<String> {
    let mut wrong = ended(told, row.code, row.seconds);
    if let Some(state) = row.state
        && told.state != Some(state)
    {
        wrong.push(format!(
            "the state is {:?}, not {state}: {}",
            told.state,
            told.said()
        ));
    }
    let said = told.said();
    for words in &row.says {
        let words = stage.filled(words);
        if !said.contains(&words) {
            wrong.push(format!("it does not say {words:?}: {said}"));
        }
    }
    wrong.extend(row.checks.iter().flat_map(|check| check(stage, told)));
    wrong.extend(clean(stage, told));
    wrong
}

/// What is not as it must be after the same again, without the fault.
pub(crate) fn again(row: &Fault, stage: &Stage, told: &Told) -> Vec<String> {
    let Some(again) = &row.again else {
        return Vec::new();
    };
    let mut wrong = ended(told, again.code, row.seconds);
    wrong.extend(again.checks.iter().flat_map(|check| check(stage, told)));
    wrong.extend(clean(stage, told));
    wrong.into_iter().map(|wrong| format!("again: {wrong}")).collect()
}

fn ended(told: &Told, code: i32, seconds: u64) -> Vec<String> {
    let mut wrong = told.wrong.clone();
    if told.timed_out || told.took.as_secs() >= seconds {
        wrong.push(format!(
            "it did not end within {seconds} s: {:?} {}",
            told.took,
            told.said()
        ));
    } else if told.code != Some(code) {
        wrong.push(format!(
            "the exit code is {:?}, not {code}: {}",
            told.code,
            told.said()
        ));
    }
    wrong
}

/// Neither traces nor secrets, in what was said and in what was left.
fn clean(stage: &Stage, told: &Told) -> Vec<String> {
    let mut wrong = Vec::new();
    for trace in TRACES {
        let texts = [&told.err, &told.message];
        if texts.iter().any(|text| text.contains(trace)) {
            wrong.push(format!("{trace:?} was told: {}", told.said()));
        }
    }
    let lines = told.err.lines().count();
    if lines > MOST_LINES {
        wrong.push(format!("{lines} lines were told: {}", told.err));
    }
    for line in told.err.lines().chain(told.message.lines()) {
        if line.len() > LONGEST_LINE {
            wrong.push(format!("a line has {} bytes: {line}", line.len()));
        }
    }
    for secret in &stage.secrets {
        if [&told.out, &told.err, &told.message]
            .iter()
            .any(|text| text.contains(secret))
        {
            wrong.push(format!("{secret:?} was told: {} {}", told.out, told.said()));
        }
    }
    let mut look = |path: &std::path::Path, bytes: &[u8]| {
        for secret in &stage.secrets {
            if bytes.windows(secret.len()).any(|part| part == secret.as_bytes()) {
                wrong.push(format!("{secret:?} is in {}", path.display()));
            }
        }
    };
    files_below(stage.home.path(), &mut look);
    for launch in &stage.launches {
        for folder in [launch.home(), launch.work_folder(), launch.temporary_folder()] {
            files_below(&folder, &mut look);
        }
    }
    wrong
}
