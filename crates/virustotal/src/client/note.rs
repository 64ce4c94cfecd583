//! What is written on an object for everybody to read. API v3 only, whatever version is asked for the rest.

use super::Client;
use crate::transport::Errand;
use crate::v3::{self, Subject};
use crate::{Deadline, Error, ObjectId};

/// What became of a comment or a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is there now.
    Added,
    /// The same was there before: VirusTotal takes it once.
    AlreadyThere,
    /// It was sent, and no answer came back: nobody knows whether it is there. Why, in words.
    Unsure(String),
}

/// A vote of VirusTotal's community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// The object does no harm.
    Harmless,
    /// It does.
    Malicious,
}

impl Vote {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Harmless, Self::Malicious];

    /// VirusTotal's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Malicious => "malicious",
        }
    }
}

impl Client {
    /// Writes a comment that everybody can read. Costs one call; it is not sent twice where it may have arrived.
    ///
    /// # Errors
    /// [`Error::Missing`] for an object that VirusTotal has never seen.
    pub async fn add_comment(
        &self,
        object: &ObjectId,
        text: &str,
        deadline: &Deadline,
    ) -> Result<Noted, Error> {
        let errand = self.transport.note(deadline);
        let sent = v3::comment(&errand, &Subject::of(object), text).await;
        noted(&errand, sent)
    }

    /// Votes, once and for all: a vote can't be changed. Costs one call; it is not sent twice where it may have arrived.
    ///
    /// # Errors
    /// [`Error::Missing`] for an object that VirusTotal has never seen.
    pub async fn add_vote(&self, object: &ObjectId, vote: Vote, deadline: &Deadline) -> Result<Noted, Error> {
        let errand = self.transport.note(deadline);
        let sent = v3::vote(&errand, &Subject::of(object), vote.name()).await;
        noted(&errand, sent)
    }
}

fn noted(errand: &Errand<'_>, sent: Result<(), Error>) -> Result<Noted, Error> {
    match sent {
        Ok(()) => Ok(Noted::Added),
        Err(Error::Duplicate(_)) => Ok(Noted::AlreadyThere),
        Err(error) if errand.may_have_arrived(&error) => Ok(Noted::Unsure(error.to_string())),
        Err(error) => Err(error),
    }
}
