//! Argon2id in memory that is kept.
//!
//! A hash takes 19 MiB. Given back to the allocator, they stay with the thread that had them, and the next thread takes its own: with some dozen threads
//! that come and go a workdesk holds hundreds of megabytes for a single log-in at a time. So a few are kept here, and used again.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, PasswordHasher, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Kept at most; hashes beyond these that are made at once take their own.
const MOST_KEPT: usize = 4;

static SHARED: Memory = Memory(Mutex::new(Vec::new()));

/// What is not used just now.
#[derive(Debug)]
struct Memory(Mutex<Vec<Vec<Block>>>);

/// Argon2id with the library's usual parameters; a hash that is held against has its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reusing(&'static Memory);

impl Default for Reusing {
    fn default() -> Self {
        Self(&SHARED)
    }
}

impl Memory {
    fn with<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let mut memory = self.free().pop().unwrap_or_default();
        // Every block is written before it is read.
        memory.resize(blocks, Block::default());
        let done = work(&mut memory);
        let mut free = self.free();
        if free.len() < MOST_KEPT {
            free.push(memory);
        }
        done
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CustomizedPasswordHasher<PasswordHash> for Reusing {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash> {
        let algorithm = algorithm
            .map(Algorithm::try_from)
            .transpose()?
            .unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let salt = Salt::new(salt)?;
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut buffer = [0; Output::MAX_LENGTH];
        let out = buffer.get_mut(..length).ok_or(Error::OutputSize)?;
        let argon = Argon2::new(algorithm, version, params);
        self.0.with(argon.params().block_count(), |memory| {
            argon.hash_password_into_with_memory(password, &salt, out, memory)
        })?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(argon.params())?,
            salt: Some(salt),
            hash: Some(Output::new(out)?),
        })
    }
}

impl PasswordHasher<PasswordHash> for Reusing {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        self.hash_password_customized(password, salt, None, None, Params::default())
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    fn reusing() -> Reusing {
        Reusing(Box::leak(Box::new(Memory(Mutex::default()))))
    }

    #[test]
    fn its_hashes_are_the_librarys() {
        let (ours, theirs) = (reusing(), Argon2::default());
        let salt = b"a salt of its own";
        // The second one in memory that was used.
        for password in [&b"correct horse"[..], b"battery staple"] {
            let made = ours.hash_password_with_salt(password, salt).unwrap();
            assert_eq!(made, theirs.hash_password_with_salt(password, salt).unwrap());
            assert!(theirs.verify_password(password, &made).is_ok());
            assert!(ours.verify_password(password, &made).is_ok());
            assert!(ours.verify_password(b"another", &made).is_err());
        }
        // One with parameters of its own.
        let hard = Params::new(64, 3, 1, None).unwrap();
        let made = theirs
            .hash_password_customized(b"correct horse", salt, None, None, hard)
            .unwrap();
        assert!(ours.verify_password(b"correct horse", &made).is_ok());
        assert!(ours.verify_password(b"correct hors", &made).is_err());
    }

    #[test]
    fn threads_that_come_and_go_share_one_memory() {
        let reusing = reusing();
        let mut places = Vec::new();
        for _ in 0..4 {
            let done = std::thread::spawn(move || reusing.hash_password(b"correct horse").is_ok());
            assert!(done.join().unwrap());
            let free = reusing.0.free();
            assert_eq!(free.len(), 1);
            places.push(free.first().map(|memory| memory.as_ptr() as usize));
        }
        places.dedup();
        assert_eq!(places.len(), 1);
    }

    #[test]
    fn no_more_is_kept_than_a_few() {
        let reusing = reusing();
        let start = std::sync::Barrier::new(MOST_KEPT + 2);
        std::thread::scope(|scope| {
            for _ in 0..MOST_KEPT + 2 {
                scope.spawn(|| reusing.0.with(8, |_| start.wait()));
            }
        });
        assert_eq!(reusing.0.free().len(), MOST_KEPT);
    }
}
