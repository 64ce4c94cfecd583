//! Inputs that are changes of what is kept: the same in every run, and made smaller where one breaks a promise.

use std::path::Path;

use fuzz::Target;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// No input is longer.
const LONGEST: usize = 64 * 1024;

/// One change. Places and words are chosen by an index, which fits whatever there is.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Remove(Index, usize),
    Double(Index, usize, usize),
    Move(Index, Index, usize),
    Word(Index, Index),
    /// The beginning of this one, and the end of another.
    Cross(Index, Index, Index),
    /// A part of another one, put in.
    Part(Index, Index, Index, usize),
    /// The digits at a place become another number.
    Number(Index, Index),
    Cut(Index),
}

const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "18446744073709551616",
    "1e999",
    "0.1",
    "-0",
];

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        2 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (place(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        2 => (place(), 1_usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        2 => (place(), 1_usize..40, 1_usize..20).prop_map(|(at, length, times)| Change::Double(at, length, times)),
        1 => (place(), place(), 1_usize..40).prop_map(|(from, to, length)| Change::Move(from, to, length)),
        4 => (place(), place()).prop_map(|(at, word)| Change::Word(at, word)),
        1 => (place(), place(), place()).prop_map(|(end, other, start)| Change::Cross(end, other, start)),
        2 => (place(), place(), place(), 1_usize..200)
            .prop_map(|(at, other, start, length)| Change::Part(at, other, start, length)),
        2 => (place(), place()).prop_map(|(at, number)| Change::Number(at, number)),
        1 => place().prop_map(Change::Cut),
    ]
}

struct Kept<'a> {
    inputs: &'a [Vec<u8>],
    tokens: &'a [Vec<u8>],
}

impl Kept<'_> {
    fn changed(&self, first: Index, changes: &[Change]) -> Vec<u8> {
        let mut bytes = first.get(self.inputs).clone();
        for change in changes {
            self.apply(&mut bytes, change);
            bytes.truncate(LONGEST);
        }
        bytes
    }

    fn apply(&self, bytes: &mut Vec<u8>, change: &Change) {
        // One behind the last byte is a place, too.
        let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
        let range = |at: usize, length: usize, bytes: &[u8]| at..(at + length).min(bytes.len());
        match change {
            Change::Set(at, byte) => {
                let at = place(at, bytes);
                bytes.splice(range(at, 1, bytes), [*byte]);
            }
            Change::Flip(at, bit) => {
                let at = place(at, bytes);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bit;
                }
            }
            Change::Remove(at, length) => {
                let at = place(at, bytes);
                bytes.drain(range(at, *length, bytes));
            }
            Change::Double(at, length, times) => {
                let at = place(at, bytes);
                let part = bytes[range(at, *length, bytes)].repeat(*times);
                bytes.splice(at..at, part);
            }
            Change::Move(from, to, length) => {
                let from = place(from, bytes);
                let part: Vec<u8> = bytes.drain(range(from, *length, bytes)).collect();
                let to = place(to, bytes);
                bytes.splice(to..to, part);
            }
            Change::Word(at, word) if !self.tokens.is_empty() => {
                let at = place(at, bytes);
                bytes.splice(at..at, word.get(self.tokens).iter().copied());
            }
            Change::Word(..) => {}
            Change::Cross(end, other, start) => {
                bytes.truncate(place(end, bytes));
                let other = other.get(self.inputs);
                bytes.extend_from_slice(&other[place(start, other)..]);
            }
            Change::Part(at, other, start, length) => {
                let other = other.get(self.inputs);
                let part = &other[range(place(start, other), *length, other)];
                let at = place(at, bytes);
                bytes.splice(at..at, part.iter().copied());
            }
            Change::Number(at, number) => {
                let at = place(at, bytes);
                let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit) else {
                    return;
                };
                let start = at + start;
                let digits = bytes[start..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                bytes.splice(start..start + digits, number.get(&NUMBERS).bytes());
            }
            Change::Cut(at) => bytes.truncate(place(at, bytes)),
        }
    }
}

/// Runs the target on so many changes; where a promise is broken, the smallest change that does it is left in a file.
pub(crate) fn run(target: &Target, inputs: &[Vec<u8>], tokens: &[Vec<u8>], changes: u32) {
    let kept = Kept { inputs, tokens };
    let config = Config {
        cases: changes,
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let strategy = (any::<Index>(), prop::collection::vec(change(), 1..6));
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&strategy, |(first, changes)| {
        (target.run)(&kept.changed(first, &changes));
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, (first, changes))) => {
            let bytes = kept.changed(first, &changes);
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("found-{}", target.name));
            std::fs::write(&path, &bytes).unwrap();
            let start: String = String::from_utf8_lossy(&bytes).chars().take(2000).collect();
            panic!(
                "{}: {reason}\nThe input is in {}; it begins with {start:?}",
                target.name,
                path.display()
            );
        }
        Err(error) => panic!("{}: {error}", target.name),
    }
}
