//! A text with a check that it is whole and stands where it belongs; packed where it is kept for long.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// No report is larger; what unpacks to more is damaged.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Four bytes of check, then the text, deflated: quickly, for whoever waits.
pub(crate) fn pack(name: &str, text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(check(name, text).to_le_bytes().to_vec(), Compression::fast());
    // Writing to memory does not fail; should it, the check tells when it is read.
    let _ = encoder.write_all(text.as_bytes());
    encoder.finish().unwrap_or_default()
}

/// The text, unless it is damaged or another object's.
pub(crate) fn unpack(name: &str, bytes: &[u8]) -> Option<String> {
    let (expected, packed) = bytes.split_first_chunk::<4>()?;
    let mut text = String::new();
    let read = DeflateDecoder::new(packed)
        .take(MOST_BYTES)
        .read_to_string(&mut text);
    let is_whole = read.is_ok() && check(name, &text) == u32::from_le_bytes(*expected);
    is_whole.then_some(text)
}

/// Four bytes of check, then the text.
pub(crate) fn seal(name: &str, text: &str) -> Vec<u8> {
    [&check(name, text).to_le_bytes(), text.as_bytes()].concat()
}

/// The text, unless it is damaged or another object's.
pub(crate) fn unseal(name: &str, bytes: &[u8]) -> Option<String> {
    let (expected, text) = bytes.split_first_chunk::<4>()?;
    let text = std::str::from_utf8(text).ok()?;
    (check(name, text) == u32::from_le_bytes(*expected)).then(|| text.to_owned())
}

fn check(name: &str, text: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(&[0]);
    hasher.update(text.as_bytes());
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{pack, seal, unpack, unseal};

    #[test]
    fn another_objects_text_is_not_taken() {
        let packed = pack("file:a", "report");
        assert_eq!(unpack("file:a", &packed).as_deref(), Some("report"));
        assert_eq!(unpack("file:b", &packed), None);
    }

    proptest! {
        #[test]
        fn a_sealed_text_comes_back_and_a_damaged_one_does_not(
            text in ".{0,300}", place in any::<prop::sample::Index>(), bit in 0_u32..8,
        ) {
            let mut sealed = seal("n", &text);
            prop_assert_eq!(unseal("n", &sealed), Some(text));
            prop_assert_eq!(unseal("m", &sealed), None);
            let place = place.index(sealed.len());
            sealed[place] ^= 1 << bit;
            prop_assert_eq!(unseal("n", &sealed), None);
        }

        #[test]
        fn a_text_comes_back_and_a_damaged_one_does_not(
            text in ".{0,300}", place in any::<prop::sample::Index>(), bit in 0_u32..8, cut in any::<prop::sample::Index>(),
        ) {
            let packed = pack("n", &text);
            prop_assert_eq!(unpack("n", &packed), Some(text.clone()));
            let mut flipped = packed.clone();
            let place = place.index(packed.len());
            flipped[place] ^= 1 << bit;
            // A flipped bit behind the end of the packed text changes nothing.
            prop_assert!(unpack("n", &flipped).is_none_or(|read| read == text));
            let cut = cut.index(packed.len());
            prop_assert!(unpack("n", &packed[..cut]).is_none_or(|read| read == text));
        }
    }
}
