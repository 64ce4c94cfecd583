//! The world's objects: what there is to know of a file, a URL, a domain, an address, whatever API asks.
//!
//! Everything follows from an object's name and the seed, so that two runs agree.

pub(crate) mod domain;
pub(crate) mod engines;
pub(crate) mod facts;
pub(crate) mod file;
pub(crate) mod ip;
pub(crate) mod relation;
pub(crate) mod url;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

/// Endless numbers that follow from a name: splitmix64, begun with the name's SHA-256.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let hash = Sha256::new()
            .chain_update(seed.to_be_bytes())
            .chain_update(name)
            .finalize();
        Self(
            hash.iter()
                .take(8)
                .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        )
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> Option<&'a T> {
        let place = self.roll(choices.len() as u64);
        choices.get(usize::try_from(place).unwrap_or(0)).copied()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Some number of positives as they occur: mostly none, some few, some many.
pub(crate) fn usual_positives(dice: &mut Dice) -> u32 {
    let positives = match dice.roll(10) {
        0..=5 => 0,
        6..=7 => 1 + dice.roll(4),
        _ => 20 + dice.roll(41),
    };
    u32::try_from(positives).unwrap_or(0)
}

/// A moment in the three years before 2026.
pub(crate) fn usual_moment(dice: &mut Dice) -> Timestamp {
    const END: i64 = 1_767_225_600;
    let before = i64::try_from(dice.roll(3 * 365 * 86_400)).unwrap_or(0);
    Timestamp::from_second(END - before).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `YYYY-MM-DD HH:MM:SS`, UTC.
pub(crate) fn date_text(moment: Timestamp) -> String {
    TimeZone::UTC
        .to_datetime(moment)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// How many related objects a host's label `many-30` asks for.
pub(crate) fn many(host: &str) -> Option<u64> {
    host.split('.')
        .find_map(|label| label.strip_prefix("many-")?.parse().ok())
        .map(|many: u64| many.min(1000))
}

/// What a host's labels ask for: `unknown` (or the reference's `never-seen`), or `positives-12`.
pub(crate) fn wish(host: &str) -> Option<Wish> {
    host.split('.')
        .find_map(|label| match label.strip_prefix("positives-") {
            Some(number) => number.parse().ok().map(Wish::Positives),
            None => matches!(label, "unknown" | "never-seen").then_some(Wish::Unknown),
        })
}

/// See [`wish`].
pub(crate) enum Wish {
    Unknown,
    Positives(u32),
}
