//! `cargo xtask fuzz`: looks for inputs that break a promise, with libFuzzer and the targets of `crates/fuzz`.
//!
//! The engine needs code that counts where it has been. The flags for that are the compiler's own, so any toolchain will do, and a
//! C++ compiler for the engine. All of it has a target folder of its own.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Bytes of an input, seconds for one, megabytes of memory.
const LIMITS: [&str; 3] = ["-max_len=65536", "-timeout=10", "-rss_limit_mb=2048"];
/// Inputs of one target that are kept, and their bytes together: the tests replay all of them.
const MOST_KEPT: usize = 100;
const MOST_KEPT_BYTES: u64 = 90 * 1024;

/// What is asked for.
#[derive(Debug, Default)]
struct Wanted {
    /// Empty is all.
    targets: Vec<String>,
    minutes: f64,
    /// Inputs that lead further than those that are kept are added to them.
    keep: bool,
}

/// How the run of one target went.
struct Run {
    inputs: u64,
    took: Duration,
    /// Places in the code, as the engine counts them.
    reached: u64,
    kept: usize,
    found: Option<String>,
}

/// Runs the targets that the arguments name, else all, and prints a table.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let wanted = read(arguments)?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/fuzz")
        .canonicalize()?;
    let known = folders(&source.join("corpus"))?;
    if let Some(unknown) = wanted.targets.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no target {unknown}; there are {}", known.join(", ")).into());
    }
    let folder = source.join("../..").canonicalize()?;
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
    let bench = Bench {
        program: build(&folder.join("fuzz"))?,
        source,
        folder: folder.join("fuzz"),
    };
    let targets = if wanted.targets.is_empty() {
        known
    } else {
        wanted.targets
    };
    println!(
        "| target | inputs | time | places reached | inputs kept | found |\n|---|---:|---:|---:|---:|---|"
    );
    let mut failed = Vec::new();
    for target in targets {
        let run = bench.run(&target, wanted.minutes, wanted.keep)?;
        println!(
            "| {target} | {} | {:.0} s | {} | {} | {} |",
            run.inputs,
            run.took.as_secs_f64(),
            run.reached,
            run.kept,
            run.found.as_deref().unwrap_or("nothing")
        );
        failed.extend(run.found);
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err("Promises were broken. Each find is a file; put it into crates/fuzz/corpus/TARGET when it is mended.".into()),
    }
}

fn read(arguments: &[&str]) -> Result<Wanted, Box<dyn Error>> {
    let mut wanted = Wanted {
        minutes: 1.0,
        ..Wanted::default()
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--minutes" => wanted.minutes = arguments.next().ok_or("--minutes needs a number")?.parse()?,
            "--keep" => wanted.keep = true,
            option if option.starts_with('-') => return Err(format!("there is no option {option}").into()),
            target => wanted.targets.push(target.to_owned()),
        }
    }
    Ok(wanted)
}

fn folders(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// With a target given, the flags are not for what runs while building.
fn build(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--profile",
            "fuzz",
            "--locked",
            "--package",
            "fuzz",
            "--features",
            "libfuzzer",
        ])
        .args(["--target", TARGET])
        .env("CARGO_TARGET_DIR", folder)
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTFLAGS", FLAGS)
        .status()?;
    if !status.success() {
        return Err("the targets could not be built".into());
    }
    Ok(folder.join(TARGET).join("fuzz/fuzz"))
}

struct Bench {
    program: PathBuf,
    /// `crates/fuzz`.
    source: PathBuf,
    /// For what is found, and for everything that is needed meanwhile.
    folder: PathBuf,
}

