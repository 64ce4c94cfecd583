//! Files: three hashes that lead to one object.
//!
//! The hashes of a file made here carry its number: eight bytes of mark, which depend on the number and the kind of
//! hash, then the number, masked by the mark. So each of the three is recognised without a list. A hash from
//! elsewhere is a file of its own; its other two hashes are known once it has been reported.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Dice, hex, usual_moment, usual_positives};

/// The three hashes of one file, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileHashes {
    /// 32 digits.
    pub md5: String,
    /// 40 digits.
    pub sha1: String,
    /// 64 digits.
    pub sha256: String,
}

/// The reference's example of a hash that was never seen.
const NEVER_SEEN: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

/// Which sort of made file a number stands for, in its top byte.
const KNOWN: u64 = 0;
const WITH_POSITIVES: u64 = 1;
const UNKNOWN: u64 = 2;

/// The nth file that is always known; what its engines say follows from the seed.
#[must_use]
pub fn synthetic_file(n: u64) -> FileHashes {
    made(KNOWN, 0, n)
}

/// A file that `positives` engines flag; `index` tells several of them apart.
#[must_use]
pub fn file_with_positives(positives: u32, index: u64) -> FileHashes {
    made(WITH_POSITIVES, positives, index)
}

/// A file that was never seen; `index` tells several of them apart.
#[must_use]
pub fn unknown_file(index: u64) -> FileHashes {
    made(UNKNOWN, 0, index)
}

fn made(sort: u64, positives: u32, index: u64) -> FileHashes {
    let number = (sort << 56) | (u64::from(positives & 0xff) << 48) | (index & 0xffff_ffff_ffff);
    FileHashes {
        md5: write(number, 16),
        sha1: write(number, 20),
        sha256: write(number, 32),
    }
}

fn keyed(purpose: &str, length: usize, content: &[u8]) -> Vec<u8> {
    Sha256::new()
        .chain_update(purpose)
        .chain_update([u8::try_from(length).unwrap_or(0)])
        .chain_update(content)
        .finalize()
        .to_vec()
}

fn write(number: u64, length: usize) -> String {
    let mut mark = keyed("mark", length, &number.to_be_bytes());
    mark.truncate(8);
    let masked: Vec<u8> = number
        .to_be_bytes()
        .iter()
        .zip(keyed("mask", length, &mark))
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let mut bytes = mark;
    bytes.extend(masked);
    let rest = keyed("rest", length, &bytes);
    bytes.extend(rest.into_iter().take(length.saturating_sub(16)));
    hex(&bytes)
}

fn read(hash: &str) -> Option<u64> {
    let bytes: Vec<u8> = (0..hash.len() / 2)
        .filter_map(|place| u8::from_str_radix(hash.get(2 * place..2 * place + 2)?, 16).ok())
        .collect();
    let (mark, masked) = (bytes.get(..8)?, bytes.get(8..16)?);
    let number: Vec<u8> = masked
        .iter()
        .zip(keyed("mask", bytes.len(), mark))
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let number = u64::from_be_bytes(number.try_into().ok()?);
    (write(number, bytes.len()) == hash).then_some(number)
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) hashes: FileHashes,
    /// Seen before anybody uploads or rescans it here.
    pub(crate) known: bool,
    pub(crate) positives: u32,
    pub(crate) size_bytes: u64,
    pub(crate) names: Vec<String>,
    /// Content of a small upload, whole.
    pub(crate) content: Option<Vec<u8>>,
}

impl File {
    /// The file of a hash in lower case, whatever its kind.
    pub(crate) fn of_hash(hash: &str, seed: u64) -> Self {
        match read(hash) {
            Some(number) => Self::made(number, seed),
            None => Self::foreign(hash, seed),
        }
    }

    fn made(number: u64, seed: u64) -> Self {
        let (sort, positives) = (number >> 56, u32::try_from((number >> 48) & 0xff).unwrap_or(0));
        let hashes = made(sort, positives, number);
        let mut dice = Dice::new(seed, &hashes.sha256);
        let usual = usual_positives(&mut dice);
        let positives = if sort == WITH_POSITIVES { positives } else { usual };
        Self::new(hashes, sort != UNKNOWN, positives, &mut dice)
    }

