//! An answer as it is kept: packed once, for the run's journal and for the cache.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::{Answer, Report};

/// No report is larger; what unpacks to more is damaged.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

pub(crate) const FOUND: &str = "found";
pub(crate) const MISSING: &str = "missing";
pub(crate) const QUEUED: &str = "queued";

/// An answer that is to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) answer: Answer,
    pub(crate) packed: Packed,
}

impl Stored {
    pub(crate) fn of(answer: &Answer) -> Self {
        let packed = match answer {
            Answer::Found(report) => Packed::of(&report.to_stored()),
            Answer::Missing => Packed::of(""),
            Answer::Queued { scan_id } => Packed::of(scan_id.as_deref().unwrap_or_default()),
        };
        Self {
            answer: answer.clone(),
            packed,
        }
    }

    pub(crate) fn state(&self) -> &'static str {
        match self.answer {
            Answer::Found(_) => FOUND,
            Answer::Missing => MISSING,
            Answer::Queued { .. } => QUEUED,
        }
    }
}

/// The answer that was kept; `None` for a damaged one.
pub(crate) fn answer(state: &str, text: String) -> Option<Answer> {
    Some(match state {
        FOUND => Answer::Found(Report::from_stored(text)?),
        MISSING => Answer::Missing,
        QUEUED => Answer::Queued {
            scan_id: Some(text).filter(|id| !id.is_empty()),
        },
        _ => return None,
    })
}

/// A text, deflated: quickly, for whoever waits.
#[derive(Clone, Debug)]
pub(crate) struct Packed(Vec<u8>);

impl Packed {
    pub(crate) fn of(text: &str) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        // Writing to memory does not fail; should it, what is kept is no whole text, which is told when it is read.
        let _ = encoder.write_all(text.as_bytes());
        Self(encoder.finish().unwrap_or_default())
    }

    /// Four bytes of check, which tell that it is whole and stands where it belongs; then the packed text.
    pub(crate) fn sealed(&self, name: &str) -> Vec<u8> {
        [&check(name, &self.0).to_le_bytes(), &self.0[..]].concat()
    }

    /// The text, unless it is damaged or stands under another name.
    pub(crate) fn open(name: &str, sealed: &[u8]) -> Option<String> {
        let (expected, packed) = sealed.split_first_chunk::<4>()?;
        if check(name, packed) != u32::from_le_bytes(*expected) {
            return None;
        }
        let mut text = String::new();
        let read = DeflateDecoder::new(packed)
            .take(MOST_BYTES)
            .read_to_string(&mut text);
        read.is_ok().then_some(text)
    }
}

fn check(name: &str, packed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(&[0]);
    hasher.update(packed);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Packed;

    #[test]
    fn another_objects_text_is_not_taken() {
        let sealed = Packed::of("report").sealed("file:a");
        assert_eq!(Packed::open("file:a", &sealed).as_deref(), Some("report"));
        assert_eq!(Packed::open("file:b", &sealed), None);
    }

    proptest! {
        #[test]
        fn a_text_comes_back_and_a_damaged_one_does_not(
            text in ".{0,300}", place in any::<prop::sample::Index>(), bit in 0_u32..8, cut in any::<prop::sample::Index>(),
        ) {
            let sealed = Packed::of(&text).sealed("n");
            prop_assert_eq!(Packed::open("n", &sealed), Some(text));
            let mut flipped = sealed.clone();
            flipped[place.index(sealed.len())] ^= 1 << bit;
            prop_assert_eq!(Packed::open("n", &flipped), None);
            prop_assert_eq!(Packed::open("n", &sealed[..cut.index(sealed.len())]), None);
        }
    }
}