impl Bench {
    fn run(&self, target: &str, minutes: f64, keep: bool) -> Result<Run, Box<dyn Error>> {
        let (new, found) = (self.folder.join("new").join(target), self.folder.join("found"));
        let corpus = self.source.join("corpus").join(target);
        fs::create_dir_all(&new)?;
        fs::create_dir_all(&found)?;
        let words = self.words(target)?;
        let log = self.folder.join(format!("{target}.log"));
        let begun = Instant::now();
        let status = self
            .engine(target, &log)?
            .arg(format!("-max_total_time={:.0}", minutes * 60.0))
            .arg(format!("-dict={}", words.display()))
            .arg(format!("-artifact_prefix={}/{target}-", found.display()))
            .arg("-print_final_stats=1")
            .args([&new, &corpus])
            .status()?;
        let took = begun.elapsed();
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let find = said
            .lines()
            .rev()
            .find_map(|line| line.split_once("Test unit written to "));
        let found = match (status.success(), find) {
            (true, _) => None,
            (false, Some((_, path))) => Some(path.to_owned()),
            (false, None) => Some(format!("the engine failed; see {}", log.display())),
        };
        let kept = if keep {
            self.keep(target, &new, &corpus)?
        } else {
            0
        };
        Ok(Run {
            inputs: number_after(&said, "stat::number_of_executed_units:").unwrap_or(0),
            took,
            reached: said
                .lines()
                .filter_map(|line| number_after(line, " cov:"))
                .max()
                .unwrap_or(0),
            kept,
            found,
        })
    }

    fn engine(&self, target: &str, log: &Path) -> Result<Command, Box<dyn Error>> {
        let mut engine = Command::new(&self.program);
        engine
            .env("VTSECOPS_FUZZ_TARGET", target)
            .args(LIMITS)
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(File::create(log)?);
        Ok(engine)
    }

    /// The words of all targets, and of this one, in one file.
    fn words(&self, target: &str) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.folder.join(format!("{target}.dict"));
        let read = |name: &str| fs::read_to_string(self.source.join("words").join(format!("{name}.dict")));
        fs::write(&path, read("all")? + &read(target).unwrap_or_default())?;
        Ok(path)
    }

    /// Adds what leads further than what is kept, the smallest first, within the limits. Says how many those are.
    fn keep(&self, target: &str, new: &Path, corpus: &Path) -> Result<usize, Box<dyn Error>> {
        let merged = tempfile::tempdir()?;
        for entry in fs::read_dir(corpus)? {
            let entry = entry?;
            fs::copy(entry.path(), merged.path().join(entry.file_name()))?;
        }
        let log = self.folder.join(format!("{target}.merge.log"));
        self.engine(target, &log)?
            .arg("-merge=1")
            .args([merged.path(), new])
            .status()?;
        let mut added = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        for entry in fs::read_dir(merged.path())? {
            let entry = entry?;
            let length = entry.metadata()?.len();
            match corpus.join(entry.file_name()).exists() {
                true => (count, bytes) = (count + 1, bytes + length),
                false => added.push((length, entry.file_name())),
            }
        }
        added.sort();
        let mut kept = 0;
        for (length, name) in added {
            if count >= MOST_KEPT || bytes + length > MOST_KEPT_BYTES {
                break;
            }
            (count, bytes, kept) = (count + 1, bytes + length, kept + 1);
            fs::copy(merged.path().join(&name), corpus.join(&name))?;
        }
        Ok(kept)
    }
}

/// The number behind a word.
fn number_after(text: &str, word: &str) -> Option<u64> {
    let (_, after) = text.split_once(word)?;
    after.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{number_after, read};

    #[test]
    fn arguments_name_targets_and_time() {
        let wanted = read(&["objects", "--minutes", "0.5", "mail", "--keep"]).unwrap();
        assert_eq!(wanted.targets, ["objects", "mail"]);
        assert!(wanted.keep && (wanted.minutes - 0.5).abs() < 1e-9);
        assert!(read(&["--minutes"]).is_err() && read(&["--fast"]).is_err());
    }

    #[test]
    fn figures_are_read_from_what_the_engine_says() {
        let line = "#4096\tpulse  cov: 512 ft: 900 corp: 30/2Kb";
        assert_eq!(number_after(line, " cov:"), Some(512));
        assert_eq!(
            number_after(
                "stat::number_of_executed_units: 77\n",
                "stat::number_of_executed_units:"
            ),
            Some(77)
        );
        assert_eq!(number_after(line, "nothing"), None);
    }
}
