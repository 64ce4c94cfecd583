//! Files from VirusTotal, in quarantine. API v3 only, whatever version is asked for the rest.

use std::path::Path;
use std::time::Duration;

use super::Client;
use crate::quarantine::{Quarantine, Quarantined};
use crate::v3::{self, Zip};
use crate::{Deadline, Error, FileHash};

/// How often a ZIP under way is looked at: soon at first, as a small file takes a moment.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_secs(15);

/// What became of a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downloaded {
    /// It is there now.
    Saved(Quarantined),
    /// It was there before, and nothing was asked.
    Kept(Quarantined),
}

impl Client {
    /// Saves a file as `<hash>.zip` in an existing folder, encrypted with [`QUARANTINE_PASSWORD`]. Costs three calls, and
    /// one for each look at how far the ZIP is; premium keys only. Streams: memory does not grow with the file.
    ///
    /// What is not a ZIP in which everything is encrypted is thrown away, and nothing is ever overwritten.
    ///
    /// # Errors
    /// [`Error::Missing`] for a file that VirusTotal does not have; [`Error::Forbidden`] with a public key;
    /// [`Error::File`] where the folder does not take it.
    ///
    /// [`QUARANTINE_PASSWORD`]: crate::QUARANTINE_PASSWORD
    pub async fn download(
        &self,
        file: &FileHash,
        folder: &Path,
        deadline: &Deadline,
    ) -> Result<Downloaded, Error> {
        let name = format!("{}.zip", file.as_str());
        if let Some(there) = Quarantine::find(folder, &name)? {
            return Ok(Downloaded::Kept(there));
        }
        // Before anything is asked: a folder that takes nothing costs no call.
        let quarantine = Quarantine::begin(folder, &name)?;
        let errand = self.transport.errand(deadline);
        let (mut zip, mut pause) = (v3::make_zip(&errand, file).await?, FIRST_LOOK);
        let id = loop {
            match zip {
                Zip::Ready(id) => break id,
                Zip::Missing => return Err(Error::Missing),
                Zip::Making(id) => {
                    deadline.sleep(pause).await?;
                    pause = (pause * 2).min(LONGEST_LOOK);
                    zip = v3::zip(&errand, &id).await?;
                }
            }
        };
        v3::fetch_zip(&errand, &id, &quarantine).await?;
        quarantine.keep().map(Downloaded::Saved)
    }
}
