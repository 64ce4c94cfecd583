//! Step 2: how the look-up of one group ended.

use virustotal::{Answer, Error, Report, Stop, Trouble};

/// How the look-up of one group ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// There is a report.
    Found { report: Report, origin: Origin },
    /// VirusTotal has never seen it.
    Missing,
    /// An analysis was not finished in time; why it is not there, where that is known.
    Queued(Option<String>),
    /// The quota did not allow it in time.
    Quota(String),
    /// Time ran out or somebody stopped the run.
    Stopped(Stop),
    /// Asked in vain.
    Failed(String),
    /// It must not leave: which rule says so.
    Refused(String),
    /// The key was refused; so is everything else.
    Key,
}

/// Which report it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The newest one that there was.
    Known,
    /// Of an analysis made for this run.
    Fresh,
    /// Of a file that VirusTotal knew, so that it was not uploaded.
    NotUploaded,
    /// Of a file that was uploaded by this run.
    Uploaded,
    /// An older one than was asked for: the key may not ask for a new analysis.
    RescanRefused,
    /// An older one than was asked for, for another reason.
    RescanFailed(String),
    /// An older one than was asked for, because the quota or the time did not allow more: another run may get it.
    RescanUnfinished(String),
}

impl Outcome {
    pub(crate) fn known(report: Report) -> Self {
        Self::Found {
            report,
            origin: Origin::Known,
        }
    }

    /// What VirusTotal says of a domain or an address, where nothing is ever queued.
    pub(crate) fn of(answer: Result<Answer, Error>) -> Self {
        match answer {
            Ok(Answer::Found(report)) => Self::known(report),
            Ok(Answer::Missing) => Self::Missing,
            Ok(Answer::Queued { .. }) => Self::Queued(None),
            Err(error) => Self::failed(&error),
        }
    }

    pub(crate) fn failed(error: &Error) -> Self {
        match error {
            Error::Key => Self::Key,
            // Where nobody could count a call, it waits for its turn as well.
            Error::Quota { .. }
            | Error::Transient {
                trouble: Trouble::NotCounted,
                ..
            } => Self::Quota(error.to_string()),
            Error::Stopped(stop) => Self::Stopped(*stop),
            other => Self::Failed(other.to_string()),
        }
    }
}
