//! Passwords: which can be used, and their hashes, which take time and room on purpose.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use zxcvbn::{Score, zxcvbn};

use super::argon::Reusing;
use crate::Error;

/// Fewest characters of a password.
const SHORTEST: usize = 12;
/// Most bytes of one, so that nobody makes the hash a burden.
const LONGEST: usize = 1024;
/// Hashes that are made at once: each takes 19 MiB, and a processor for some ten milliseconds.
const AT_ONCE: usize = 4;
/// How long somebody waits for a place among them.
const PATIENCE: Duration = Duration::from_secs(5);
/// What everybody here would think of first.
const OURS: [&str; 5] = ["vtsecops", "workdesk", "virustotal", "chronicle", "secops"];
/// Characters that a password must have beside such words and the name.
const OF_ITS_OWN: usize = 8;

/// Makes and compares hashes, a few at once.
#[derive(Clone, Debug)]
pub(super) struct Hashing {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Hashing {
    fn default() -> Self {
        Self::new(AT_ONCE, PATIENCE)
    }
}

impl Hashing {
    fn new(at_once: usize, patience: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once)),
            patience,
        }
    }

    /// The hash of a new password of somebody of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that is too short, too long or easy to guess; [`Error::Busy`].
    pub(super) async fn of_new(&self, password: SecretString, name: &str) -> Result<String, Error> {
        let (characters, bytes) = {
            let password = password.expose_secret();
            (password.chars().count(), password.len())
        };
        if characters < SHORTEST {
            return Err(Error::Invalid(format!(
                "a password has at least {SHORTEST} characters"
            )));
        }
        if bytes > LONGEST {
            return Err(Error::Invalid(format!("a password has at most {LONGEST} bytes")));
        }
        let name = name.to_owned();
        self.in_a_place(move || {
            let password = password.expose_secret();
            match advice(password, &name) {
                Some(advice) => Err(Error::Invalid(advice)),
                None => hash(password),
            }
        })
        .await?
    }

    /// Whether the password is right. Without a hash one is made, so that the time does not tell which names there are.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(super) async fn verified(
        &self,
        known: Option<String>,
        password: SecretString,
    ) -> Result<bool, Error> {
        if password.expose_secret().len() > LONGEST {
            return Ok(false);
        }
        // Who comes with single sign-on has an empty one.
        let known = known.filter(|known| !known.is_empty());
        self.in_a_place(move || {
            let password = password.expose_secret();
            match known {
                Some(known) => PasswordHash::new(&known).is_ok_and(|known| {
                    Reusing::default()
                        .verify_password(password.as_bytes(), &known)
                        .is_ok()
                }),
                None => {
                    // What comes of it is nobody's password.
                    let _ = hash(password);
                    false
                }
            }
        })
        .await
    }

    /// Does that on a thread of its own, once there is a place. It keeps the place even where nobody waits for it any more.
    async fn in_a_place<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places).acquire_owned();
        let Ok(Ok(place)) = tokio::time::timeout(self.patience, place).await else {
            return Err(Error::Busy("too many log-ins at once; try again".to_owned()));
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        done.await
            .map_err(|_| Error::Invalid("the password can't be used".to_owned()))
    }
}

fn hash(password: &str) -> Result<String, Error> {
    let hash = Reusing::default().hash_password(password.as_bytes());
    let hash = hash.map(|hash: PasswordHash| hash.to_string());
    hash.map_err(|error| Error::Invalid(format!("the password can't be used: {error}")))
}

/// What is wrong with a password that is easy to guess, and what would be better.
fn advice(password: &str, name: &str) -> Option<String> {
    let mut words = "the password is easy to guess.".to_owned();
    let mut known: Vec<&str> = vec![name];
    known.extend(name.split(['.', '_', '-', '@']));
    known.extend(OURS);
    if beside(password, &known) < OF_ITS_OWN {
        words.push_str(" It is little more than the name of the person, or of this program.");
        return Some(words);
    }
    let found = zxcvbn(password, &known);
    if found.score() >= Score::Three {
        return None;
    }
    if let Some(feedback) = found.feedback() {
        let warning = feedback.warning().map(|warning| warning.to_string());
        let suggestions = feedback.suggestions().iter().map(ToString::to_string);
        for sentence in warning.into_iter().chain(suggestions) {
            words.push(' ');
            words.push_str(&sentence);
        }
    }
    Some(words)
}

/// Characters of the password that belong to none of these words.
fn beside(password: &str, words: &[&str]) -> usize {
    let mut rest = password.to_lowercase();
    for word in words {
        // Two letters stand in many a word by chance.
        if word.chars().count() > 2 {
            rest = rest.replace(&word.to_lowercase(), "");
        }
    }
    rest.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashing() -> Hashing {
        Hashing::new(AT_ONCE, Duration::from_millis(20))
    }

    async fn refused(password: &str) -> String {
        match hashing().of_new(password.into(), "ann.lee").await {
            Ok(_) => panic!("{password} is taken"),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_password_that_can_not_be_used_is_told_why() {
        assert!(refused("elevenchars").await.contains("at least 12 characters"));
        assert!(refused(&"x1 %".repeat(257)).await.contains("at most 1024 bytes"));
        for easy in [
            "passwordpassword",
            "qwertyuiop123",
            "123456789012",
            "abcabcabcabc",
            "aaaaaaaaaaaaaaaa",
            "Vtsecops-2026!",
            "ann.lee-ann.lee",
            "virustotal2026",
            // More guesses than it can count.
            &"1q".repeat(50),
        ] {
            let words = refused(easy).await;
            assert!(
                words.starts_with("the password is easy to guess. "),
                "{easy}: {words}"
            );
            assert!(
                words.matches(". ").count() >= 1 && !words.contains(easy),
                "{words}"
            );
        }
        for good in [
            "correct horse battery staple",
            "Zürich-überquert-43-Brücken",
            "8fQz!w0pLx#2",
            // Words that are known are no harm.
            "ann.lee rides 3 grumpy camels",
        ] {
            let made = hashing().of_new(good.into(), "ann.lee").await;
            assert!(made.is_ok(), "{good}: {made:?}");
        }
        // As long as can be, and all of it counts.
        let long = "j9 #Kd0w".repeat(128);
        let made = hashing().of_new(long.clone().into(), "ann").await.unwrap();
        let shorter = long.get(..1023).unwrap();
        assert!(
            hashing()
                .verified(Some(made.clone()), long.as_str().into())
                .await
                .unwrap()
        );
        assert!(!hashing().verified(Some(made), shorter.into()).await.unwrap());
    }

    #[tokio::test]
    async fn who_finds_no_place_in_time_is_told_and_the_others_are_not_disturbed() {
        let hashing = hashing();
        let places = Arc::clone(&hashing.places).acquire_many_owned(4).await.unwrap();
        let right = "correct horse battery staple";
        for told in [
            hashing.of_new(right.into(), "ann").await.map(drop),
            hashing.verified(None, right.into()).await.map(drop),
        ] {
            assert!(matches!(told, Err(Error::Busy(_))), "{told:?}");
        }
        drop(places);
        let made = hashing.of_new(right.into(), "ann").await.unwrap();
        assert!(hashing.verified(Some(made), right.into()).await.unwrap());
        assert_eq!(hashing.places.available_permits(), AT_ONCE);
    }
}
