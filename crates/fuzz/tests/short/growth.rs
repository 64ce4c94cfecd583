//! How work grows with length: a part of an input many times over must not take more than its length does.
//!
//! Work is the time that the thread had of the processor, so other programs don't count.

use std::path::Path;
use std::time::Duration;

use fuzz::Target;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rustix::time::{ClockId, clock_gettime};

/// Parts that are tried.
const TRIED: usize = 12;
/// Lengths of what is compared.
const SHORT: usize = 4 * 1024;
const LONG: usize = 16 * SHORT;
/// What work may grow by: four times as much as the length. Squared, it would be 256 times.
const MOST: u32 = 4 * 16;
/// What takes less is good enough, however it has grown.
const LITTLE: Duration = Duration::from_millis(400);

pub(crate) fn run(target: &Target, inputs: &[Vec<u8>]) {
    let strategy = (any::<Index>(), any::<Index>(), 1_usize..24);
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    for _ in 0..TRIED {
        let (input, start, length) = strategy.new_tree(&mut runner).unwrap().current();
        let input = input.get(inputs);
        let input = &input[..input.len().min(SHORT / 2)];
        let start = start.index(input.len() + 1);
        let end = (start + length).min(input.len());
        if start < end {
            check(target, input, start, end);
        }
    }
}

fn check(target: &Target, input: &[u8], start: usize, end: usize) {
    let repeated = |length: usize| {
        let times = (length - input.len()) / (end - start);
        [&input[..start], &input[start..end].repeat(times), &input[end..]].concat()
    };
    let long = repeated(LONG);
    if work(target, &long) <= LITTLE {
        return;
    }
    let short = work(target, &repeated(SHORT));
    // Once may be chance.
    let again = work(target, &long);
    if again > LITTLE && again > short * MOST {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("slow-{}", target.name));
        std::fs::write(&path, &long).unwrap();
        panic!(
            "{}: {:?} many times over takes {short:?} for {SHORT} bytes and {again:?} for {LONG}; the input is in {}",
            target.name,
            String::from_utf8_lossy(&input[start..end]),
            path.display()
        );
    }
}

fn work(target: &Target, bytes: &[u8]) -> Duration {
    let spent = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let begun = spent();
    (target.run)(bytes);
    spent() - begun
}
