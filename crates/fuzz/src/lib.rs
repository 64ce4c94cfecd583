//! Every reader of what others wrote, as a function of bytes that stops where a promise is broken.
//!
//! Two engines run them. `tests/short.rs`, a part of the tests, replays the files that are kept in `corpus/` and changes of
//! them that are the same each time. `cargo xtask fuzz` looks for new ones with libFuzzer, for as long as one likes. What
//! is found becomes a file of the corpus, beside the test that pins its mending down.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a target stops at the first thing that is not as promised"
)]

mod desk;
mod files;
mod gate;
mod objects;
mod platform;
mod policies;
mod state;
mod virustotal_v2;
mod virustotal_v3;

/// A reader, or several of the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in `corpus`.
    pub name: &'static str,
    /// Reads the bytes and panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// Between the parts of an input that has several.
pub const PARTS: &str = "\n%%\n";

macro_rules! targets {
    ($($name:ident = $run:path,)*) => {
        /// All of them, by name.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $run },)*];
    };
}

targets! {
    answer_v2 = virustotal_v2::answer,
    answer_v3 = virustotal_v3::answer,
    case_file = desk::case_file,
    config = gate::config,
    indicators = desk::indicators_in_text,
    kept = virustotal_v2::kept,
    known_hosts = gate::known_hosts,
    mail = desk::mail,
    object_v3 = virustotal_v3::object,
    objects = objects::objects,
    order = platform::order,
    paths = files::paths,
    playbook = desk::playbook,
    policy = policies::policy,
    quarantine = files::quarantine,
    report_v2 = virustotal_v2::report,
    rules = policies::rules,
    state = state::state,
    tokens = gate::tokens,
}

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The parts of an input; those that are not there are empty.
fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut rest = Some(data);
    [(); N].map(|()| {
        let all = rest.unwrap_or_default();
        let between = PARTS.as_bytes();
        let end = all.windows(between.len()).position(|window| window == between);
        rest = end.map(|end| &all[end + between.len()..]);
        &all[..end.unwrap_or(all.len())]
    })
}

/// Words for people, made of what somebody else wrote: they end, and can't write to a terminal what looks like ours.
fn check_words(words: &str, longest: usize) {
    let length = words.chars().count();
    assert!(length <= longest, "{length} characters: {words:.200}…");
    let control = words
        .chars()
        .find(|letter| letter.is_control() && !matches!(letter, '\n' | '\t'));
    assert_eq!(control, None, "{words:?}");
}