    fn foreign(hash: &str, seed: u64) -> Self {
        let other = |length: usize| {
            hex(keyed("other", length, hash.as_bytes())
                .get(..length)
                .unwrap_or_default())
        };
        let own = |length: usize| {
            if hash.len() == 2 * length {
                hash.to_owned()
            } else {
                other(length)
            }
        };
        let hashes = FileHashes {
            md5: own(16),
            sha1: own(20),
            sha256: own(32),
        };
        let mut dice = Dice::new(seed, hash);
        let (known, positives) = (dice.chance(85), usual_positives(&mut dice));
        Self::new(hashes, known, positives, &mut dice)
    }

    fn new(hashes: FileHashes, known: bool, positives: u32, dice: &mut Dice) -> Self {
        let known = known && hashes.sha256 != NEVER_SEEN;
        let size_bytes = 100 + dice.roll(5_000_000);
        let names = (0..dice.roll(3))
            .map(|n| format!("sample-{}-{n}.bin", dice.roll(1000)))
            .collect();
        Self {
            hashes,
            known,
            positives,
            size_bytes,
            names,
            content: None,
        }
    }

    pub(crate) fn scanned_at(&self, seed: u64) -> jiff::Timestamp {
        usual_moment(&mut Dice::new(seed, &format!("scan of {}", self.hashes.sha256)))
    }
}

/// Hashes a content as it comes, and looks at its beginning for what the test wants.
#[derive(Default)]
pub(crate) struct Hasher {
    md5: Md5,
    sha1: Sha1,
    sha256: Sha256,
    size_bytes: u64,
    beginning: Vec<u8>,
}

/// As much of a file as is searched.
const BEGINNING: usize = 4096;
const EICAR: &[u8] = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE";
const WISH: &str = "simulate:positives=";

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.size_bytes += bytes.len() as u64;
        let room = BEGINNING.saturating_sub(self.beginning.len());
        self.beginning.extend(bytes.iter().take(room));
    }

    pub(crate) fn finish(self, name: &str) -> File {
        File {
            positives: positives(&self.beginning),
            hashes: FileHashes {
                md5: hex(&self.md5.finalize()),
                sha1: hex(&self.sha1.finalize()),
                sha256: hex(&self.sha256.finalize()),
            },
            known: false,
            size_bytes: self.size_bytes,
            names: vec![name.to_owned()],
            content: (self.size_bytes == self.beginning.len() as u64).then_some(self.beginning),
        }
    }
}

fn positives(content: &[u8]) -> u32 {
    if content.windows(EICAR.len()).any(|window| window == EICAR) {
        return 60;
    }
    let text = String::from_utf8_lossy(content);
    let number = text
        .split_once(WISH)
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{File, file_with_positives, synthetic_file, unknown_file};

    proptest! {
        #[test]
        fn the_three_hashes_of_a_made_file_lead_to_one_object(n in 0_u64..1 << 48, seed in any::<u64>()) {
            let hashes = synthetic_file(n);
            for hash in [&hashes.md5, &hashes.sha1, &hashes.sha256] {
                let file = File::of_hash(hash, seed);
                prop_assert_eq!(&file.hashes, &hashes);
                prop_assert!(file.known);
            }
        }

        #[test]
        fn wishes_are_fulfilled(positives in 0_u32..73, index in 0_u64..1 << 48) {
            let file = File::of_hash(&file_with_positives(positives, index).sha1, 0);
            prop_assert_eq!((file.known, file.positives), (true, positives));
            prop_assert!(!File::of_hash(&unknown_file(index).md5, 0).known);
        }

        #[test]
        fn a_foreign_hash_is_a_file_of_its_own(hash in "[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}") {
            let file = File::of_hash(&hash, 0);
            prop_assert!([file.hashes.md5, file.hashes.sha1, file.hashes.sha256].contains(&hash));
        }
    }
}
