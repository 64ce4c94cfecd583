//! The short run: every kept input, changes of them that are the same each time, and how work grows with length.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as promised"
)]

mod change;
mod growth;
mod kept;

use fuzz::target;

/// Replays what is kept, then so many changes of it.
fn run(name: &str, changes: u32) {
    let target = target(name).unwrap();
    let inputs = kept::inputs(name);
    assert!(!inputs.is_empty(), "corpus/{name} is empty");
    for (path, bytes) in &inputs {
        let outcome = std::panic::catch_unwind(|| (target.run)(bytes));
        assert!(outcome.is_ok(), "{} breaks a promise", path.display());
    }
    let inputs: Vec<Vec<u8>> = inputs.into_iter().map(|(_, bytes)| bytes).collect();
    change::run(target, &inputs, &kept::tokens(name), changes);
    growth::run(target, &inputs);
}

macro_rules! short_runs {
    ($($name:ident: $changes:literal,)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name), $changes);
            }
        )*

        #[test]
        fn every_target_is_run_and_has_its_folder() {
            let run = [$(stringify!($name)),*];
            assert_eq!(fuzz::TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), run);
            assert_eq!(kept::folders(), run);
        }
    };
}

// As many changes as a few seconds of the tests' own build have room for.
short_runs! {
    answer_v2: 4000,
    answer_v3: 4000,
    case_file: 4000,
    config: 4000,
    indicators: 4000,
    kept: 4000,
    known_hosts: 4000,
    mail: 4000,
    object_v3: 4000,
    objects: 4000,
    order: 4000,
    paths: 4000,
    playbook: 4000,
    policy: 4000,
    quarantine: 4000,
    report_v2: 4000,
    rules: 4000,
    state: 4000,
    tokens: 1500,
}

#[test]
fn what_is_kept_is_small() {
    let mut all = 0;
    for name in kept::folders() {
        let inputs = kept::inputs(&name);
        assert!(inputs.len() <= 110, "corpus/{name} has {} files", inputs.len());
        for (path, bytes) in inputs {
            assert!(bytes.len() <= 64 * 1024, "{} is too large", path.display());
            all += bytes.len();
        }
    }
    assert!(all <= 2 * 1024 * 1024, "the corpora have {all} bytes");
}
